// The kernel's coming and going, seen from the host.
#include <new>
#include <string>
#include <thread>

#include "left.hpp"
#include "runtime_impl.hpp"

namespace slipring {

// One thread at a time comes in; the others' wishes are not lost: whoever cannot enter has set `wanted` first, and
// who leaves clears `busy` first and then looks at `wanted`. All four accesses are sequentially consistent (S), so
// one of the two sees the other.
void Runtime::Impl::wake() noexcept {
    wanted.store(true, std::memory_order_seq_cst);
    while (wanted.load(std::memory_order_seq_cst) && !busy.exchange(true, std::memory_order_seq_cst)) {
        wanted.store(false, std::memory_order_seq_cst);
        step();
        busy.store(false, std::memory_order_seq_cst);
    }
}

void Runtime::Impl::step() noexcept {
    if (phase.load(std::memory_order_acquire) == Phase::lost) return;
    const bool over = engine->finished();  // before LEFT is looked at, which a kernel writes before it is over
    engine->harvest(ring);
    if (!is_possible()) return;
    const std::uint32_t current = launch.load(std::memory_order_relaxed);
    if (!ring.wake_needed(current)) {
        // It says that it is still there. If OpenCL says that it is not, it died.
        if (current != 0 && over) lose(engine->failed() ? "a launch ended in an error" : "a launch ended without leaving");
        return;
    }
    // Who published after this look sees LEFT and comes here himself.
    if (ring.completed() == ring.tail()) return;

    // The number first: from here on LEFT differs from it, and nobody else starts a launch.
    launch.store(current + 1, std::memory_order_seq_cst);
    launches.fetch_add(1, std::memory_order_relaxed);
    if (auto ok = engine->launch(ring, current + 1); !ok) lose(ok.error().what, ok.error().status);
}

// Reserved last: whatever happens in between, it is not behind. A kernel does not look at what is reserved: where something
// wrote over the ring's memory, it may have run what nobody published.
bool Runtime::Impl::is_possible() noexcept {
    const std::uint64_t completed = ring.completed();
    if (static_cast<std::int64_t>(ring.reserved() - completed) >= 0) return true;
    lose("it says that it ran slots that nobody published");
    return false;
}

void Runtime::Impl::look() noexcept {
    const std::unique_lock alone(watching, std::try_to_lock);
    if (!alone || phase.load(std::memory_order_acquire) == Phase::lost) return;
    if (!is_possible()) return;
    const std::uint64_t completed = ring.completed();
    if (watch.look(completed, [&] { return completed != ring.tail(); }, options.hang_timeout)) lose("no progress within the deadline");
}

void Runtime::Impl::look_when_full() noexcept {
    const auto now = Watch::Clock::now();
    {
        const std::unique_lock alone(watching, std::try_to_lock);
        if (!alone || now - looked_when_full < std::chrono::milliseconds(1)) return;
        looked_when_full = now;
    }
    wake();
    look();
}

void Runtime::Impl::lose(const char* what, int status) noexcept {
    if (phase.exchange(Phase::lost, std::memory_order_acq_rel) == Phase::lost) return;
    engine->revoke();  // whoever is told that it is lost may rely on that: it runs nothing more
    if (!options.on_error) return;
    Error error{Errc::device_lost, {}};
    try {
        error.detail = what;
        if (status != 0) error.detail += " gave " + std::to_string(status);
    } catch (const std::bad_alloc&) {
    }
    options.on_error(error);
}

bool Runtime::Impl::hold(Backoff& backoff) noexcept {
    while (busy.exchange(true, std::memory_order_seq_cst))
        if (!backoff.pause()) return false;
    return true;
}

void Runtime::Impl::let_go() noexcept {
    busy.store(false, std::memory_order_seq_cst);
    wake();
}

bool Runtime::Impl::leave(Backoff& backoff) noexcept {
    engine->stop(launch.load(std::memory_order_relaxed));
    if (!engine->idle([&backoff] { return backoff.pause(); })) return false;
    engine->harvest(ring);
    return true;
}

bool Runtime::Impl::drained(std::uint64_t end, Backoff& backoff) noexcept {
    while (!ring.is_complete(end)) {
        if (wake_needed()) wake();
        look();
        if (phase.load(std::memory_order_acquire) == Phase::lost || !backoff.pause()) return false;
    }
    return true;
}

bool Runtime::Impl::Wait::operator()() noexcept {
    if (impl_.phase.load(std::memory_order_acquire) == Phase::lost) return false;
    if (Backoff::Clock::now() < yield_until_) {
        std::this_thread::yield();
        return true;
    }
    impl_.wake();
    impl_.look();
    // A copy is work, whether the ring has any or not.
    if (takes_ == Takes::copy && watch_.look(impl_.ring.completed(), [] { return true; }, impl_.options.hang_timeout))
        impl_.lose("a copy was not finished within the deadline");
    return backoff_.pause();
}

std::expected<void, Errc> Runtime::Impl::shutdown() noexcept {
    Phase was = Phase::open;
    if (!phase.compare_exchange_strong(was, Phase::closed, std::memory_order_seq_cst) && was == Phase::lost)
        return std::unexpected(Errc::device_lost);

    // A reservation that nobody commits is not published: what stands behind it cannot be drained.
    Backoff backoff(options.shutdown_timeout);
    const bool all = drained(ring.reserved(), backoff);
    if (phase.load(std::memory_order_acquire) == Phase::lost) return std::unexpected(Errc::device_lost);

    Backoff grace(std::max<std::chrono::milliseconds>(options.shutdown_timeout / 4, std::chrono::milliseconds(50)));
    if (!hold(grace)) return std::unexpected(Errc::timed_out);
    const bool left = leave(grace);
    if (!left) lose("the kernel did not leave in time; its memory is left to it");
    let_go();
    if (!left) return std::unexpected(Errc::device_lost);
    if (!all) return std::unexpected(Errc::timed_out);
    return {};
}

namespace {

// Nothing can take memory from a kernel that still runs: then the engine is left to it.
void part_with(std::unique_ptr<Engine> engine, bool lost) noexcept {
    Backoff grace(std::chrono::milliseconds(50));
    const bool ended = !lost || engine->finished();
    if (!ended || !engine->idle([&grace] { return grace.pause(); }) || engine->abandoned())
        leave_to_kernel(std::move(engine));
}

}  // namespace

Runtime::Impl::~Impl() {
    static_cast<void>(shutdown());
    // A launch that a late wake() has started since leaves at once.
    engine->forget();
    engine->stop(launch.load(std::memory_order_relaxed));
    part_with(std::move(engine), phase.load(std::memory_order_acquire) == Phase::lost);
    for (auto& lost : lost_engines) part_with(std::move(lost), true);
}

}  // namespace slipring
