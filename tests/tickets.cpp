// Parts of a ticket, a window's ticket number, and a producer that waits for room.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <optional>
#include <thread>
#include <vector>

#include "meant_to_leak.hpp"
#include "runtime_fixture.hpp"
#include "stalling.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_CASE(a_slice_is_as_much_as_the_ticket_has) {
    const Ticket ticket{.first = ~std::uint64_t{0} - 1, .count = 10, .quiet = Quiet::yes, .lookahead = 4};
    const auto is = [&](const Ticket& got, std::uint64_t from, std::uint32_t count, std::uint32_t lookahead) {
        BOOST_TEST(got.first == ticket.first + from);
        BOOST_TEST(got.count == count);
        BOOST_TEST(got.lookahead == lookahead);
        BOOST_TEST((got.quiet == Quiet::yes));
    };
    is(ticket.required_part(), 0, 6, 0);
    is(ticket.required_part().required_part(), 0, 6, 0);
    is(ticket.slice(0, 10), 0, 10, 4);
    is(ticket.slice(5, 3), 5, 3, 2);
    is(ticket.slice(5, 3).required_part(), 5, 1, 0);
    is(ticket.slice(7, ~0u), 7, 3, 3);
    is(ticket.slice(2, 0), 2, 0, 0);
    is(ticket.slice(10, 1), 10, 0, 0);
    is(ticket.slice(~0u, 1), 10, 0, 0);
    BOOST_TEST(Ticket{.count = 3}.required_part().count == 3u);
}

BOOST_DATA_TEST_CASE(a_windows_required_part_ends_before_its_lookahead, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const std::uint32_t words[] = {1, 200, 2, 201, 3, 202, 4, 203, 5, 204};  // value and index
    const Window window{.ticket = 1,
                        .opcode = Op::store_u32,
                        .required = Payloads(std::span(words).first(6), 2),
                        .lookahead = Payloads(std::span(words).subspan(6), 2)};
    const auto ticket = runtime.publish(window);
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST(ticket->count == 5u);
    const Ticket required = ticket->required_part(), last = ticket->slice(4, 1);
    BOOST_TEST(required.count == 3u);
    BOOST_REQUIRE(runtime.wait(required, 1min).has_value());
    for (std::uint32_t i = 0; i < 3; ++i) {
        BOOST_TEST(runtime.result(required, i)->value == i + 1);
        BOOST_TEST(control(runtime, 200 + i) == i + 1);
    }
    BOOST_REQUIRE(runtime.wait(last, 1min).has_value());
    BOOST_TEST(runtime.result(last)->value == 5u);
    BOOST_TEST(runtime.result(*ticket, 4)->value == 5u);
    BOOST_TEST((runtime.result(required, 3).error() == Errc::bad_ticket));
}

namespace {

const std::uint32_t entry[] = {1, 200};  // adds 1 to word 200
Window window_of(std::uint32_t number, std::size_t size = 1) {
    static const std::vector<Payload> entries(8, Payload(entry));
    return {.ticket = number, .opcode = Op::atomic_add, .required = std::span(entries).first(size)};
}

}  // namespace

BOOST_DATA_TEST_CASE(a_window_in_flight_keeps_its_number, data::make(modes) * data::make({false, true}), mode,
                     is_quiet) {
    const Quiet quiet = is_quiet ? Quiet::yes : Quiet::no;
    Runtime runtime = open(mode, {.capacity = 16});
    std::optional held = runtime.ring().reserve(1);  // nothing runs before it is committed
    BOOST_REQUIRE(held->has_value());
    const auto first = runtime.publish(window_of(7, 3), quiet);
    BOOST_REQUIRE(first.has_value());
    BOOST_TEST(runtime.is_in_flight(7));
    BOOST_TEST(!runtime.is_in_flight(8));
    for (int i = 0; i < 2; ++i) BOOST_TEST((runtime.publish(window_of(7), quiet).error() == Errc::ticket_in_flight));
    BOOST_TEST(runtime.publish(window_of(8), quiet).has_value());
    for (int i = 0; i < 2; ++i) BOOST_TEST(runtime.publish(window_of(0), quiet).has_value());
    held.reset();
    runtime.wake();
    BOOST_REQUIRE(runtime.wait(*first, 1min).has_value());
    BOOST_TEST(!runtime.is_in_flight(7));
    const auto again = runtime.publish(window_of(7), quiet);  // it was waited for: no moment later
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(eventually([&] { return !runtime.is_in_flight(7); }));  // nobody waits for it
    BOOST_TEST(run(runtime, window_of(7)).ok());
}

BOOST_DATA_TEST_CASE(a_window_that_is_refused_leaves_its_number_free, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 4});
    BOOST_TEST((runtime.publish(window_of(7, 5)).error() == Errc::larger_than_ring));
    BOOST_TEST((runtime.publish(window_of(7), Quiet::no, Priority::high).error() == Errc::level_not_open));
    BOOST_TEST(!runtime.is_in_flight(7));
    {
        const auto held = runtime.ring().reserve(4);
        BOOST_REQUIRE(held.has_value());
        BOOST_TEST((runtime.publish(window_of(7)).error() == Errc::ring_full));
        BOOST_TEST(!runtime.is_in_flight(7));
    }
    runtime.wake();
    BOOST_TEST(run(runtime, window_of(7)).ok());
    BOOST_TEST(runtime.shutdown().has_value());
    BOOST_TEST((runtime.publish(window_of(7)).error() == Errc::shut_down));
}

BOOST_AUTO_TEST_CASE(a_number_of_a_lost_device_is_free_again_when_that_has_recovered) {
    const MeantToLeak session;
    Options options{.capacity = 16, .ops = {stalling}, .buffers = {release_word}, .hang_timeout = 400ms};
    options.shape = {1, 1};
    Runtime runtime = open(ExecutionMode::persistent, options);
    BOOST_REQUIRE(runtime.publish(stall_slot(runtime.device())).has_value());
    const auto behind = runtime.publish(window_of(7));
    BOOST_REQUIRE(behind.has_value());
    // Who asks again and again is told: of the window, or of the device.
    BOOST_TEST(eventually([&] {
        const auto again = runtime.publish(window_of(7));
        return !again && again.error() == Errc::device_lost;
    }));
    BOOST_TEST(!runtime.is_in_flight(7));
    const auto released = runtime.buffer("release");
    BOOST_REQUIRE(runtime.recover().has_value());
    BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
    BOOST_TEST(run(runtime, window_of(7)).ok());
    word(released).store(1);
}

BOOST_DATA_TEST_CASE(a_producer_waits_for_room, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 4});
    BOOST_TEST(runtime.wait_for_room(4, 0s).has_value());
    BOOST_TEST((runtime.wait_for_room(5).error() == Errc::larger_than_ring));
    {
        auto held = runtime.ring().reserve(3);
        BOOST_REQUIRE(held.has_value());
        BOOST_TEST(runtime.wait_for_room(0, 0s).has_value());
        BOOST_TEST(runtime.wait_for_room(1, 0s).has_value());
        BOOST_TEST((runtime.wait_for_room(2, 10ms).error() == Errc::timed_out));
        // The wait has seen what holds the ring up, so the clock on that runs already.
        const auto holder = runtime.ring().held();
        BOOST_REQUIRE(holder.has_value());
        BOOST_TEST(holder->position == held->first());
        BOOST_TEST((holder->since > 0ns));
        std::thread late([&] {
            std::this_thread::sleep_for(20ms);
            held->commit();
            runtime.wake();
        });
        const bool has_room = runtime.wait_for_room(4, 1min).has_value();
        late.join();
        BOOST_TEST(has_room);
    }
    const Slot batch[] = {nop(), nop(), nop(), store_u32(9, 200)};
    BOOST_TEST(run(runtime, std::span(batch), 3).value == 9u);
    BOOST_TEST(runtime.shutdown().has_value());
    BOOST_TEST((runtime.wait_for_room(1).error() == Errc::shut_down));
}

BOOST_AUTO_TEST_CASE(a_producer_that_waits_for_room_is_told_of_a_lost_device) {
    const MeantToLeak session;  // what a stalled kernel may still use
    Runtime runtime = open(ExecutionMode::persistent,
                           {.capacity = 2, .ops = {stalling}, .buffers = {release_word}, .hang_timeout = 400ms});
    const auto stuck = runtime.publish(stall_slot(runtime.device()));
    BOOST_REQUIRE(stuck.has_value());
    BOOST_TEST((runtime.wait_for_room(2, 2min).error() == Errc::device_lost));
    BOOST_TEST((runtime.wait_for_room(1).error() == Errc::device_lost));
    word(runtime.buffer("release")).store(1);
}
