// A device whose every thread is held by something that stalls: each call that needs it fails in time.
#include <boost/test/unit_test.hpp>

#include <vector>

#include "../lib/ring_inside.hpp"
#include "meant_to_leak.hpp"
#include "patience.hpp"
#include "runtime_fixture.hpp"
#include "stalling.hpp"

using namespace slipring;
using namespace std::chrono_literals;

namespace {

// Until it is told, or long beyond the end of this test.
const Slot endless = slot(stall, {UINT32_MAX / 8});

}  // namespace

// A lost device may be as full as this, too: to recover then is an error like any other, and loses nothing.
BOOST_AUTO_TEST_CASE(a_full_device_is_refused_in_time) {
    const MeantToLeak sessions;
    std::vector<Runtime> holders;
    holders.push_back(
        open(ExecutionMode::persistent, {.ops = {stalling}, .buffers = {release_word}, .hang_timeout = 400ms}));
    const DeviceInfo device = holders.front().device();
    // Whose threads can be counted, and one of them can be had while the lost kernel holds another.
    if (!device.is_cpu || device.shape != LaunchShape{1, 1} || device.compute_units < 2) return;
    while (holders.size() < device.compute_units)
        holders.push_back(open(ExecutionMode::persistent, {.ops = {stalling}, .buffers = {release_word}}));

    Runtime idle = open(ExecutionMode::per_launch, {.hang_timeout = 400ms});
    std::vector<Ticket> stuck;
    for (Runtime& holder : holders) {
        stuck.push_back(*holder.publish(endless));
        BOOST_REQUIRE(eventually([&] { return inside(holder.ring()).claimed() == stuck.back().end(); }));
    }
    const auto release = [&](Runtime& holder) { word(holder.buffer("release")).store(1); };

    const auto refused = Runtime::open(from_environment({}));
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().code == Errc::no_device);
    BOOST_TEST(refused.error().detail.find("something else holds the device") != std::string::npos,
               refused.error().detail);
    std::uint32_t read = 0;
    const auto told = idle.read_control(160, std::span(&read, 1));
    BOOST_REQUIRE(!told.has_value());
    BOOST_TEST(told.error() == Errc::device_lost);

    Runtime& lost = holders.front();
    const auto behind = lost.publish(atomic_add(1, 160));
    BOOST_REQUIRE(!lost.wait(stuck.front(), 1min).has_value());
    BOOST_TEST(lost.wait(stuck.front()).error() == Errc::device_lost);
    const auto again = lost.recover();
    BOOST_REQUIRE(!again.has_value());
    BOOST_TEST(again.error().code == Errc::no_device);
    BOOST_TEST(lost.publish(nop()).error() == Errc::device_lost);

    for (std::size_t i = 1; i < holders.size(); ++i) {
        release(holders[i]);
        BOOST_TEST(holders[i].wait(stuck[i], 1min).has_value());
    }
    const auto first_release = lost.buffer("release");
    BOOST_REQUIRE(eventually([&] { return lost.recover().has_value(); }));
    word(first_release).store(1);
    BOOST_REQUIRE(behind.has_value());
    BOOST_TEST(lost.wait(*behind, 1min).has_value());
    BOOST_TEST(lost.result(stuck.front())->code == Code::device_lost);
    BOOST_TEST(control(lost, 160) == 1u);
}
