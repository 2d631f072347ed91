// Windows whose lookahead stands in a ring of its own, IDLE's.
#include <algorithm>

#include "impl.hpp"

namespace slipring {
namespace {

// How the device counts levels: those that have a ring, from the highest on.
std::uint32_t number_of(Priority level, const Session& session) noexcept {
    std::uint32_t number = 0;
    for (const Priority higher : every_level) {
        if (higher == level) break;
        number += std::ranges::find(session.places(), higher, &RingPlace::level) != session.places().end();
    }
    return number;
}

}  // namespace

// Lookahead gets its room first, and is filled in last: then the required entries are all that can be refused. What
// is left of its room then is NOPs, so a refusal that can be foreseen comes before.
std::expected<WindowTicket, Errc> Runtime::publish_apart(const Window& window, Quiet quiet, Priority level) noexcept {
    const Ring* const ring = impl_->rings.find(level);
    const Ring* const idle = impl_->rings.find(Priority::idle);
    const bool is_tenants = impl_->tenants.any() && window.tenant != 0;
    if (ring == nullptr || idle == nullptr || ring == idle || is_tenants)
        return std::unexpected(Errc::level_not_open);
    if (auto ok = check(window); !ok) return std::unexpected(ok.error());
    if (auto ok = impl_->is_open(); !ok) return std::unexpected(ok.error());
    Window required = window;
    required.lookahead = {};
    if (required.size() > ring->capacity()) return std::unexpected(Errc::larger_than_ring);
    auto claim = impl_->claim(window.ticket, 0);
    if (!claim) return std::unexpected(claim.error());
    if (!has_room(*ring, required.size())) return std::unexpected(impl_->refused(Errc::ring_full));

    auto room = idle->reserve(window.lookahead.size());
    if (!room) return std::unexpected(impl_->refused(room.error()));
    const auto first = ring->publish(required, quiet);
    if (!first) return std::unexpected(impl_->refused(first.error()));
    if (impl_->wake_needed()) impl_->wake();  // S; the required entries wait for no lookahead to be written
    const Ticket here{
        .first = *first, .count = static_cast<std::uint32_t>(required.size()), .quiet = quiet, .level = level};
    const auto behind = static_cast<std::uint32_t>(room->count());
    const Ticket lookahead{
        .first = room->first(), .count = behind, .quiet = quiet, .lookahead = behind, .level = Priority::idle};
    for (std::uint64_t i = required.size(); i < window.size(); ++i) {
        Slot entry = entry_slot(window, i);
        SlotAccess::words(entry)[SR_WORD_PRIORITY] |= SR_FLAG_WINDOWED;
        room->put(entry, quiet);
    }
    room->commit();
    WindowPlace place = impl_->place_of(here);
    place.apart_first = lookahead.first;
    place.apart_count = lookahead.count;
    claim->published(place);
    if (impl_->wake_needed()) impl_->wake();  // S
    return WindowTicket{here, lookahead};
}

std::expected<std::uint32_t, Errc> Runtime::promote(const WindowTicket& ticket) noexcept {
    const Ring* const idle = impl_->rings.find(Priority::idle);
    const Ticket& lookahead = ticket.lookahead;
    if (idle == nullptr || lookahead.level != Priority::idle || lookahead.tenant != 0 ||
        impl_->rings.find(ticket.required.level) == nullptr)
        return std::unexpected(Errc::bad_ticket);
    const RingInside ring = inside(*idle);
    ring.promote(lookahead.end(), number_of(ticket.required.level, *impl_->session));
    const std::uint64_t completed = ring.completed(), reserved = ring.reserved();
    const std::size_t number = impl_->rings.numbers().find(Priority::idle, 0);
    const std::uint64_t begun = impl_->session->begun(number, ring, completed, reserved);
    const auto left = static_cast<std::int64_t>(lookahead.end() - begun);
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, lookahead.count));
}

}  // namespace slipring
