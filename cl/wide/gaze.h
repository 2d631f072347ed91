/* A glance at all rings of a wide launch at once: which of them wait, and for what. */
#ifndef SLIPRING_WIDE_GAZE_H
#define SLIPRING_WIDE_GAZE_H

#include "../abi.h"
#include "../atomics.h"
#include "../launch.h"
#include "../ops.h"
#include "../ring.h"
#include "../types.h"
#include "fetch.h"
#include "state.h"
#include "subgroup.h"

#if SR_RINGS > 1u && defined(SR_HAS_WIDE)

#if defined(__NV_CL_C_VERSION) || defined(SR_LANES)

/* Where a sub-group's lanes look in a glance at all rings: at the next slot of each, four lanes; at REVOKED, if that
 * is due; at PROMOTED; and at the state of the slot behind each next one. In registers: a lane that looked up its
 * ring would wait for its own memory, twice a look. */
#define SR_GAZE_STOP (4u * SR_RINGS) /* lanes */
#define SR_GAZE_PROMOTED (SR_GAZE_STOP + 1u)
#define SR_GAZE_SECOND (SR_GAZE_PROMOTED + 1u)
SR_STATIC_ASSERT(SR_GAZE_SECOND + SR_RINGS <= SR_SUBGROUP_LANES, "a lane each");
typedef struct {
    const __global uint* at; /* 16 bytes, or null */
    uint awaited;            /* the state word of a slot that waits there */
} sr_gaze;
static inline sr_gaze sr_gaze_begins(const sr_ring* rings) {
    const uint lane = sr_lane();
    sr_gaze gaze = {0, 0};
    if (lane == SR_GAZE_STOP) gaze.at = (const __global uint*)(rings[SR_LEAD].base + SR_RING_STOP);
#if SR_LOOKAHEAD < SR_RINGS
    if (lane == SR_GAZE_PROMOTED) gaze.at = (const __global uint*)(rings[SR_LOOKAHEAD].base + SR_RING_PROMOTED);
#endif
    return gaze;
}
/* The next slot of ring `number` is at `position` now. */
static inline void sr_aim(const sr_ring* rings, uint number, ulong position, sr_gaze* gaze) {
    const uint lane = sr_lane();
    const int second = lane == SR_GAZE_SECOND + number;
    if (lane / 4u != number && !second) return;
    const ulong of_lane = position + (second ? 1u : 0u);
    gaze->at = sr_slot(rings + number, of_lane) + (second ? 0u : lane % 4u * 4u);
    gaze->awaited = sr_awaited(rings + number, of_lane);
}
/* One load for all lanes, begun here and not waited for. */
SR_WRAPS static inline sr_glimpse sr_glance_all(
    const sr_ring* rings, const sr_heads* heads, const sr_gaze* gaze, sr_vigil* vigil) {
    uint4 piece = (uint4)(0u);
    if (gaze->at != 0 && (vigil->due || sr_lane() != SR_GAZE_STOP)) piece = sr_load16(gaze->at);
#if defined(__NV_CL_C_VERSION)
    const ulong now = sr_ticks(&vigil->looked, 0);
    if (vigil->due) vigil->looked = now;
    vigil->due = now - vigil->looked > 1000000ul;
    vigil->stale = now - vigil->looked > 2000000ul;
#endif
    return (void)rings, (void)heads, piece;
}
/* A bit for each ring whose slot is published, R2 as in sr_glanced_first; `second`: and the one behind it. */
static inline uint sr_glanced_waiting(const sr_ring* rings, const sr_heads* heads, const sr_gaze* gaze,
                                      sr_glimpse piece, uint* second) {
    const uint lanes = sr_ballot(sr_is_next(piece.x, gaze->awaited)); /* of other lanes no bit is taken */
    uint waiting = 0;
    for (uint i = 0; i < SR_RINGS; ++i) waiting |= (lanes >> 4u * i & 1u) << i;
    *second = waiting & lanes >> SR_GAZE_SECOND;
    return (void)rings, (void)heads, waiting;
}
static inline ulong sr_glanced_promoted(const sr_ring* rings, sr_glimpse piece) {
    (void)rings;
    return (ulong)sr_share(piece.y, SR_GAZE_PROMOTED) << 32 | sr_share(piece.x, SR_GAZE_PROMOTED);
}
static inline int sr_glanced_all_revoked(const sr_ring* lead, sr_glimpse piece, const sr_vigil* vigil) {
    return sr_share(vigil->stale ? (uint)sr_revoked(lead) : piece.y, SR_GAZE_STOP) != 0;
}
/* Words of the slot of ring `number`, to every lane: the first SR_BRIEF_WORDS, or all. */
static inline void sr_glanced_words_of(const sr_ring* rings, const sr_heads* heads, uint number, sr_glimpse piece,
                                       uint* words) {
    (void)rings, (void)heads;
    for (uint p = 0; 4u * p < SR_BRIEF_WORDS; ++p) {
        const uint from = 4u * number + p;
        words[4u * p] = sr_share(piece.x, from);
        if (4u * p + 1u < SR_BRIEF_WORDS) words[4u * p + 1u] = sr_share(piece.y, from);
        if (4u * p + 2u < SR_BRIEF_WORDS) words[4u * p + 2u] = sr_share(piece.z, from);
        if (4u * p + 3u < SR_BRIEF_WORDS) words[4u * p + 3u] = sr_share(piece.w, from);
    }
    sr_settle(words);
}
static inline void sr_glanced_slot_of(const sr_ring* rings, const sr_heads* heads, uint number, sr_glimpse piece,
                                      uint* copy) {
    (void)rings, (void)heads;
    for (uint p = 0; p < 4; ++p) {
        copy[4u * p] = sr_share(piece.x, 4u * number + p);
        copy[4u * p + 1u] = sr_share(piece.y, 4u * number + p);
        copy[4u * p + 2u] = sr_share(piece.z, 4u * number + p);
        copy[4u * p + 3u] = sr_share(piece.w, 4u * number + p);
    }
    sr_settle(copy);
}
/* Of the rings that wait, those whose next slot is for a team. */
static inline uint sr_glanced_for_team(const sr_ring* rings, const sr_heads* heads, uint waiting, sr_glimpse piece) {
    uint for_team = 0;
    for (uint i = 0; i < SR_RINGS; ++i) {
        uint copy[SR_SLOT_WORDS];
        sr_glanced_slot_of(rings, heads, i, piece, copy);
        for_team |= (sr_is_for_team(copy) ? 1u : 0) << i;
    }
    return for_team & waiting;
}

#else

typedef uint sr_gaze;
static inline sr_gaze sr_gaze_begins(const sr_ring* rings) { return (void)rings, 0; }
static inline void sr_aim(const sr_ring* rings, uint number, ulong position, sr_gaze* gaze) {
    (void)rings, (void)number, (void)position, (void)gaze;
}
static inline sr_glimpse sr_glance_all(const sr_ring* rings, const sr_heads* heads, const sr_gaze* gaze,
                                       sr_vigil* vigil) {
    return (void)heads, (void)gaze, (void)vigil, sr_revoked_before(rings + SR_LEAD) ? 1u : 0u;
}
static inline uint sr_glanced_waiting(const sr_ring* rings, const sr_heads* heads, const sr_gaze* gaze,
                                      sr_glimpse glimpse, uint* second) {
    uint waiting = 0;
    for (uint i = 0; i < SR_RINGS; ++i) { /* R2 */
        const uint state = sr_load_acquire(sr_slot(rings + i, heads->at[i]));
        waiting |= (sr_is_next(state, sr_awaited(rings + i, heads->at[i])) ? 1u : 0u) << i;
    }
    *second = 0; /* a sub-group of one lane takes one slot at a time */
    return (void)gaze, (void)glimpse, waiting;
}
static inline ulong sr_glanced_promoted(const sr_ring* rings, sr_glimpse glimpse) {
    (void)glimpse;
#if SR_LOOKAHEAD < SR_RINGS
    return sr_load_host64((__global ulong*)(rings[SR_LOOKAHEAD].base + SR_RING_PROMOTED));
#else
    return (void)rings, 0;
#endif
}
static inline int sr_glanced_all_revoked(const sr_ring* lead, sr_glimpse glimpse, const sr_vigil* vigil) {
    return (void)lead, (void)vigil, glimpse != 0;
}
static inline void sr_glanced_slot_of(const sr_ring* rings, const sr_heads* heads, uint number, sr_glimpse glimpse,
                                      uint* copy) {
    (void)glimpse;
    sr_copy_slot(copy, sr_slot(rings + number, heads->at[number]));
}
static inline uint sr_glanced_for_team(const sr_ring* rings, const sr_heads* heads, uint waiting,
                                       sr_glimpse glimpse) {
    return (void)rings, (void)heads, (void)waiting, (void)glimpse, 0;
}
static inline void sr_glanced_words_of(const sr_ring* rings, const sr_heads* heads, uint number, sr_glimpse glimpse,
                                       uint* words) {
    uint copy[SR_SLOT_WORDS];
    sr_glanced_slot_of(rings, heads, number, glimpse, copy);
    for (uint i = 0; i < SR_BRIEF_WORDS; ++i) words[i] = copy[i];
}

#endif

#endif

#endif
