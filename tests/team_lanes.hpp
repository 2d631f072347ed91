// Sub-groups of 32 lanes and teams of two of them, natively, as the consumer of a real ring; stepped from a seed. For
// one source of a program.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "stepped.hpp"

// How often the retirer looks for a poller before it goes on alone.
static unsigned alone_after = 1u << 30;
#define SR_ALONE_AFTER alone_after
#define SR_TEAMS 1
#include "shim.hpp"

constexpr uint team_lanes = 64, max_teams = 4;

// The schedules that a test runs with.
#ifdef __OPTIMIZE__
constexpr uint seeds = 6;
#else
constexpr uint seeds = 2;
#endif
#define FOR_EACH_SEED \
    for (uint seed = 1; seed <= seeds; ++seed) BOOST_TEST_CONTEXT("seed " << seed)

// Handlers: 0x100 returns its first argument as its code. 0x101 says that it runs: its first argument. 0x102 stays
// until it is let go by its first argument, a bit of `let_go`.
// Of teams: 0x200 and, for packed slots, 0xFE say so too. Second argument: 1 + the lane that faults, with third and,
// in the lane behind it, fourth argument. 0x202 stays, and then says so.
static std::vector<uint> order;      // what was said, when its last lane said it
static std::vector<uint> lanes_ran;  // of what a team's lanes said
static uint subgroups_seen = 0;      // a bit for each sub-group that ran a handler
static uint held_back = 0, let_go = 0, teams_wrong = 0, teams_of_one = 0, team_slots_ran = 0;

static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong*) {
    subgroups_seen |= 1u << lanes::Machine::current()->subgroup();
    if (opcode == 0x101) return order.push_back(args[0]), SR_CODE_OK;
    if (opcode == 0x102) {
        held_back |= 1u << args[0];
        while ((let_go >> args[0] & 1) == 0) sr_nap();
        return SR_CODE_OK;
    }
    return opcode == 0x100 ? sr_handler_code(args[0]) : SR_CODE_UNKNOWN_OPCODE;
}
static int sr_is_team(uint opcode) { return opcode == 0x200 || opcode == 0x202 || opcode == 0xFE; }

// Its result: the sum of what all lanes put into local memory, so that a lane too few or of another slot is seen.
static uint sr_custom_team(uint opcode, const uint* args, const sr_memory* memory, const sr_team* team,
                           ulong* value) {
    uint* const shared = reinterpret_cast<uint*>(team->local_memory);
    if (team->width == 1) ++teams_of_one;
    else if (team->width != team_lanes) ++teams_wrong;
    if (team->local_bytes != team_lanes * 4 || (team->width == 1) != (team->local_memory == memory->local_memory))
        ++teams_wrong;
    if (opcode == 0x202) {
        held_back |= 1u << args[1];
        while ((let_go >> args[1] & 1) == 0) sr_nap();
    }
    lanes::may_hold_up();
    shared[team->lane] = args[0] + team->lane;
    sr_team_barrier(team);
    for (uint lane = 0; team->lane == 0 && lane < team->width; ++lane) *value += shared[lane];
    if (lanes_ran.size() <= args[0]) lanes_ran.resize(args[0] + 1);
    lanes::may_hold_up();
    if (++lanes_ran[args[0]] == team->width) {
        order.push_back(args[0]);
        ++team_slots_ran;
    }
    if (team->lane != 0) *value = ~0u;  // lane 0's counts
    if (opcode == 0x202 || args[1] == 0) return SR_CODE_OK;
    if (team->lane + 1 == args[1]) return sr_handler_code(args[2]);
    return team->lane == args[1] ? sr_handler_code(args[3]) : SR_CODE_OK;
}
// What 0x200 gives.
[[maybe_unused]] static uint team_value(uint what) { return team_lanes * what + team_lanes * (team_lanes - 1) / 2; }

namespace {

using namespace slipring;

constexpr ulong for_ever = ~ulong{0};

struct Device : lanes::Stepped {
    const std::uint32_t capacity;
    std::vector<std::byte> bytes;
    std::span<std::byte> memory;
    std::vector<uint> control = std::vector<uint>(4096);
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + 64 * SR_LOG_RECORD_WORDS);
    std::vector<uint> sched = std::vector<uint>(SR_SCHED_WORDS(capacity));
    std::array<std::array<uint, SR_BOARD_WORDS>, max_teams> boards{};
    std::array<std::array<uint, team_lanes>, max_teams + 1> locals{};  // each team's, and one for teams of one
    Ring ring;
    uint teams = 0;
    std::vector<std::uint64_t> team_positions;  // of slots that a team runs, in their order
    std::size_t team_claimed = 0;               // how many of them
    bool claimed_too_many = false;              // more than there are teams for
    sr_ring own{};
    sr_memory words{};
    sr_bounds bounds{};

    explicit Device(std::uint32_t slots, std::uint64_t start = 0)
        : capacity(slots), bytes(*Ring::bytes(slots) + SR_RING_ALIGN), memory(aligned(bytes)),
          ring(*Ring::create(memory, slots, start)) {
        order.clear();
        lanes_ran.clear();
        subgroups_seen = held_back = let_go = teams_wrong = teams_of_one = team_slots_ran = 0;
    }
    static std::span<std::byte> aligned(std::span<std::byte> of) {
        const std::size_t at = -reinterpret_cast<std::uintptr_t>(of.data()) % SR_RING_ALIGN;
        return of.subspan(at, of.size() - SR_RING_ALIGN);
    }
    // As launches long ago have left it.
    void set_sched(uint old) {
        for (const uint word :
             {SR_SCHED_BASE, SR_SCHED_QUEUED, SR_SCHED_ASKED, SR_SCHED_TEAM_QUEUED, SR_SCHED_TEAM_ASKED})
            sched[word] = old;
        for (uint k = 1; k <= SR_TEAM_ITEMS; ++k) {
            uint* const item = &sched[SR_SCHED_TEAM_ITEMS(capacity) + (old - k) % SR_TEAM_ITEMS * SR_TEAM_ITEM_WORDS];
            item[SR_TEAM_ITEM_TAG] = old - k + 1;
        }
        for (uint k = 0; k < capacity; ++k)
            sched[SR_SCHED_TABLES + 2 * capacity + 4 * ((old + k) % capacity)] = old + k + 1 - capacity;
    }

    void launch(uint number, uint subgroups, uint team_groups, ulong idle_timeout, uint seed,
                ulong max_time = for_ever) {
        teams = team_groups;
        const uint shift = static_cast<uint>(std::countr_zero(capacity));
        own = sr_ring_of(reinterpret_cast<uchar*>(memory.data()), capacity - 1, shift, shift);
        auto* const local = reinterpret_cast<uchar*>(locals[max_teams].data());
        words = {control.data(), static_cast<uint>(control.size()), nullptr, 0, log.data(), 63, nullptr, 0, local,
                 team_lanes * 4, sched.data() + SR_SCHED_NOW,       nullptr};
        bounds = {number, ring.completed(), idle_timeout, max_time, 0};
        machine.reset();
        const auto kernel = [this, subgroups](uint subgroup) {
            if (subgroup < subgroups)
                return sr_drain_wide(&own, &words, &bounds, sched.data(), subgroup, subgroups, teams);
            const uint group = (subgroup - subgroups) / 2, lane = (subgroup - subgroups) % 2 * 32 + sr_lane();
            const sr_team team{lane, team_lanes, reinterpret_cast<uchar*>(locals[group].data()), team_lanes * 4};
            sr_drain_team(&own, &words, &bounds, sched.data(), subgroups, teams, &team, boards[group].data());
        };
        machine = std::make_unique<lanes::Machine>(subgroups + 2 * teams, kernel, seed, lanes::Groups{subgroups, 2});
    }
    void step() override {
        machine->step();
        const uint ahead = sched[SR_SCHED_TEAM_QUEUED] - sched[SR_SCHED_TEAM_ASKED];
        while (team_claimed < team_positions.size() &&
               static_cast<std::int64_t>(claimed() - team_positions[team_claimed]) > 0)
            ++team_claimed;
        claimed_too_many = claimed_too_many || static_cast<int>(ahead) > 0 || team_claimed > team_slots_ran + teams;
    }
    uint& word32(std::size_t offset) { return *reinterpret_cast<uint*>(memory.data() + offset); }
    uint& slot_word(std::uint64_t position, uint word) {
        return word32(SR_RING_SLOTS + position % capacity * SR_SLOT_BYTES + word * 4);
    }
    std::uint64_t claimed() const { return inside(ring).claimed(); }
    bool is_done(std::uint64_t position) { return ring.state(position) == State::done; }
};

inline Slot says(uint what) { return slot(custom_opcode<0x101>(), {what}); }
inline Slot stays(uint bit) { return slot(custom_opcode<0x102>(), {bit}); }
inline Slot team_says(uint what) { return slot(custom_opcode<0x200>(), {what}); }
inline Slot team_faults(uint what, uint lane, uint code, uint next = 0) {
    return slot(custom_opcode<0x200>(), {what, lane + 1, code, next});
}
inline Slot team_stays(uint what, uint bit) { return slot(custom_opcode<0x202>(), {what, bit}); }

}  // namespace
