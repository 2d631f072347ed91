/* The wide drain: many sub-groups on a ring, or on one for each level. A retirer, a poller, workers and teams: a file
 * each. Roles go to sub-groups in the order in which their groups begin, so no sub-group waits for a group that has
 * not begun; the last groups are teams. state.h says what a chunk is and when it may run, invariants I1 to I5. */
#ifndef SLIPRING_WIDE_DRAIN_H
#define SLIPRING_WIDE_DRAIN_H

#include "../abi.h"
#include "../atomics.h"
#include "../launch.h"
#include "../ops.h"
#include "../ring.h"
#include "../serial.h"
#include "levels.h"
#include "poller.h"
#include "retirer.h"
#include "state.h"
#include "subgroup.h"
#include "team.h"
#include "worker.h"

#ifdef SR_HAS_WIDE

/* The last sub-group to go puts the scheduler state back for the next launch, and leaves the ring as a single
 * work-item does. */
static inline void sr_close(const sr_wides* wides) {
    const sr_wide* const wide = wides->of; /* for what all rings share */
    const sr_ring* const lead = sr_lead(wide);
    __global uint* const sched = wide->sched;
    const int alone = sr_load_device(sched + SR_SCHED_STAGE) == SR_STAGE_ALONE;
    const uint leave = sr_load_device(sched + SR_SCHED_LEAVE);
    sr_store(sched + SR_SCHED_ASKED, sr_load(sched + SR_SCHED_QUEUED));
    if (sr_teams(wide) != 0) sr_store(sched + SR_SCHED_TEAM_ASKED, sr_load(sched + SR_SCHED_TEAM_QUEUED));
    for (uint i = 0; i < SR_RINGS; ++i) {
        __global uint* const own = sr_own(&wides->of[i]);
        sr_store(own + SR_SCHED_BASE, sr_plus(wides->of[i].base, sr_load(own + SR_SCHED_CLAIMED)));
        for (uint word = SR_SCHED_ARRIVED; word <= SR_SCHED_LEFT; word += 32u) sr_store(own + word, 0);
    }
    sr_fence_device();
    if (leave == SR_LEAVE_BUSY || leave == SR_LEAVE_REVOKED) {
        sr_leave_work(lead, wide->memory, wide->bounds->launch);
        return;
    }
    sr_bounds rest = *wide->bounds; /* what was published since, by a few slots at most */
    if (!alone) rest.idle_timeout = rest.max_time = 0;
    sr_memory memory = *wide->memory;
    memory.now = (__global uint*)(lead->base + SR_RING_NOW); /* nobody keeps the time any more */
    sr_drain_serial_but(wide->ring, &memory, &rest, sr_teams(wide) != 0 && !alone);
}

/* How far COMPLETED is behind the launch's first position already, as an offset. The host looked when it enqueued the
 * launch. Since then the launch before may have come back from its leave (S), and run slots that were meant for this
 * one. */
SR_WRAPS static inline uint sr_ahead(const sr_wide* wide) {
    const ulong ahead = *(__global ulong*)(wide->ring->base + SR_RING_COMPLETED) - sr_first(wide);
    return ahead > SR_MAX_LAUNCH_SLOTS ? SR_MAX_LAUNCH_SLOTS + 1u : (uint)ahead;
}

/* Polls, or works, until there is nothing more to do. */
static inline void sr_serve(sr_wides* wides, int polls) {
    const sr_wide* const wide = wides->of; /* for what all rings share, or the only one */
    __global uint* const sched = wide->sched;
    uint copy[SR_COPY_WORDS];
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;
    const uint team_queued = sr_teams(wide) != 0 ? sr_load(sched + SR_SCHED_TEAM_QUEUED) : 0;
    const sr_poller poller_begins = {0, sr_load(sched + SR_SCHED_QUEUED), SR_VIGIL_BEGINS, team_queued, 0, 0};
#if SR_RINGS > 1u
    sr_levels own;
    sr_fronts fronts;
    if (polls) {
        sr_tell_first(wides);
        sr_begin_levels(wides, &own, &fronts, poller_begins);
    }
#else
    sr_poller poller = poller_begins;
    sr_front own = sr_front_of(0);
    if (polls) own.offset = sr_share(sr_lane() == 0 ? sr_ahead(wide) : 0, 0);
#endif
    uint stage = 0;
    if (polls && sr_lane() == 0) stage = sr_cas_device(sched + SR_SCHED_STAGE, 0, SR_STAGE_POLLED);
    if (sr_share(stage, 0) == SR_STAGE_ALONE) return;
    if (polls) sr_keep_time(wide); /* Q and T hand it on */
    /* From a ring that was taken from the launch before, too: slots behind COMPLETED may have finished there, which
     * still say that they are published. */
    const int revoked = polls && sr_share(sr_lane() == 0 ? (uint)sr_revoked(sr_lead(wide)) : 0, 0) != 0;
    sr_chunk chunk;
#if SR_RINGS > 1u
    uint ring = SR_RINGS; /* none so far */
    if (revoked) {
        sr_end_all_polling(wides, &fronts, SR_LEAVE_REVOKED);
        return;
    }
    while (polls ? sr_poll_levels(wides, &own, &fronts, &ring, &chunk, copy)
                 : sr_next_chunk(wides, &ring, &chunk, copy))
        sr_run_chunk(&wides->of[ring], &chunk, copy);
#else
    uint ring = 0;
    if (revoked) {
        sr_end_polling(wide, &own, SR_LEAVE_REVOKED);
        return;
    }
    while (polls ? sr_poll(wide, &poller, &own, &chunk, copy) : sr_next_chunk(wides, &ring, &chunk, copy))
        sr_run_chunk(wide, &chunk, copy);
#endif
}

/* A sub-group or a team goes; the last one closes. */
static inline void sr_depart(const sr_wides* wides) {
    const sr_wide* const wide = wides->of;
    sr_join();
    uint left = 0;
    if (sr_lane() == 0) left = sr_add_device(wide->sched + SR_SCHED_LEFT, 1u) + 1u;
    if (sr_share(left, 0) == wide->workers + 2u + wide->teams && sr_lane() == 0) sr_close(wides);
}

/* A sub-group's part of a launch that drains SR_RINGS rings. `subgroup` is its number in the order of arrival, of
 * `subgroups`, two at least. `teams`: so many groups besides are teams. */
static inline void sr_drain_wide(const sr_ring* rings, const sr_memory* memory, const sr_bounds* bounds,
                                 __global uint* sched, uint subgroup, uint subgroups, uint teams) {
    if (!sr_begins(memory, bounds->launch)) return;
    sr_wides wides = sr_wides_of(rings, memory, bounds, sched, subgroups - 2u, teams);
    if (subgroup == 0) sr_retire(&wides);
    else sr_serve(&wides, subgroup == 1u);
    sr_depart(&wides);
}

#ifdef SR_HAS_TEAMS
/* A team's part of a launch: all lanes of its group. `board`: SR_BOARD_WORDS words of the group's local memory. */
static inline void sr_drain_team(const sr_ring* rings, const sr_memory* memory, const sr_bounds* bounds,
                                 __global uint* sched, uint subgroups, uint teams, const sr_team* team,
                                 __local uint* board) {
    if (!sr_begins(memory, bounds->launch)) return;
    sr_wides wides = sr_wides_of(rings, memory, bounds, sched, subgroups - 2u, teams);
    sr_serve_as_team(&wides, team, board);
    if (sr_leads(team)) sr_depart(&wides);
}
#endif

#endif

#endif
