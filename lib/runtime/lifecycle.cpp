// A runtime's opening, and its kernel's coming and going as the host sees it.
#include <new>

#include "impl.hpp"
#include "options.hpp"

namespace slipring {

std::expected<Runtime, Error> Runtime::open(Options options) try {
    if (auto ok = check(options); !ok) return std::unexpected(ok.error());
    bound_durations(options);
    if (options.completions == 0) options.completions = options.capacity;
    take_sizes(options.buffers);
    auto session = Session::open(options);
    if (!session) return std::unexpected(session.error());
    Rings rings;
    for (const RingPlace& place : (*session)->places()) {
        const auto ring = Ring::create((*session)->ring_memory(place), place.capacity, 0, place.completions);
        if (!ring) return std::unexpected(Error{ring.error(), {}});
        rings.open(place.level, place.tenant, place.row, *ring);
    }
    auto impl = std::make_unique<Impl>(std::move(options), std::move(*session), rings);
    if (auto ok = impl->tenants.tell(*impl->session, impl->options.shutdown_timeout); !ok)
        return std::unexpected(Error{ok.error(), "the table of tenants"});
    return Runtime(std::move(impl));
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

Runtime::Runtime(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Runtime::Runtime(Runtime&&) noexcept = default;
Runtime& Runtime::operator=(Runtime&&) noexcept = default;
Runtime::~Runtime() = default;

const DeviceInfo& Runtime::device() const noexcept { return impl_->session->info(); }
const Ring& Runtime::ring() const noexcept { return impl_->rings.lead(); }
const Ring* Runtime::ring(Priority level) const noexcept { return impl_->rings.find(level); }
const Ring* Runtime::ring_of(std::uint32_t tenant) const noexcept {
    return tenant == 0 ? nullptr : impl_->rings.find(Priority::normal, tenant);
}
void Runtime::wake() noexcept { impl_->wake(); }

Stats Runtime::stats() noexcept {
    Stats stats;
    stats.completed = impl_->rings.completed();
    impl_->rings.each([&stats](std::size_t, const Ring& ring) { stats.published += ring.tail(); });
    stats.faults = impl_->lost_faults.load(std::memory_order_relaxed) + faults_of(impl_->rings);
    stats.launches = impl_->launches.load(std::memory_order_relaxed);
    return stats;
}

// ---- the kernel --------------------------------------------------------------------------------------------------

// One thread at a time comes in; the others' wishes are not lost: a thread that cannot enter has set `wanted` first,
// and the thread that leaves clears `busy` first and then looks at `wanted`. All four accesses are sequentially
// consistent (S), so one of the two sees the other.
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
    const bool finished = session->finished();  // before LEFT is looked at, which a kernel writes before it has
    session->reap(rings);
    if (!check_progress()) return;
    open_fences();
    const std::uint32_t current = launch.load(std::memory_order_relaxed);
    const std::uint32_t left = inside(rings.lead()).left();
    const bool has_left = left == current;
    if (!has_left && current != 0 && finished) {
        // It says that it is still there. If OpenCL says that it is not, it died; or the one before it did, behind
        // which it was queued: then it ran nothing. The event of an older launch tells nothing more.
        lose(session->failed() ? "a launch ended in an error" : "a launch ended without leaving");
        return;
    }
    // A launch that wants its successor gets it, whatever there is to do at this moment: otherwise each publish would
    // come here until there is. If the launch then idles, its successor leaves at once.
    if (!has_left && left != (current | SR_LEFT_WANTED)) return;
    // A producer that publishes after this look sees LEFT and comes here itself.
    if (has_left && !rings.has_work()) return;

    // The number first: from here on LEFT differs from it, and no other thread starts a launch. So one at most is
    // queued behind a launch that runs.
    const std::uint32_t next = (current + 1) & SR_LAUNCH_MASK;
    launch.store(next, std::memory_order_seq_cst);
    launched_at.store(Watch::Clock::now(), std::memory_order_relaxed);
    launches.fetch_add(1, std::memory_order_relaxed);
    if (auto ok = session->submit(rings, next); !ok) lose(ok.error().what, ok.error().status);
}

bool Runtime::Impl::lock_kernel(Backoff& backoff) noexcept {
    while (busy.exchange(true, std::memory_order_seq_cst))
        if (!backoff.pause()) return false;
    return true;
}

void Runtime::Impl::unlock_kernel() noexcept {
    busy.store(false, std::memory_order_seq_cst);
    wake();
}

}  // namespace slipring
