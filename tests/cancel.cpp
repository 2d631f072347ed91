// Slots that a program no longer wants, on a device: cancelled ones have no effect, the others are run.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr std::uint32_t required = 20, lookahead = 200;

// Entry i adds 1 to word 200 + i.
std::vector<std::uint32_t> entries() {
    std::vector<std::uint32_t> words;
    for (std::uint32_t i = 0; i < required + lookahead; ++i) words.insert(words.end(), {1, 200 + i});
    return words;
}

Window window_of(const std::vector<std::uint32_t>& words) {
    return {.ticket = 3,
            .opcode = Op::atomic_add,
            .required = Payloads(std::span(words).first(2 * required), 2),
            .lookahead = Payloads(std::span(words).subspan(2 * required), 2)};
}

// Publishes to the ring itself, so that nothing runs before wake().
template <class Descriptor>
Ticket put(Runtime& runtime, const Descriptor& descriptor, std::uint32_t count, std::uint32_t ahead = 0) {
    const auto first = runtime.ring().publish(descriptor);
    BOOST_REQUIRE(first.has_value());
    return {.first = *first, .count = count, .lookahead = ahead};
}

}  // namespace

BOOST_DATA_TEST_CASE(lookahead_that_is_cancelled_does_not_run, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const auto words = entries();
    const Ticket ticket = put(runtime, window_of(words), required + lookahead, lookahead);
    BOOST_TEST(ticket.lookahead_part().count == lookahead);
    BOOST_TEST(ticket.lookahead_part().first == ticket.first + required);
    BOOST_TEST((runtime.progress(ticket).required == Progress::Part{.pending = required}));
    const bool can = runtime.device().memory != SharedMemory::bus_window;
    const std::uint32_t expected = can ? lookahead : 0;
    BOOST_TEST(runtime.cancel(ticket.lookahead_part()).value() == expected);
    BOOST_TEST(runtime.cancel(ticket.lookahead_part()).value() == 0u);  // they are
    runtime.wake();
    BOOST_REQUIRE(runtime.wait(ticket.required_part(), 1min).has_value());
    BOOST_TEST((runtime.progress(ticket).required == Progress::Part{.done = required}));
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    const Progress::Part ahead = can ? Progress::Part{.cancelled = lookahead} : Progress::Part{.done = lookahead};
    BOOST_TEST((runtime.progress(ticket).lookahead == ahead));
    for (std::uint32_t i = 0; i < ticket.count; ++i) {
        const auto result = runtime.result(ticket, i);
        BOOST_REQUIRE(result.has_value());
        const bool ran = i < required || !can;
        BOOST_TEST((result->state == (ran ? State::done : State::cancelled)));
        BOOST_TEST((result->code == (ran ? Code::ok : Code::cancelled)));
        BOOST_TEST(control(runtime, 200 + i) == (ran ? 1u : 0u));
    }
    BOOST_TEST(runtime.cancel(ticket).value() == 0u);  // all have finished
    BOOST_TEST(runtime.stats().faults == expected);
}

BOOST_DATA_TEST_CASE(slots_and_batches_are_cancelled_too, data::make(modes), mode) {
    Runtime runtime = open(mode);
    if (runtime.device().memory == SharedMemory::bus_window) return;
    const std::vector<Slot> batch(100, atomic_add(1, 210));
    const Ticket one = put(runtime, atomic_add(1, 210), 1), many = put(runtime, std::span(batch), 100);
    const Ticket fence = put(runtime, batch_fence(1, 77), 1), last = put(runtime, atomic_add(1, 210), 1);
    BOOST_TEST(runtime.cancel(one).value() == 1u);
    BOOST_TEST(runtime.cancel(many.slice(10, 40)).value() == 40u);
    BOOST_TEST(runtime.cancel(fence).value() == 1u);
    runtime.wake();
    for (const Ticket& ticket : {one, many, fence, last}) BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    BOOST_TEST((runtime.result(one)->state == State::cancelled));
    BOOST_TEST((runtime.progress(many).required == Progress::Part{.done = 60, .cancelled = 40}));
    BOOST_TEST((runtime.progress(many.slice(10, 40)).required == Progress::Part{.cancelled = 40}));
    BOOST_TEST((runtime.result(fence)->code == Code::cancelled));
    BOOST_TEST(control(runtime, 210) == 61u);
    BOOST_TEST(control(runtime, SR_CONTROL_FENCE_TAG) == 0u);
}

BOOST_DATA_TEST_CASE(progress_counts_faults_and_quiet_slots, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const std::vector<Slot> batch{store_u32(1, 200), store_u32(1, 2), store_u32(1, 2), nop()};
    const auto ticket = runtime.publish(batch), quiet = runtime.publish(batch, Quiet::yes);
    BOOST_REQUIRE(runtime.wait(*quiet, 1min).has_value());
    BOOST_REQUIRE(runtime.wait(*ticket, 1min).has_value());
    BOOST_TEST((runtime.progress(*ticket).required == Progress::Part{.done = 2, .faulted = 2}));
    BOOST_TEST((runtime.progress(*quiet).required == Progress::Part{.done = 4}));
    BOOST_TEST((runtime.progress(*quiet).lookahead == Progress::Part{}));
    const Ticket forged{.first = 0, .count = 3, .level = Priority::idle};
    BOOST_TEST((runtime.progress(forged).required == Progress::Part{.pending = 3}));
    BOOST_TEST((runtime.cancel(forged).error() == Errc::bad_ticket));
}

// Cancelled while the kernel runs, from another thread: each slot is run or cancelled, as its result says.
BOOST_DATA_TEST_CASE(cancelling_races_with_the_kernel, data::make(modes), mode) {
    constexpr std::uint32_t rounds = 60, size = 64;
    Runtime runtime = open(mode, {.capacity = 256});
    const std::vector<Slot> batch(size, atomic_add(1, 220));
    std::uint32_t done = 0, cancelled = 0;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const auto ticket = runtime.publish(batch);
        BOOST_REQUIRE(ticket.has_value());
        std::thread other([&] {
            for (std::uint32_t from = round % 7; from < size; from += 8)
                static_cast<void>(runtime.cancel(ticket->slice(from, 4)));
        });
        BOOST_REQUIRE(runtime.wait(*ticket, 1min).has_value());
        other.join();
        const Progress::Part end = runtime.progress(*ticket).required;
        BOOST_REQUIRE(end.done + end.cancelled == size);
        done += end.done;
        cancelled += end.cancelled;
        BOOST_REQUIRE(control(runtime, 220) == done);
    }
    BOOST_TEST(done > 0u);
    BOOST_TEST(runtime.stats().faults == cancelled);
}

// What was cancelled on a lost device is cancelled on the next one.
BOOST_DATA_TEST_CASE(recovery_runs_nothing_that_was_cancelled, data::make(modes), mode) {
    Runtime runtime = open(mode, lossy());
    const bool can = runtime.device().memory != SharedMemory::bus_window;
    const Ticket stalled = publish_stall(runtime);
    const std::vector<Slot> batch(10, slot(tally));
    const auto ticket = runtime.publish(batch);
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST(runtime.cancel(ticket->slice(3, 4)).value() == (can ? 4u : 0u));
    is_lost(runtime, stalled);
    const auto recovered = runtime.recover();
    BOOST_REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().text()));
    BOOST_REQUIRE(runtime.wait(*ticket, 1min).has_value());
    const Progress::Part end = can ? Progress::Part{.done = 6, .cancelled = 4} : Progress::Part{.done = 10};
    BOOST_TEST((runtime.progress(*ticket).required == end));
    std::vector<std::uint64_t> ran;
    for (std::uint32_t i = 0; i < 10; ++i)
        if (const auto result = runtime.result(*ticket, i); result->ok()) ran.push_back(result->value);
    std::ranges::sort(ran);
    for (std::uint64_t i = 0; i < ran.size(); ++i) BOOST_TEST(ran[i] == i);
}
