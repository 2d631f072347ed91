/* Which ring a drain serves next, on one work-item or by the poller of a wide one: one of the highest level that
 * waits. But in every SR_LOWER_EVERY claims each lower level has a turn, in which it goes first if it waits, so a
 * level that waits is served at least once in so many, however busy the higher ones are. A turn that a level has no
 * use for is the highest level's, and lost. Where SR_LOWER_EVERY is 0 there are no turns. What the rings of one level
 * share shares.h says. Lookahead that was promoted counts as of another level than its ring's. */
#ifndef SLIPRING_LEVELS_H
#define SLIPRING_LEVELS_H

#include "ring.h"
#include "shares.h"
#include "tenants.h"
#include "types.h"

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
    sr_shares shares; /* on one work-item */
#endif
} sr_turns;

#if SR_LEVELS > 1u && SR_LOWER_EVERY > 0u
#define SR_CLAIMS_A_TURN (SR_LOWER_EVERY < SR_LEVELS ? 1u : SR_LOWER_EVERY / (SR_LEVELS - 1u))
#else
#define SR_CLAIMS_A_TURN 1u
#endif
#if SR_TENANTS > 0u
#define SR_TURNS_BEGIN                         \
    {                                          \
        SR_CLAIMS_A_TURN - 1u, 0, { {0}, {0} } \
    }
#else
#define SR_TURNS_BEGIN {SR_CLAIMS_A_TURN - 1u, 0}
#endif

/* The ring of this level to serve, or SR_RINGS if none waits. Rings whose slots wait for a team go first where one is
 * free, and share the teams alone. */
SR_INLINE uint sr_pick_of_level(const sr_ring* rings, const sr_memory* memory, const sr_heads* heads,
                                const sr_seen* seen, sr_turns* turns, uint level) {
#if SR_TENANTS > 0u
    if (seen == 0) return sr_pick_by_turn(rings, memory, heads, &turns->shares, level);
    const uint ring = sr_pick_by_use(rings, seen->of_teams, seen->for_team, level);
    return ring != SR_RINGS ? ring : sr_pick_by_use(rings, seen->used, seen->waiting, level);
#else
    (void)memory, (void)turns;
    return sr_waits_seen(rings, heads, level, seen) ? level : SR_RINGS;
#endif
}

/* In a wide launch: a ring's level, a bit for each ring of a level, and one for each ring of a higher level. */
static inline uint sr_level_of(const sr_ring* rings, uint number) {
#if SR_TENANTS > 0u
    return rings[number].level;
#else
    return (void)rings, number;
#endif
}
static inline uint sr_rings_of(const sr_ring* rings, uint level) {
    uint of_level = 0;
    for (uint i = 0; i < SR_RINGS; ++i) of_level |= (sr_level_of(rings, i) == level ? 1u : 0) << i;
    return of_level;
}
static inline uint sr_rings_above(const sr_ring* rings, uint level) {
    uint above = 0;
    for (uint i = 0; i < SR_RINGS; ++i) above |= (sr_level_of(rings, i) < level ? 1u : 0) << i;
    return above;
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
