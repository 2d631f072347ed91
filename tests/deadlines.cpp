// Deadlines of a runtime: what has not begun in time ends cancelled on the device, whatever its mode and shape.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

bool is_late(Runtime& runtime, const Ticket& ticket, std::uint32_t index = 0) {
    const auto result = runtime.result(ticket, index);
    return result && result->state == State::cancelled && result->code == Code::deadline;
}

Deadline in(Runtime& runtime, std::chrono::milliseconds after) {
    const auto deadline = runtime.deadline(after);
    BOOST_REQUIRE(deadline.has_value());
    BOOST_REQUIRE(static_cast<bool>(*deadline));
    return *deadline;
}

}  // namespace

BOOST_DATA_TEST_CASE(a_slot_runs_before_its_deadline_and_not_behind_it, data::make(modes), mode) {
    Runtime runtime = open(mode);
    for (int round = 0; round < 3; ++round) {
        const auto soon = runtime.publish(atomic_add(1, 200).by(in(runtime, 10s)));
        const auto over = runtime.publish(atomic_add(1, 201).by(in(runtime, 0ms)));
        const auto none = runtime.publish(atomic_add(1, 202));
        BOOST_REQUIRE((soon && over && none));
        for (const auto& ticket : {soon, over, none}) BOOST_REQUIRE(runtime.wait(*ticket, 1min).has_value());
        BOOST_TEST(runtime.result(*soon)->ok());
        BOOST_TEST(runtime.result(*none)->ok());
        BOOST_TEST(is_late(runtime, *over));
        // An hour ago is as long ago as now.
        const auto long_over = runtime.publish(atomic_add(1, 201).by(in(runtime, -1h)));
        BOOST_REQUIRE(runtime.wait(*long_over, 1min).has_value());
        BOOST_TEST(is_late(runtime, *long_over));
        std::this_thread::sleep_for(20ms);  // the kernel may leave meanwhile
    }
    BOOST_TEST(control(runtime, 200) == 3u);
    BOOST_TEST(control(runtime, 201) == 0u);
    BOOST_TEST(control(runtime, 202) == 3u);
    BOOST_TEST(runtime.stats().faults == 6u);
}

// Behind a slot that takes longer than they have, on every lane of the device.
BOOST_DATA_TEST_CASE(what_waits_for_too_long_ends_without_being_run, data::make(modes), mode) {
    Options options = lossy();
    options.hang_timeout = 1min;
    Runtime runtime = open(mode, options);
    const Ticket before = publish_stall(runtime);
    const auto fence = runtime.publish(batch_fence(1, 1));  // in any other shape than 1 x 1 they would pass it
    const Deadline deadline = in(runtime, 20ms);
    std::vector<Slot> batch(20, atomic_add(1, 200).by(deadline));
    for (std::size_t i = 0; i < batch.size(); i += 2) batch[i] = atomic_add(1, 201);
    const auto mixed = runtime.publish(batch);
    const std::vector<Payload> entries(6);
    const Window window{
        .ticket = 1, .opcode = tally, .required = entries, .lookahead = entries, .deadline = deadline};
    const auto whole = runtime.publish(window);
    BOOST_REQUIRE((fence && mixed && whole));
    std::this_thread::sleep_for(50ms);
    static_cast<void>(in(runtime, 0ms));  // tells the device the time: the clock's thread may have had no core
    std::this_thread::sleep_for(20ms);    // and a device behind a bus looks at it now and then
    const auto release = runtime.buffer("release");
    if (mode == ExecutionMode::persistent) word(release).store(1);
    for (const Ticket& ticket : {before, *mixed, *whole}) BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    for (std::uint32_t i = 0; i < 20; ++i) BOOST_TEST(is_late(runtime, *mixed, i) == (i % 2 == 1));
    for (std::uint32_t i = 0; i < 12; ++i) BOOST_TEST(is_late(runtime, *whole, i));
    BOOST_TEST(control(runtime, 200) == 0u);
    BOOST_TEST(control(runtime, 201) == 10u);
    BOOST_TEST((runtime.progress(*whole).required == Progress::Part{.cancelled = 6}));
    BOOST_TEST((runtime.progress(*whole).lookahead == Progress::Part{.cancelled = 6}));
    BOOST_TEST(runtime.stats().faults == 22u);
}

BOOST_AUTO_TEST_CASE(a_handler_that_asks_learns_that_its_time_is_over) {
    Runtime runtime = open(ExecutionMode::persistent, {.ops = {stalling_until_lost}});
    const std::uint32_t turns = runtime.device().is_cpu ? 2'000'000 : 1'000;  // seconds
    const auto begun = std::chrono::steady_clock::now();
    const auto ticket = runtime.publish(slot(stall_until_lost, {turns}).by(in(runtime, 30ms)));
    BOOST_REQUIRE(ticket.has_value());
    BOOST_REQUIRE(runtime.wait(*ticket, 1min).has_value());
    const auto result = runtime.result(*ticket);
    // Where the machine was busy it may not have begun in time.
    BOOST_TEST((is_late(runtime, *ticket) || result->code == Code{77}));
    BOOST_TEST((std::chrono::steady_clock::now() - begun >= 30ms));
}

BOOST_DATA_TEST_CASE(slots_of_many_threads_end_once_each, data::make(modes), mode) {
    constexpr std::uint32_t threads_n = 3, rounds = 150;
    Runtime runtime = open(mode, {.capacity = 64, .completions = 4096});  // no result expires
    std::atomic<std::uint32_t> ran{0}, late{0}, wrong{0};
    std::vector<std::thread> producers;
    for (std::uint32_t thread = 0; thread < threads_n; ++thread)
        producers.emplace_back([&, thread] {
            for (std::uint32_t i = 0; i < rounds; ++i) {
                const auto deadline = runtime.deadline(std::chrono::milliseconds((i + thread) % 3));
                if (i == 0) std::this_thread::sleep_for(20ms);
                const std::vector<Slot> batch(8, deadline ? atomic_add(1, 200).by(*deadline) : nop());
                std::expected<Ticket, Errc> ticket = runtime.publish(batch);
                while (!ticket && runtime.wait_for_room(8, 1min)) ticket = runtime.publish(batch);
                if (!deadline || !ticket || !runtime.wait(*ticket, 1min)) ++wrong;
                else
                    for (std::uint32_t k = 0; k < 8; ++k) {
                        const auto result = runtime.result(*ticket, k);
                        if (!result) ++wrong;
                        else if (result->ok()) ++ran;
                        else if (result->code == Code::deadline) ++late;
                        else ++wrong;
                    }
            }
        });
    for (std::thread& producer : producers) producer.join();
    BOOST_TEST(wrong.load() == 0u);
    BOOST_TEST(ran.load() + late.load() == threads_n * rounds * 8);
    BOOST_TEST(late.load() >= threads_n * 8);  // each thread's first ones
    BOOST_TEST(control(runtime, 200) == ran.load());
    BOOST_TEST(runtime.stats().faults == late.load());
}

// On the next device too: one that is late by then, and one that is not.
BOOST_DATA_TEST_CASE(a_deadline_outlives_the_device, data::make(modes), mode) {
    Runtime runtime = open(mode, lossy());
    const auto release = runtime.buffer("release");
    const Ticket stalled = publish_stall(runtime);
    const auto late = runtime.publish(slot(tally).by(in(runtime, 100ms)));
    const auto soon = runtime.publish(slot(tally).by(in(runtime, 16s)));
    BOOST_REQUIRE((late && soon));
    is_lost(runtime, stalled);
    const auto recovered = runtime.recover();
    BOOST_REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().text()));
    for (const auto& ticket : {late, soon}) BOOST_REQUIRE(runtime.wait(*ticket, 1min).has_value());
    // In another shape than 1 x 1 it may have run beside the one that stalled.
    const bool waited = mode == ExecutionMode::per_launch || runtime.device().shape == LaunchShape{1, 1};
    BOOST_TEST((is_late(runtime, *late) || (!waited && runtime.result(*late)->ok())));
    BOOST_TEST((runtime.result(*soon)->ok() || is_late(runtime, *soon)));  // a machine so busy
    const auto next = runtime.publish(slot(tally).by(in(runtime, 0ms)));
    BOOST_REQUIRE(runtime.wait(*next, 1min).has_value());
    BOOST_TEST(is_late(runtime, *next));
    if (mode == ExecutionMode::persistent) word(release).store(1);  // the lost one may end
}

BOOST_AUTO_TEST_CASE(a_slot_in_a_launch_of_its_own_has_its_deadline_too) {
    Runtime runtime = open(ExecutionMode::persistent);
    const auto over = runtime.launch(store_u32(1, 200).by(in(runtime, 0ms)));
    BOOST_REQUIRE(over.has_value());
    BOOST_TEST((over->state == State::cancelled && over->code == Code::deadline));
    BOOST_TEST(runtime.launch(store_u32(1, 201).by(in(runtime, 16s)))->ok());
    BOOST_TEST(control(runtime, 200) == 0u);
}

BOOST_AUTO_TEST_CASE(a_deadline_lies_no_further_ahead_than_the_wire_can_say) {
    Runtime runtime = open(ExecutionMode::persistent);
    BOOST_TEST(runtime.deadline(Deadline::furthest).has_value());
    for (const auto after :
         {Deadline::furthest + 1ms, std::chrono::milliseconds(1h), std::chrono::milliseconds::max()})
        BOOST_TEST((runtime.deadline(after).error() == Errc::deadline_too_far));
    BOOST_TEST(runtime.deadline(std::chrono::milliseconds::min()).has_value());
}

// No thread before the first deadline; and none that goes on counting once the last one is over.
BOOST_AUTO_TEST_CASE(the_clock_stands_still_while_no_deadline_lies_ahead) {
    Runtime runtime = open(ExecutionMode::persistent);
    if (runtime.device().mode != ExecutionMode::persistent) return;
    const auto clock = [&] { return inside(runtime.ring()).word32(SR_RING_NOW).load(); };
    BOOST_TEST(clock() == 0u);
    const Deadline deadline = in(runtime, 30ms);
    const auto is_over = [&] { return static_cast<std::int16_t>(clock() - deadline.ticks()) >= 0; };
    BOOST_TEST(clock() != 0u);
    BOOST_REQUIRE(eventually(is_over));
    std::uint32_t before = clock();
    BOOST_TEST(eventually([&] {
        std::this_thread::sleep_for(20ms);
        return before == std::exchange(before, clock());
    }));
}
