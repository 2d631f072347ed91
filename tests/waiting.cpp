// What waits for what: copies wait for no kernel, nothing waits for a launch of its own, and a wait for a lost device
// says so.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../lib/ring_inside.hpp"
#include "meant_to_leak.hpp"
#include "patience.hpp"
#include "runtime_fixture.hpp"
#include "stalling.hpp"

using namespace slipring;
using namespace std::chrono_literals;

namespace {

// A kernel that stalls keeps a thread of PoCL's to itself, and so does a launch; copies need another.
const int threads = setenv("POCL_MAX_PTHREAD_COUNT", "8", 1) + setenv("POCL_CPU_MAX_CU_COUNT", "8", 1);

// Longer than any of these tests.
const Slot endless = slot(stall, {UINT32_MAX / 8});

Options patient() {
    return {.ops = {stalling},
            .buffers = {release_word},
            .idle_timeout = 10min,
            .max_launch_time = 10min,
            .hang_timeout = 20min};
}

void let_go(Runtime& runtime) { word(runtime.buffer("release")).store(1); }

// Every copy there is, of a runtime whose kernel has more to do than to leave.
void copy_everything(Runtime& runtime) {
    const std::array<std::uint32_t, 2> values{5, 6};
    BOOST_REQUIRE(runtime.write_control(200, values).has_value());
    BOOST_TEST(control(runtime, 201) == 6u);
    BOOST_TEST(runtime.read_log().has_value());
    static_cast<void>(runtime.stats());
}

bool kernel_has_left(const Runtime& runtime, std::uint32_t launch) { return inside(runtime.ring()).has_left(launch); }

}  // namespace

BOOST_AUTO_TEST_CASE(copies_do_not_wait_for_a_kernel_that_has_nothing_to_do) {
    BOOST_REQUIRE(threads == 0);
    Runtime runtime = open(ExecutionMode::persistent, patient());
    run(runtime, store_u32(7, 160));
    for (int i = 0; i < 5; ++i) copy_everything(runtime);
    BOOST_TEST(runtime.launch(atomic_add(1, 160))->value == 7u);
    BOOST_TEST(!kernel_has_left(runtime, 1));
    BOOST_TEST(runtime.stats().launches == 1u);
    BOOST_TEST(run(runtime, atomic_add(1, 160)).value == 8u);
}

BOOST_AUTO_TEST_CASE(copies_and_launches_do_not_wait_for_a_slot_that_is_slow) {
    Runtime runtime = open(ExecutionMode::persistent, patient());
    const auto slow = runtime.publish(endless);
    BOOST_REQUIRE(slow.has_value());
    BOOST_REQUIRE(eventually([&] { return inside(runtime.ring()).claimed() == slow->end(); }));
    copy_everything(runtime);
    BOOST_TEST(runtime.launch(store_u32(3, 202))->ok());
    BOOST_TEST(control(runtime, 202) == 3u);
    BOOST_TEST(!runtime.poll(*slow));
    let_go(runtime);
    BOOST_TEST(runtime.wait(*slow, 2min).has_value());
}

// A launch takes what it takes. The ring goes on meanwhile, kernels come and go, and tables are exchanged.
BOOST_AUTO_TEST_CASE(nobody_waits_for_a_launch_of_its_own) {
    Runtime runtime =
        open(ExecutionMode::persistent,
             {.ops = {stalling}, .buffers = {release_word}, .idle_timeout = 0us, .hang_timeout = 20min});
    std::atomic<bool> ended{false}, well{false};
    std::thread launcher([&] {
        const auto result = runtime.launch(endless);
        well = result && result->ok();
        ended = true;
    });
    std::vector<std::uint32_t> table(512, 1);
    for (std::uint32_t i = 0; i < 5; ++i) {
        table[3] = i % 2;
        BOOST_TEST(runtime.load_dfa(table).has_value());
        BOOST_TEST(run(runtime, dfa_step(0, 3, 10)).value == i % 2);
        copy_everything(runtime);
    }
    BOOST_TEST(!ended.load());
    let_go(runtime);
    launcher.join();
    BOOST_TEST(well.load());
    BOOST_TEST(runtime.launch(dfa_step(0, 3, 10))->value == 0u);
    BOOST_TEST(runtime.shutdown().has_value());
}

// Both write records at once; none is lost, and a fence of no ring changes nothing.
BOOST_AUTO_TEST_CASE(a_launch_shares_no_log_with_the_ring) {
    for (const ExecutionMode mode : modes) {
        Runtime runtime = open(mode, {.log_records = 1024});
        const auto format = runtime.add_format("{}");
        BOOST_REQUIRE(format.has_value());
        constexpr std::uint32_t each = 200;
        std::atomic<std::uint64_t> written{0};
        std::thread launcher([&] {
            for (std::uint32_t i = 0; i < each; ++i)
                if (const auto result = runtime.launch(print(*format, 2, i))) written += result->value;
        });
        for (std::uint32_t i = 0; i < each; ++i) BOOST_TEST(run(runtime, print(*format, 1, i)).value == 1u);
        launcher.join();
        BOOST_TEST(written.load() == each);
        run(runtime, batch_fence(1, 9));
        BOOST_TEST(runtime.launch(batch_fence(1, 11))->ok());
        const auto log = runtime.read_log();
        BOOST_REQUIRE(log.has_value());
        BOOST_TEST(log->dropped == 0u);
        BOOST_TEST(log->records.size() == 2 * each);
        std::array<std::uint32_t, 3> next{};  // of each writer in its order
        for (const LogRecord& record : log->records) BOOST_TEST(record.b == next.at(record.a)++);
        BOOST_TEST(control(runtime, SR_CONTROL_EPOCH) == 1u);
        BOOST_TEST(control(runtime, SR_CONTROL_FENCE_TAG) == 9u);
        BOOST_TEST(runtime.read_log()->records.empty());
    }
}

// It never waits for anything: publish is all that it calls.
BOOST_AUTO_TEST_CASE(a_producer_that_finds_the_ring_full_learns_that_the_device_died) {
    const MeantToLeak session;
    Runtime runtime = open(ExecutionMode::persistent,
                           {.capacity = 4, .ops = {stalling}, .buffers = {release_word}, .hang_timeout = 400ms});
    const auto release = runtime.buffer("release");
    BOOST_REQUIRE(runtime.publish(endless).has_value());
    Errc told = Errc::ring_full;
    BOOST_TEST(eventually([&] {
        for (int i = 0; i < 1000 && told == Errc::ring_full; ++i)
            if (const auto ticket = runtime.publish(nop()); !ticket) told = ticket.error();
        return told != Errc::ring_full;
    }));
    BOOST_TEST((told == Errc::device_lost));
    word(release).store(1);
}

// Also where each wait is a short one.
BOOST_AUTO_TEST_CASE(short_waits_add_up_until_the_device_is_lost) {
    const MeantToLeak session;
    Runtime runtime =
        open(ExecutionMode::persistent, {.ops = {stalling}, .buffers = {release_word}, .hang_timeout = 400ms});
    const auto release = runtime.buffer("release");
    const auto ticket = runtime.publish(endless);
    BOOST_REQUIRE(ticket.has_value());
    Errc told = Errc::timed_out;
    BOOST_TEST(eventually([&] {
        if (const auto waited = runtime.wait(*ticket, 1ms); !waited) told = waited.error();
        return told != Errc::timed_out;
    }));
    BOOST_TEST((told == Errc::device_lost));
    word(release).store(1);
}

// Something writes over slots that nobody has reserved, so that they look published. The kernel, which never looks at
// what is reserved, runs them, and is then where no producer will ever be.
BOOST_AUTO_TEST_CASE(a_position_beyond_all_that_was_reserved_is_a_lost_device) {
    std::atomic<int> reports{0};
    Runtime runtime = open(ExecutionMode::persistent, {.capacity = 8, .on_error = [&](const Error&) { ++reports; }});
    run(runtime, nop());
    const Ring ring = runtime.ring();
    const std::uint64_t reserved = ring.reserved();
    for (std::uint64_t i = 3; i > 0; --i) {
        const std::uint64_t position = reserved + i - 1;
        auto* const at =
            reinterpret_cast<std::uint32_t*>(inside(ring).base() + SR_RING_SLOTS + position % 8 * SR_SLOT_BYTES);
        std::atomic_ref(*at).store(inside(ring).tagged(position, SR_STATE_PUBLISHED), std::memory_order_seq_cst);
    }
    BOOST_TEST(eventually([&] {
        runtime.wake();
        return reports.load() != 0;
    }));
    BOOST_TEST((runtime.publish(nop()).error() == Errc::device_lost));
    BOOST_TEST(reports.load() == 1);
    BOOST_REQUIRE(eventually([&] { return runtime.recover().has_value(); }));
    BOOST_TEST(run(runtime, store_u32(4, 160)).value == 4u);
}
