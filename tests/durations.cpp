// For ever is a fair wish: every duration that a user gives may be the longest there is. An overflow is told by
// UndefinedBehaviorSanitizer; without it a duration that became negative shows as a time-out, or as a lost device.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <limits>

#include "fleet_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr auto longest = std::chrono::milliseconds::max();

Options with(std::size_t which) {
    Options options{.capacity = 16};
    switch (which) {
        case 0: options.idle_timeout = std::chrono::microseconds::max(); break;
        case 1: options.max_launch_time = longest; break;
        case 2: options.hang_timeout = longest; break;
        case 3: options.shutdown_timeout = longest; break;
        default:
            options.idle_timeout = std::chrono::microseconds::max();
            options.max_launch_time = options.hang_timeout = options.shutdown_timeout = longest;
    }
    return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_timeout_is_made_of_any_duration) {
    using Seconds = std::chrono::duration<double>;
    constexpr Seconds infinite(std::numeric_limits<double>::infinity());
    for (const Timeout timeout : {Timeout(longest), Timeout(std::chrono::hours::max()), Timeout(Seconds(1e300)),
                                  Timeout(infinite), Timeout(std::chrono::nanoseconds::max()), Timeout::never()})
        BOOST_TEST((timeout.time() == std::chrono::nanoseconds::max()));
    for (const Timeout timeout : {Timeout(std::chrono::milliseconds::min()), Timeout(std::chrono::hours::min()),
                                  Timeout(std::chrono::nanoseconds::min()), Timeout(-infinite), Timeout(-1ns)})
        BOOST_TEST((timeout.time() == 0ns));
    for (const Timeout timeout : {Timeout(1500ms), Timeout(Seconds(1.5)), Timeout(1500000000ns)})
        BOOST_TEST((timeout.time() == 1500ms));
    static_assert(Timeout(292 * 365 * 24h).time() == std::chrono::nanoseconds::max());
    static_assert(Timeout(100 * 365 * 24h).time() == 100 * 365 * 24h);
}

// A slot is held back for so long that a waiter looks at its watch.
BOOST_DATA_TEST_CASE(each_option_may_be_for_ever, data::make(modes) * data::xrange(std::size_t{5}), mode, which) {
    Runtime runtime = open(mode, with(which));
    for (int round = 0; round < 3; ++round) {
        auto held = runtime.ring().reserve(1);
        BOOST_REQUIRE(held.has_value());
        const auto ticket = runtime.publish(store_u32(7, 160));
        BOOST_REQUIRE(ticket.has_value());
        const auto early = runtime.wait(*ticket, 2ms);
        BOOST_REQUIRE(!early);
        BOOST_TEST((early.error() == Errc::timed_out), message(early.error()));
        held->commit();
        runtime.wake();
        BOOST_REQUIRE(runtime.wait(*ticket, longest).has_value());
        BOOST_TEST(runtime.result(*ticket)->value == 7u);
    }
    const std::vector<std::uint32_t> table(256, 0);
    BOOST_TEST(runtime.load_dfa(table).has_value());
    BOOST_TEST(control(runtime, 160) == 7u);
    BOOST_TEST(runtime.launch(atomic_add(1, 160))->value == 7u);
    BOOST_TEST(runtime.shutdown().has_value());
}

BOOST_DATA_TEST_CASE(so_may_a_timeout_and_a_negative_one_has_passed, data::make(modes), mode) {
    Fleet fleet = open_two(mode, {.capacity = 16});
    auto first = hold(fleet, 0, 1), second = hold(fleet, 1, 1);
    const std::vector<Slot> batch(20, atomic_add(1, 160));
    const auto spread = fleet.spread(batch);
    const auto ticket = fleet.publish(atomic_add(1, 161));
    BOOST_REQUIRE((spread && spread->slots == 20 && ticket));
    constexpr auto least = std::chrono::nanoseconds::min();
    for (const Timeout passed : {Timeout(least), Timeout(std::chrono::milliseconds::min()), Timeout(0s)}) {
        BOOST_TEST((fleet.wait(*spread, passed).error() == Errc::timed_out));
        BOOST_TEST((fleet.wait(*ticket, passed).error() == Errc::timed_out));
    }
    let_go(fleet, 0, first);
    let_go(fleet, 1, second);
    BOOST_TEST(fleet.wait(*ticket, longest).has_value());
    BOOST_TEST(fleet.wait(*spread, std::chrono::hours::max()).has_value());
    BOOST_TEST(fleet.wait(*spread, std::chrono::nanoseconds::max()).has_value());
}
