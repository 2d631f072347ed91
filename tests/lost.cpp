// A device that stops answering, and another that takes over: every waiter is told, what had not been claimed runs
// once, on the new device, what had been claimed ends as lost, and what the old kernel does when it comes back after
// all is nobody's affair.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../lib/ring_inside.hpp"
#include "meant_to_leak.hpp"
#include "patience.hpp"
#include "runtime_fixture.hpp"
#include "stalling.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;

namespace {

// A stalled kernel keeps its threads of PoCL's to itself; the next one needs others. Before anybody asks OpenCL.
const int threads = setenv("POCL_MAX_PTHREAD_COUNT", "32", 1) + setenv("POCL_CPU_MAX_CU_COUNT", "32", 1);

constexpr auto tally = custom_opcode<0x101>();

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

Options lossy(std::atomic<int>* reports = nullptr) {
    return {.ops = {stalling, counting}, .hang_timeout = 400ms, .on_error = [reports](const Error& error) {
                BOOST_TEST_MESSAGE(error.text());
                if (reports != nullptr) ++*reports;
            }};
}

bool elsewhere = false;  // what stalls, stalls on no CPU

Slot stall_on(const Runtime& runtime) {
    elsewhere = elsewhere || !runtime.device().is_cpu;
    return stall_slot(runtime.device());
}

// Publishes a slot that stalls, and waits until it is the only one that a launch has claimed or been given.
Ticket publish_stall(Runtime& runtime) {
    const auto ticket = runtime.publish(stall_on(runtime));
    BOOST_REQUIRE(ticket.has_value());
    if (runtime.device().mode == ExecutionMode::persistent)
        BOOST_REQUIRE(eventually([&] { return inside(runtime.ring()).claimed() == ticket->end(); }));
    return *ticket;
}

void is_lost(Runtime& runtime, const Ticket& ticket) {
    const auto waited = runtime.wait(ticket, 1min);
    BOOST_REQUIRE(!waited.has_value());
    BOOST_REQUIRE(waited.error() == Errc::device_lost);
}

// A stalled kernel leaves few cores to others: to open a device may take some tries, and each leaves all as it was.
void recover(Runtime& runtime) {
    std::string error;
    const bool recovered = eventually([&] {
        const auto ok = runtime.recover();
        if (!ok) error = ok.error().text();
        return ok.has_value();
    });
    BOOST_REQUIRE_MESSAGE(recovered, error);
}

// How many slots of the ticket ended as lost; the others went well.
std::uint32_t count_lost(Runtime& runtime, const Ticket& ticket) {
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    std::uint32_t lost = 0;
    for (std::uint32_t i = 0; i < ticket.count; ++i) {
        const auto result = runtime.result(ticket, i);
        BOOST_REQUIRE(result.has_value());
        if (result->ok()) continue;
        BOOST_TEST(result->state == State::fault);
        BOOST_TEST(result->code == Code::device_lost);
        ++lost;
    }
    return lost;
}

// The slot that stalled. It is lost, unless the device had no room for the new kernel as long as it stalled, as a GPU
// may not: then it has ended by its own count, and its end counts.
void ended_or_is_lost(Runtime& runtime, const Ticket& stuck) {
    const std::uint32_t lost = count_lost(runtime, stuck);
    if (runtime.device().is_cpu) BOOST_TEST(lost == 1u);
}

// Whether what is behind a slot that stalls stays unclaimed: with a single work-item. Units of their own claim on,
// and a relaunch has all that was published when it began; what they have claimed is lost.
bool claims_nothing_more(const Runtime& runtime) {
    return runtime.device().mode == ExecutionMode::persistent && runtime.device().shape.groups == 1;
}

template <class T>
std::expected<void, Errc> without_value(const std::expected<T, Errc>& outcome) {
    if (!outcome) return std::unexpected(outcome.error());
    return {};
}

// What still stalls when the process ends would run in memory that goes with it. On a CPU it is a thread of ours that
// never sleeps: all has ended when none but this one runs, several looks in a row. Seconds later all has ended by its
// count, and on another device time is all there is to go by.
struct LetThemEnd {
    ~LetThemEnd() {
        if (elsewhere) std::this_thread::sleep_for(4s);
        const auto end = std::chrono::steady_clock::now() + 30s;
        for (int quiet = 0; quiet < 10 && std::chrono::steady_clock::now() < end; others_run() ? quiet = 0 : ++quiet)
            std::this_thread::sleep_for(20ms);
    }

private:
    // A thread's state follows its name, which ends with the last ')'. One that ends meanwhile cannot be read.
    static bool others_run() {
        const std::string self = std::to_string(gettid());
        std::error_code error;
        for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
            std::string line;
            std::getline(std::ifstream(thread.path() / "stat"), line);
            const std::size_t name_end = std::min(line.rfind(')'), line.size());
            if (thread.path().filename() != self && line.substr(name_end).starts_with(") R")) return true;
        }
        return static_cast<bool>(error);
    }
};
BOOST_TEST_GLOBAL_FIXTURE(LetThemEnd);

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
    Options options = lossy();
    options.hang_timeout = 2s;  // a busy machine may stretch one launch fivefold
    Runtime runtime = open(ExecutionMode::per_launch, options);
    for (int i = 0; i < 20; ++i) run(runtime, slot(tally));
    for (int i = 0; i < 20; ++i) run(runtime, nop());
    std::vector<Slot> slots(150, slot(stall, {runtime.device().is_cpu ? 50'000u : 25u}));  // some 20 ms each
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
    if (mode == ExecutionMode::persistent) word(release).store(1);
    Runtime next = open(mode);
    BOOST_TEST(run(next, store_u32(3, 160)).value == 3u);
}

BOOST_DATA_TEST_CASE(what_was_not_claimed_runs_once_on_the_new_device, data::make(modes), mode) {
    const MeantToLeak session;
    Runtime runtime = open(mode, lossy());
    const bool live = mode == ExecutionMode::persistent;
    const auto old_release = runtime.buffer(0x100, 0), old_count = runtime.buffer(0x101, 0);
    const Ring old_ring = runtime.ring();

    const auto before = runtime.publish(std::array{store_u32(7, 160), atomic_add(100, 200)});
    BOOST_REQUIRE(runtime.wait(*before, 1min).has_value());
    const Ticket stuck = publish_stall(runtime);
    // In per_launch mode control words are read behind the kernel.
    const auto launch = live ? static_cast<std::uint32_t>(runtime.stats().launches) : 0;
    const auto single = runtime.publish(atomic_add(1, 200));
    const auto batch = runtime.publish(std::vector<Slot>(50, atomic_add(1, 200)));
    const auto quiet = runtime.publish(std::vector<Slot>(10, atomic_add(1, 200)), Quiet::yes);
    const auto fence = runtime.publish(batch_fence(1, 5));
    const auto counted = runtime.publish(std::vector<Slot>(20, slot(tally)));
    BOOST_REQUIRE((single && batch && quiet && fence && counted));
    is_lost(runtime, *counted);

    BOOST_TEST(runtime.recover("no such device").error().code == Errc::device_not_found);
    BOOST_TEST(runtime.publish(nop()).error() == Errc::device_lost);
    recover(runtime);
    // Tickets stay valid, and end without a word to the runtime.
    BOOST_REQUIRE(eventually([&] { return runtime.ring().is_complete(counted->end()); }));

    BOOST_TEST(runtime.result(*before, 0)->value == 7u);
    BOOST_TEST(runtime.result(*before, 1)->ok());
    ended_or_is_lost(runtime, stuck);
    const std::uint32_t adds = count_lost(runtime, *single) + count_lost(runtime, *batch);
    const std::uint32_t tallies = count_lost(runtime, *counted), fences = count_lost(runtime, *fence);
    const auto faults = static_cast<std::uint32_t>(runtime.stats().faults);
    const std::uint32_t seen = count_lost(runtime, stuck) + adds + tallies + fences;
    BOOST_REQUIRE(faults >= seen);
    const std::uint32_t quiets = faults - seen;
    if (claims_nothing_more(runtime)) BOOST_TEST(faults == 1u);
    BOOST_TEST(runtime.result(*quiet).error() == Errc::no_result);
    BOOST_REQUIRE(quiets <= 10);
    // 100 was the old device's, and so is what its other units did while one of them was stuck.
    const std::uint32_t here = control(runtime, 200),
                        tallied = live ? word(runtime.buffer(0x101, 0)).load() : 20u - tallies;
    BOOST_TEST(here <= 61u - adds - quiets);
    BOOST_TEST(tallied <= 20u - tallies);
    if (claims_nothing_more(runtime)) BOOST_TEST(here == 61u);
    if (claims_nothing_more(runtime)) BOOST_TEST(tallied == 20u);
    BOOST_TEST(control(runtime, 160) == 0u);
    BOOST_TEST(runtime.stats().completed == counted->end());
    std::set<std::uint32_t> values;
    for (std::uint32_t i = 0; i < batch->count; ++i)
        if (const auto result = runtime.result(*batch, i); result->ok()) values.insert(result->value);
    if (claims_nothing_more(runtime)) BOOST_TEST(values.size() == 50u);

    // The old kernel comes back: what it had claimed it may run, nothing else, and nobody listens to it.
    if (live) {
        word(old_release).store(1);
        BOOST_REQUIRE(eventually([&] { return inside(old_ring).wake_needed(launch); }));
        BOOST_TEST(word(old_count).load() <= 20u - tallied);  // none of them twice
    }
    ended_or_is_lost(runtime, stuck);
    BOOST_TEST(run(runtime, atomic_add(1, 200)).value == here);
    BOOST_TEST(run(runtime, slot(tally)).value == tallied);
    BOOST_TEST(runtime.shutdown().has_value());
}

// A handler with a loop of its own can ask, and its kernel leaves: nothing of the rest is run.
BOOST_AUTO_TEST_CASE(a_handler_that_asks_learns_that_its_kernel_was_given_up) {
    Options options = lossy();
    options.ops.push_back(stalling_until_lost);
    Runtime runtime = open(ExecutionMode::persistent, options);
    const Ring old_ring = runtime.ring();
    const auto stuck = runtime.publish(slot(stall_until_lost, {UINT32_MAX / 8}));
    const auto behind = runtime.publish(std::array{batch_fence(1, 1), atomic_add(1, 160)});
    BOOST_REQUIRE((stuck && behind));
    is_lost(runtime, *behind);
    BOOST_REQUIRE(eventually([&] { return inside(old_ring).wake_needed(1); }));
    BOOST_TEST(runtime.result(*stuck)->code == Code{77});
    recover(runtime);
    BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
    BOOST_TEST(runtime.result(*stuck)->code == Code{77});
    // Other units may have claimed what is behind, and one that was about to begin it may not have learnt it in time.
    if (!claims_nothing_more(runtime)) return;
    BOOST_TEST(runtime.result(*behind, 1)->ok());
    BOOST_TEST(control(runtime, 160) == 1u);
    BOOST_TEST(runtime.stats().faults == 1u);
}

// What a user still holds stays his: spans, copies of the ring, reservations. They are the old device's, and say
// nothing any more; a reservation's positions end as lost, and what is behind them goes on.
BOOST_DATA_TEST_CASE(what_a_user_holds_of_a_lost_device_stays, data::make(modes), mode) {
    const MeantToLeak session;
    Runtime runtime = open(mode, lossy());
    const auto old_word = runtime.buffer(0x100, 0);
    const Ring old_ring = runtime.ring();
    const Ticket stuck = publish_stall(runtime);
    std::optional untouched = std::move(*runtime.ring().reserve(1));
    std::optional begun = std::move(*runtime.ring().reserve(3));
    BOOST_TEST(begun->put(atomic_add(1, 161)));
    BOOST_TEST(begun->put(atomic_add(1, 162)));
    const Ticket open_ticket{untouched->first(), 4};
    const auto behind = runtime.publish(std::vector<Slot>(3, atomic_add(1, 160)));
    BOOST_REQUIRE(behind.has_value());
    is_lost(runtime, stuck);
    recover(runtime);
    BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
    for (std::uint32_t i = 0; i < 3; ++i) BOOST_TEST(runtime.result(*behind, i)->ok());
    BOOST_TEST(control(runtime, 160) == 3u);
    BOOST_REQUIRE(runtime.wait(open_ticket, 1min).has_value());
    for (const std::uint32_t entry : {0u, 1u}) {  // the first of each: what had been put behind it may have been run
        const auto result = runtime.result(open_ticket, entry);
        BOOST_TEST(result->state == State::fault);
        BOOST_TEST(result->code == Code::device_lost);
    }
    const auto faults = runtime.stats().faults;
    BOOST_TEST(faults >= 3u);

    BOOST_TEST(begun->put(atomic_add(1, 163)));
    begun.reset();
    untouched->commit();
    untouched.reset();
    word(old_word).store(1);
    BOOST_TEST(old_ring.capacity() == runtime.ring().capacity());
    BOOST_TEST(inside(old_ring).base() != inside(runtime.ring()).base());
    static_cast<void>(old_ring.held());
    run(runtime, nop());
    BOOST_TEST(control(runtime, 163) == 0u);
    BOOST_TEST(runtime.stats().faults == faults);
}

// Words that the device writes, overwritten before its ring is read: recovery ends, and what is behind runs once or
// is said to be lost.
BOOST_AUTO_TEST_CASE(a_lost_ring_that_was_written_over_is_recovered_all_the_same) {
    const MeantToLeak session;
    constexpr std::uint64_t far = std::uint64_t{1} << 40, huge = ~std::uint64_t{0};
    for (const auto& [offset, forged] :
         {std::pair{SR_RING_COMPLETED, far}, {SR_RING_CLAIMED, huge}, {SR_RING_TAIL, far}}) {
        Runtime runtime = open(ExecutionMode::persistent, lossy());
        const auto release = runtime.buffer(0x100, 0);
        for (int i = 0; i < 3; ++i) run(runtime, nop());
        publish_stall(runtime);
        const auto behind = runtime.publish(std::vector<Slot>(5, atomic_add(1, 160)));
        BOOST_REQUIRE(behind.has_value());
        is_lost(runtime, *behind);
        inside(runtime.ring()).word64(offset).store(forged);
        recover(runtime);
        const std::uint32_t lost = count_lost(runtime, *behind);
        BOOST_TEST(control(runtime, 160) + lost <= 5u);
        BOOST_TEST(run(runtime, store_u32(9, 161)).value == 9u);
        word(release).store(1);
    }
}

BOOST_DATA_TEST_CASE(a_device_can_be_lost_again, data::make(modes), mode) {
    const MeantToLeak session;
    std::atomic<int> reports{0};
    Runtime runtime = open(mode, lossy(&reports));
    for (int round = 1; round <= 2; ++round) {
        const auto release = runtime.buffer(0x100, 0);
        const Ticket stuck = publish_stall(runtime);
        const std::array batch{batch_fence(1, 1), atomic_add(1, 160), atomic_add(1, 160)};
        const auto behind = runtime.publish(batch);
        BOOST_REQUIRE(behind.has_value());
        is_lost(runtime, *behind);
        BOOST_TEST(reports.load() == round);
        recover(runtime);
        ended_or_is_lost(runtime, stuck);
        const std::uint32_t lost = count_lost(runtime, *behind);
        if (claims_nothing_more(runtime)) BOOST_TEST(lost == 0u);
        BOOST_TEST((lost == 0 ? control(runtime, 160) == 2u : control(runtime, 160) <= 2u));
        if (mode == ExecutionMode::persistent) word(release).store(1);
    }
    if (mode == ExecutionMode::per_launch) return;  // two kernels still stall, and leave little of two cores
    // A full ring's worth, over and over, goes through as ever.
    for (std::uint32_t i = 0; i < 3 * runtime.ring().capacity(); i += 64) {
        const auto ticket = runtime.publish(std::vector<Slot>(64, atomic_add(1, 161)));
        BOOST_REQUIRE(ticket.has_value());
        const auto waited = runtime.wait(*ticket, 1min);
        BOOST_REQUIRE_MESSAGE(waited.has_value(), i << ": " << (waited ? "" : message(waited.error())));
    }
    BOOST_TEST(control(runtime, 161) == 3 * runtime.ring().capacity());
}

BOOST_DATA_TEST_CASE(to_recover_what_is_not_lost_does_nothing, data::make(modes), mode) {
    Runtime runtime = open(mode, lossy());
    run(runtime, store_u32(7, 160));
    const auto launches = runtime.stats().launches;
    std::byte* const base = inside(runtime.ring()).base();
    BOOST_TEST(runtime.recover().has_value());
    BOOST_TEST(runtime.recover("no such device").has_value());
    BOOST_TEST(control(runtime, 160) == 7u);
    BOOST_TEST(inside(runtime.ring()).base() == base);
    BOOST_TEST(runtime.stats().launches == launches);
    BOOST_REQUIRE(runtime.shutdown().has_value());
    BOOST_TEST(runtime.recover().has_value());
    BOOST_TEST(runtime.publish(nop()).error() == Errc::shut_down);
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
    // It does leave, however long it would linger.
    const auto last = runtime.publish(shutdown());
    BOOST_REQUIRE((last && runtime.wait(*last, 1min)));
    const auto launch = static_cast<std::uint32_t>(runtime.stats().launches);
    BOOST_REQUIRE(eventually([&] { return inside(runtime.ring()).wake_needed(launch); }));
    BOOST_TEST(run(runtime, atomic_add(1, 161)).value == 20u);
}
