// While there is work the next launch is queued behind the one that runs; and what stops, gives up or leaves behind a
// kernel does so with both. LEFT says whether a launch runs that has asked for its successor.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;

namespace {

// Of a runtime that was not recovered.
std::uint32_t newest(Runtime& runtime) { return static_cast<std::uint32_t>(runtime.stats().launches); }

// The newest launch is queued behind one that has not left.
bool is_queued(Runtime& runtime) {
    const std::uint32_t launch = newest(runtime);  // before LEFT, which moves on
    return launch != 0 && inside(runtime.ring()).wants_successor(launch - 1);
}

// Publishes until a launch is queued behind a running one. How many slots; 0 if that does not come to pass.
std::uint32_t publish_until_queued(Runtime& runtime) {
    std::uint32_t slots = 0;
    const bool queued = eventually([&] {
        for (int i = 0; i < 100 && !is_queued(runtime); ++i) slots += runtime.publish(atomic_add(1, 160)).has_value();
        return is_queued(runtime);
    });
    return queued ? slots : 0;
}

bool all_have_left(Runtime& runtime) {
    return eventually([&] { return inside(runtime.ring()).has_left(newest(runtime)); });
}

// A launch asks for its successor after 100 ms and leaves after 200, but for what stalls.
Options with_time(std::atomic<int>* reports = nullptr) {
    Options options = lossy(reports);
    options.idle_timeout = 10min;
    return options;
}

// A slot stalls in a launch, and another launch is queued behind that.
Ticket stall_in_front_of_a_successor(Runtime& runtime) {
    Ticket stuck{};
    const bool queued = eventually([&] {
        BOOST_REQUIRE(publish_until_queued(runtime) != 0);
        BOOST_REQUIRE(runtime.wait_for_room(1, 1min).has_value());
        stuck = publish_stall(runtime);
        if (is_queued(runtime)) return true;
        word(runtime.buffer("release")).store(1);  // too late, on a busy machine
        BOOST_REQUIRE(runtime.wait(stuck, 1min).has_value());
        word(runtime.buffer("release")).store(0);
        return false;
    });
    BOOST_REQUIRE(queued);
    return stuck;
}

}  // namespace

BOOST_AUTO_TEST_CASE(launches_are_queued_behind_each_other_while_there_is_work) {
    BOOST_REQUIRE(threads == 0);
    Runtime runtime = open(ExecutionMode::persistent, {.idle_timeout = 1s, .max_launch_time = 20ms});
    std::uint32_t slots = 0, queued = 0;
    for (; queued < 20; ++queued) {
        const std::uint32_t some = publish_until_queued(runtime);
        BOOST_REQUIRE(some != 0);
        slots += some;
        // One at a time, until the next launch runs.
        BOOST_REQUIRE(eventually([&] {
            BOOST_REQUIRE(runtime.wait_for_room(1, 1min).has_value());
            ++slots;
            run(runtime, atomic_add(1, 160));
            return !is_queued(runtime);
        }));
    }
    BOOST_TEST(control(runtime, 160) == slots);
    BOOST_TEST_MESSAGE(queued << " of " << newest(runtime) << " launches were seen queued");
    // No kernel stays, and none comes back.
    BOOST_TEST(all_have_left(runtime));
    const std::uint32_t launches = newest(runtime);
    for (int i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(1ms);
        runtime.wake();
    }
    BOOST_TEST(newest(runtime) == launches);
    BOOST_TEST(inside(runtime.ring()).has_left(launches));
    BOOST_TEST(run(runtime, atomic_add(1, 160)).value == slots);
}

// It is asked for while there is work, and then there is none: neither launch stays.
BOOST_AUTO_TEST_CASE(no_launch_stays_behind_one_that_idles) {
    Runtime runtime = open(ExecutionMode::persistent, {.idle_timeout = 5ms, .max_launch_time = 50ms});
    for (int round = 0; round < 5; ++round) {
        BOOST_REQUIRE(publish_until_queued(runtime) != 0);
        // A launch whose time was up may have left with more to do: the next goes on.
        BOOST_TEST(eventually([&] { return runtime.ring().is_complete(runtime.ring().reserved()); }));
        BOOST_TEST(all_have_left(runtime));
    }
}

// One thread, which waits and never publishes, starts the next launch too.
BOOST_AUTO_TEST_CASE(a_thread_that_waits_queues_the_next_launch) {
    const CustomOp work{.opcode = 0x103, .name = "work", .source = R"(
uint work(sr_args a, const sr_buffers* b, ulong* result) {
    volatile uint spent = 0;
    while (spent < a.word[0]) spent = spent + 1;
    return SR_CODE_OK;
}
)"};
    Runtime runtime = open(ExecutionMode::persistent, {.ops = {work}, .idle_timeout = 1s, .max_launch_time = 10ms});
    // Some tenths of a millisecond; on a GPU, where all of a batch run side by side, some ten milliseconds.
    const std::uint32_t turns = runtime.device().is_cpu ? 300'000 : 500'000;
    bool queued = false;
    BOOST_TEST(eventually([&] {
        const auto ticket = runtime.publish(std::vector<Slot>(200, slot(custom_opcode<0x103>(), {turns})));
        BOOST_REQUIRE(ticket.has_value());
        const std::uint32_t published_to = newest(runtime);
        for (auto waited = runtime.wait(*ticket, 1ms); !queued && !waited; waited = runtime.wait(*ticket, 1ms))
            queued = is_queued(runtime) && newest(runtime) != published_to;
        return queued;
    }));
}

BOOST_AUTO_TEST_CASE(what_stops_a_kernel_stops_its_successor) {
    Runtime runtime = open(ExecutionMode::persistent, with_time());
    std::vector<std::uint32_t> table(256, 0);
    for (std::uint32_t round = 0; round < 3; ++round) {
        table[3] = 0;
        BOOST_REQUIRE(publish_until_queued(runtime) != 0);
        BOOST_REQUIRE(runtime.load_dfa(table).has_value());
        BOOST_TEST(inside(runtime.ring()).has_left(newest(runtime)));
        BOOST_TEST(run(runtime, dfa_step(0, 3, 10)).ok());
    }
    const std::uint32_t slots = publish_until_queued(runtime);
    BOOST_REQUIRE(slots != 0);
    const auto last = runtime.publish(atomic_add(0, 160));
    BOOST_REQUIRE(runtime.shutdown().has_value());
    BOOST_TEST(inside(runtime.ring()).has_left(newest(runtime)));
    BOOST_TEST(runtime.ring().is_complete(runtime.ring().reserved()));
    if (last) BOOST_TEST(runtime.result(*last)->ok());
}

BOOST_AUTO_TEST_CASE(a_device_is_lost_and_replaced_while_a_successor_is_queued) {
    const MeantToLeak session;
    std::atomic<int> reports{0};
    Runtime runtime = open(ExecutionMode::persistent, with_time(&reports));
    const Ring old_ring = runtime.ring();
    const auto old_release = runtime.buffer("release");
    const Ticket stuck = stall_in_front_of_a_successor(runtime);
    const std::uint32_t launch = newest(runtime);
    const auto behind = runtime.publish(std::vector<Slot>(5, atomic_add(1, 161)));
    BOOST_REQUIRE(behind.has_value());
    is_lost(runtime, *behind);
    BOOST_TEST(reports.load() == 1);
    BOOST_REQUIRE(eventually([&] { return runtime.recover().has_value(); }));
    BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
    BOOST_TEST(!runtime.result(stuck)->ok());
    // What comes back leaves, and so does what was queued behind it. It runs nothing.
    const std::uint64_t claimed = inside(old_ring).claimed();
    word(old_release).store(1);
    BOOST_TEST(eventually([&] { return inside(old_ring).has_left(launch); }));
    BOOST_TEST(inside(old_ring).claimed() == claimed);
    BOOST_TEST(run(runtime, atomic_add(1, 161)).ok());
    BOOST_TEST(runtime.shutdown().has_value());
}

BOOST_AUTO_TEST_CASE(a_runtime_goes_while_both_launches_are_there) {
    const MeantToLeak session;
    Options options = with_time();
    options.shutdown_timeout = 100ms;
    std::span<std::byte> release;
    {
        Runtime runtime = open(ExecutionMode::persistent, options);
        release = runtime.buffer("release");
        static_cast<void>(stall_in_front_of_a_successor(runtime));
    }
    word(release).store(1);  // it is still there
    {
        Runtime runtime = open(ExecutionMode::persistent, with_time());
        BOOST_REQUIRE(publish_until_queued(runtime) != 0);
    }
    Runtime next = open(ExecutionMode::persistent);
    BOOST_TEST(run(next, store_u32(3, 160)).value == 3u);
}

// What LEFT says counts only as long as there is a kernel. Here the test says it for one that has ended.
BOOST_AUTO_TEST_CASE(a_launch_that_ended_and_did_not_leave_is_a_lost_device) {
    std::atomic<int> reports{0};
    Runtime runtime =
        open(ExecutionMode::persistent, {.idle_timeout = 0us, .on_error = [&](const Error&) { ++reports; }});
    run(runtime, nop());
    BOOST_TEST(eventually([&] {
        const std::uint32_t launch = newest(runtime);
        if (inside(runtime.ring()).has_left(launch))
            inside(runtime.ring()).word32(SR_RING_LEFT).store(launch | SR_LEFT_WANTED);
        runtime.wake();
        return reports.load() != 0;
    }));
    BOOST_TEST((runtime.publish(nop()).error() == Errc::device_lost));
}
