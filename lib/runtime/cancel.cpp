// Slots that are no longer wanted, and how far a ticket has come.
#include "impl.hpp"

namespace slipring {

// C, the host's half: see RingView::cancel. A window's copies stay as they are: over a bus there is no exchange, and
// a store that comes late would hit the next generation.
std::expected<std::uint32_t, Errc> Runtime::cancel(const Ticket& ticket) noexcept {
    const Ring* const of_level = impl_->rings.find(ticket.level);
    if (of_level == nullptr) return std::unexpected(Errc::bad_ticket);
    const RingInside ring = inside(*of_level);
    if (ring.has_window()) return 0;
    std::uint32_t asked = 0;
    for (std::uint32_t i = 0; i < ticket.count; ++i) {
        const std::uint64_t position = ticket.first + i;
        if (!ring.is_complete(position + 1) && !ring.is_finished(position) && ring.cancel(position)) ++asked;
    }
    return asked;
}

Progress Runtime::progress(const Ticket& ticket) noexcept {
    Progress progress;
    const Ring* const ring = impl_->rings.find(ticket.level);
    const std::uint32_t required = ticket.required_part().count;
    for (std::uint32_t i = 0; i < ticket.count; ++i) {
        Progress::Part& part = i < required ? progress.required : progress.lookahead;
        const std::uint64_t position = ticket.first + i;
        if (ring == nullptr || !(ring->is_finished(position) || ring->is_complete(position + 1))) {
            ++part.pending;
            continue;
        }
        const auto end = ring->completion(position);
        if (!end || end->state == State::done) ++part.done;
        else if (end->state == State::cancelled) ++part.cancelled;
        else ++part.faulted;
        inside(*ring).came_back(position, position + 1);
    }
    return progress;
}

}  // namespace slipring
