#include "producer.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "operations.hpp"

namespace slipring::soak {

using namespace std::chrono_literals;

void Producer::begin_round(std::uint32_t first_mark) {
    sequence_.begin_round();
    of_round_ = 0;
    next_mark_ = first_mark, end_of_marks_ = first_mark + marks_of_a_round;
    lost_ = false;
}

void Producer::run(Round& round) {
    // Every result is read, even if the round is over: see settle for what a lost device leaves.
    while (!is_over(round) && publish_some(round)) pause(round);
    if (!lost_) static_cast<void>(read_until(round, end_));
}

bool Producer::settle(Round& round) {
    lost_ = false;
    return read_until(round, end_);
}

bool Producer::is_over(const Round& round) {
    if (of_round_ >= round.plan.slots || round.stop.load(std::memory_order_relaxed)) return true;
    return ++turns_ % 16 == 0 && Clock::now() >= round.end;
}

void Producer::pause(const Round& round) {
    const Plan& plan = round.plan;
    if (plan.pause_once_in == 0 || !random_.once_in(plan.pause_once_in)) return;
    const auto time = random_.below(static_cast<std::uint32_t>(plan.pause.count()) + 1) * 1us;
    if (time > 50us) return std::this_thread::sleep_for(time);
    const auto end = Clock::now() + time;
    while (Clock::now() < end) {}
}

// ---- what is published -------------------------------------------------------------------------------------------

Slot Producer::make(const Round& round, Quiet quiet, bool only_adds, Expected& expected) {
    const Plan& plan = round.plan;
    const auto now = [this](std::uint32_t once_in) { return once_in != 0 && random_.once_in(once_in); };
    if (!only_adds) {
        if (now(plan.bad_once_in)) {
            ++counts_.bad;
            expected = {What::bad, 0};
            return atomic_add(1, control_words);
        }
        // Of a quiet slot that is lost its mark alone can tell: all of those have one.
        const bool has_mark = round.has_marks && quiet == Quiet::yes;
        if (!has_mark && now(plan.fence_once_in)) return ++counts_.fences, batch_fence(1, self_);
        if (now(plan.leave_once_in)) return shutdown();
    }
    if (round.has_marks) {
        expected = {What::marked, next_mark_++};
        return slot(mark, {expected.number});
    }
    const std::uint32_t first = first_word(self_);
    const auto sum = [this, first] {
        const Sums::Add add = sums_.next();
        return atomic_add(add.value, first + add.word);
    };
    const bool is_packed = !only_adds && now(plan.packed_once_in);
    if (quiet == Quiet::yes && !is_packed) return sum();
    const Slot before = is_packed ? sum() : nop();
    if (quiet == Quiet::no) expected = {What::sequence, sequence_.next()};
    const Slot last = quiet == Quiet::yes ? sum() : atomic_add(1, first + Sums::words);
    return is_packed ? *packed({inner(before), inner(last)}) : last;  // whose result is the last operation's
}

void Producer::make_all(const Round& round, Way way, Quiet quiet, std::uint32_t n) {
    slots_.resize(n);
    expected_.clear();
    if (quiet == Quiet::yes && round.plan.is_plain() && !round.has_marks) {
        const std::uint32_t first = first_word(self_);
        for (Slot& slot : slots_) {
            const Sums::Add add = sums_.next();
            slot = atomic_add(add.value, first + add.word);
        }
        return;
    }
    expected_.resize(n);
    for (std::uint32_t i = 0; i < n; ++i) slots_[i] = make(round, quiet, way == window, expected_[i]);
}

// Until it works or fails otherwise than by a full ring. A device that is lost leaves its ring full, and so does a
// slot that never finishes.
template <class Attempt>
auto Producer::until_room(Round& round, std::uint32_t n, Attempt attempt) -> decltype(attempt()) {
    auto made = attempt();
    if (made || made.error() != Errc::ring_full) return made;
    ++counts_.full_rings;
    const auto end = Clock::now() + patience;
    for (std::uint32_t tries = 1;; ++tries) {
        if (round.plan.spins && tries % 64 != 0) {
            std::this_thread::yield();
        } else {
            const auto room = round.runtime.wait_for_room(n, round.plan.spins ? 1ms : 10ms);
            if (!room && room.error() != Errc::timed_out) return std::unexpected(room.error());
            if (Clock::now() > end) return std::unexpected(Errc::timed_out);
        }
        if (auto again = attempt(); again || again.error() != Errc::ring_full) return again;
    }
}

std::expected<Ticket, Errc> Producer::publish(Round& round, Way way, Quiet quiet, std::uint32_t n) {
    Runtime& runtime = round.runtime;
    if (way == single) return until_room(round, 1, [&] { return runtime.publish(slots_[0], quiet); });
    if (way == batch)
        return until_room(round, n, [&] { return runtime.publish(std::span<const Slot>(slots_), quiet); });
    if (way == window) {
        const std::uint32_t stride = round.has_marks ? 1 : 2;
        words_.clear();
        for (const Slot& slot : slots_)
            words_.insert(words_.end(), slot.args().begin(), slot.args().begin() + stride);
        const std::span<const std::uint32_t> words(words_);
        const std::size_t required = random_.below(n + 1) * stride;
        const Window entries{.ticket = turns_ << 8 | self_,  // in flight nobody else's
                             .opcode = round.has_marks ? Opcode(mark) : Opcode(Op::atomic_add),
                             .required = Payloads(words.first(required), stride),
                             .lookahead = Payloads(words.subspan(required), stride)};
        return until_room(round, n, [&] { return runtime.publish(entries, quiet); });
    }
    auto reserved = until_room(round, n, [&] { return runtime.ring().reserve(n); });
    if (!reserved) return std::unexpected(reserved.error());
    const Ticket ticket{reserved->first(), n, quiet};
    for (const Slot& slot : slots_) reserved->put(slot, quiet);
    reserved->commit();  // what was not put is a NOP
    runtime.wake();
    return ticket;
}

// False: no more of this round.
bool Producer::publish_some(Round& round) {
    Way way;
    do way = Way{1u << random_.below(4)};
    while ((round.plan.ways & way) == 0);
    const Quiet quiet = random_.below(8) < round.plan.quiet_of_8 ? Quiet::yes : Quiet::no;
    std::uint32_t n = way == single        ? 1
                      : random_.once_in(4) ? round.plan.max_slots
                                           : 1 + random_.below(round.plan.max_slots);
    if (round.has_marks) n = std::min(n, end_of_marks_ - next_mark_);
    if (n == 0) return false;

    const std::uint64_t ahead = std::max(round.plan.unread, n);
    if (!read_until(round, end_ + n < ahead ? 0 : end_ + n - ahead)) return false;
    // A reservation is not always filled. Of marked quiet slots it is: see make.
    const bool fills = way != reservation || (round.has_marks && quiet == Quiet::yes) || !random_.once_in(8);
    const std::uint32_t made = fills ? n : 1 + random_.below(n);
    make_all(round, way, quiet, made);
    const auto ticket = publish(round, way, quiet, n);
    if (!ticket) return failed(round, ticket.error(), "publish");
    end_ = ticket->end();
    of_round_ += n;
    counts_.published += n;
    if (quiet == Quiet::no) {
        expected_.resize(n);
        unread_.push_back(*ticket);
        unread_ends_.insert(unread_ends_.end(), expected_.begin(), expected_.end());
    }
    for (const Expected& e : expected_)
        if (e.what == What::marked)
            round.marks.set(e.number, quiet == Quiet::yes ? Marks::End::untold : Marks::End::open);
    return true;
}

// ---- what comes back ---------------------------------------------------------------------------------------------

// Reads the results of all positions before `end`. False: the device is lost, or something is wrong.
bool Producer::read_until(Round& round, std::uint64_t end) {
    while (!unread_.empty() && unread_.front().first < end)
        if (!read_oldest(round)) return false;
    return wrong_.empty();
}

bool Producer::read_oldest(Round& round) {
    Ticket& ticket = unread_.front();
    if (const auto waited = round.runtime.wait(ticket, patience); !waited)
        return failed(round, waited.error(), "wait");
    while (ticket.count != 0) {
        const Expected expected = unread_ends_.front();
        if (const auto result = round.runtime.result(ticket)) {
            check_end(round, *result, expected);
        } else if (result.error() == Errc::result_expired && !round.is_alone) {
            if (expected.what == What::sequence) sequence_.untold();
            if (expected.what == What::marked) round.marks.set(expected.number, Marks::End::untold);
        } else {
            return failed(round, result.error(), "result");
        }
        unread_ends_.pop_front();
        ticket = ticket.slice(1, ticket.count - 1);
    }
    unread_.pop_front();
    return wrong_.empty();
}

void Producer::check_end(Round& round, const Result& result, Expected expected) {
    ++counts_.results;
    if (round.may_be_lost && result.state == State::fault && result.code == Code::device_lost) {
        ++counts_.losses;
        if (expected.what == What::marked) round.marks.set(expected.number, Marks::End::lost);
        return;
    }
    const bool is_bad = expected.what == What::bad;
    if (is_bad ? result.state != State::fault || result.code != Code::out_of_range : !result.ok())
        return found(round, "a slot ended as " + std::string(state_name(result.state)) + ", " +
                                std::string(code_name(result.code)) +
                                (is_bad ? ", expected fault, out of range" : ""));
    const std::uint64_t value = result.value;
    if (expected.what == What::sequence) {
        if (std::string wrong = sequence_.told(expected.number, value); !wrong.empty())
            found(round, std::move(wrong));
    } else if (expected.what == What::marked) {
        round.marks.set(expected.number, Marks::End::done);
        if (value != Marks::result(expected.number))
            found(round, "marked slot " + std::to_string(expected.number) + ": expected the result " +
                             std::to_string(Marks::result(expected.number)) + ", found " + std::to_string(value));
    }
}

bool Producer::failed(Round& round, Errc why, const char* doing) {
    if (why == Errc::device_lost && round.may_be_lost) lost_ = true;
    else found(round, std::string(doing) + ": " + std::string(message(why)));
    return false;
}

void Producer::found(Round& round, std::string what) {
    if (wrong_.empty()) wrong_ = "producer " + std::to_string(self_) + ": " + what;
    round.stop.store(true, std::memory_order_relaxed);
}

}  // namespace slipring::soak
