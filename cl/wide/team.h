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

/* The team's next slot, and its ring's number; false when there will be none. */
static inline int sr_next_team_slot(sr_wides* wides, uint* ring, sr_chunk* chunk, uint* copy) {
    const sr_wide* const wide = wides->of;
    uint item = 0;
    if (sr_lane() == 0) item = sr_add_device(wide->sched + SR_SCHED_TEAM_ASKED, 1u);
    item = sr_share(item, 0);
    __global uint* const at = sr_team_item(wide, item);
    while (sr_share(sr_load(at + SR_TEAM_ITEM_TAG), 0) != sr_tag(item)) {
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
#if SR_RINGS > 1u
    if (*ring == SR_RINGS) sr_learn_first(wides);
    *ring = sr_share(sr_load(at + SR_TEAM_ITEM_RING), 0);
    sr_clear_tag(at + SR_TEAM_ITEM_TAG); /* U */
#else
    (void)ring;
#endif
    return sr_share(leave, 0) != SR_LEAVE_REVOKED;
}

/* The same, once it may be run: I1. What may not is left to the next launch, or to none. */
static inline int sr_await_team_slot(sr_wides* wides, uint* ring, sr_chunk* chunk, uint* copy) {
    while (sr_next_team_slot(wides, ring, chunk, copy)) {
        const sr_wide* const wide = &wides->of[*ring];
        if (chunk->passed) return 1;
        sr_mark(wide, chunk->number, SR_CHUNK_ISSUED); /* it was seen published, and is no barrier */
        if (sr_await_issue(wide, chunk->number) && !sr_is_revoked(wide)) return 1;
    }
    return 0;
}

/* Runs slots until there is nothing more to do. All lanes of the team. */
static inline void sr_serve_as_team(sr_wides* wides, const sr_team* team, __local uint* board) {
    const int leads = sr_leads(team);
    const sr_memory* const memory = wides->of[0].memory;
    uint ring = SR_RINGS > 1u ? SR_RINGS : 0;
    sr_chunk chunk = {0, 0, 0, 0, 0};
    uint copy[SR_COPY_WORDS];
    for (int runs = 1; runs;) {
        if (leads) {
            const int has = sr_await_team_slot(wides, &ring, &chunk, copy);
            if (team->lane == 0) {
                if (has) {
                    sr_take_rights(memory, wides->of[ring].ring);
                    sr_post_slot(board, copy, memory);
                } else board[SR_BOARD_RUNS] = 0;
            }
        }
        sr_team_barrier(team);
        runs = board[SR_BOARD_RUNS] != 0;
        if (runs) {
            if (leads && chunk.passed)
                sr_mark(&wides->of[ring], chunk.number, SR_CHUNK_ISSUED); /* while others begin */
            sr_take_slot(board, copy, memory);
            const sr_outcome out = sr_run_as_team(copy, memory, team, board);
            if (leads) {
                const sr_wide* const wide = &wides->of[ring];
                if (team->lane == 0) sr_finish_lane(wide, copy, sr_first(wide) + chunk.first, out);
                sr_mark(wide, chunk.number, SR_CHUNK_FINISHED);
            }
        }
    }
}

#endif

#endif
