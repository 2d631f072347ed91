// How poll, wait and result learn that slots have finished.
#include <chrono>

#include "impl.hpp"

namespace slipring {

bool Runtime::Impl::done(const Ring& ring, const Ticket& ticket) const noexcept {
    const bool ended = all_ended(ring, ticket);
    if (ended) inside(ring).came_back(ticket.first, ticket.end());
    return ended;
}

// A slot's completion comes before the completed position passes it, which moves every 32 slots. A waiter looks at
// the completion's line alone, so the device has one line to win back when it answers.
bool Runtime::Impl::all_ended(const Ring& ring, const Ticket& ticket) const noexcept {
    if (ticket.count == 0) return true;
    if (tells_by_completion(ticket)) {
        if (ring.is_finished(ticket.end() - 1)) return true;
        // The completed position all the same, now and then: a ticket of a reservation may have quiet slots.
        static thread_local std::uint32_t looks = 0;
        if (++looks % 64 != 0) return false;
    }
    return ring.is_complete(ticket.end());
}

bool Runtime::Impl::all_ended(const WindowPlace& place) const noexcept {
    const Quiet quiet = place.is_quiet ? Quiet::yes : Quiet::no;
    const auto part_ended = [&](const Ring* ring, std::uint64_t first, std::uint32_t count) {
        return count == 0 || all_ended(*ring, {.first = first, .count = count, .quiet = quiet});
    };
    return part_ended(rings.at(place.ring), place.first, place.count) &&
           part_ended(rings.find(Priority::idle), place.apart_first, place.apart_count);
}

void Runtime::Impl::attend(const Backoff& backoff) noexcept {
    if (backoff.spinning() && !wake_needed()) return;
    wake();
    look();
    rings.each([](std::size_t, const Ring& ring) { static_cast<void>(ring.held()); });
}

bool Runtime::poll(const Ticket& ticket) noexcept {
    if (impl_->done(ticket)) return true;
    if (!impl_->wake_needed()) [[likely]]
        return false;
    impl_->wake();
    return impl_->done(ticket);
}

std::expected<void, Errc> Runtime::wait(const Ticket& ticket, Timeout timeout) noexcept {
    const Ring* const ring = impl_->rings.find(ticket.level, ticket.tenant);
    if (ring == nullptr) return std::unexpected(Errc::bad_ticket);
    for (int i = 0; i < 64; ++i)
        if (impl_->done(*ring, ticket)) return {};
    Backoff backoff(timeout.time());
    while (!impl_->done(*ring, ticket)) {
        impl_->attend(backoff);
        if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost)
            return std::unexpected(Errc::device_lost);
        if (!backoff.pause() && !impl_->done(*ring, ticket)) return std::unexpected(Errc::timed_out);
    }
    return {};
}

std::expected<Result, Errc> Runtime::result(const Ticket& ticket, std::uint32_t index) noexcept {
    const Ring* const of_level = impl_->rings.find(ticket.level, ticket.tenant);
    if (index >= ticket.count || of_level == nullptr) return std::unexpected(Errc::bad_ticket);
    const Ring& ring = *of_level;
    const std::uint64_t position = ticket.first + index;
    std::optional<Completion> end = ring.completion(position);
    if (!end) [[unlikely]] {
        // Behind the completed position no completion is still to come, so the second look is the last.
        const bool complete = ring.is_complete(position + 1);
        end = ring.completion(position);
        if (!end) {
            if (static_cast<std::int64_t>(ring.oldest_result() - position) > 0)
                return std::unexpected(Errc::result_expired);
            if (complete) return std::unexpected(Errc::no_result);
            const bool lost = impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost;
            return std::unexpected(lost ? Errc::device_lost : Errc::not_finished);
        }
    }
    inside(ring).came_back(position, position + 1);
    return Result{end->state, end->code, end->inner, end->result};
}

std::expected<void, Errc> Runtime::results(const Ticket& ticket, std::span<Result> to) noexcept {
    const Ring* const of_level = impl_->rings.find(ticket.level, ticket.tenant);
    if (to.size() > ticket.count || of_level == nullptr) return std::unexpected(Errc::bad_ticket);
    const RingInside ring = inside(*of_level);
    std::size_t read = 0;
    for (; read < to.size(); ++read) {
        const auto end = ring.read_completion(ticket.first + read);
        if (!end) break;
        to[read] = {end->state, end->code, end->inner, end->result};
    }
    if (read == to.size() && !ring.is_expired(ticket.first)) {  // E, for all of them
        ring.came_back(ticket.first, ticket.first + read);
        return {};
    }
    for (std::uint32_t i = 0; i < to.size(); ++i) {
        const auto one = result(ticket, i);
        if (!one) return std::unexpected(one.error());
        to[i] = *one;
    }
    return {};
}

}  // namespace slipring
