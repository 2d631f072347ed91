// Slots that are no longer wanted, and how far a ticket has come.
#include "impl.hpp"

namespace slipring {

// C, the host's half: see RingView::cancel. A window's copies stay as they are: over a bus there is no exchange, and
// a store that comes late would hit the next generation.
std::expected<std::uint32_t, Errc> Runtime::cancel(const Ticket& ticket) noexcept {
    const Ring* const of_level = impl_->rings.find(ticket.level, ticket.tenant);
    if (of_level == nullptr) return std::unexpected(Errc::bad_ticket);
    const RingInside ring = inside(*of_level);
    if (ring.has_window()) return 0;
    const auto cancel_from = [&ring, &ticket](std::uint64_t first) {
        std::uint32_t asked = 0;
        for (std::uint32_t i = 0; i < ticket.count; ++i) {
            const std::uint64_t position = ticket.first + i;
            if (static_cast<std::int64_t>(position - first) < 0 || ring.is_finished(position)) continue;
            if (ring.cancel(position)) ++asked;
        }
        return asked;
    };
    const std::uint64_t completed = ring.completed();
    if (!impl_->session->telling().by_reap) return cancel_from(completed);
    // Copies of what a launch has taken along are under way, and no thread writes to those slots meanwhile.
    Backoff backoff(impl_->options.shutdown_timeout);
    if (!impl_->lock_kernel(backoff)) return 0;
    const std::uint32_t asked = cancel_from(impl_->session->begun(
        impl_->rings.numbers().find(ticket.level, ticket.tenant), ring, ring.completed(), ring.reserved()));
    // As wake() does, but for a launch that no thread has asked for.
    impl_->busy.store(false, std::memory_order_seq_cst);
    if (impl_->wanted.load(std::memory_order_seq_cst)) impl_->wake();
    return asked;
}

Progress Runtime::progress(const Ticket& ticket) noexcept {
    Progress progress;
    const Ring* const ring = impl_->rings.find(ticket.level, ticket.tenant);
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
