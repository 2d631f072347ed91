// A device that stops answering: it is found out, nothing else is taken for it, and every waiter is told.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

template <class T>
std::expected<void, Errc> without_value(const std::expected<T, Errc>& outcome) {
    if (!outcome) return std::unexpected(outcome.error());
    return {};
}

}  // namespace

// In per_launch mode all copies queue up behind the kernel.
BOOST_AUTO_TEST_CASE(who_reads_behind_a_stalled_launch_is_told) {
    const MeantToLeak sessions;
    std::uint32_t word = 0;
    const std::array<std::function<std::expected<void, Errc>(Runtime&)>, 4> ways{
        [&](Runtime& runtime) { return runtime.read_control(160, std::span(&word, 1)); },
        [&](Runtime& runtime) { return runtime.write_control(160, std::span(&word, 1)); },
        [](Runtime& runtime) { return without_value(runtime.launch(nop())); },
        [](Runtime& runtime) { return without_value(runtime.read_log()); },
    };
    for (const auto& way : ways) {
        Runtime runtime = open(ExecutionMode::per_launch, lossy());
        BOOST_REQUIRE(runtime.publish(stall_on(runtime)).has_value());
        for (int time = 0; time < 2; ++time) {  // at once, the second time
            const auto told = way(runtime);
            BOOST_REQUIRE(!told.has_value());
            BOOST_TEST(told.error() == Errc::device_lost);
        }
        BOOST_TEST(runtime.publish(nop()).error() == Errc::device_lost);
    }
}

// Slots that are slow, each within hang_timeout, and together beyond it; after others that were quick. What a launch
// did is seen when it has finished.
BOOST_AUTO_TEST_CASE(many_slow_slots_of_a_relaunch_are_no_death) {
    let_them_end();  // what the case before left stalling would take most of the cores
    Options options = lossy();
    options.hang_timeout = 2s;
    Runtime runtime = open(ExecutionMode::per_launch, options);
    for (int i = 0; i < 20; ++i) run(runtime, slot(tally));
    for (int i = 0; i < 20; ++i) run(runtime, nop());
    // Some 130 ms each, so that a launch has one or two: a busy machine may stretch it tenfold.
    std::vector<Slot> slots(20, slot(stall, {runtime.device().is_cpu ? 325'000u : 160u}));
    slots.insert(slots.end(), 30, nop());
    const auto ticket = runtime.publish(slots);
    BOOST_REQUIRE(ticket.has_value());
    const auto waited = runtime.wait(*ticket, 2min);
    BOOST_REQUIRE_MESSAGE(waited.has_value(), (waited ? "" : message(waited.error())));
}

BOOST_DATA_TEST_CASE(every_waiter_is_told_and_a_lost_runtime_can_be_destroyed, data::make(modes), mode) {
    std::atomic<int> reports{0}, told{0};
    std::span<std::byte> release;
    {
        const MeantToLeak session;  // what is allocated in this scope is left to the kernel
        BOOST_REQUIRE(threads == 0);
        Runtime runtime = open(mode, lossy(&reports));
        release = runtime.buffer("release");
        const auto before = runtime.publish(store_u32(7, 160));
        BOOST_REQUIRE(runtime.wait(*before, 1min).has_value());
        const Ticket stuck = publish_stall(runtime);
        const auto behind = runtime.publish(std::vector<Slot>(5, batch_fence(1, 1)));
        BOOST_REQUIRE(behind.has_value());
        const auto quiet = runtime.publish(nop(), Quiet::yes);
        BOOST_REQUIRE(quiet.has_value());
        std::vector<std::thread> waiters;
        for (const Ticket& ticket : {stuck, *behind, *quiet, stuck, *behind, *quiet})
            waiters.emplace_back([&runtime, &told, ticket] {
                const auto waited = runtime.wait(ticket, 2min);
                if (!waited && waited.error() == Errc::device_lost) ++told;
            });
        for (std::thread& waiter : waiters) waiter.join();
        BOOST_TEST(told.load() == 6);
        BOOST_TEST(reports.load() == 1);

        std::uint32_t control_word = 0;
        BOOST_TEST(runtime.publish(nop()).error() == Errc::device_lost);
        BOOST_TEST(runtime.launch(nop()).error() == Errc::device_lost);
        BOOST_TEST(runtime.load_dfa({}).error() == Errc::device_lost);
        BOOST_TEST(runtime.read_control(160, std::span(&control_word, 1)).error() == Errc::device_lost);
        BOOST_TEST(runtime.result(stuck).error() == Errc::device_lost);
        BOOST_TEST(!runtime.poll(stuck));
        BOOST_TEST(runtime.poll(*before));
        BOOST_TEST(runtime.result(*before)->value == 7u);
        BOOST_TEST(runtime.shutdown().error() == Errc::device_lost);
    }
    BOOST_TEST(reports.load() == 1);
    if (mode == ExecutionMode::persistent) word(release).store(1);
    Runtime next = open(mode);
    BOOST_TEST(run(next, store_u32(3, 160)).value == 3u);
}
