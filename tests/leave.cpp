// Publishing while the kernel is leaving loses nothing: a kernel that leaves at once, random gaps between publishes,
// and after each burst no poll, wait or publish: the test looks at the ring alone. What was lost would stay there for
// ever.
//
//   SLIPRING_LEAVES=10000000 test_leave --log_level=message --run_test=a_kernel_that_leaves_at_once/_0
//
// makes it ten million publishes on a live device, in some ten minutes; the default is for ./dev test.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../lib/ring_inside.hpp"
#include "patience.hpp"
#include "random.hpp"
#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;

namespace {

std::uint32_t publishes() {
    const char* const wanted = std::getenv("SLIPRING_LEAVES");
    return wanted == nullptr ? 8000 : static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10));
}

void spin(std::chrono::nanoseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {}
}

// Waits for the ring to come to rest, without a word to the runtime.
bool comes_to_rest(const Runtime& runtime) {
    return eventually([&] { return runtime.ring().is_complete(runtime.ring().reserved()); });
}

// `most` publishes in bursts, each after a gap of up to `gap`.
void publish_in_bursts(Runtime& runtime, std::uint32_t most, std::chrono::nanoseconds gap) {
    Random random(1);
    const std::vector<Slot> batch(3, atomic_add(1, 160));
    std::uint32_t slots = 0;
    for (std::uint32_t published = 0; published < most;) {
        for (std::uint32_t burst = 1 + random.below(16); burst > 0; --burst, ++published) {
            spin(random.below(static_cast<std::uint32_t>(gap.count())) * 1ns);
            const std::uint32_t count = random.once_in(4) ? 3 : 1;
            const Quiet quiet = random.once_in(2) ? Quiet::yes : Quiet::no;
            const auto ticket = runtime.publish(std::span(batch).first(count), quiet);
            if (!ticket) BOOST_FAIL("after " << published << " publishes: " << message(ticket.error()));
            slots += count;
        }
        if (!comes_to_rest(runtime)) BOOST_FAIL("lost one of the last of " << published << " publishes");
    }
    BOOST_TEST(control(runtime, 160) == slots);
    BOOST_TEST_MESSAGE(most << " publishes, " << runtime.stats().launches << " launches");
}

}  // namespace

BOOST_DATA_TEST_CASE(a_kernel_that_leaves_at_once, data::make(modes), mode) {
    Runtime runtime = open(mode, {.idle_timeout = 0us});
    publish_in_bursts(runtime, publishes(), 3us);
    BOOST_TEST(runtime.stats().launches > 10u);
}

BOOST_AUTO_TEST_CASE(a_live_kernel_that_lingers_for_as_long_as_the_gaps_last) {
    Runtime runtime = open(ExecutionMode::persistent, {.idle_timeout = 2us});
    publish_in_bursts(runtime, publishes(), 4us);
    BOOST_TEST(runtime.stats().launches > 10u);
}

// It leaves without a look back, idle or not: the end of the launch has to see what was published since.
BOOST_AUTO_TEST_CASE(a_live_kernel_whose_epoch_ends_all_the_time) {
    Runtime runtime = open(ExecutionMode::persistent, {.idle_timeout = 1s, .max_launch_time = 1ms});
    publish_in_bursts(runtime, std::max(publishes() / 10, 800u), 50us);  // tens of max_launch_time
    BOOST_TEST(runtime.stats().launches > 1u);
}

// Far more work than fits into max_launch_time, and no call that could start the next launch.
BOOST_AUTO_TEST_CASE(a_live_kernel_is_relaunched_at_once_with_nobody_waiting) {
    const CustomOp work{.opcode = 0x100, .name = "work", .source = R"(
uint work(sr_args a, const sr_buffers* b, ulong* result) {
    volatile uint spent = 0;
    while (spent < a.word[0]) spent = spent + 1;
    return SR_CODE_OK;
}
)"};
    constexpr std::uint32_t slots = 2000;
    Runtime runtime = open(ExecutionMode::persistent,
                           {.capacity = 4096, .ops = {work}, .idle_timeout = 1s, .max_launch_time = 1ms});
    for (std::uint32_t round = 1; round <= 3; ++round) {
        const std::vector<Slot> batch(slots, *packed({inner(atomic_add(1, 160)), inner(atomic_add(1, 161))}));
        std::vector<Slot> long_ones(slots, slot(custom_opcode<0x100>(), {10000}));
        BOOST_REQUIRE(runtime.publish(std::span<const Slot>(long_ones)).has_value());
        BOOST_REQUIRE(runtime.publish(std::span<const Slot>(batch), Quiet::yes).has_value());
        const auto end = std::chrono::steady_clock::now() + 120s;
        while (!runtime.ring().is_complete(runtime.ring().reserved()) && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(1ms);
        BOOST_REQUIRE(runtime.ring().is_complete(runtime.ring().reserved()));
        BOOST_TEST(control(runtime, 160) == round * slots);
        BOOST_TEST(control(runtime, 161) == round * slots);
    }
    // A CPU works on a round for many times max_launch_time; a GPU may have finished before the first ends.
    if (runtime.device().is_cpu) BOOST_TEST(runtime.stats().launches > 3u);
}

// The other way for a kernel to go: a slot tells it to.
BOOST_DATA_TEST_CASE(what_is_behind_a_shutdown_still_runs, data::make(modes), mode) {
    Runtime runtime = open(mode, {.idle_timeout = 10s});
    for (std::uint32_t round = 1; round <= 20; ++round) {
        const std::array batch{atomic_add(1, 160), shutdown(), atomic_add(1, 160), shutdown(), shutdown()};
        const auto ticket = runtime.publish(batch);
        const auto behind = runtime.publish(atomic_add(1, 161));
        BOOST_REQUIRE((ticket && behind));
        BOOST_REQUIRE(eventually([&] { return runtime.ring().is_complete(behind->end()); }));
        for (std::uint32_t i = 0; i < ticket->count; ++i) BOOST_TEST(runtime.result(*ticket, i)->ok());
        BOOST_TEST(control(runtime, 160) == 2 * round);
        BOOST_TEST(control(runtime, 161) == round);
    }
    // It does leave, however long idle_timeout is.
    const auto last = runtime.publish(shutdown());
    BOOST_REQUIRE((last && runtime.wait(*last, 1min)));
    const auto launch = static_cast<std::uint32_t>(runtime.stats().launches);
    BOOST_REQUIRE(eventually([&] { return inside(runtime.ring()).has_left(launch); }));
    BOOST_TEST(run(runtime, atomic_add(1, 161)).value == 20u);
}
