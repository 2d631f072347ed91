// Publishing: into the ring, then a look whether the kernel has left.
#include "impl.hpp"

namespace slipring {
namespace {

// A producer that waits for room must learn that there will be none.
template <class Impl>
std::unexpected<Errc> refused(Impl& impl, Errc why) noexcept {
    // A producer that spins here must find the next room at once: no clock and no lock each time.
    static thread_local std::uint32_t refusals = 0;
    if (why == Errc::ring_full && ++refusals % 64 == 0) impl.look_at_times();
    const bool lost = impl.phase.load(std::memory_order_acquire) == Impl::Phase::lost;
    return std::unexpected(lost ? Errc::device_lost : why);
}

// The same for a slot, a batch and a window: publish, then look whether the kernel has left (S).
template <class Impl, class Descriptor>
std::expected<Ticket, Errc> publish_to(Impl& impl, const Descriptor& descriptor, std::uint64_t count, Quiet quiet,
                                       Priority level, std::size_t lookahead = 0) noexcept {
    if (const auto phase = impl.phase.load(std::memory_order_relaxed); phase != Impl::Phase::open) [[unlikely]]
        return std::unexpected(phase == Impl::Phase::lost ? Errc::device_lost : Errc::shut_down);
    const Ring* const ring = impl.rings.find(level);
    if (ring == nullptr) [[unlikely]]
        return std::unexpected(Errc::level_not_open);
    const auto first = ring->publish(descriptor, quiet);
    if (impl.wake_needed()) [[unlikely]]
        impl.wake();
    if (!first) [[unlikely]]
        return refused(impl, first.error());
    return Ticket{*first, static_cast<std::uint32_t>(count), quiet, static_cast<std::uint32_t>(lookahead), level};
}

}  // namespace

std::expected<Ticket, Errc> Runtime::publish(const Slot& slot, Quiet quiet, Priority level) noexcept {
    return publish_to(*impl_, slot, 1, quiet, level);
}

std::expected<Ticket, Errc> Runtime::publish(std::span<const Slot> batch, Quiet quiet, Priority level) noexcept {
    return publish_to(*impl_, batch, batch.size(), quiet, level);
}

std::expected<Ticket, Errc> Runtime::publish(const Window& window, Quiet quiet, Priority level) noexcept {
    return publish_to(*impl_, window, window.size(), quiet, level, window.lookahead.size());
}

std::expected<void, Errc> Runtime::wait_for_room(std::uint32_t n, Timeout timeout, Priority level) noexcept {
    const Ring* const ring = impl_->rings.find(level);
    if (ring == nullptr) return std::unexpected(Errc::level_not_open);
    return impl_->wait_for_room(*ring, n, timeout);
}

std::expected<void, Errc> Runtime::Impl::wait_for_room(const Ring& ring, std::uint32_t n, Timeout timeout) noexcept {
    if (n > ring.capacity()) return std::unexpected(Errc::larger_than_ring);
    Backoff backoff(timeout.time());
    for (;;) {
        switch (phase.load(std::memory_order_acquire)) {
            case Phase::open: break;
            case Phase::closed: return std::unexpected(Errc::shut_down);
            case Phase::lost: return std::unexpected(Errc::device_lost);
        }
        // `completed` is read first: read last, it could be ahead of an older `reserved`.
        const std::uint64_t completed = ring.completed();
        if (ring.reserved() + n - completed <= ring.capacity()) return {};
        attend(backoff);
        if (!backoff.pause()) return std::unexpected(Errc::timed_out);
    }
}

}  // namespace slipring
