/* Which ring a drain serves next, on one work-item or by the poller of a wide one: one of the highest level that
 * waits. But in every SR_LOWER_EVERY claims each lower level has a turn, in which it goes first if it waits, so a
 * level that waits is served at least once in so many, however busy the higher ones are. A turn that a level has no
 * use for is the highest level's, and lost. Where SR_LOWER_EVERY is 0 there are no turns. The rings of one level, the
 * program's and its tenants', share its slots by their weights. Lookahead that was promoted counts as of another
 * level than its ring's. */
#ifndef SLIPRING_LEVELS_H
#define SLIPRING_LEVELS_H

#include "ring.h"
#include "tenants.h"
#include "types.h"

/* The next slot is published. R2: synchronizes with R1, the producer's store of the state. */
SR_INLINE int sr_waits(const sr_ring* ring, ulong head) {
    return sr_is_next(sr_load_acquire(sr_slot(ring, head)), sr_awaited(ring, head));
}

/* What a poller of a wide launch has seen of all rings at one look. */
typedef struct {
    uint waiting;   /* a bit for each ring whose next slot is published */
    ulong promoted; /* SR_RING_PROMOTED */
} sr_seen;

/* The same, of what was seen; null: looks. */
SR_INLINE int sr_waits_seen(const sr_ring* rings, const sr_heads* heads, uint i, const sr_seen* seen) {
    return seen == 0 ? sr_waits(rings + i, heads->at[i]) : (int)(seen->waiting >> i & 1u);
}

/* The first ring that waits, or SR_RINGS if none does. */
SR_INLINE uint sr_highest_ring(const sr_ring* rings, const sr_heads* heads) {
    uint i = 0;
    while (i < SR_RINGS && !sr_waits(rings + i, heads->at[i])) ++i;
    return i;
}

/* Whose turn it is. */
typedef struct {
    uint claims; /* until the next lower level has its turn */
    uint level;  /* the one that had the last turn */
#if SR_TENANTS > 0u
    uint next[SR_LEVELS]; /* of each level, the ring behind the one that has its turn, */
    uint left[SR_LEVELS]; /* and how many slots that one still has */
#endif
} sr_turns;

#if SR_LEVELS > 1u && SR_LOWER_EVERY > 0u
#define SR_CLAIMS_A_TURN (SR_LOWER_EVERY < SR_LEVELS ? 1u : SR_LOWER_EVERY / (SR_LEVELS - 1u))
#else
#define SR_CLAIMS_A_TURN 1u
#endif
#if SR_TENANTS > 0u
#define SR_TURNS_BEGIN {SR_CLAIMS_A_TURN - 1u, 0, {0}, {0}}
#else
#define SR_TURNS_BEGIN {SR_CLAIMS_A_TURN - 1u, 0}
#endif

/* The ring of this level to serve, or SR_RINGS if none waits. One after the other, a ring that waits has as many
 * slots as its weight says: deficit round robin (Shreedhar and Varghese, 1995) with slots of one size. A ring that
 * has run empty gives up what it has left to the next one that waits. */
SR_INLINE uint sr_pick_of_level(const sr_ring* rings, const sr_memory* memory, const sr_heads* heads,
                                const sr_seen* seen, sr_turns* turns, uint level) {
#if SR_TENANTS > 0u
    if (turns->left[level] != 0) {
        const uint at = turns->next[level] - 1u;
        if (sr_waits_seen(rings, heads, at, seen)) {
            --turns->left[level];
            return at;
        }
    }
    uint first = 0, end;
    while (first < SR_RINGS && rings[first].level != level) ++first;
    for (end = first; end < SR_RINGS && rings[end].level == level;) ++end;
    for (uint i = first; i < end; ++i) {
        const uint at = turns->next[level] >= end || turns->next[level] < first ? first : turns->next[level];
        turns->next[level] = at + 1u;
        if (!sr_waits_seen(rings, heads, at, seen)) continue;
        turns->left[level] = sr_slots_a_turn(memory, rings + at) - 1u;
        return at;
    }
    return SR_RINGS;
#else
    (void)memory, (void)turns;
    return sr_waits_seen(rings, heads, level, seen) ? level : SR_RINGS;
#endif
}

/* The level whose slots go behind the lookahead that was promoted to it, and waits; SR_LEVELS if there is none.
 * Positions count modulo 2^61 here. */
SR_WRAPS SR_INLINE uint sr_promoted_to(const sr_ring* rings, const sr_heads* heads, const sr_seen* seen) {
#if SR_LOOKAHEAD < SR_RINGS
    const sr_ring* const ring = rings + SR_LOOKAHEAD;
    const ulong head = heads->at[SR_LOOKAHEAD];
    const ulong word = seen == 0 ? sr_load_host64((__global ulong*)(ring->base + SR_RING_PROMOTED)) : seen->promoted;
    const ulong ahead = (word & ~(ulong)SR_PROMOTED_LEVEL) - (head << SR_PROMOTED_SHIFT);
    if (ahead - 1u < ((ulong)1 << 63) - 1u && sr_waits_seen(rings, heads, SR_LOOKAHEAD, seen))
        return (uint)word & SR_PROMOTED_LEVEL;
#else
    (void)rings, (void)heads, (void)seen;
#endif
    return SR_LEVELS;
}

/* The ring to serve, or SR_RINGS if none waits. */
SR_INLINE uint sr_pick_ring(const sr_ring* rings, const sr_memory* memory, const sr_heads* heads, const sr_seen* seen,
                            sr_turns* turns) {
    uint ring = SR_RINGS;
#if SR_LEVELS > 1u && SR_LOWER_EVERY > 0u
    if (turns->claims != 0) {
        --turns->claims;
    } else {
        turns->claims = SR_CLAIMS_A_TURN - 1u;
        turns->level = turns->level % (SR_LEVELS - 1u) + 1u;
        ring = sr_pick_of_level(rings, memory, heads, seen, turns, turns->level);
        if (ring != SR_RINGS) return ring;
    }
#endif
    const uint promoted_to = sr_promoted_to(rings, heads, seen);
    for (uint level = 0; level < SR_LEVELS && ring == SR_RINGS; ++level) {
        if (level == promoted_to) return SR_LOOKAHEAD;
        ring = sr_pick_of_level(rings, memory, heads, seen, turns, level);
    }
    return ring;
}

#endif
