// The wide drain for the target of that name: sub-groups of 32 lanes, teams of two of them, and custom operations,
// which here may take long. The handlers are good ones: they check what they are given as cl/handler.h says.
#include <cstdint>

extern "C" {
std::uint32_t device_alone_after = 0;
}
#define SR_ALONE_AFTER device_alone_after
#define SR_TEAMS 1
#include "../tests/lanes.hpp"

#include "../cl/shim.hpp"

#include "good_handler.h"

static uint sums(sr_args a, const sr_buffers*, ulong* result) {
    for (uint naps = a.word[arg_naps] % 16; naps > 0; --naps) sr_nap();
    for (const uint word : a.word) *result += word;
    return a.word[0];
}

static uint writes(sr_args a, const sr_buffers* b, ulong* result) {
    *result = sr_arg64(a, a.word[arg_asks]);
    if (const uint code = check_part(a, b); code != SR_CODE_OK) return code;
    for (uint naps = a.word[arg_naps] % 16; naps > 0 && !sr_should_stop(b); --naps) sr_nap();
    write_part(a, b, 0, 1);
    return SR_CODE_OK;
}

// The code that a lane gives back if some of them are to fault.
static uint fault_of(uint faults, uint lane) {
    if ((faults & 0xFF) == lane + 1 && sr_handler_code(faults >> 8 & 0xFF) != SR_CODE_OK) return faults >> 8 & 0xFF;
    return (faults >> 16 & 0xFF) == lane + 1 ? faults >> 24 : SR_CODE_OK;
}

// Its result: the sum of what all lanes put into local memory, so that a lane too few or of another slot is seen, and
// each word of its slot.
static uint team_writes(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {
    uint* const local_words = reinterpret_cast<uint*>(team->local_memory);
    if (team->local_bytes / 4 < team->width) return SR_CODE_FIRST_CUSTOM;
    if (a.word[arg_naps] / 16 % team->width == team->lane)
        for (uint naps = a.word[arg_naps] % 16; naps > 0 && !sr_should_stop(b); --naps) sr_nap();
    uint own = team->lane;
    for (const uint word : a.word) own = sr_plus(own, word);
    lanes::may_hold_up();
    local_words[team->lane] = own;
    sr_team_barrier(team);
    if (team->lane != 0) *result = ~ulong{0};  // lane 0's counts
    for (uint lane = 0; team->lane == 0 && lane < team->width; ++lane) *result += local_words[lane];
    if (a.word[arg_faults] != 0) return fault_of(a.word[arg_faults], team->lane);
    const uint code = check_part(a, b);
    if (code == SR_CODE_OK) write_part(a, b, team->lane, team->width);
    return code;
}

// What the host writes: see lib/device/handlers.cpp.
static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, ulong* value) {
    sr_args a;
    for (uint i = 0; i < SR_MAX_ARGS; ++i) a.word[i] = args[i];
    switch (opcode) {
        case 0x100: return sr_handler_code(sums(a, memory->buffers + 0, value));
        case op_writes: return sr_handler_code(writes(a, memory->buffers + 1, value));
        default: return SR_CODE_UNKNOWN_OPCODE;
    }
}
static uint sr_custom_team(uint opcode, const uint* args, const sr_memory* memory, const sr_team* team,
                           ulong* value) {
    sr_args a;
    for (uint i = 0; i < SR_MAX_ARGS; ++i) a.word[i] = args[i];
    switch (opcode) {
        case op_team_writes:
        case op_team_writes_too: return sr_handler_code(team_writes(a, memory->buffers + 1, team, value));
        default: return SR_CODE_UNKNOWN_OPCODE;
    }
}
static int sr_is_team(uint opcode) { return opcode == op_team_writes || opcode == op_team_writes_too; }

extern "C" {

extern const uint device_board_words = SR_BOARD_WORDS;

void device_drain_lane(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, uint* sched,
                       uint subgroup, uint subgroups, uint teams) {
    sr_drain_wide(ring, memory, bounds, sched, subgroup, subgroups, teams);
}

void device_drain_team_lane(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, uint* sched,
                            uint subgroups, uint teams, const sr_team* team, uint* board) {
    sr_drain_team(ring, memory, bounds, sched, subgroups, teams, team, board);
}

void device_run_alone_lane(const uint* slot, const sr_memory* memory, const sr_team* team, uint* board,
                           sr_outcome* out) {
    *out = sr_run_alone(slot, memory, team, board);
}
}
