// The bench's observer of relaunches, also where cores are so few that the bench itself leaves it out.
#include <boost/test/unit_test.hpp>

#include <cmath>

#include <drive.hpp>

#include "test_device.hpp"

using namespace slipring;
using namespace slipring::bench;

BOOST_AUTO_TEST_CASE(an_observer_and_two_producers_want_a_core_each_and_so_does_a_cpu) {
    DeviceInfo device{};
    BOOST_TEST(!can_observe_pauses(device, 2));
    BOOST_TEST(can_observe_pauses(device, 3));
    device.is_cpu = true;
    BOOST_TEST(!can_observe_pauses(device, 3));
    BOOST_TEST(can_observe_pauses(device, 4));
}

BOOST_AUTO_TEST_CASE(no_more_pauses_than_relaunches_and_none_longer_than_the_run) {
    auto runtime = Runtime::open({.device = test_device(), .max_launch_time = std::chrono::milliseconds(10)});
    if (!runtime && runtime.error().code == Errc::no_platform) return;  // nothing to measure here
    BOOST_TEST_REQUIRE(runtime.has_value(), (runtime ? "" : runtime.error().text()));

    DeviceNumbers numbers;
    numbers.info = runtime->device();
    const auto begin = Clock::now();
    const Done done = measure_observed_pauses(*runtime, Seconds(0.2), numbers);
    const double took_us = Micros(Clock::now() - begin).count();
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : message(done.error())));
    BOOST_TEST_REQUIRE(numbers.observed_pause_us.has_value());

    const Percentiles& pauses = *numbers.observed_pause_us;
    BOOST_TEST(pauses.samples <= runtime->stats().launches);
    BOOST_TEST(pauses.p50 >= 0);
    BOOST_TEST(pauses.p50 <= pauses.p99);
    BOOST_TEST(pauses.p9999 < took_us);
    // All that was published has finished: nothing is left behind for the next measurement.
    BOOST_TEST(runtime->ring().completed() == runtime->ring().tail());
}
