// Another device takes a lost one's place: what had not been claimed runs once, on the new device; what had been
// claimed ends as lost; and the old kernel changes nothing when it comes back after all.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <array>
#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../lib/ring_inside.hpp"
#include "lost_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

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

// Whether what is behind a slot that stalls stays unclaimed: with a single work-item. Other sub-groups claim on,
// and a launch in per_launch mode has all that was published when it began; what they have claimed is lost.
bool claims_nothing_more(const Runtime& runtime) {
    return runtime.device().mode == ExecutionMode::persistent && runtime.device().shape.groups == 1;
}

// The newest launch's number: of a lost device the last there is, which may be queued behind the one that stalls.
std::uint32_t newest(Runtime& runtime) { return static_cast<std::uint32_t>(runtime.stats().launches); }

}  // namespace

BOOST_DATA_TEST_CASE(what_was_not_claimed_runs_once_on_the_new_device, data::make(modes), mode) {
    const MeantToLeak session;
    Runtime runtime = open(mode, lossy());
    const bool live = mode == ExecutionMode::persistent;
    const auto old_release = runtime.buffer("release"), old_count = runtime.buffer("tallies");
    const Ring old_ring = runtime.ring();

    const auto before = runtime.publish(std::array{store_u32(7, 160), atomic_add(100, 200)});
    BOOST_REQUIRE(runtime.wait(*before, 1min).has_value());
    const Ticket stuck = publish_stall(runtime);
    const auto single = runtime.publish(atomic_add(1, 200));
    const auto batch = runtime.publish(std::vector<Slot>(50, atomic_add(1, 200)));
    const auto quiet = runtime.publish(std::vector<Slot>(10, atomic_add(1, 200)), Quiet::yes);
    const auto fence = runtime.publish(batch_fence(1, 5));
    const auto counted = runtime.publish(std::vector<Slot>(20, slot(tally)));
    BOOST_REQUIRE((single && batch && quiet && fence && counted));
    is_lost(runtime, *counted);
    const std::uint32_t launch = newest(runtime);

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
    // 100 was the old device's, and so is what its other sub-groups did while one of them was stuck.
    const std::uint32_t here = control(runtime, 200),
                        tallied = live ? word(runtime.buffer("tallies")).load() : 20u - tallies;
    BOOST_TEST(here <= 61u - adds - quiets);
    BOOST_TEST(tallied <= 20u - tallies);
    if (claims_nothing_more(runtime)) BOOST_TEST(here == 61u);
    if (claims_nothing_more(runtime)) BOOST_TEST(tallied == 20u);
    BOOST_TEST(control(runtime, 160) == 0u);
    BOOST_TEST(runtime.stats().completed == counted->end());
    std::set<std::uint64_t> values;
    for (std::uint32_t i = 0; i < batch->count; ++i)
        if (const auto result = runtime.result(*batch, i); result->ok()) values.insert(result->value);
    if (claims_nothing_more(runtime)) BOOST_TEST(values.size() == 50u);

    // The old kernel comes back: what it had claimed it may run, nothing else, and nobody listens to it.
    if (live) {
        word(old_release).store(1);
        BOOST_REQUIRE(eventually([&] { return inside(old_ring).has_left(launch); }));
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
    BOOST_REQUIRE(eventually([&] { return inside(old_ring).has_left(newest(runtime)); }));
    BOOST_TEST(runtime.result(*stuck)->code == Code{77});
    recover(runtime);
    BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
    BOOST_TEST(runtime.result(*stuck)->code == Code{77});
    // Other sub-groups may have claimed what is behind, and one that was about to begin it may learn it too late.
    if (!claims_nothing_more(runtime)) return;
    BOOST_TEST(runtime.result(*behind, 1)->ok());
    BOOST_TEST(control(runtime, 160) == 1u);
    BOOST_TEST(runtime.stats().faults == 1u);
}

// What a user still holds of the old device stays valid: spans, copies of the ring, reservations. It says nothing any
// more; a reservation's positions end as lost, and what is behind them goes on.
BOOST_DATA_TEST_CASE(what_a_user_holds_of_a_lost_device_stays, data::make(modes), mode) {
    const MeantToLeak session;
    Runtime runtime = open(mode, lossy());
    const auto old_word = runtime.buffer("release");
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
    for (const auto& [offset, forged] : {std::pair{SR_RING_COMPLETED, far}, {SR_RING_CLAIMED, huge}}) {
        Runtime runtime = open(ExecutionMode::persistent, lossy());
        const auto release = runtime.buffer("release");
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
        const auto release = runtime.buffer("release");
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
