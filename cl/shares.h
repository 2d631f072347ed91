/* Which of the rings of one level is next, the program's and its tenants': by their weights. On one work-item a ring
 * that waits has its turn, so that most slots cost a look at that ring alone. A poller of a wide launch makes claims
 * of any size, and serves the ring that has had least for its weight. */
#ifndef SLIPRING_SHARES_H
#define SLIPRING_SHARES_H

#include "ring.h"
#include "tenants.h"
#include "types.h"

/* The next slot is published. R2: synchronizes with R1, the producer's store of the state. */
SR_INLINE int sr_waits(const sr_ring* ring, ulong head) {
    return sr_is_next(sr_load_acquire(sr_slot(ring, head)), sr_awaited(ring, head));
}

/* In a wide launch: what each ring has had, in chunks over its weight; a chunk counts as one, full or not. As in
 * start-time fair queueing (Goyal, Vin and Cheng, 1996) a ring that was empty is owed no more for that than
 * SR_SHARE_CREDIT chunks, times its weight. */
typedef struct {
    ulong had[SR_RINGS];
} sr_used;
#define SR_USED_SHIFT 24u /* so a chunk is this, over its ring's weight */
#ifndef SR_SHARE_CREDIT
#define SR_SHARE_CREDIT 32u
#endif

/* What a poller of a wide launch has seen of all rings at one look, and what they have had. */
typedef struct {
    uint waiting;   /* a bit for each ring whose next slot is published; */
    uint for_team;  /* and for a team, where there are tenants and a team waits */
    ulong promoted; /* SR_RING_PROMOTED */
#if SR_TENANTS > 0u
    const sr_used* used;     /* by what lanes run, */
    const sr_used* of_teams; /* and by what teams do */
#endif
} sr_seen;

/* The same, of what was seen; null: looks. */
SR_INLINE int sr_waits_seen(const sr_ring* rings, const sr_heads* heads, uint i, const sr_seen* seen) {
    return seen == 0 ? sr_waits(rings + i, heads->at[i]) : (int)(seen->waiting >> i & 1u);
}

#if SR_TENANTS > 0u

/* On one work-item: of each level, */
typedef struct {
    uint next[SR_LEVELS]; /* the ring behind the one that has its turn, */
    uint left[SR_LEVELS]; /* and how many slots that one still has */
} sr_shares;

/* One after the other, a ring that waits has as many slots as its weight says: deficit round robin (Shreedhar and
 * Varghese, 1995) with slots of one size. A ring that has run empty gives up what it has left to the next one that
 * waits. SR_RINGS if none does. */
SR_INLINE uint sr_pick_by_turn(const sr_ring* rings, const sr_memory* memory, const sr_heads* heads,
                               sr_shares* shares, uint level) {
    if (shares->left[level] != 0) {
        const uint at = shares->next[level] - 1u;
        if (sr_waits(rings + at, heads->at[at])) {
            --shares->left[level];
            return at;
        }
    }
    uint first = 0, end;
    while (first < SR_RINGS && rings[first].level != level) ++first;
    for (end = first; end < SR_RINGS && rings[end].level == level;) ++end;
    for (uint i = first; i < end; ++i) {
        const uint at = shares->next[level] >= end || shares->next[level] < first ? first : shares->next[level];
        shares->next[level] = at + 1u;
        if (!sr_waits(rings + at, heads->at[at])) continue;
        shares->left[level] = SR_TENANT_TURN * sr_weight(memory, rings + at) - 1u;
        return at;
    }
    return SR_RINGS;
}

/* Of the rings in `waiting` that are of this level, the one that has had least; SR_RINGS if there is none. */
static inline uint sr_pick_by_use(const sr_ring* rings, const sr_used* used, uint waiting, uint level) {
    uint ring = SR_RINGS;
    ulong least = ~(ulong)0;
    for (uint i = 0; i < SR_RINGS; ++i) {
        const int is_next = (waiting >> i & 1u) != 0 && rings[i].level == level && used->had[i] < least;
        if (is_next) ring = i;
        if (is_next) least = used->had[i];
    }
    return ring;
}

/* The ring has had so many chunks more. Those of its level that had much less were empty, or had no worker. */
static inline void sr_count_use(const sr_ring* rings, sr_used* used, uint ring, uint weight, uint chunks) {
    const ulong credit = (ulong)SR_SHARE_CREDIT << SR_USED_SHIFT;
    const ulong had = ((ulong)chunks << SR_USED_SHIFT) / weight;
    ulong from = 0;
    for (uint i = 0; i < SR_RINGS; ++i)
        if (i == ring) from = used->had[i];
    for (uint i = 0; i < SR_RINGS; ++i) {
        if (rings[i].level == rings[ring].level && used->had[i] + credit < from) used->had[i] = from - credit;
        if (i == ring) used->had[i] = from + had;
    }
}

#endif

#endif
