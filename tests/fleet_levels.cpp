// A fleet whose members have levels, tenants and deadlines: which device gets what.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "fleet_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

Options with_levels() { return {.capacity = 64, .levels = {.critical = 16, .idle = 64}}; }

Options with_tenant() {
    Tenant tenant{.id = 7};
    tenant.quota = 16;
    tenant.opcodes = {Op::nop};
    Options options{.shape = {1, 1}};
    options.tenants = {tenant};
    return options;
}

Ring::Reservation hold(const Ring& ring, std::uint64_t slots) {
    auto reserved = ring.reserve(slots);
    BOOST_REQUIRE(reserved.has_value());
    return std::move(*reserved);
}

std::uint32_t device_of(Fleet& fleet, Priority level) {
    const auto ticket = fleet.publish(atomic_add(1, 160), Quiet::no, level);
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST((ticket->ticket.level == level));
    return ticket->device;
}

// At every level together, no more than `slots` are outstanding.
bool has_come_to(Fleet& fleet, std::uint32_t i, std::uint64_t slots) {
    return eventually([&] {
        fleet.runtime(i).wake();
        return fleet.outstanding(i, Priority::idle) == slots;
    });
}

}  // namespace

// What stands in front of a slot are those of its own level and of higher ones; what is below is no load.
BOOST_DATA_TEST_CASE(a_slot_goes_where_least_stands_in_front_of_it, data::make(modes), mode) {
    Fleet fleet = open_two(mode, with_levels());
    auto normal = hold(fleet.runtime(0).ring(), 10);
    auto idle = hold(*fleet.runtime(1).ring(Priority::idle), 20);
    for (const std::uint32_t i : {0u, 1u}) BOOST_TEST(fleet.outstanding(i, Priority::critical) == 0u);
    BOOST_TEST(fleet.outstanding(0) == 10u);
    BOOST_TEST(fleet.outstanding(1) == 0u);
    BOOST_TEST(fleet.outstanding(0, Priority::idle) == 10u);
    BOOST_TEST(fleet.outstanding(1, Priority::idle) == 20u);
    for (int i = 0; i < 4; ++i) BOOST_TEST(device_of(fleet, Priority::normal) == 1u);
    BOOST_REQUIRE(has_come_to(fleet, 1, 20));
    BOOST_TEST(device_of(fleet, Priority::idle) == 0u);
    BOOST_REQUIRE(has_come_to(fleet, 0, 10));

    const std::vector<Slot> batch(90, atomic_add(1, 161));
    const auto spread = fleet.spread(batch, Quiet::no, Priority::idle);
    BOOST_REQUIRE(spread.has_value());
    BOOST_REQUIRE(spread->count == 2u);
    BOOST_TEST(spread->pieces[0].device == 0u);
    BOOST_TEST(spread->pieces[0].ticket.count == 50u);
    BOOST_TEST(spread->pieces[1].ticket.count == 40u);
    for (const FleetTicket& piece : std::span(spread->pieces).first(2))
        BOOST_TEST((piece.ticket.level == Priority::idle));

    normal.commit();
    idle.commit();
    for (const std::uint32_t i : {0u, 1u}) fleet.runtime(i).wake();
    BOOST_REQUIRE(finishes(fleet, *spread));
    BOOST_TEST(fleet.result(*spread, 89).has_value());
    for (const std::uint32_t i : {0u, 1u}) BOOST_TEST(has_come_to(fleet, i, 0));
    BOOST_TEST(sum(fleet, 160) == 5u);
    BOOST_TEST(sum(fleet, 161) == 90u);
}

BOOST_AUTO_TEST_CASE(a_level_that_one_member_has) {
    auto fleet = Fleet::open({patient({.capacity = 64}), patient(with_levels())});
    BOOST_REQUIRE(fleet.has_value());
    for (int i = 0; i < 4; ++i) BOOST_TEST(device_of(*fleet, Priority::critical) == 1u);
    BOOST_TEST(fleet->publish(nop(), Quiet::no, Priority::high).error() == Errc::level_not_open);
    BOOST_TEST(fleet->spread(std::vector<Slot>(3, nop()), Quiet::no, Priority::high).error() == Errc::level_not_open);
    // With that full, waiting helps.
    BOOST_REQUIRE(has_come_to(*fleet, 1, 0));
    const Ring& critical = *fleet->runtime(1).ring(Priority::critical);
    auto held = hold(critical, 16);
    BOOST_TEST(fleet->publish(nop(), Quiet::no, Priority::critical).error() == Errc::ring_full);
    const std::vector<Slot> batch(17, nop());
    BOOST_TEST(fleet->publish(std::span(batch), Quiet::no, Priority::critical).error() == Errc::larger_than_ring);
    held.commit();
    BOOST_TEST(has_come_to(*fleet, 1, 0));
}

BOOST_AUTO_TEST_CASE(a_full_quota_passes_work_on) {
    Fleet fleet = open_two(ExecutionMode::persistent, with_tenant());
    auto first = hold(*fleet.runtime(0).ring_of(7), 16);
    for (int i = 0; i < 16; ++i) {
        const auto ticket = fleet.publish(nop().for_tenant(7));
        BOOST_REQUIRE(ticket.has_value());
        BOOST_TEST(ticket->device == 1u);
        BOOST_REQUIRE(finishes(fleet, *ticket));
    }
    BOOST_REQUIRE(eventually([&] {
        const Ring& ring = *fleet.runtime(1).ring_of(7);
        return ring.completed() == ring.reserved();
    }));
    auto second = hold(*fleet.runtime(1).ring_of(7), 16);
    BOOST_TEST(fleet.publish(nop().for_tenant(7)).error() == Errc::quota_full);
    BOOST_TEST(fleet.spread(std::vector<Slot>(3, nop().for_tenant(7))).error() == Errc::quota_full);
    BOOST_TEST(fleet.publish(store_u32(1, 160).for_tenant(7)).error() == Errc::denied);
    BOOST_TEST(fleet.publish(nop().for_tenant(8)).error() == Errc::unknown_tenant);
    first.commit();
    second.commit();
}

// Each member gives a tenant's batch as much room as the tenant has there.
BOOST_AUTO_TEST_CASE(a_tenants_batch_is_spread_by_its_quotas) {
    Fleet fleet = open_two(ExecutionMode::persistent, with_tenant());
    auto program = hold(fleet.runtime(0).ring(), 5);
    auto first = hold(*fleet.runtime(0).ring_of(7), 10);
    auto second = hold(*fleet.runtime(1).ring_of(7), 2);
    const auto spread = fleet.spread(std::vector<Slot>(40, nop().for_tenant(7)));
    BOOST_REQUIRE(spread.has_value());
    BOOST_TEST(spread->slots == 20u);
    BOOST_REQUIRE(spread->count == 2u);
    BOOST_TEST(spread->pieces[0].device == 1u);  // 2 slots stand there, on member 0 15
    BOOST_TEST(spread->pieces[0].ticket.count == 14u);
    BOOST_TEST(spread->pieces[1].ticket.count == 6u);
    for (Ring::Reservation* const held : {&program, &first, &second}) held->commit();
    for (const std::uint32_t i : {0u, 1u}) fleet.runtime(i).wake();
    BOOST_TEST(finishes(fleet, *spread));
}

// Where no tenants are declared a slot's tenant is a number that nothing looks at.
BOOST_AUTO_TEST_CASE(a_tenant_of_none_is_a_number) {
    Fleet fleet = open_two(ExecutionMode::persistent);
    const std::vector<Slot> batch(80, atomic_add(1, 160).for_tenant(7));
    const auto spread = fleet.spread(batch);
    BOOST_REQUIRE(spread.has_value());
    BOOST_TEST(spread->slots == 80u);
    const auto ticket = fleet.publish(batch.front());
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST((finishes(fleet, *spread) && finishes(fleet, *ticket)));
    BOOST_TEST(sum(fleet, 160) == 81u);
}

// Closed on one member, a tenant goes on at the other.
BOOST_AUTO_TEST_CASE(a_tenant_that_quiesces_on_one_member_is_served_by_the_other) {
    Fleet fleet = open_two(ExecutionMode::persistent, with_tenant());
    BOOST_REQUIRE(fleet.runtime(0).quiesce(7).has_value());
    for (int i = 0; i < 4; ++i) {
        const auto ticket = fleet.publish(nop().for_tenant(7));
        BOOST_REQUIRE(ticket.has_value());
        BOOST_TEST(ticket->device == 1u);
        BOOST_TEST(finishes(fleet, *ticket));
    }
    BOOST_REQUIRE(fleet.runtime(1).quiesce(7).has_value());
    BOOST_TEST(fleet.publish(nop().for_tenant(7)).error() == Errc::tenant_closed);
    BOOST_TEST(fleet.spread(std::vector<Slot>(3, nop().for_tenant(7))).error() == Errc::tenant_closed);
}

BOOST_DATA_TEST_CASE(a_deadline_holds_on_every_member, data::make(modes), mode) {
    Fleet fleet = open_two(mode);
    const auto over = fleet.deadline(0ms), later = fleet.deadline(10s);
    BOOST_REQUIRE(over.has_value());
    BOOST_REQUIRE(later.has_value());
    BOOST_TEST(fleet.deadline(Deadline::furthest + 1ms).error() == Errc::deadline_too_far);
    for (const std::uint32_t i : {0u, 1u}) {
        const auto late = fleet.runtime(i).publish(store_u32(1, 160).by(*over));
        const auto in_time = fleet.runtime(i).publish(store_u32(1, 161).by(*later));
        BOOST_REQUIRE(late.has_value());
        BOOST_REQUIRE(in_time.has_value());
        BOOST_REQUIRE(finishes(fleet, FleetTicket{i, *late}));
        BOOST_REQUIRE(finishes(fleet, FleetTicket{i, *in_time}));
        BOOST_TEST((fleet.result({i, *late})->code == Code::deadline));
        BOOST_TEST(fleet.result({i, *in_time})->ok());
    }
    BOOST_TEST(sum(fleet, 160) == 0u);
    BOOST_TEST(sum(fleet, 161) == 2u);
}

// The clocks of all members go on until it is over.
BOOST_AUTO_TEST_CASE(a_deadline_to_come_is_heard_by_every_member) {
    Fleet fleet = open_two(ExecutionMode::persistent);
    Ring::Reservation held[] = {hold(fleet.runtime(0).ring(), 1), hold(fleet.runtime(1).ring(), 1)};
    const auto soon = fleet.deadline(20ms);
    BOOST_REQUIRE(soon.has_value());
    std::vector<FleetTicket> behind;
    for (const std::uint32_t i : {0u, 1u}) {
        const auto ticket = fleet.runtime(i).publish(store_u32(1, 160).by(*soon));
        BOOST_REQUIRE(ticket.has_value());
        behind.push_back({i, *ticket});
    }
    std::this_thread::sleep_for(500ms);  // what a busy machine keeps a clock waiting, many times over
    for (const std::uint32_t i : {0u, 1u}) let_go(fleet, i, held[i]);
    for (const FleetTicket& ticket : behind) {
        BOOST_REQUIRE(finishes(fleet, ticket));
        BOOST_TEST((fleet.result(ticket)->code == Code::deadline));
    }
    BOOST_TEST(sum(fleet, 160) == 0u);
}
