// One batch over a fleet's devices: how much each gets, and what is left to the caller.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <span>
#include <vector>

#include "fleet_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

BOOST_DATA_TEST_CASE(spreading_levels_the_loads, data::make(modes), mode) {
    Fleet fleet = open_two(mode, {.capacity = 1024});
    auto first = hold(fleet, 0, 100);
    auto second = hold(fleet, 1, 20);
    std::vector<Slot> batch;
    for (std::uint32_t i = 0; i < 300; ++i) batch.push_back(store_u32(i, 200 + i));
    const auto spread = fleet.spread(batch);
    BOOST_REQUIRE(spread.has_value());
    BOOST_TEST(spread->slots == 300u);
    BOOST_REQUIRE(spread->count == 2u);
    BOOST_TEST(spread->pieces[0].device == 1u);
    BOOST_TEST(spread->pieces[0].ticket.count == 190u);
    BOOST_TEST(spread->pieces[1].ticket.count == 110u);
    BOOST_TEST(fleet.outstanding(0) == 210u);
    BOOST_TEST(fleet.outstanding(1) == 210u);
    BOOST_TEST(!fleet.poll(*spread));
    BOOST_TEST(fleet.wait(*spread, std::chrono::milliseconds(1)).error() == Errc::timed_out);

    let_go(fleet, 0, first);
    let_go(fleet, 1, second);
    BOOST_REQUIRE(finishes(fleet, *spread));
    BOOST_TEST(fleet.poll(*spread));
    for (std::uint32_t i = 0; i < 300; ++i) {
        BOOST_TEST(fleet.result(*spread, i)->value == i);
        BOOST_TEST(control(fleet.runtime(i < 190 ? 1 : 0), 200 + i) == i);
    }
    BOOST_TEST(fleet.result(*spread, 300).error() == Errc::bad_ticket);
    // A few slots are not worth a second device.
    BOOST_TEST(fleet.spread(std::span(batch).first(Fleet::min_piece))->count == 1u);
    BOOST_TEST(fleet.spread({})->slots == 0u);
    BOOST_REQUIRE(comes_to_rest(fleet));
}

// The most loaded of three gets nothing, the others end level.
BOOST_AUTO_TEST_CASE(spreading_over_some_of_the_devices) {
    auto fleet = Fleet::open(std::vector<Options>(3, {.mode = ExecutionMode::per_launch}));
    BOOST_REQUIRE(fleet.has_value());
    auto first = hold(*fleet, 0, 40);
    auto second = hold(*fleet, 1, 900);
    const auto spread = fleet->spread(std::vector<Slot>(160, atomic_add(1, 160)));
    BOOST_REQUIRE(spread.has_value());
    BOOST_TEST(spread->slots == 160u);
    BOOST_TEST(fleet->outstanding(0) == 100u);
    BOOST_TEST(fleet->outstanding(1) == 900u);
    BOOST_TEST(fleet->outstanding(2) <= 100u);  // nothing holds it up
    let_go(*fleet, 0, first);
    let_go(*fleet, 1, second);
    BOOST_TEST(finishes(*fleet, *spread));
    BOOST_TEST(sum(*fleet, 160) == 160u);
}

// More than both rings hold: what there is room for is published, the rest is the caller's.
BOOST_DATA_TEST_CASE(spreading_more_than_there_is_room_for, data::make(modes), mode) {
    Fleet fleet = open_two(mode, {.capacity = 64});
    auto held = hold(fleet, 0, 54);
    auto other = hold(fleet, 1, 1);
    const std::vector<Slot> batch(1000, atomic_add(1, 160));
    std::span<const Slot> rest = batch;
    const auto start = fleet.spread(rest);
    BOOST_REQUIRE(start.has_value());
    BOOST_TEST(start->slots == 73u);
    BOOST_TEST(fleet.spread(rest).error() == Errc::ring_full);
    rest = rest.subspan(start->slots);
    let_go(fleet, 0, held);
    let_go(fleet, 1, other);
    BOOST_TEST(eventually([&] {
        const auto more = fleet.spread(rest);
        if (more) rest = rest.subspan(static_cast<std::size_t>(more->slots));
        return rest.empty();
    }));
    BOOST_REQUIRE(comes_to_rest(fleet));
    BOOST_TEST(sum(fleet, 160) == 1000u);
}
