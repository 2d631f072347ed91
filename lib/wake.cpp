// The kernel's coming and going, seen from the host.
#include <thread>

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
    const std::uint32_t current = launch.load(std::memory_order_relaxed);
    if (!ring.wake_needed(current)) {
        // It says that it is still there. If OpenCL says that it is not, it died.
        if (current != 0 && over)
            lose({Errc::device_lost, engine->failed() ? "a launch ended in an error" : "a launch ended without leaving"});
        return;
    }
    // Who published after this look sees LEFT and comes here himself.
    if (ring.completed() == ring.tail()) return;

    // The number first: from here on LEFT differs from it, and nobody else starts a launch.
    launch.store(current + 1, std::memory_order_seq_cst);
    launches.fetch_add(1, std::memory_order_relaxed);
    if (auto ok = engine->launch(ring, current + 1); !ok) lose(ok.error());
}

void Runtime::Impl::watch(Watch& watch) noexcept {
    if (ring.completed() == ring.tail()) watch.since = {};
    watch_idle(watch);
}

void Runtime::Impl::watch_idle(Watch& watch) noexcept {
    const std::uint64_t completed = ring.completed();
    const auto now = Backoff::Clock::now();
    if (watch.since == Backoff::Clock::time_point{} || completed != watch.completed) {
        watch = {completed, now};
    } else if (now - watch.since > options.deadline) {
        lose({Errc::device_lost, "no progress within the deadline"});
    }
}

void Runtime::Impl::lose(Error error) noexcept {
    if (phase.exchange(Phase::lost, std::memory_order_acq_rel) != Phase::lost && options.report) options.report(error);
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
    while (!engine->finished())
        if (!backoff.pause()) return false;
    engine->harvest(ring);
    return true;
}

bool Runtime::Impl::drained(std::uint64_t end, Backoff& backoff) noexcept {
    Watch seen;
    while (!ring.is_complete(end)) {
        if (wake_needed()) wake();
        watch(seen);
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
    if (takes_ == Takes::copy) impl_.watch_idle(watch_);
    else impl_.watch(watch_);
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
    if (!left) lose({Errc::device_lost, "the kernel did not leave in time; its memory is left to it"});
    let_go();
    if (!left) return std::unexpected(Errc::device_lost);
    if (!all) return std::unexpected(Errc::timed_out);
    return {};
}

void Runtime::Impl::dismiss() noexcept {
    engine->forget();
    // A launch that a late wake() has started since shutdown leaves at once. Nothing can take memory from a kernel that
    // still runs: the engine is left to it.
    const bool lost = phase.load(std::memory_order_acquire) == Phase::lost;
    Backoff grace(lost ? std::chrono::milliseconds(0) : std::chrono::milliseconds(50));
    if (!leave(grace) || engine->abandoned()) static_cast<void>(engine.release());
}

Runtime::Impl::~Impl() {
    static_cast<void>(shutdown());
    dismiss();
}

}  // namespace slipring
