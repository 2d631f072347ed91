// The fleet: which device gets what, what happens when rings are full, and what a ticket is good for.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "../lib/fleet/load.hpp"
#include "fleet_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

// ---- what is outstanding -----------------------------------------------------------------------------------------

namespace {

// A full ring that goes on between two looks: whatever is asked for first, everything in it has completed and has
// been reserved anew before the second question.
struct RingThatGoesOn {
    mutable std::uint64_t first = 0;

    std::uint64_t look(std::uint64_t position) const {
        first += capacity();
        return position;
    }
    std::uint64_t completed() const { return look(first); }
    std::uint64_t reserved() const { return look(first + capacity()); }
    std::uint32_t capacity() const { return 32; }
};

}  // namespace

BOOST_AUTO_TEST_CASE(no_more_is_outstanding_than_a_ring_holds) {
    for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1} << 32, ~std::uint64_t{0} - 40})
        BOOST_TEST(outstanding(RingThatGoesOn{start}) == 32u);
}

// ---- who gets what -----------------------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(idle_devices_take_turns, data::make(modes), mode) {
    Fleet fleet = open_two(mode);
    std::uint32_t given[2] = {};
    for (std::uint32_t i = 0; i < 40; ++i) {
        const auto ticket = fleet.publish(atomic_add(1, 160));
        BOOST_REQUIRE(ticket.has_value());
        BOOST_REQUIRE(finishes(fleet, *ticket));
        BOOST_TEST(fleet.poll(*ticket));
        BOOST_TEST(fleet.result(*ticket)->value == given[ticket->device]++);
        BOOST_REQUIRE(comes_to_rest(fleet));
    }
    BOOST_TEST(given[0] == 20u);
    BOOST_TEST(given[1] == 20u);
    BOOST_TEST(control(fleet.runtime(0), 160) == 20u);
    BOOST_TEST(control(fleet.runtime(1), 160) == 20u);
    BOOST_TEST(fleet.stats().published == 40u);
    BOOST_TEST(fleet.stats().completed == 40u);
    BOOST_TEST(fleet.stats().launches >= 2u);
}

BOOST_DATA_TEST_CASE(a_device_that_is_behind_gets_no_more_until_the_other_is_as_loaded, data::make(modes), mode) {
    Fleet fleet = open_two(mode);
    // Published to the member itself, behind its back: it counts.
    auto held = hold(fleet, 0, 1);
    const std::vector<Slot> behind(49, atomic_add(1, 160));
    BOOST_REQUIRE(fleet.runtime(0).publish(std::span<const Slot>(behind)).has_value());
    BOOST_TEST(fleet.outstanding(0) == 50u);

    for (int i = 0; i < 30; ++i) {  // the idle device ends each of them
        const auto ticket = fleet.publish(atomic_add(1, 161));
        BOOST_REQUIRE(ticket.has_value());
        BOOST_TEST(ticket->device == 1u);
        BOOST_REQUIRE(finishes(fleet, *ticket));
        BOOST_REQUIRE(eventually([&] { return fleet.outstanding(1) == 0; }));
    }
    auto other = hold(fleet, 1, 20);
    std::uint32_t given[2] = {};
    for (int i = 0; i < 5; ++i) {  // 20 against 50; then equal; then in turns
        const auto ticket = publish(fleet, std::vector<Slot>(30, atomic_add(1, 162)));
        BOOST_REQUIRE(ticket.has_value());
        if (i == 0) BOOST_TEST(ticket->device == 1u);
        ++given[ticket->device];
    }
    BOOST_TEST(given[0] == 2u);
    BOOST_TEST(given[1] == 3u);
    let_go(fleet, 0, held);
    let_go(fleet, 1, other);
    BOOST_REQUIRE(comes_to_rest(fleet));
    BOOST_TEST(sum(fleet, 160) == 49u);
    BOOST_TEST(sum(fleet, 161) == 30u);
    BOOST_TEST(sum(fleet, 162) == 150u);
}

// A batch of nothing leaves the loads as they are, and says whose turn it was.
BOOST_AUTO_TEST_CASE(equals_take_turns_beside_a_busier_one) {
    for (const std::size_t busy : {0u, 1u, 2u}) {
        const Options options{.mode = ExecutionMode::per_launch};
        auto fleet = Fleet::open({options, options, options});
        BOOST_REQUIRE(fleet.has_value());
        auto held = hold(*fleet, busy, 3);
        std::uint32_t given[3] = {};
        for (int i = 0; i < 12; ++i) {
            const auto ticket = publish(*fleet, {});
            BOOST_REQUIRE(ticket.has_value());
            ++given[ticket->device];
        }
        for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(given[i] == (i == busy ? 0u : 6u));
        let_go(*fleet, busy, held);
    }
}

// In per_launch mode a member takes in what it has done only when somebody looks: the fleet does, though it
// publishes elsewhere.
BOOST_AUTO_TEST_CASE(a_device_that_nobody_waits_for_is_found_idle_again) {
    Fleet fleet = open_two(ExecutionMode::per_launch);
    const std::vector<Slot> batch(500, atomic_add(1, 160));
    BOOST_REQUIRE(fleet.runtime(0).publish(std::span<const Slot>(batch)).has_value());
    BOOST_TEST(eventually([&] {
        const auto ticket = fleet.publish(nop());
        return ticket && finishes(fleet, *ticket) && ticket->device == 0;
    }));
}

BOOST_DATA_TEST_CASE(batches_and_windows_stay_whole, data::make(modes), mode) {
    Fleet fleet = open_two(mode, {.capacity = 64});
    // Each entry of a window adds 1 to a word of its own; the batch counts, in order, in one word.
    std::vector<std::array<std::uint32_t, 2>> words;
    for (std::uint32_t i = 0; i < 12; ++i) words.push_back({1, 170 + i});
    const std::vector<Payload> entries(words.begin(), words.end());
    const Window window{.ticket = 7,
                        .opcode = Op::atomic_add,
                        .required = std::span(entries).first(5),
                        .lookahead = std::span(entries).subspan(5)};
    const std::vector<Slot> batch(9, atomic_add(1, 160));

    std::uint32_t windows[2] = {}, batches[2] = {};
    std::uint64_t next[2] = {};
    for (std::uint32_t i = 0; i < 20; ++i) {
        const bool windowed = i % 4 < 2;  // both kinds on either device
        const auto ticket = windowed ? fleet.publish(window) : publish(fleet, batch);
        BOOST_REQUIRE(ticket.has_value());
        const std::uint32_t d = ticket->device;
        BOOST_TEST(ticket->ticket.count == (windowed ? 12u : 9u));
        BOOST_TEST(ticket->ticket.first == next[d]);  // consecutive
        next[d] = ticket->ticket.end();
        BOOST_REQUIRE(finishes(fleet, *ticket));
        for (std::uint32_t entry = 0; entry < ticket->ticket.count; ++entry) {
            const auto result = fleet.result(*ticket, entry);
            BOOST_REQUIRE((result && result->ok()));
            BOOST_TEST(result->value == (windowed ? windows[d] : 9 * batches[d] + entry));
        }
        ++(windowed ? windows : batches)[d];
        BOOST_REQUIRE(comes_to_rest(fleet));
    }
    for (const std::uint32_t d : {0u, 1u}) {
        BOOST_TEST(windows[d] == 5u);
        BOOST_TEST(batches[d] == 5u);
        for (std::uint32_t i = 0; i < 12; ++i) BOOST_TEST(control(fleet.runtime(d), 170 + i) == 5u);
    }
}

// ---- full rings --------------------------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(a_number_in_flight_on_one_member_is_refused_by_all, data::make(modes), mode) {
    Fleet fleet = open_two(mode, {.capacity = 64});
    const std::uint32_t entry[] = {1, 170};
    const Window window{.ticket = 7, .opcode = Op::atomic_add, .required = Payloads(entry, 2)};
    std::optional held = fleet.runtime(0).ring().reserve(1);
    BOOST_REQUIRE(held->has_value());
    BOOST_REQUIRE(fleet.runtime(0).publish(window).has_value());
    BOOST_TEST((fleet.publish(window).error() == Errc::ticket_in_flight));
    held.reset();
    fleet.runtime(0).wake();
    std::expected<FleetTicket, Errc> ticket;
    BOOST_TEST(eventually([&] { return (ticket = fleet.publish(window)).has_value(); }));
    BOOST_TEST(finishes(fleet, *ticket));
}

BOOST_DATA_TEST_CASE(a_full_ring_passes_work_on_and_full_rings_lose_nothing, data::make(modes), mode) {
    Fleet fleet = open_two(mode, {.capacity = 16});
    auto first = hold(fleet, 0, 13);
    auto second = hold(fleet, 1, 14);
    // Three slots fit behind the first alone, though both have room.
    const std::vector<Slot> three(3, atomic_add(1, 160));
    const auto ticket = publish(fleet, three);
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST(ticket->device == 0u);
    BOOST_TEST(publish(fleet, three).error() == Errc::ring_full);
    // Now the less loaded one has room for 2 and the other for none.
    std::vector<FleetTicket> accepted;
    for (int i = 0; i < 2; ++i) {
        const auto one = fleet.publish(atomic_add(1, 161));
        BOOST_REQUIRE(one.has_value());
        BOOST_TEST(one->device == 1u);
        accepted.push_back(*one);
    }
    for (int i = 0; i < 3; ++i) BOOST_TEST(fleet.publish(atomic_add(1, 161)).error() == Errc::ring_full);
    BOOST_TEST(fleet.spread(three).error() == Errc::ring_full);
    BOOST_TEST(publish(fleet, std::vector<Slot>(17, nop())).error() == Errc::larger_than_ring);
    BOOST_TEST(fleet.wait(*ticket, std::chrono::milliseconds(1)).error() == Errc::timed_out);
    BOOST_TEST(fleet.result(*ticket).error() == Errc::not_finished);

    let_go(fleet, 0, first);
    let_go(fleet, 1, second);
    BOOST_TEST(finishes(fleet, *ticket));
    for (const FleetTicket& one : accepted) BOOST_TEST(finishes(fleet, one));
    BOOST_TEST(sum(fleet, 160) == 3u);
    BOOST_TEST(sum(fleet, 161) == 2u);
}

// The least loaded ring is too small: the batch goes to the one that can hold it; with that full, waiting helps.
BOOST_DATA_TEST_CASE(rings_of_different_sizes, data::make(modes), mode) {
    auto fleet = Fleet::open({{.mode = mode, .capacity = 16}, {.mode = mode, .capacity = 64}});
    BOOST_REQUIRE(fleet.has_value());
    auto held = hold(*fleet, 1, 20);
    const std::vector<Slot> batch(40, atomic_add(1, 160));
    const auto ticket = publish(*fleet, batch);
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST(ticket->device == 1u);
    BOOST_TEST(publish(*fleet, batch).error() == Errc::ring_full);
    let_go(*fleet, 1, held);
    BOOST_TEST(finishes(*fleet, *ticket));
    BOOST_TEST(sum(*fleet, 160) == 40u);
}

BOOST_AUTO_TEST_CASE(a_window_that_nobody_can_take) {
    Fleet fleet = open_two(ExecutionMode::per_launch);
    const std::vector<std::uint32_t> words(11, 1);
    const std::vector<Payload> entries(1, Payload(words));
    BOOST_TEST(fleet.publish(Window{.required = entries}).error() == Errc::payload_too_long);
}

// ---- tickets ------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(tickets_that_nobody_gave) {
    Fleet fleet = open_two(ExecutionMode::per_launch);
    const FleetTicket foreign{.device = 2, .ticket = {.first = 0, .count = 1}};
    BOOST_TEST(!fleet.poll(foreign));
    BOOST_TEST(fleet.wait(foreign).error() == Errc::bad_ticket);
    BOOST_TEST(fleet.result(foreign).error() == Errc::bad_ticket);
    Spread spread;
    spread.count = 2;
    spread.pieces[1] = foreign;
    BOOST_TEST(!fleet.poll(spread));
    BOOST_TEST(fleet.wait(spread).error() == Errc::bad_ticket);
    BOOST_TEST(fleet.result(spread, 0).error() == Errc::bad_ticket);
}

BOOST_DATA_TEST_CASE(a_fleet_moves_with_its_tickets, data::make(modes), mode) {
    Fleet fleet = open_two(mode);
    Runtime* const member = &fleet.runtime(1);
    const auto ticket = fleet.publish(store_u32(5, 160));
    Fleet moved = std::move(fleet);
    BOOST_TEST(&moved.runtime(1) == member);
    BOOST_REQUIRE(finishes(moved, *ticket));
    BOOST_TEST(moved.result(*ticket)->value == 5u);
    Fleet other = open_two(mode);
    other = std::move(moved);
    BOOST_TEST(other.poll(*ticket));
    BOOST_REQUIRE(finishes(other, *other.publish(store_u32(6, 160))));
    BOOST_TEST(sum(other, 160) == 11u);
}
