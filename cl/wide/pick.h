/* Where there are teams, which of the slots in front the poller takes next: a team slot, of a team operation, is a
 * chunk of its own, and among others there is none. */
#ifndef SLIPRING_WIDE_PICK_H
#define SLIPRING_WIDE_PICK_H

#include "../abi.h"
#include "../atomics.h"
#include "../ops.h"
#include "../ring.h"
#include "fetch.h"
#include "state.h"
#include "subgroup.h"

#define SR_SCAN_LOOKS 8u
#define SR_SCAN_SLOTS (SR_SCAN_LOOKS * SR_SUBGROUP_LANES)

#ifdef SR_HAS_TEAMS

/* How many of the next SR_SCAN_SLOTS are published and no team slots, from the first on. All loads are under way at
 * once. */
static inline uint sr_scan(const sr_ring* ring, ulong position) {
    const uint lane = sr_lane();
    uint4 piece[SR_SCAN_LOOKS];
    for (uint j = 0; j < SR_SCAN_LOOKS; ++j)
        piece[j] = sr_load16(sr_slot(ring, position + j * SR_SUBGROUP_LANES + lane));
    uint n = 0;
    for (uint j = 0; j < SR_SCAN_LOOKS; ++j) {
        const ulong at = position + j * SR_SUBGROUP_LANES + lane;
        const uint leading = sr_leading(piece[j].x == sr_awaited(ring, at) && !sr_is_team(piece[j].y));
        if (n == j * SR_SUBGROUP_LANES) n += leading;
    }
    return n;
}

/* As sr_look, and none of what it finds is a guess. Up to 8 slots may be of any kind, and lane l has slot l; more are
 * none of them team slots: whole chunks, or what there is if that is less than one. `far`: there were many a moment
 * ago. */
static inline uint sr_look_closely(const sr_wide* wide, ulong position, int far, uint* copy) {
    if (wide->workers == 0) return sr_look(wide->ring, position, 0, copy);
    if (!far) {
        const uint n = sr_look(wide->ring, position, SR_SUBGROUP_LANES, copy);
        if (n <= 8u) return n;
    }
    const uint n = sr_scan(wide->ring, position);
    if (n >= SR_SUBGROUP_LANES) return n / SR_SUBGROUP_LANES * SR_SUBGROUP_LANES;
    return n > 8u ? n : sr_look(wide->ring, position, 0, copy);
}

/* How many of the `n` slots, one a lane, are of the first one's kind, from that on; whether that is a team slot. */
static inline uint sr_of_a_kind(const uint* copy, uint n, int* for_teams) {
    const int team = sr_is_team(copy[SR_WORD_OPCODE]) != 0;
    *for_teams = (int)sr_share((uint)team, 0);
    return sr_leading(sr_lane() < n && team == *for_teams);
}

/* Gives teams that wait the slots of the first `n` lanes, chunks from `chunk` on, as items from `item` on.
 *
 * The table goes round, and no item is written over that its team has yet to read. Until that team has read it and
 * marked its chunk, no later chunk is issued; so each other team asks once more at most. Once a launch is being left,
 * where a team may give a chunk back and ask again, a poller hands on what it finds in SR_LOOKS_BETWEEN looks. */
static inline void sr_queue_for_teams(const sr_wide* wide, uint item, uint chunk, uint first, uint n,
                                      const uint* copy) {
    const uint lane = sr_lane();
    /* R2: a team operation's input, which the host wrote before it published. This sub-group has seen it published,
     * so the fence is here; what it acquires, T hands on. */
    sr_fence_system();
    if (lane < n) {
        __global uint* const at = sr_team_item(wide, sr_plus(item, lane));
        sr_store(at + SR_TEAM_ITEM_FIRST, first + lane);
        sr_store(at + SR_TEAM_ITEM_CHUNK, chunk + lane);
        for (uint i = 0; i < SR_SLOT_WORDS; ++i) sr_store(at + SR_TEAM_ITEM_SLOT + i, copy[i]);
        sr_store_device(at + SR_TEAM_ITEM_TAG, sr_plus(item, lane + 1u)); /* T */
    }
    if (lane == 0) sr_store(wide->sched + SR_SCHED_TEAM_QUEUED, sr_plus(item, n));
    sr_join();
}

#else

static inline uint sr_look_closely(const sr_wide* wide, ulong position, int far, uint* copy) {
    return (void)far, sr_look(wide->ring, position, 0, copy);
}
static inline uint sr_of_a_kind(const uint* copy, uint n, int* for_teams) { return (void)copy, *for_teams = 0, n; }
static inline void sr_queue_for_teams(const sr_wide* wide, uint item, uint chunk, uint first, uint n,
                                      const uint* copy) {
    (void)wide, (void)item, (void)chunk, (void)first, (void)n, (void)copy;
}

#endif

#endif
