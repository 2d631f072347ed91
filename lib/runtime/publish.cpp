// Publishing: into the ring, then a look whether the kernel has left.
#include <algorithm>

#include "impl.hpp"
#include "tenant_of.hpp"

namespace slipring {
namespace {

// The same for a slot, a batch and a window: publish, then look whether the kernel has left (S).
template <class Impl, class Descriptor>
std::expected<Ticket, Errc> publish_to(Impl& impl, const Ring* ring, const Descriptor& descriptor,
                                       const Ticket& unplaced) noexcept {
    if (const auto phase = impl.phase.load(std::memory_order_relaxed); phase != Impl::Phase::open) [[unlikely]]
        return std::unexpected(phase == Impl::Phase::lost ? Errc::device_lost : Errc::shut_down);
    if (ring == nullptr) [[unlikely]]
        return std::unexpected(Errc::level_not_open);
    const auto first = ring->publish(descriptor, unplaced.quiet);
    if (impl.wake_needed()) [[unlikely]]
        impl.wake();
    if (!first) [[unlikely]]
        return std::unexpected(impl.refused(first.error()));
    Ticket ticket = unplaced;
    ticket.first = *first;
    return ticket;
}

// Where tenants are declared.
template <class Impl, class Descriptor>
std::expected<Ticket, Errc> publish_for(Impl& impl, const Descriptor& descriptor, Ticket ticket) noexcept {
    ticket.tenant = tenant_of(descriptor);
    if (ticket.tenant == 0) {
        if constexpr (std::is_same_v<Descriptor, std::span<const Slot>>)
            if (std::ranges::any_of(descriptor, &Slot::tenant)) return std::unexpected(Errc::mixed_tenants);
        return publish_to(impl, impl.rings.find(ticket.level), descriptor, ticket);
    }
    return impl.tenants.publish(ticket.tenant, descriptor, [&](Priority level) -> std::expected<Ticket, Errc> {
        if (level != ticket.level) return std::unexpected(Errc::level_not_open);
        auto published = publish_to(impl, impl.rings.find(level, ticket.tenant), descriptor, ticket);
        if (!published && published.error() == Errc::ring_full) published = std::unexpected(Errc::quota_full);
        return published;
    });
}

template <class Impl, class Descriptor>
std::expected<Ticket, Errc> publish(Impl& impl, const Descriptor& descriptor, Ticket ticket) noexcept {
    if (impl.tenants.any()) [[unlikely]]
        return publish_for(impl, descriptor, ticket);
    return publish_to(impl, impl.rings.find(ticket.level), descriptor, ticket);
}

}  // namespace

std::expected<Ticket, Errc> Runtime::publish(const Slot& slot, Quiet quiet, Priority level) noexcept {
    return slipring::publish(*impl_, slot, {.count = 1, .quiet = quiet, .level = level});
}

std::expected<Ticket, Errc> Runtime::publish(std::span<const Slot> batch, Quiet quiet, Priority level) noexcept {
    const auto count = static_cast<std::uint32_t>(batch.size());
    return slipring::publish(*impl_, batch, {.count = count, .quiet = quiet, .level = level});
}

std::expected<Ticket, Errc> Runtime::publish(const Window& window, Quiet quiet, Priority level) noexcept {
    const auto count = static_cast<std::uint32_t>(window.size());
    const auto lookahead = static_cast<std::uint32_t>(window.lookahead.size());
    return slipring::publish(*impl_, window,
                             {.count = count, .quiet = quiet, .lookahead = lookahead, .level = level});
}

// A producer that spins on a full ring must find the next room at once: no clock and no lock each time.
Errc Runtime::Impl::refused(Errc why) noexcept {
    static thread_local std::uint32_t refusals = 0;
    if (why == Errc::ring_full && ++refusals % 64 == 0) look_at_times();
    return phase.load(std::memory_order_acquire) == Phase::lost ? Errc::device_lost : why;
}

std::expected<void, Errc> Runtime::wait_for_room(std::uint32_t n, Timeout timeout, Priority level,
                                                 std::uint32_t tenant) noexcept {
    if (tenant != 0 && impl_->tenants.find(tenant) == nullptr) return std::unexpected(Errc::unknown_tenant);
    const Ring* const ring = impl_->rings.find(level, tenant);
    if (ring == nullptr) return std::unexpected(Errc::level_not_open);
    return impl_->wait_for_room(*ring, n, timeout);
}

std::expected<void, Errc> Runtime::Impl::wait_for_room(const Ring& ring, std::uint32_t n, Timeout timeout) noexcept {
    if (n > ring.capacity()) return std::unexpected(Errc::larger_than_ring);
    Backoff backoff(timeout.time());
    for (;;) {
        if (auto ok = is_open(); !ok) return ok;
        // `completed` is read first: read last, it could be ahead of an older `reserved`.
        const std::uint64_t completed = ring.completed();
        if (ring.reserved() + n - completed <= ring.capacity()) return {};
        attend(backoff);
        if (!backoff.pause()) return std::unexpected(Errc::timed_out);
    }
}

}  // namespace slipring
