// Opening, closing and losing: shutdown drains, the destructor never hangs, two runtimes do not know of each other.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <atomic>
#include <optional>
#include <thread>
#include <set>
#include <vector>

#include "meant_to_leak.hpp"
#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;

BOOST_DATA_TEST_CASE(shutdown_drains_and_leaves_results_to_be_read, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const std::vector<Slot> batch(500, atomic_add(1, 160));
    const auto ticket = runtime.publish(std::span<const Slot>(batch));
    BOOST_REQUIRE(runtime.shutdown().has_value());
    BOOST_TEST(runtime.poll(*ticket));
    std::set<std::uint64_t> values;  // side by side they are in no order
    for (std::uint32_t i = 0; i < 500; ++i) values.insert(runtime.result(*ticket, i)->value);
    BOOST_TEST((values.size() == 500u && *values.rbegin() == 499u));
    BOOST_TEST(control(runtime, 160) == 500u);
    BOOST_TEST(runtime.publish(nop()).error() == Errc::shut_down);
    BOOST_TEST(runtime.launch(nop()).error() == Errc::shut_down);
    BOOST_TEST(runtime.load_dfa({}).error() == Errc::shut_down);
    BOOST_TEST(runtime.shutdown().has_value());
}

BOOST_DATA_TEST_CASE(two_runtimes_live_side_by_side, data::make(modes), mode) {
    Runtime one = open(mode);
    {
        Runtime two = open(mode);
        for (std::uint32_t i = 0; i < 50; ++i) {
            BOOST_TEST(run(one, atomic_add(1, 160)).value == i);
            BOOST_TEST(run(two, atomic_add(2, 160)).value == 2 * i);
        }
        Runtime moved = std::move(two);
        BOOST_TEST(run(moved, atomic_add(0, 160)).value == 100u);
    }
    BOOST_TEST(run(one, atomic_add(0, 160)).value == 50u);
}

// A reservation that nobody commits holds up what is behind it: shutdown says so, in bounded time.
BOOST_AUTO_TEST_CASE(shutdown_does_not_wait_for_a_producer_that_died) {
    Runtime runtime = open(ExecutionMode::persistent, {.shutdown_timeout = 200ms});
    run(runtime, nop());
    auto dead = runtime.ring().reserve(1);
    BOOST_REQUIRE(dead.has_value());
    BOOST_TEST(runtime.shutdown().error() == Errc::timed_out);
    dead->commit();
    BOOST_TEST(runtime.shutdown().has_value());
}

// The handler spins until the host says so, with a bound: this test ends whatever happens.
BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_answer_is_given_up_and_reported) {
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
    std::optional<Errc> reported;
    std::byte* release = nullptr;
    {
        const MeantToLeak session;  // what is allocated in this scope is left to the kernel
        Runtime runtime = open(ExecutionMode::persistent, {.ops = {hang},
                                                           .buffers = {{.name = "release", .bytes = 4}},
                                                           .shutdown_timeout = 200ms,
                                                           .on_error = [&](const Error& error) {
                                                               ++reports;
                                                               reported = error.code;
                                                           }});
        release = runtime.buffer("release").data();
        const auto ticket = runtime.publish(slot(custom_opcode<0x100>()));
        BOOST_REQUIRE(ticket.has_value());
        BOOST_TEST(runtime.wait(*ticket, 20ms).error() == Errc::timed_out);
        BOOST_TEST(runtime.shutdown().error() == Errc::device_lost);
        BOOST_TEST(runtime.publish(nop()).error() == Errc::device_lost);
        BOOST_TEST(runtime.result(*ticket).error() == Errc::device_lost);
        BOOST_TEST(runtime.wait(*ticket).error() == Errc::device_lost);
    }
    BOOST_TEST(reports.load() == 1);
    BOOST_TEST((reported == Errc::device_lost));
    // The memory was left to the kernel, so this is still the word it looks at.
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(release)).store(1);
    Runtime next = open(ExecutionMode::persistent);
    BOOST_TEST(run(next, store_u32(3, 160)).value == 3u);
}
