/* How a team runs a slot: a work-group whose lanes all call this at once, the first of them the leader. What one lane
 * tells the others lies on a board in local memory. */
#ifndef SLIPRING_TEAM_H
#define SLIPRING_TEAM_H

#include "abi.h"
#include "atomics.h"
#include "handler.h"
#include "ops.h"
#include "ring.h"
#include "types.h"

/* The board's words: what the leader writes before a barrier, all lanes read behind it, and none behind the next. */
#define SR_BOARD_RUNS 0u    /* 1: there is a slot to run; 0: the team leaves */
#define SR_BOARD_FAULTED 1u /* the lowest lane whose code is not OK, and its code: see sr_fault_key */
#define SR_BOARD_ROW 2u     /* its tenant's row, see sr_row_number */
#define SR_BOARD_SLOT 3u    /* the slot's words */
#define SR_BOARD_WORDS (SR_BOARD_SLOT + SR_SLOT_WORDS)

#define SR_NO_FAULT 0xFFFFFFFFu

/* Orders faults by lane. Codes are below 256. */
static inline uint sr_fault_key(uint lane, uint code) { return lane << 8 | code; }

/* The leader puts a slot on the board; a barrier follows. Whether it begins in time, and whether its tenant may run
 * it, the leader alone decides: lanes that said different things would not meet at the handler's barriers. */
static inline void sr_post_slot(__local uint* board, uint* copy, const sr_memory* memory) {
    const int of_its_ring = sr_is_of_its_ring(copy, memory);
    if (sr_is_for_team(copy)) {
        const uint* args;
        const int may =
            of_its_ring && (!sr_is_well_formed(copy, &args) || !sr_is_denied(copy[SR_WORD_OPCODE], args, memory));
        if (!may) copy[SR_WORD_OPCODE] = SR_OP_DENIED;
        else if (sr_is_late(copy, memory)) copy[SR_WORD_OPCODE] = SR_OP_LATE;
    }
    board[SR_BOARD_ROW] = sr_row_number(memory);
    for (uint i = 0; i < SR_SLOT_WORDS; ++i) board[SR_BOARD_SLOT + i] = copy[i];
    board[SR_BOARD_FAULTED] = SR_NO_FAULT;
    board[SR_BOARD_RUNS] = 1u;
}

/* All lanes take it, behind that barrier. `copy` as in sr_run_slot. */
static inline void sr_take_slot(const __local uint* board, uint* copy, const sr_memory* memory) {
    sr_take_row(memory, board[SR_BOARD_ROW]);
    for (uint i = 0; i < SR_SLOT_WORDS; ++i) copy[i] = board[SR_BOARD_SLOT + i];
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;
}

/* A long copy. */
static inline void sr_copy_as_team(__global uint* control, const uint* args, const sr_team* team) {
    const sr_copy copy = {args[0], args[1], args[2], team->lane, team->width};
    uint held[SR_AT_ONCE];
    for (ulong done = 0; done < copy.words; done += SR_AT_ONCE * team->width) {
        sr_read_piece(control, &copy, (uint)done, held);
        sr_team_barrier(team);
        sr_write_piece(control, &copy, (uint)done, held);
    }
}

/* One lane's part of a slot that sr_is_for_team. */
static inline uint sr_execute_as_team(uint opcode, const uint* args, const sr_memory* memory, const sr_team* team,
                                      ulong* value) {
    if (opcode == SR_OP_LATE) return SR_CODE_DEADLINE;
    if (opcode != SR_OP_MEMCPY) return sr_custom_team(opcode, args, memory, team, value);
    const uint code = sr_check_memcpy(args, memory->control_words);
    if (code != SR_CODE_OK) return code;
    sr_copy_as_team(memory->control, args, team);
    *value = args[2];
    return code;
}

/* All lanes run a slot that sr_is_for_team. The outcome is the leader's; no other lane looks at the board behind the
 * barrier, for the leader goes on to the next slot. */
static inline sr_outcome sr_run_as_team(const uint* copy, const sr_memory* memory, const sr_team* team,
                                        __local uint* board) {
    sr_outcome out = {SR_CODE_BAD_ARGUMENT, 0, 0};
    const uint* args;
    sr_tell_due(memory, sr_due_of(copy));
    if (copy[SR_WORD_OPCODE] == SR_OP_DENIED) out.code = SR_CODE_DENIED;
    else if (sr_is_well_formed(copy, &args))
        out.code = sr_execute_as_team(copy[SR_WORD_OPCODE], args, memory, team, &out.value);
    if (out.code != SR_CODE_OK) sr_min_local(board + SR_BOARD_FAULTED, sr_fault_key(team->lane, out.code));
    sr_team_barrier(team);
    if (team->lane != 0) return out;
    const uint faulted = board[SR_BOARD_FAULTED];
    out.code = faulted == SR_NO_FAULT ? SR_CODE_OK : faulted & 0xFFu;
    return out;
}

/* One slot by itself: by all lanes if it is for a team, else by lane 0. The outcome is lane 0's. All lanes run what
 * lane 0 has read. */
static inline sr_outcome sr_run_alone(const __global uint* slot, const sr_memory* memory, const sr_team* team,
                                      __local uint* board) {
    sr_outcome out = {SR_CODE_OK, 0, 0};
    uint copy[SR_COPY_WORDS];
    if (team->lane == 0) {
        sr_copy_slot(copy, slot);
        sr_post_slot(board, copy, memory);
    }
    sr_team_barrier(team);
    sr_take_slot(board, copy, memory);
    if (sr_is_for_team(copy)) out = sr_run_as_team(copy, memory, team, board);
    else if (team->lane == 0) out = sr_run_slot(copy, 0, memory);
    return out;
}

#endif
