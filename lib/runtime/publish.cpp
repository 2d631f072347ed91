// Publishing: into the ring, then a look whether the kernel has left.
#include <algorithm>

#include "impl.hpp"
#include "tenant_of.hpp"

namespace slipring {
namespace {

// The same for a slot, a batch and a window: publish, then look whether the kernel has left (S).
template <class Impl, class Descriptor>
std::expected<Ticket, Errc> put(Impl& impl, const Ring& ring, const Descriptor& descriptor,
                                const Ticket& unplaced) noexcept {
    const auto first = ring.publish(descriptor, unplaced.quiet);
    if (impl.wake_needed()) [[unlikely]]
        impl.wake();
    if (!first) [[unlikely]]
        return std::unexpected(impl.refused(first.error()));
    Ticket ticket = unplaced;
    ticket.first = *first;
    return ticket;
}

// A window's ticket number is its own first.
template <class Impl>
std::expected<Ticket, Errc> put_window(Impl& impl, const Ring& ring, const Window& window,
                                       const Ticket& unplaced) noexcept {
    auto claim = impl.claim(window.ticket, unplaced.tenant);
    if (!claim) return std::unexpected(claim.error());
    const auto ticket = put(impl, ring, window, unplaced);
    if (ticket) claim->published(impl.place_of(*ticket));
    return ticket;
}

template <class Impl, class Descriptor>
std::expected<Ticket, Errc> publish_to(Impl& impl, const Ring* ring, const Descriptor& descriptor,
                                       const Ticket& unplaced) noexcept {
    if (const auto phase = impl.phase.load(std::memory_order_relaxed); phase != Impl::Phase::open) [[unlikely]]
        return std::unexpected(phase == Impl::Phase::lost ? Errc::device_lost : Errc::shut_down);
    if (ring == nullptr) [[unlikely]]
        return std::unexpected(Errc::level_not_open);
    if constexpr (std::is_same_v<Descriptor, Window>) return put_window(impl, *ring, descriptor, unplaced);
    else return put(impl, *ring, descriptor, unplaced);
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

// It looks after the device as a publish that is refused does: a thread may ask until the answer is no.
bool Runtime::is_in_flight(std::uint32_t window, std::uint32_t tenant) noexcept {
    if (!impl_->is_open() || !impl_->is_in_flight(window, tenant)) return false;
    if (impl_->wake_needed()) impl_->wake();
    return impl_->refused(Errc::ticket_in_flight) != Errc::device_lost && impl_->is_in_flight(window, tenant);
}

bool Runtime::Impl::is_in_flight(std::uint32_t window, std::uint32_t tenant) const noexcept {
    return windows.contains(window, scope_of(tenant), [this](const WindowPlace& place) { return all_ended(place); });
}

// A tenant's windows have numbers of their own; the program's have them together, at whatever level.
std::uint32_t Runtime::Impl::scope_of(std::uint32_t tenant) const noexcept {
    return tenant == 0 || !tenants.any() ? 0
                                         : static_cast<std::uint32_t>(rings.numbers().find(Priority::normal, tenant));
}

WindowPlace Runtime::Impl::place_of(const Ticket& ticket) const noexcept {
    const std::size_t ring = rings.numbers().find(ticket.level, ticket.tenant);
    return {.first = ticket.first,
            .count = ticket.count,
            .ring = static_cast<std::uint32_t>(ring),
            .is_quiet = ticket.quiet == Quiet::yes};
}

std::expected<WindowsInFlight::Claim, Errc> Runtime::Impl::claim(std::uint32_t window,
                                                                 std::uint32_t tenant) noexcept {
    const std::uint32_t scope = scope_of(tenant);
    const auto has_ended = [this](const WindowPlace& place) { return all_ended(place); };
    if (auto claimed = windows.claim(window, scope, has_ended)) return claimed;
    // In per_launch mode the window may have ended, and nobody has taken that in.
    if (wake_needed()) wake();
    auto claimed = windows.claim(window, scope, has_ended);
    if (claimed) return claimed;
    return std::unexpected(refused(claimed.error()));
}

// A producer that spins on a full ring must find the next room at once: no clock and no lock each time.
Errc Runtime::Impl::refused(Errc why) noexcept {
    static thread_local std::uint32_t refusals = 0;
    const bool is_for_now = why == Errc::ring_full || why == Errc::ticket_in_flight;
    if (is_for_now && ++refusals % 64 == 0) look_at_times();
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
        if (has_room(ring, n)) return {};
        attend(backoff);
        if (!backoff.pause()) return std::unexpected(Errc::timed_out);
    }
}

}  // namespace slipring
