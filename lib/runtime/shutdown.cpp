// The end of a runtime: what was published is drained, the kernel leaves, and what does not come back keeps its
// memory.
#include <algorithm>
#include <array>

#include "../left.hpp"
#include "impl.hpp"

namespace slipring {

std::expected<void, Errc> Runtime::shutdown() noexcept { return impl_->shutdown(); }

bool Runtime::Impl::leave(Backoff& backoff) noexcept {
    session->stop(launch.load(std::memory_order_relaxed));
    if (!session->idle([&backoff] { return backoff.pause(); })) return false;
    session->reap(rings);
    return true;
}

bool Runtime::Impl::drained(Backoff& backoff) noexcept {
    std::array<std::uint64_t, Rings::max> ends{};
    rings.each([&](std::size_t number, const Ring& ring) { ends[number] = ring.reserved(); });
    const auto is_pending = [&] {
        return rings.any([&](std::size_t number, const Ring& ring) {
            if (ring.is_complete(ends[number])) return false;
            // A tenant's ring may stand still for ever: see RingInside::has_work, and consumer_has_work.
            const std::uint32_t tenant = rings.numbers().tenant_of(number);
            return tenant == 0 || inside(ring).consumer_has_work() || tenants.is_publishing(tenant);
        });
    };
    while (is_pending()) {
        if (wake_needed()) wake();
        look();
        if (phase.load(std::memory_order_acquire) == Phase::lost || !backoff.pause()) return false;
    }
    return true;
}

std::expected<void, Errc> Runtime::Impl::shutdown() noexcept {
    Phase was = Phase::open;
    if (!phase.compare_exchange_strong(was, Phase::closed, std::memory_order_seq_cst) && was == Phase::lost)
        return std::unexpected(Errc::device_lost);

    // A reservation that is never committed is not published: the slots behind it cannot be drained.
    Backoff backoff(options.shutdown_timeout);
    const bool all = drained(backoff);
    if (phase.load(std::memory_order_acquire) == Phase::lost) return std::unexpected(Errc::device_lost);

    Backoff grace(std::max<std::chrono::milliseconds>(options.shutdown_timeout / 4, std::chrono::milliseconds(50)));
    if (!lock_kernel(grace)) return std::unexpected(Errc::timed_out);
    const bool left = leave(grace);
    if (!left) lose("the kernel did not leave in time; its memory is left to it");
    unlock_kernel();
    if (!left) return std::unexpected(Errc::device_lost);
    if (!all) return std::unexpected(Errc::timed_out);
    return {};
}

namespace {

// Nothing can take memory from a kernel that still runs, nor from a copy: then the session is left to it.
void part_with(std::unique_ptr<Session> session, bool lost, std::chrono::milliseconds patience) noexcept {
    Backoff grace(patience);
    const auto go_on = [&grace] { return grace.pause(); };
    const bool ended = !lost || session->finished();
    if (!ended || !session->idle(go_on) || !session->end_copies(go_on) || session->abandoned())
        leave_to_kernel(std::move(session));
}

}  // namespace

Runtime::Impl::~Impl() {
    static_cast<void>(shutdown());
    clock.stop();
    open_all_fences();
    // A launch that a late wake() has started since leaves at once.
    session->forget();
    session->stop(launch.load(std::memory_order_relaxed));
    constexpr std::chrono::milliseconds moment{50};
    const bool is_lost = phase.load(std::memory_order_acquire) == Phase::lost;
    part_with(std::move(session), is_lost, is_lost ? moment : std::max(moment, options.shutdown_timeout));
    for (auto& lost : lost_sessions) part_with(std::move(lost), true, moment);
}

}  // namespace slipring
