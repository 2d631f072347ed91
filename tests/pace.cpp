// How much a relaunch takes along, without a device: of each kind of slot as many as have been seen to end soon.
#include <boost/test/unit_test.hpp>

#include <vector>

#include "../lib/device/pace.hpp"
#include "ring_memory.hpp"

using namespace slipring;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t capacity = 8192;
constexpr std::chrono::milliseconds hang_timeout{1600};
constexpr std::chrono::nanoseconds soon = hang_timeout / 16 - 1ns, late = hang_timeout / 4 + 1ns;

constexpr auto custom = custom_opcode<0x100>();
constexpr auto other = custom_opcode<0x200>();

// A ring, and a pace that takes launches off it.
struct Relaunch {
    RingMemory memory{capacity};
    Ring ring;
    Pace pace{std::vector<CustomOp>{{.opcode = 0x100, .name = "a"}, {.opcode = 0x200, .name = "b"}}, hang_timeout};
    std::uint64_t first;

    explicit Relaunch(std::uint64_t start = 0) : ring(memory.ring(capacity, start)), first(start) {}

    void publish(const Slot& slot, std::uint32_t n = 1) {
        while (n-- > 0) BOOST_REQUIRE(ring.publish(slot).has_value());
    }
    // How many slots the next launch has. They are not taken.
    std::uint64_t next() {
        pace.begin_launch();
        return pace.end_of_launch(ring, first) - first;
    }
    // The most of `slot` that a launch has now.
    std::uint64_t most(const Slot& slot, std::uint32_t there = 300) {
        Relaunch fresh;
        fresh.pace = pace;
        fresh.publish(slot, there);
        return fresh.next();
    }
    void launch(const Slot& slot, std::uint32_t n, std::chrono::nanoseconds time) {
        Relaunch fresh;
        fresh.publish(slot, n);
        pace.begin_launch();
        BOOST_REQUIRE(pace.end_of_launch(fresh.ring, 0) <= n);
        pace.took(time);
    }
};

const Slot packed_slot = *packed({inner(nop())});
const Slot slow[] = {packed_slot, memcpy_words(160, 161, 1), slot(custom), slot(other)};
const Slot brief[] = {nop(), store_u32(1, 160), batch_fence(1, 2), print(1, 2, 3), shutdown()};

}  // namespace

BOOST_AUTO_TEST_CASE(at_first_one_that_may_be_slow_and_many_that_are_not) {
    Relaunch relaunch;
    for (const Slot& slot : slow) BOOST_TEST(relaunch.most(slot) == 1u);
    for (const Slot& slot : brief) BOOST_TEST(relaunch.most(slot) == 256u);
    BOOST_TEST(relaunch.most(nop(), 256) == 256u);
    BOOST_TEST(relaunch.most(nop(), 0) == 0u);
}

BOOST_AUTO_TEST_CASE(each_kind_is_counted_by_itself_and_brief_ones_together) {
    Relaunch relaunch;
    for (const Slot& slot : slow) relaunch.publish(slot);
    relaunch.publish(nop(), 100);
    relaunch.publish(store_u32(1, 160), 156);
    BOOST_TEST(relaunch.next() == 4u + 256u);
    relaunch.publish(batch_fence(1, 2));
    BOOST_TEST(relaunch.next() == 4u + 256u);

    Relaunch again;
    for (int i = 0; i < 2; ++i)
        for (const Slot& slot : slow) again.publish(slot);
    BOOST_TEST(again.next() == 4u);
    again.first = 1;
    BOOST_TEST(again.next() == 4u);
}

// Doubled by launches that were full and over soon; no launch that had fewer shows anything.
BOOST_AUTO_TEST_CASE(it_grows_to_its_bound) {
    Relaunch relaunch;
    for (std::uint64_t most = 1; most < 256; most *= 2) {
        BOOST_TEST(relaunch.most(packed_slot) == most);
        relaunch.launch(packed_slot, 300, hang_timeout / 16);  // not that soon
        relaunch.launch(packed_slot, static_cast<std::uint32_t>(most - 1), 0ns);
        BOOST_TEST(relaunch.most(packed_slot) == most);
        relaunch.launch(packed_slot, 300, soon);
    }
    relaunch.launch(packed_slot, 300, 0ns);
    BOOST_TEST(relaunch.most(packed_slot) == 256u);
    for (int i = 0; i < 6; ++i) relaunch.launch(nop(), 5000, 0ns);
    BOOST_TEST(relaunch.most(nop(), 5000) == 4096u);
    for (const Slot& slot : std::span(slow).subspan(1)) BOOST_TEST(relaunch.most(slot) == 1u);
}

// Half of what was in the launch that took long; at least one, which has all of the hang_timeout.
BOOST_AUTO_TEST_CASE(it_shrinks_to_one) {
    Relaunch relaunch;
    relaunch.launch(nop(), 300, hang_timeout / 4);  // not yet too long
    BOOST_TEST(relaunch.most(nop()) == 256u);
    relaunch.launch(nop(), 100, late);
    BOOST_TEST(relaunch.most(nop()) == 50u);
    for (const std::uint64_t left : {25u, 12u, 6u, 3u, 1u, 1u}) {
        relaunch.launch(nop(), 300, late);
        BOOST_TEST(relaunch.most(nop()) == left);
    }
    relaunch.launch(nop(), 300, soon);
    BOOST_TEST(relaunch.most(nop()) == 2u);
    for (const Slot& slot : slow) BOOST_TEST(relaunch.most(slot) == 1u);
}

BOOST_AUTO_TEST_CASE(wherever_positions_are) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        Relaunch relaunch(start);
        relaunch.publish(nop(), 100);
        relaunch.publish(packed_slot, 2);
        relaunch.publish(nop(), 100);
        BOOST_TEST(relaunch.next() == 101u);
        relaunch.first += 101;
        BOOST_TEST(relaunch.next() == 101u);
        relaunch.first += 101;
        BOOST_TEST(relaunch.next() == 0u);
    }
}

// What is not published ends a launch as well, and what is published behind it waits.
BOOST_AUTO_TEST_CASE(a_hole_ends_it) {
    Relaunch relaunch;
    relaunch.publish(nop(), 3);
    auto hole = *relaunch.ring.reserve(1);
    relaunch.publish(nop(), 3);
    BOOST_TEST(relaunch.next() == 3u);
    hole.commit();
    BOOST_TEST(relaunch.next() == 7u);
}
