// Team operations where a team has one lane, natively: in the serial drain, and in the wide one of sub-groups that
// have one lane, as on a CPU. And inside packed slots, where no device runs them.
#include <boost/test/unit_test.hpp>

#include <array>
#include <thread>
#include <vector>

#include <slipring/ring.hpp>

#include "ended.hpp"
#include "shim.hpp"

#include "native_memory.hpp"
#include "ring_memory.hpp"

// 0x200 and, for packed slots, 0xFE: a team's; the sum of its arguments, through local memory.
static uint sr_custom(uint, const uint*, const sr_memory*, ulong*) { return SR_CODE_UNKNOWN_OPCODE; }
static int sr_is_team(uint opcode) { return opcode == 0x200 || opcode == 0xFE; }
static uint sr_custom_team(uint, const uint* args, const sr_memory* memory, const sr_team* team, ulong* value) {
    if (team->lane != 0 || team->width != 1 || team->local_memory != memory->local_memory) return 255;
    if (team->local_bytes < 4) return sr_handler_code(SR_CODE_OUT_OF_RANGE);
    auto* const sum = reinterpret_cast<uint*>(team->local_memory);
    *sum = 0;
    sr_team_barrier(team);
    for (uint i = 0; i < SR_MAX_ARGS; ++i) *sum += args[i];
    sr_team_barrier(team);
    *value = *sum;
    return SR_CODE_OK;
}

namespace {

using namespace slipring;

struct Memory : NativeMemory {
    uint local = 7;

    sr_memory with_local(uint bytes = 4) {
        sr_memory memory = view();
        memory.local_memory = reinterpret_cast<uchar*>(&local);
        memory.local_bytes = bytes;
        return memory;
    }
    sr_outcome run(const Words& words, int together = 0, uint bytes = 4) {
        std::array<uint, SR_COPY_WORDS> copy{};
        std::copy(words.begin(), words.end(), copy.begin());
        const sr_memory memory = with_local(bytes);
        return sr_run_slot_but(copy.data(), 0, &memory, together);
    }
    sr_outcome run(const Slot& slot, int together = 0) { return run(slot.words(), together); }
};

Slot sums(uint a, uint b) { return slot(custom_opcode<0x200>(), {a, b}); }

constexpr std::uint32_t capacity = 8;

}  // namespace

BOOST_AUTO_TEST_CASE(one_lane_is_the_team) {
    Memory memory;
    const sr_outcome out = memory.run(sums(3, 4));
    BOOST_TEST((out.code == SR_CODE_OK && out.value == 7));
    BOOST_TEST(memory.run(sums(3, 4).words(), 0, 3).code == SR_CODE_OUT_OF_RANGE);
    Words entry = slot(custom_opcode<0x200>(), {9, SR_CLASS_REQUIRED, 3, 5}).words();
    entry[SR_WORD_PRIORITY] |= SR_FLAG_WINDOWED;
    BOOST_TEST(memory.run(entry).value == 8u);
}

BOOST_AUTO_TEST_CASE(one_of_many_lanes_is_none) {
    Memory memory;
    const sr_outcome out = memory.run(sums(3, 4), 1);
    BOOST_TEST((out.code == SR_CODE_NO_TEAM && out.value == 0));
    BOOST_TEST(memory.local == 7u);
    BOOST_TEST(memory.run(slot(custom_opcode<0x201>()), 1).code == SR_CODE_UNKNOWN_OPCODE);
}

BOOST_AUTO_TEST_CASE(inside_a_packed_slot_there_is_no_team) {
    const std::array<std::uint32_t, 2> args{3, 4};
    for (const int together : {0, 1}) {
        Memory memory;
        const auto packs = packed({inner(store_u32(5, 200)), InnerOp{0xFE, args}, inner(store_u32(6, 200))});
        const sr_outcome out = memory.run(*packs, together);
        BOOST_TEST((out.code == SR_CODE_NO_TEAM && out.inner == 1 && out.value == 0));
        BOOST_TEST((memory.control[200] == 5 && memory.local == 7));
    }
}

BOOST_AUTO_TEST_CASE(the_serial_drain_runs_team_slots) {
    RingMemory of_ring(capacity);
    const Ring ring = of_ring.ring(capacity);
    for (const Slot& slot : {sums(1, 2), atomic_add(1, 200), sums(3, 4)})
        BOOST_REQUIRE(ring.publish(slot).has_value());
    Memory memory;
    const sr_memory words = memory.with_local();
    const sr_ring own = sr_ring_of(reinterpret_cast<uchar*>(inside(ring).base()), capacity - 1, 3, 3);
    const sr_bounds bounds{1, 0, 0, ~ulong{0}, 0};
    sr_drain_serial(&own, &words, &bounds);
    BOOST_TEST((ring.completed() == 3 && result_of(ring, 0) == 3 && result_of(ring, 2) == 7));
}

// Or leaves in front of one, and says so as if it had been told to.
BOOST_AUTO_TEST_CASE(the_serial_drain_behind_a_wide_one_leaves_them) {
    RingMemory of_ring(capacity);
    const Ring ring = of_ring.ring(capacity);
    for (const Slot& slot : {atomic_add(1, 200), sums(3, 4), atomic_add(1, 200)})
        BOOST_REQUIRE(ring.publish(slot).has_value());
    Memory memory;
    const sr_memory words = memory.with_local();
    const sr_ring own = sr_ring_of(reinterpret_cast<uchar*>(inside(ring).base()), capacity - 1, 3, 3);
    const sr_bounds bounds{1, 0, 0, ~ulong{0}, 0};
    sr_drain_serial_but(&own, &words, &bounds, 1);
    BOOST_TEST((ring.completed() == 1 && inside(ring).claimed() == 1 && memory.control[200] == 1));
    BOOST_TEST(inside(ring).has_left(1));
}

BOOST_AUTO_TEST_CASE(sub_groups_of_one_lane_run_team_slots) {
    for (const uint subgroups : {2u, 3u, 4u}) {
        RingMemory of_ring(capacity);
        const Ring ring = of_ring.ring(capacity);
        for (uint i = 0; i < 6; ++i) BOOST_REQUIRE(ring.publish(i == 3 ? batch_fence(1, 1) : sums(i, 1)).has_value());
        std::vector<uint> sched(SR_SCHED_WORDS(capacity));
        std::vector<Memory> memories(subgroups);  // each has its group's local memory
        const sr_ring own = sr_ring_of(reinterpret_cast<uchar*>(inside(ring).base()), capacity - 1, 3, 3);
        const sr_bounds bounds{1, 0, 0, ~ulong{0}, 0};
        std::vector<std::thread> threads;
        for (uint i = 0; i < subgroups; ++i)
            threads.emplace_back([&, i] {
                sr_memory words = memories[i].with_local();
                words.control = memories[0].control.data();
                sr_drain_wide(&own, &words, &bounds, sched.data(), i, subgroups, 0);
            });
        for (std::thread& thread : threads) thread.join();
        BOOST_TEST(ring.completed() == 6u);
        for (uint i = 0; i < 6; ++i)
            if (i != 3) BOOST_TEST((ring.state(i) == State::done && result_of(ring, i) == i + 1));
    }
}
