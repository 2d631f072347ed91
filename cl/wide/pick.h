/* Which of the slots in front the poller takes next, where it may not guess: where there are teams, since a slot for
 * one is a chunk of its own, and among others there is none; and in a tenant's ring, where what is not published may
 * never be. */
#ifndef SLIPRING_WIDE_PICK_H
#define SLIPRING_WIDE_PICK_H

#include "../abi.h"
#include "../atomics.h"
#include "../ops.h"
#include "../ring.h"
#include "fetch.h"
#include "state.h"
#include "subgroup.h"

#define SR_SCAN_LOOKS 32u                     /* of which 8 keep 60 M slots/s going, 16 97, 32 125 (H200) */
#define SR_FAR_SLOTS (4u * SR_SUBGROUP_LANES) /* so many there were: the next look goes as far at once */

#if SR_SUBGROUP_LANES > 1u

/* As sr_is_for_team, of a slot of which only the opcode is here. */
static inline int sr_looks_for_team(const sr_wide* wide, ulong position, uint opcode) {
    if (sr_teams(wide) == 0) return 0;
    if (opcode != SR_OP_MEMCPY) return sr_is_team(opcode);
    const __global uint* const slot = sr_slot(wide->ring, position);
    const uint prefix = (sr_load_volatile(slot + SR_WORD_PRIORITY) & SR_FLAG_WINDOWED) != 0 ? SR_WINDOW_PREFIX : 0u;
    return sr_load_volatile(slot + SR_WORD_ARGS + prefix + 2u) > SR_LONG_COPY;
}

/* How many of the next slots are published and for no team, from the first on. All loads are under way at once. */
static inline uint sr_scan(const sr_wide* wide, ulong position) {
    const sr_ring* const ring = wide->ring;
    const uint lane = sr_lane();
    uint2 head[SR_SCAN_LOOKS]; /* state and opcode */
    for (uint j = 0; j < SR_SCAN_LOOKS; ++j)
        head[j] = sr_load8(sr_slot(ring, position + j * SR_SUBGROUP_LANES + lane));
    uint n = 0;
    for (uint j = 0; j < SR_SCAN_LOOKS; ++j) {
        const ulong at = position + j * SR_SUBGROUP_LANES + lane;
        const int published = sr_is_next(head[j].x, sr_awaited(ring, at));
        const int for_team = !sr_is_cancelled(head[j].x) && sr_looks_for_team(wide, at, head[j].y);
        const uint leading = sr_leading(published && !for_team);
        if (n == j * SR_SUBGROUP_LANES) n += leading;
    }
    return n;
}

/* As sr_look, and none of what it finds is a guess. Slots that are for teams: up to 32, and
 * lane l has slot l. Slots that are not: up to 8 as those, else whole chunks, or what there is if that is less than
 * one. `far`: there were many of these a moment ago. */
static inline uint sr_look_closely(const sr_wide* wide, ulong position, int far, uint* copy, int* for_teams) {
    const sr_ring* const ring = wide->ring;
    *for_teams = 0;
    uint n = far ? sr_scan(wide, position) : 0;
    if (n <= 8u) {
        const int published = sr_is_next(sr_fetch(ring, position, copy), sr_awaited(ring, position + sr_lane()));
        const int team = published && sr_teams(wide) != 0 && sr_is_for_team(copy);
        *for_teams = (int)sr_share((uint)team, 0);
        n = sr_leading(published && team == *for_teams);
        if (*for_teams) return n;
        if (wide->workers == 0) return n < 8u ? n : 8u;
        if (n == SR_SUBGROUP_LANES) n = sr_scan(wide, position);
    }
    return n < SR_SUBGROUP_LANES ? n : n / SR_SUBGROUP_LANES * SR_SUBGROUP_LANES;
}

#else

static inline uint sr_look_closely(const sr_wide* wide, ulong position, int far, uint* copy, int* for_teams) {
    return (void)far, *for_teams = 0, sr_look(wide->ring, position, 0, copy);
}

#endif

#ifdef SR_HAS_TEAMS

/* How many of the next items may be written over. */
static inline uint sr_clear_team_items(const sr_wide* wide, uint item) {
    if (SR_RINGS == 1u) return SR_SUBGROUP_LANES;
    return sr_leading(sr_load_device(sr_team_item(wide, sr_plus(item, sr_lane())) + SR_TEAM_ITEM_TAG) == 0); /* U */
}

/* Gives teams that wait the slots of the first `n` lanes, chunks from `chunk` on, as items from `item` on. `passed`:
 * I1 holds for the first of them, and so for all: none is a barrier.
 *
 * The table goes round, and no item is written over that its team has yet to read. Until that team has read it and
 * marked its chunk, no later chunk is issued but those of the same call; so each other team asks once more at most,
 * and 32 of them once more than that. Once a launch is being left, where a team may give a chunk back and ask again,
 * a poller hands on what it finds in SR_LOOKS_BETWEEN looks. Where there are several rings, see sr_tag. */
static inline void sr_queue_for_teams(const sr_wide* wide, uint item, uint ring, uint chunk, uint first, uint n,
                                      int passed, const uint* copy) {
    const uint lane = sr_lane();
    if (lane < n) {
        __global uint* const at = sr_team_item(wide, sr_plus(item, lane));
        sr_store(at + SR_TEAM_ITEM_FIRST, first + lane);
        sr_store(at + SR_TEAM_ITEM_CHUNK, chunk + lane);
        sr_store(at + SR_TEAM_ITEM_PASSED, passed ? 1u : 0);
        for (uint i = 0; i < SR_SLOT_WORDS; ++i) sr_store(at + SR_TEAM_ITEM_SLOT + i, copy[i]);
        if (SR_RINGS > 1u) sr_store(at + SR_TEAM_ITEM_RING, ring);
        sr_store_device(at + SR_TEAM_ITEM_TAG, sr_tag(sr_plus(item, lane))); /* T */
    }
    if (lane == 0) sr_store(wide->sched + SR_SCHED_TEAM_QUEUED, sr_plus(item, n));
    sr_join();
}

#else

static inline void sr_queue_for_teams(const sr_wide* wide, uint item, uint ring, uint chunk, uint first, uint n,
                                      int passed, const uint* copy) {
    (void)wide, (void)item, (void)ring, (void)chunk, (void)first, (void)n, (void)passed, (void)copy;
}
static inline uint sr_clear_team_items(const sr_wide* wide, uint item) { return (void)wide, (void)item, 1u; }

#endif

#endif
