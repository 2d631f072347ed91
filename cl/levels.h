/* Which level a drain on one work-item serves next: the highest that waits. But in every SR_LOWER_EVERY claims each
 * lower level has a turn, in which it goes first if it waits, so a level that waits is served at least once in so
 * many, however busy the higher ones are. A turn that a level has no use for is the highest level's, and lost. */
#ifndef SLIPRING_LEVELS_H
#define SLIPRING_LEVELS_H

#include "ops.h"
#include "ring.h"

/* The next slot is published. R2: synchronizes with R1, the producer's store of the state. */
SR_INLINE int sr_waits(const sr_ring* ring, ulong head) {
    return sr_is_next(sr_load_acquire(sr_slot(ring, head)), sr_awaited(ring, head));
}

/* The highest level that waits, or SR_LEVELS if none does. */
SR_INLINE uint sr_highest_level(const sr_ring* rings, const sr_heads* heads) {
    uint level = 0;
    while (level < SR_LEVELS && !sr_waits(rings + level, heads->at[level])) ++level;
    return level;
}

/* Whose turn it is. */
typedef struct {
    uint claims; /* until the next level has its turn */
    uint level;  /* the one that had the last turn */
} sr_turns;

#if SR_LEVELS > 1u
#define SR_CLAIMS_A_TURN (SR_LOWER_EVERY < SR_LEVELS ? 1u : SR_LOWER_EVERY / (SR_LEVELS - 1u))
#define SR_TURNS_BEGIN {SR_CLAIMS_A_TURN - 1u, 0}
#else
#define SR_TURNS_BEGIN {0, 0}
#endif

/* The level to serve, or SR_LEVELS if none waits. */
SR_INLINE uint sr_pick_level(const sr_ring* rings, const sr_heads* heads, sr_turns* turns) {
#if SR_LEVELS > 1u
    if (turns->claims != 0) {
        --turns->claims;
    } else {
        turns->claims = SR_CLAIMS_A_TURN - 1u;
        turns->level = turns->level % (SR_LEVELS - 1u) + 1u;
        if (sr_waits(rings + turns->level, heads->at[turns->level])) return turns->level;
    }
#endif
    (void)turns;
    return sr_highest_level(rings, heads);
}

#endif
