// Members that are shut down or lost are passed over, and with none left the error says which it was.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <atomic>
#include <vector>

#include "fleet_fixture.hpp"
#include "meant_to_leak.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;

BOOST_DATA_TEST_CASE(a_member_that_was_shut_down_is_passed_over, data::make(modes), mode) {
    Fleet fleet = open_two(mode);
    BOOST_REQUIRE(finishes(fleet, *fleet.publish(atomic_add(1, 160))));
    BOOST_REQUIRE(finishes(fleet, *fleet.publish(atomic_add(1, 160))));
    BOOST_REQUIRE(fleet.runtime(0).shutdown().has_value());
    for (int i = 0; i < 10; ++i) {
        const auto ticket = fleet.publish(atomic_add(1, 160));
        BOOST_REQUIRE(ticket.has_value());
        BOOST_TEST(ticket->device == 1u);
        BOOST_REQUIRE(finishes(fleet, *ticket));
    }
    const auto spread = fleet.spread(std::vector<Slot>(100, atomic_add(1, 160)));
    BOOST_REQUIRE((spread && spread->slots == 100));
    BOOST_TEST(spread->count == 1u);
    BOOST_REQUIRE(finishes(fleet, *spread));
    BOOST_TEST(sum(fleet, 160) == 112u);
    BOOST_TEST(fleet.shutdown().has_value());  // the other one; twice is fine
    BOOST_TEST(fleet.publish(nop()).error() == Errc::shut_down);
    BOOST_TEST(fleet.spread(std::vector<Slot>(1, nop())).error() == Errc::shut_down);
    BOOST_TEST(sum(fleet, 160) == 112u);
}

// What keeps the work away from a full ring is that ring's own affair: of a full and a lost or closed one, wait.
BOOST_AUTO_TEST_CASE(a_full_member_is_worth_waiting_for) {
    Fleet fleet = open_two(ExecutionMode::per_launch, {.capacity = 16});
    BOOST_REQUIRE(fleet.runtime(0).shutdown().has_value());
    auto held = hold(fleet, 1, 16);
    BOOST_TEST(fleet.publish(nop()).error() == Errc::ring_full);
    BOOST_TEST(fleet.spread(std::vector<Slot>(100, nop())).error() == Errc::ring_full);
    BOOST_TEST(fleet.publish(std::span<const Slot>(std::vector<Slot>(17, nop()))).error() == Errc::larger_than_ring);
    let_go(fleet, 1, held);
}

// The same where the closed one, which did not drain, is the more loaded and so the last to refuse.
BOOST_AUTO_TEST_CASE(a_full_member_is_worth_waiting_for_whoever_refuses_last) {
    auto fleet = Fleet::open({{.mode = ExecutionMode::per_launch, .capacity = 64, .shutdown_timeout = 50ms},
                              {.mode = ExecutionMode::per_launch, .capacity = 16}});
    BOOST_REQUIRE(fleet.has_value());
    auto closed = hold(*fleet, 0, 20);
    auto full = hold(*fleet, 1, 16);
    BOOST_TEST(fleet->runtime(0).shutdown().error() == Errc::timed_out);
    BOOST_TEST(fleet->publish(nop()).error() == Errc::ring_full);
    let_go(*fleet, 0, closed);
    let_go(*fleet, 1, full);
}

// The handler spins until the host says so, with a bound: this test ends whatever happens.
BOOST_AUTO_TEST_CASE(a_member_that_hangs_is_lost_and_passed_over) {
    const CustomOp hang{.opcode = 0x100,
                        .name = "hang",
                        .source = R"(
uint hang(sr_args a, const sr_buffers* b, ulong* result) {
    __global uint* const word = (__global uint*)b->at[0];
    for (ulong i = 0; i < 20000000000ul && sr_load_acquire(word) == 0; ++i) {}
    return SR_CODE_OK;
}
)",
                        .buffers = {"release"}};
    std::atomic<int> reports{0};
    std::byte* release[2] = {};
    {
        const MeantToLeak sessions;  // what is allocated in this scope is left to the kernels
        Fleet fleet = open_two(ExecutionMode::persistent, {.ops = {hang},
                                                           .buffers = {{.name = "release", .bytes = 4}},
                                                           .shutdown_timeout = 200ms,
                                                           .on_error = [&](const Error&) { ++reports; }});
        for (const std::size_t i : {0u, 1u}) release[i] = fleet.runtime(i).buffer("release").data();
        const auto stuck = fleet.publish(slot(custom_opcode<0x100>()));
        BOOST_REQUIRE(stuck.has_value());
        const std::uint32_t lost = stuck->device;
        const std::uint32_t alive = 1 - lost;
        for (int i = 0; i < 10; ++i) {  // not lost yet, and no less loaded
            const auto ticket = fleet.publish(atomic_add(1, 160));
            BOOST_REQUIRE(ticket.has_value());
            BOOST_TEST(ticket->device == alive);
            BOOST_REQUIRE(finishes(fleet, *ticket));
            BOOST_REQUIRE(eventually([&] { return fleet.outstanding(alive) == 0; }));
        }
        BOOST_TEST(fleet.runtime(lost).shutdown().error() == Errc::device_lost);
        BOOST_TEST(fleet.wait(*stuck).error() == Errc::device_lost);
        BOOST_TEST(fleet.result(*stuck).error() == Errc::device_lost);
        BOOST_TEST(!fleet.poll(*stuck));
        const auto batch = fleet.publish(std::span<const Slot>(std::vector<Slot>(20, atomic_add(1, 160))));
        BOOST_REQUIRE(batch.has_value());
        BOOST_TEST(batch->device == alive);
        BOOST_REQUIRE(finishes(fleet, *batch));
        const auto spread = fleet.spread(std::vector<Slot>(200, atomic_add(1, 160)));
        BOOST_REQUIRE((spread && spread->slots == 200));
        BOOST_REQUIRE(finishes(fleet, *spread));
        BOOST_TEST(control(fleet.runtime(alive), 160) == 230u);

        const auto last = fleet.publish(slot(custom_opcode<0x100>()));
        BOOST_REQUIRE(last.has_value());
        BOOST_TEST(last->device == alive);
        BOOST_TEST(fleet.shutdown().error() == Errc::device_lost);
        BOOST_TEST(fleet.publish(nop()).error() == Errc::device_lost);
        BOOST_TEST(fleet.spread(std::vector<Slot>(1, nop())).error() == Errc::device_lost);
        BOOST_TEST(fleet.wait(*last).error() == Errc::device_lost);
    }
    BOOST_TEST(reports.load() == 2);
    // The memory was left to the kernels, so these are still the words that they look at.
    for (std::byte* word : release) std::atomic_ref(*reinterpret_cast<std::uint32_t*>(word)).store(1);
    Fleet next = open_two(ExecutionMode::persistent);
    for (const std::size_t i : {0u, 1u}) BOOST_TEST(run(next.runtime(i), store_u32(3, 160)).value == 3u);
}
