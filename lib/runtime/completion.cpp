// How poll, wait and result learn that slots have finished.
#include <chrono>

#include "impl.hpp"

namespace slipring {
namespace {

// Whether a wide kernel's answer is that of `position`. A launch is shorter than 2^30 slots and begins with an answer
// that is none of them.
bool is_answer(std::uint64_t answer, std::uint64_t position) noexcept {
    return static_cast<std::uint32_t>(answer) == static_cast<std::uint32_t>(position + 1);
}

}  // namespace

bool Runtime::Impl::done(const Ticket& ticket) const noexcept {
    const bool ended = all_ended(ticket);
    if (ended) inside(ring).came_back(ticket.first, ticket.end());
    return ended;
}

// A slot of a persistent kernel says itself that it has finished, before the completed position does, which moves
// every 32 slots. A waiter looks at the slot's line alone, so the device has one line to win back when it answers.
// The flag in the slot is for tickets of reservations, which may have put quiet slots.
bool Runtime::Impl::all_ended(const Ticket& ticket) const noexcept {
    if (ticket.count == 0) return true;
    const Session::Telling& telling = session->telling();
    if (telling.by_slot && ticket.quiet == Quiet::no && (telling.by_last || ticket.count == 1)) {
        const std::uint64_t last = ticket.end() - 1;
        if (telling.by_answer && is_answer(inside(ring).answer(), last)) return true;
        if (const auto state = ring.state(last)) {
            if (is_terminal(*state)) return true;
            // The completed position all the same, now and then: a producer that has stopped while it writes the next
            // generation's slot leaves this one's state, and hides its flag.
            static thread_local std::uint32_t looks = 0;
            if ((ring.word(last, SR_WORD_PRIORITY) & SR_FLAG_QUIET) == 0 && ++looks % 64 != 0) return false;
        }
    }
    return ring.is_complete(ticket.end());
}

void Runtime::Impl::attend(const Backoff& backoff) noexcept {
    if (backoff.spinning() && !wake_needed()) return;
    wake();
    look();
    static_cast<void>(ring.held());
}

bool Runtime::poll(const Ticket& ticket) noexcept {
    if (impl_->done(ticket)) return true;
    if (!impl_->wake_needed()) [[likely]]
        return false;
    impl_->wake();
    return impl_->done(ticket);
}

std::expected<void, Errc> Runtime::wait(const Ticket& ticket, Timeout timeout) noexcept {
    for (int i = 0; i < 64; ++i)
        if (impl_->done(ticket)) return {};
    Backoff backoff(timeout.time());
    while (!impl_->done(ticket)) {
        impl_->attend(backoff);
        if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost)
            return std::unexpected(Errc::device_lost);
        if (!backoff.pause() && !impl_->done(ticket)) return std::unexpected(Errc::timed_out);
    }
    return {};
}

namespace {

// What a look at a slot tells.
struct Look {
    enum { nothing, finished, gone } what = nothing;  // gone: it has finished, and without a result
    bool is_own = false;                              // the slot is still that of the position
    Result result{};
};

// Inlined: a result that is read from memory, behind a call, costs a reader of every slot a seventh of its rate.
[[gnu::always_inline]] inline Look look_at_slot(const Ring& ring, std::uint64_t position, bool by_slot) noexcept {
    Look look;
    const bool complete = ring.is_complete(position + 1);
    const std::optional<State> state = ring.state(position);
    look.is_own = state.has_value();
    if (complete) look.what = Look::gone;
    if (look.is_own && is_terminal(*state) && (complete || by_slot)) {
        const std::uint32_t code = ring.word(position, SR_WORD_CODE);
        look.result = {*state, Code{code & 0xFF}, code >> 8 & 0xFF, ring.word(position, SR_WORD_RESULT)};
        look.what = Look::finished;
    }
    return look;
}

// An answer comes a moment before its slot, and poll may have seen it: with another one over it, of a slot before or
// behind, this one's is on its way over the bus. That takes some 2 us.
Look look_for_answer(const Ring& ring, std::uint64_t position) noexcept {
    Backoff::Clock::time_point until{};
    for (int looks = 0;; ++looks) {
        const std::uint64_t answer = inside(ring).answer();
        if (is_answer(answer, position))
            return {Look::finished, true, {State::done, Code::ok, 0, static_cast<std::uint32_t>(answer >> 32)}};
        const Look look = look_at_slot(ring, position, true);
        if (look.what != Look::nothing || !look.is_own) return look;
        if (looks == 16) until = Backoff::Clock::now() + std::chrono::microseconds(20);
        if (looks > 16 && Backoff::Clock::now() > until) return look;
        cpu_relax();
    }
}

}  // namespace

std::expected<Result, Errc> Runtime::result(const Ticket& ticket, std::uint32_t index) noexcept {
    if (index >= ticket.count) return std::unexpected(Errc::bad_ticket);
    const Ring& ring = impl_->ring;
    const std::uint64_t position = ticket.first + index;
    const Session::Telling& telling = impl_->session->telling();
    const bool by_answer = telling.by_answer && ticket.count == 1 && ticket.quiet == Quiet::no;
    const Look look = by_answer ? look_for_answer(ring, position) : look_at_slot(ring, position, telling.by_slot);
    // A producer reserves before it writes: as long as the position a capacity later is not reserved, what was read
    // above was the device's.
    if (static_cast<std::int64_t>(ring.reserved() - position) > std::int64_t{ring.capacity()})
        return std::unexpected(Errc::result_expired);
    if (look.what == Look::finished) {
        inside(ring).came_back(position, position + 1);
        return look.result;
    }
    if (look.what == Look::gone) return std::unexpected(Errc::no_result);
    const bool lost = impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost;
    return std::unexpected(lost ? Errc::device_lost : Errc::not_finished);
}

}  // namespace slipring
