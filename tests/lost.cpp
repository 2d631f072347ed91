// A device that stops answering, and another that takes over: every waiter is told, what had not been claimed runs
// once, on the new device, what had been claimed ends as lost, and what the old kernel does when it comes back after
// all is nobody's affair.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "meant_to_leak.hpp"
#include "patience.hpp"
#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;

namespace {

constexpr auto stall = custom_opcode<0x100>();
constexpr auto tally = custom_opcode<0x101>();

// Spins until the host says so, but not for more than so many turns: a test ends whatever happens. The host can say so
// in a live buffer alone; a relaunched kernel has a copy.
const CustomOp stalling{.opcode = 0x100,
                        .name = "stall",
                        .source = R"(
uint stall(sr_args a, const sr_buffers* b, uint* result) {
    __global uint* const word = (__global uint*)b->at[0];
    for (ulong i = 0; i < (ulong)a.word[0] << 20 && sr_load_acquire(word) == 0; ++i) {}
    return SR_CODE_OK;
}
)",
                        .buffers = {{.bytes = 4, .use = BufferSpec::Use::input}}};
// Counts where it is run, in a buffer of the device's that outlives the runtime's interest in it.
const CustomOp counting{.opcode = 0x101,
                        .name = "tally",
                        .source = R"(
uint tally(sr_args a, const sr_buffers* b, uint* result) {
    *result = sr_atomic_add((__global uint*)b->at[0], 1u);
    return SR_CODE_OK;
}
)",
                        .buffers = {{.bytes = 4, .use = BufferSpec::Use::output}}};

// For some seconds, or in relaunch mode, where nobody can end it, for less; always for longer than the deadline.
Slot stall_slot(Residency residency) {
    return slot(stall, {residency == Residency::live ? 20000u : 2000u});
}

Options lossy(std::atomic<int>* reports = nullptr) {
    return {.ops = {stalling, counting},
            .deadline = 250ms,
            .shutdown_timeout = 200ms,
            .report = [reports](const Error&) {
                if (reports != nullptr) ++*reports;
            }};
}

// A word of a live buffer, which was left to the kernel if that had not come back.
std::atomic_ref<std::uint32_t> word(std::span<std::byte> buffer) {
    return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(buffer.data()));
}

// Publishes a slot that stalls, and waits until it is the only one that a launch has claimed or been given.
Ticket publish_stall(Runtime& runtime) {
    const auto ticket = runtime.publish(stall_slot(runtime.device().residency));
    BOOST_REQUIRE(ticket.has_value());
    if (runtime.device().residency == Residency::live)
        BOOST_REQUIRE(eventually([&] { return runtime.ring().claimed() == ticket->end(); }));
    return *ticket;
}

void is_lost(Runtime& runtime, const Ticket& ticket) {
    const auto waited = runtime.wait(ticket, 1min);
    BOOST_REQUIRE(!waited.has_value());
    BOOST_REQUIRE(waited.error() == Errc::device_lost);
}

void ends_as_lost(Runtime& runtime, const Ticket& ticket) {
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    const auto result = runtime.result(ticket);
    BOOST_REQUIRE(result.has_value());
    BOOST_TEST(result->state == SR_STATE_FAULT);
    BOOST_TEST(result->code == SR_CODE_DEVICE_LOST);
}

}  // namespace

BOOST_DATA_TEST_CASE(every_waiter_is_told_and_a_lost_runtime_can_be_destroyed, data::make(residencies), residency) {
    std::atomic<int> reports{0}, told{0};
    std::span<std::byte> release;
    {
        const MeantToLeak engine;  // what is allocated in this scope is left to the kernel
        Runtime runtime = open(residency, lossy(&reports));
        release = runtime.buffer(0x100, 0);
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
    if (residency == Residency::live) word(release).store(1);
    Runtime next = open(residency);
    BOOST_TEST(run(next, store_u32(3, 160)).value == 3u);
}

BOOST_DATA_TEST_CASE(what_was_not_claimed_runs_once_on_the_new_device, data::make(residencies), residency) {
    const MeantToLeak engine;
    Runtime runtime = open(residency, lossy());
    const bool live = residency == Residency::live;
    const auto old_release = runtime.buffer(0x100, 0), old_count = runtime.buffer(0x101, 0);
    const Ring old_ring = runtime.ring();

    const auto before = runtime.publish(std::array{store_u32(7, 160), atomic_add(100, 200)});
    BOOST_REQUIRE(runtime.wait(*before, 1min).has_value());
    const std::uint32_t launch = static_cast<std::uint32_t>(runtime.stats().launches);
    const Ticket stuck = publish_stall(runtime);
    // Behind a fence a kernel of any shape claims nothing more.
    const auto fence = runtime.publish(batch_fence(1, 5));
    const auto single = runtime.publish(atomic_add(1, 200));
    const auto batch = runtime.publish(std::vector<Slot>(50, atomic_add(1, 200)));
    const auto quiet = runtime.publish(std::vector<Slot>(10, atomic_add(1, 200)), Quiet::yes);
    const auto counted = runtime.publish(std::vector<Slot>(20, slot(tally)));
    BOOST_REQUIRE((fence && single && batch && quiet && counted));
    is_lost(runtime, *counted);

    BOOST_TEST(runtime.recover("no such device").error().code == Errc::device_not_found);
    BOOST_TEST(runtime.publish(nop()).error() == Errc::device_lost);
    is_lost(runtime, *counted);
    const auto recovered = runtime.recover();
    BOOST_REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().text()));
    // Tickets stay valid, in any order and without a word to the runtime.
    BOOST_REQUIRE(eventually([&] { return runtime.ring().is_complete(counted->end()); }));

    BOOST_TEST(runtime.result(*before, 0)->value == 7u);
    BOOST_TEST(runtime.result(*before, 1)->ok());
    ends_as_lost(runtime, stuck);
    BOOST_REQUIRE(runtime.wait(*fence, 1min).has_value());
    const auto fenced = runtime.result(*fence);  // claimed or not, as the kernel's shape is
    BOOST_REQUIRE(fenced.has_value());
    BOOST_TEST((fenced->ok() || fenced->code == SR_CODE_DEVICE_LOST));
    BOOST_TEST(runtime.result(*single)->ok());
    std::set<std::uint32_t> values;
    for (std::uint32_t i = 0; i < batch->count; ++i) values.insert(runtime.result(*batch, i)->value);
    values.insert(runtime.result(*single)->value);
    BOOST_TEST(values.size() == 51u);
    BOOST_TEST(runtime.result(*quiet).error() == Errc::no_result);
    BOOST_TEST(control(runtime, 200) == 61u);  // 100 was the old device's
    BOOST_TEST(control(runtime, 160) == 0u);
    BOOST_TEST(runtime.stats().faults == (fenced->ok() ? 1u : 2u));
    BOOST_TEST(runtime.stats().completed == counted->end());
    for (std::uint32_t i = 0; i < counted->count; ++i) BOOST_TEST(runtime.result(*counted, i)->ok());
    BOOST_TEST(word(runtime.buffer(0x101, 0)).load() == 20u);

    // The old kernel comes back: it finds nothing to do, and nobody listens to it.
    if (live) {
        word(old_release).store(1);
        BOOST_REQUIRE(eventually([&] { return old_ring.wake_needed(launch); }));
        BOOST_TEST(word(old_count).load() == 0u);
    }
    ends_as_lost(runtime, stuck);
    BOOST_TEST(run(runtime, atomic_add(1, 200)).value == 61u);
    BOOST_TEST(run(runtime, slot(tally)).value == 20u);
    BOOST_TEST(runtime.shutdown().has_value());
    BOOST_TEST(control(runtime, 200) == 62u);
}

BOOST_DATA_TEST_CASE(a_device_can_be_lost_again, data::make(residencies), residency) {
    const MeantToLeak engine;
    std::atomic<int> reports{0};
    Runtime runtime = open(residency, lossy(&reports));
    for (int round = 1; round <= 2; ++round) {
        const auto release = runtime.buffer(0x100, 0);
        const Ticket stuck = publish_stall(runtime);
        const std::array batch{batch_fence(1, 1), atomic_add(1, 160), atomic_add(1, 160)};
        const auto behind = runtime.publish(batch);
        BOOST_REQUIRE(behind.has_value());
        is_lost(runtime, *behind);
        BOOST_TEST(reports.load() == round);
        BOOST_REQUIRE(runtime.recover().has_value());
        BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
        ends_as_lost(runtime, stuck);
        BOOST_TEST(control(runtime, 160) == 2u);
        if (residency == Residency::live) word(release).store(1);
    }
    // A full ring's worth, over and over, goes through as ever.
    for (std::uint32_t i = 0; i < 3 * runtime.ring().capacity(); i += 64) {
        const auto ticket = runtime.publish(std::vector<Slot>(64, atomic_add(1, 161)));
        BOOST_REQUIRE((ticket && runtime.wait(*ticket, 1min)));
    }
    BOOST_TEST(control(runtime, 161) == 3 * runtime.ring().capacity());
}

BOOST_DATA_TEST_CASE(to_recover_what_is_not_lost_does_nothing, data::make(residencies), residency) {
    Runtime runtime = open(residency, lossy());
    run(runtime, store_u32(7, 160));
    const auto launches = runtime.stats().launches;
    std::byte* const base = runtime.ring().base();
    BOOST_TEST(runtime.recover().has_value());
    BOOST_TEST(runtime.recover("no such device").has_value());
    BOOST_TEST(control(runtime, 160) == 7u);
    BOOST_TEST(runtime.ring().base() == base);
    BOOST_TEST(runtime.stats().launches == launches);
    BOOST_REQUIRE(runtime.shutdown().has_value());
    BOOST_TEST(runtime.recover().has_value());
    BOOST_TEST(runtime.publish(nop()).error() == Errc::shut_down);
}

// The other way for a kernel to go: a slot tells it to.
BOOST_DATA_TEST_CASE(what_is_behind_a_shutdown_still_runs, data::make(residencies), residency) {
    Runtime runtime = open(residency, {.linger = 10s});
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
    // It does leave, however long it would linger.
    const auto last = runtime.publish(shutdown());
    BOOST_REQUIRE((last && runtime.wait(*last, 1min)));
    const auto launch = static_cast<std::uint32_t>(runtime.stats().launches);
    BOOST_REQUIRE(eventually([&] { return runtime.ring().wake_needed(launch); }));
    BOOST_TEST(run(runtime, atomic_add(1, 161)).value == 20u);
}
