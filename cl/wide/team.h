/* A team, a whole work-group, takes slots of team operations off a queue of their own, one at a time, and runs each
 * with all its lanes. Its first sub-group leads: it waits, takes and finishes, while the others wait at a barrier. */
#ifndef SLIPRING_WIDE_TEAM_H
#define SLIPRING_WIDE_TEAM_H

#include "../abi.h"
#include "../atomics.h"
#include "../ops.h"
#include "../ring.h"
#include "../team.h"
#include "state.h"
#include "subgroup.h"
#include "worker.h"

#ifdef SR_HAS_TEAMS

static inline int sr_leads(const sr_team* team) { return team->lane < SR_SUBGROUP_LANES; }

/* The team's next slot; false when there will be none. */
static inline int sr_next_team_slot(const sr_wide* wide, sr_chunk* chunk, uint* copy) {
    uint item = 0;
    if (sr_lane() == 0) item = sr_add_device(wide->sched + SR_SCHED_TEAM_ASKED, 1u);
    item = sr_share(item, 0);
    __global uint* const at = sr_team_item(wide, item);
    while (sr_share(sr_load(at + SR_TEAM_ITEM_TAG), 0) != sr_plus(item, 1u)) {
        if (sr_share(sr_load(wide->sched + SR_SCHED_FINISHED), 0) != 0) return 0;
        sr_nap();
    }
    sr_load_device(at + SR_TEAM_ITEM_TAG);                    /* T */
    const uint leave = sr_load(wide->sched + SR_SCHED_LEAVE); /* all at once */
    chunk->first = sr_load(at + SR_TEAM_ITEM_FIRST);
    chunk->number = sr_load(at + SR_TEAM_ITEM_CHUNK);
    chunk->length = 1u;
    chunk->ready = 1;
    chunk->passed = sr_load(at + SR_TEAM_ITEM_PASSED) != 0;
    for (uint i = 0; i < SR_SLOT_WORDS; ++i) copy[i] = sr_load(at + SR_TEAM_ITEM_SLOT + i);
    return sr_share(leave, 0) != SR_LEAVE_REVOKED;
}

/* The same, once it may be run: I1. What may not is left to the next launch, or to none. */
static inline int sr_await_team_slot(const sr_wide* wide, sr_chunk* chunk, uint* copy) {
    while (sr_next_team_slot(wide, chunk, copy)) {
        if (chunk->passed) return 1;
        sr_mark(wide, chunk->number, SR_CHUNK_ISSUED); /* it was seen published, and is no barrier */
        if (sr_await_issue(wide, chunk->number) && !sr_is_revoked(wide)) return 1;
    }
    return 0;
}

/* Runs slots until there is nothing more to do. All lanes of the team. */
static inline void sr_serve_as_team(const sr_wide* wide, const sr_team* team, __local uint* board) {
    const int leads = sr_leads(team);
    sr_chunk chunk = {0, 0, 0, 0, 0};
    uint copy[SR_COPY_WORDS];
    for (int runs = 1; runs;) {
        if (leads) {
            const int has = sr_await_team_slot(wide, &chunk, copy);
            if (team->lane == 0) {
                if (has) sr_post_slot(board, copy, wide->memory);
                else board[SR_BOARD_RUNS] = 0;
            }
        }
        sr_team_barrier(team);
        runs = board[SR_BOARD_RUNS] != 0;
        if (runs) {
            if (leads && chunk.passed) sr_mark(wide, chunk.number, SR_CHUNK_ISSUED); /* while others begin */
            sr_take_slot(board, copy);
            const sr_outcome out = sr_run_as_team(copy, wide->memory, team, board);
            if (leads) {
                if (team->lane == 0) sr_finish_lane(wide, copy, wide->bounds->first + chunk.first, out);
                sr_mark(wide, chunk.number, SR_CHUNK_FINISHED);
            }
        }
    }
}

#endif

#endif
