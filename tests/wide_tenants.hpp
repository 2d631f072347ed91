// Two levels as the wide drain has them, the program and three tenants, natively, with sub-groups of 32 lanes and
// teams of two of them; stepped from a seed. For one source of a program.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "stepped.hpp"
#include "ring_memory.hpp"

// Tenant 1 has the higher level, the program and the other two the lower one.
#define SR_RINGS 4u
#define SR_TENANTS 3u
#define SR_LEVELS 2u
#define SR_LEAD 1u
#define SR_LOWER_EVERY 8u
#define SR_ALONE_AFTER (1u << 30) /* a thread may be late */
#define SR_TEAMS 1
#include "shim.hpp"

namespace {

using namespace slipring;

constexpr ulong for_ever = ~ulong{0};
constexpr uint team_lanes = 64, max_teams = 2;
constexpr uint tenant_of[SR_RINGS] = {1, 0, 2, 3}, id_of[SR_RINGS] = {11, 0, 22, 33};
constexpr uint words_of[SR_RINGS] = {1000, 2000, 3000, 4000}, own_words = 1000;  // that each may read and write

std::vector<uint> said;          // the first arguments of 0x101 and 0x200, in their order
uint held_back = 0, let_go = 0;  // how many of 0x102 have begun, and whether they may end
bool wrong_tenant = false;       // a handler was told of another than its second argument says

struct Tenants : lanes::Stepped {
    std::vector<RingMemory> memory{};
    std::vector<Ring> rings{};
    std::vector<uint> control = std::vector<uint>(8192);
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + 64 * SR_LOG_RECORD_WORDS);
    std::vector<uint> sched{};
    std::array<sr_ring, SR_RINGS> own{};
    std::array<std::array<uint, SR_BOARD_WORDS>, max_teams> boards{};
    std::array<std::array<uint, team_lanes>, max_teams> locals{};
    sr_bounds bounds{};

    explicit Tenants(std::uint32_t capacity, std::uint64_t start = 0) {
        most_steps = 20'000'000;
        for (uint i = 0; i < SR_RINGS; ++i) {
            memory.emplace_back(capacity);
            rings.push_back(memory.back().ring(capacity, start + 5 * i));
        }
        sched.resize(SR_RINGS * SR_SCHED_WORDS(capacity));
        for (uint i = 0; i < SR_RINGS; ++i) declare(i, 1);
        said.clear();
        held_back = let_go = 0;
        wrong_tenant = false;
    }
    // The ring's tenant may do all but print, and that in its own words.
    void declare(uint ring, uint weight) {
        if (tenant_of[ring] == 0) return;
        uint* const row = &control[SR_CONTROL_TENANTS + (tenant_of[ring] - 1) * SR_TENANT_WORDS];
        row[SR_TENANT_ID] = id_of[ring];
        row[SR_TENANT_RIGHTS] = 0x7Fu | weight << SR_TENANT_WEIGHT_SHIFT;
        row[SR_TENANT_OPS] = 7;
        for (const uint range : {SR_TENANT_READS, SR_TENANT_WRITES}) {
            row[range] = words_of[ring];
            row[range + 1] = own_words;
        }
    }
    bool publish(uint ring, const Slot& slot) {
        return rings[ring].publish(slot.for_tenant(id_of[ring])).has_value();
    }

    void launch(uint number, uint subgroups, uint teams, ulong idle_timeout, uint seed) {
        for (uint i = 0; i < SR_RINGS; ++i) {
            const uint shift = static_cast<uint>(std::countr_zero(rings[i].capacity()));
            own[i] =
                sr_ring_of(reinterpret_cast<uchar*>(inside(rings[i]).base()), rings[i].capacity() - 1, shift, shift);
            own[i].level = i == 0 ? 0 : 1;
            own[i].tenant = tenant_of[i];
        }
        bounds = {number, 0, idle_timeout, for_ever, 0};
        machine.reset();
        const auto kernel = [this, subgroups, teams](uint subgroup) {
            sr_running running{};  // each lane's own
            const sr_memory words = {
                control.data(), 8192, nullptr, 0, log.data(), 63, nullptr, 0, nullptr, 0, sched.data() + SR_SCHED_NOW,
                &running};
            if (subgroup < subgroups)
                return sr_drain_wide(own.data(), &words, &bounds, sched.data(), subgroup, subgroups, teams);
            const uint group = (subgroup - subgroups) / 2, lane = (subgroup - subgroups) % 2 * 32 + sr_lane();
            const sr_team team{lane, team_lanes, reinterpret_cast<uchar*>(locals[group].data()), team_lanes * 4};
            sr_drain_team(own.data(), &words, &bounds, sched.data(), subgroups, teams, &team, boards[group].data());
        };
        machine = std::make_unique<lanes::Machine>(subgroups + 2 * teams, kernel, seed, lanes::Groups{subgroups, 2});
    }
    bool end() {
        inside(rings[SR_LEAD]).word32(SR_RING_STOP).store(bounds.launch);
        return Stepped::end();
    }
    bool is_complete(uint ring) const { return rings[ring].completed() == rings[ring].reserved(); }
    bool is_complete() const { return is_complete(0) && is_complete(1) && is_complete(2) && is_complete(3); }
    ulong claimed(uint ring) const { return inside(rings[ring]).word64(SR_RING_CLAIMED).load(); }
    Code code(uint ring, std::uint64_t position) const {
        const auto end = rings[ring].completion(position);
        return end ? end->code : Code::device_lost;  // which none of these is
    }
};

Slot says(uint ring, uint what) { return slot(custom_opcode<0x101>(), {what, id_of[ring]}); }
Slot team_says(uint ring, uint what) { return slot(custom_opcode<0x200>(), {what, id_of[ring]}); }
Slot stays() { return slot(custom_opcode<0x102>(), {0}); }

}  // namespace

static void look_at_tenant(const uint* args, const sr_memory* memory) {
    const uint* const row = memory->running->rights;
    wrong_tenant |= args[1] != (row == nullptr ? 0 : row[SR_TENANT_ID]);
}
// 0x101 says its first argument. 0x102 stays until it is let go.
static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, ulong*) {
    if (opcode == 0x101) {
        look_at_tenant(args, memory);
        said.push_back(args[0]);
        return SR_CODE_OK;
    }
    if (opcode != 0x102) return SR_CODE_UNKNOWN_OPCODE;
    ++held_back;
    while (let_go == 0) sr_nap();
    return SR_CODE_OK;
}
static int sr_is_team(uint opcode) { return opcode == 0x200; }
// 0x200 says its first argument, once all lanes have met.
static uint sr_custom_team(uint, const uint* args, const sr_memory* memory, const sr_team* team, ulong*) {
    look_at_tenant(args, memory);
    sr_team_barrier(team);
    if (team->lane == 0) said.push_back(args[0]);
    return SR_CODE_OK;
}
static uint sr_op_number(uint opcode) {
    return opcode == 0x101 ? 0 : opcode == 0x102 ? 1 : opcode == 0x200 ? 2 : SR_MAX_TENANT_OPS;
}
