/* How a sub-group reads the ring. Its lanes read neighbouring 16 bytes each, so that the bus carries whole lines.
 *
 * What was measured on an H200 over PCIe, and decides the shape of this (a load of host memory takes 1.15 us):
 *  - the ring is read at 800 M slots/s by ld.volatile or plain loads, at 400 by ld.relaxed, which asks for half
 *    lines;
 *  - loads of one line wait for each other, so a second poller makes the first one slower, and a store to a line that
 *    is being polled waits for the poll: a slot's end goes into its completion, which no sub-group reads;
 *  - a fence at system scope takes 0.55 us, at device scope 0.15, and 0.3 behind a store. */
#ifndef SLIPRING_WIDE_FETCH_H
#define SLIPRING_WIDE_FETCH_H

#include "../clock.h"
#include "../launch.h"
#include "../ring.h"
#include "subgroup.h"

#if defined(__NV_CL_C_VERSION) || defined(SR_LANES)

#ifdef __NV_CL_C_VERSION /* natively, with SR_LANES, tests/lanes.hpp has made them */

/* As sr_load16. */
static inline uint2 sr_load8(const __global uint* p) {
    uint2 v;
    __asm__ volatile("ld.volatile.global.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(p));
    return v;
}
static inline uint sr_load_volatile(const __global uint* p) {
    uint v;
    __asm__ volatile("ld.volatile.global.u32 %0, [%1];" : "=r"(v) : "l"(p));
    return v;
}

#endif

/* Gives lane l the slot whose four pieces lie in lanes 4l .. 4l + 3. */
static inline void sr_gather(uint4 piece, uint* copy) {
    const uint from = sr_lane() * 4u;
    for (uint p = 0; p < 4; ++p) {
        copy[4u * p] = sr_share(piece.x, from + p);
        copy[4u * p + 1u] = sr_share(piece.y, from + p);
        copy[4u * p + 2u] = sr_share(piece.z, from + p);
        copy[4u * p + 3u] = sr_share(piece.w, from + p);
    }
    sr_settle(copy);
}

/* When a poller looks at REVOKED. The word is on a line of its own, and to read that with each look at a slot makes a
 * round trip 0.15 us longer (H100). So it comes with a glance when the last look is a millisecond old, as the clock
 * said behind the glance before; and is waited for, before anything is claimed, when that was two: the kernel had
 * been halted. */
typedef struct {
    ulong looked; /* when */
    int due;      /* the next glance brings it */
    int stale;    /* this one has not, and it is too old */
} sr_vigil;
#define SR_VIGIL_BEGINS {0, 1, 0} /* natively each glance brings it */

/* A glance at the next two positions, and at REVOKED if that is due; begun here and not waited for. */
typedef uint4 sr_glimpse;
SR_WRAPS static inline sr_glimpse sr_glance(const sr_ring* ring, ulong position, sr_vigil* vigil) {
    uint4 piece = (uint4)(0u);
    const uint lane = sr_lane();
    const __global uint* const line = (const __global uint*)(ring->base + SR_RING_STOP);
    /* One load for all lanes: a second one into the same registers would wait for the first, for a whole way over the
     * bus. */
    if (lane < (vigil->due ? 9u : 8u))
        piece = sr_load16(lane < 8u ? sr_slot(ring, position + lane / 4u) + lane % 4u * 4u : line);
#if defined(__NV_CL_C_VERSION)
    const ulong now = sr_ticks(&vigil->looked, 0); /* ns; while the slot is on its way */
    if (vigil->due) vigil->looked = now;
    vigil->due = now - vigil->looked > 1000000ul;
    vigil->stale = now - vigil->looked > 2000000ul;
#endif
    return piece;
}
static inline int sr_glanced_revoked(const sr_ring* ring, sr_glimpse piece, const sr_vigil* vigil) {
    return sr_share(vigil->stale ? (uint)sr_revoked(ring) : piece.y, 8u) != 0; /* the word behind STOP */
}
/* The other way round: it certainly is not. */
static inline int sr_glanced_unrevoked(sr_glimpse piece, const sr_vigil* vigil) {
    return (vigil->stale == 0) & (sr_share(piece.y, 8u) == 0);
}
/* Whether the first one is published. */
static inline int sr_glanced_first(const sr_ring* ring, ulong position, sr_glimpse piece, uint* copy) {
    (void)copy;
    /* R2: synchronizes with R1. A slot is one aligned 64-byte read, and its state the first word of it: what is read
     * with the state is what the producer wrote before it. */
    return sr_is_next(sr_share(piece.x, 0), sr_awaited(ring, position));
}
static inline int sr_glanced_second(const sr_ring* ring, ulong position, sr_glimpse piece) {
    return sr_is_next(sr_share(piece.x, 4), sr_awaited(ring, position + 1u));
}
/* The first one's first SR_BRIEF_WORDS words, to every lane. */
static inline void sr_glanced_words(sr_glimpse piece, const uint* copy, uint* words) {
    (void)copy;
    for (uint p = 0; 4u * p < SR_BRIEF_WORDS; ++p) {
        words[4u * p] = sr_share(piece.x, p);
        if (4u * p + 1u < SR_BRIEF_WORDS) words[4u * p + 1u] = sr_share(piece.y, p);
        if (4u * p + 2u < SR_BRIEF_WORDS) words[4u * p + 2u] = sr_share(piece.z, p);
        if (4u * p + 3u < SR_BRIEF_WORDS) words[4u * p + 3u] = sr_share(piece.w, p);
    }
    sr_settle(words);
}
/* All of the first one, to lane 0. */
static inline void sr_glanced_slot(sr_glimpse piece, uint* copy) { sr_gather(piece, copy); }

/* A look ahead, of 8 slots and of the last one of each of 32 steps: how many slots from `position` on are probably
 * all published. With up to 8, lane l has slot l; `step` 0: never more. */
static inline uint sr_look(const sr_ring* ring, ulong position, uint step, uint* copy) {
    const uint lane = sr_lane();
    const ulong last = position + (ulong)(lane + 1u) * step - 1u;
    const uint4 piece = sr_load16(sr_slot(ring, position + lane / 4u) + lane % 4u * 4u);
    const int far = sr_is_next(sr_load_volatile(sr_slot(ring, last)), sr_awaited(ring, last));
    const int near = lane % 4u != 0 || sr_is_next(piece.x, sr_awaited(ring, position + lane / 4u));
    const uint near_count = sr_leading(near) / 4u, far_count = sr_leading(far);
    if (near_count == 8u && far_count != 0 && step != 0) return far_count * step;
    sr_gather(piece, copy);
    return near_count;
}

/* Up to 32 slots, one a lane. The lane's state word. */
static inline uint sr_fetch(const sr_ring* ring, ulong position, uint* copy) {
    const uint lane = sr_lane();
    uint4 piece[4];
    for (uint j = 0; j < 4; ++j) piece[j] = sr_load16(sr_slot(ring, position + j * 8u + lane / 4u) + lane % 4u * 4u);
    for (uint j = 0; j < 4; ++j) {
        for (uint p = 0; p < 4; ++p) {
            const uint from = lane % 8u * 4u + p;
            const uint x = sr_share(piece[j].x, from), y = sr_share(piece[j].y, from);
            const uint z = sr_share(piece[j].z, from), w = sr_share(piece[j].w, from);
            if (lane / 8u == j) {
                copy[4u * p] = x;
                copy[4u * p + 1u] = y;
                copy[4u * p + 2u] = z;
                copy[4u * p + 3u] = w;
            }
        }
    }
    sr_settle(copy);
    return copy[SR_WORD_STATE];
}

/* This lane's slot alone, later than the others. */
static inline int sr_fetch_one(const sr_ring* ring, ulong position, uint* copy) {
    if (!sr_is_next(sr_load_acquire(sr_slot(ring, position)), sr_awaited(ring, position))) return 0;
    for (uint p = 0; p < 4; ++p) vstore4(sr_load16(sr_slot(ring, position) + 4u * p), p, copy);
    sr_settle(copy);
    return 1;
}

#else

static inline uint sr_fetch(const sr_ring* ring, ulong position, uint* copy) {
    __global uint* const slot = sr_slot(ring, position);
    const uint state = sr_load_acquire(slot); /* R2: synchronizes with R1, the producer's store of the state. */
    if (sr_is_next(state, sr_awaited(ring, position))) sr_copy_slot(copy, slot);
    return state;
}
static inline int sr_fetch_one(const sr_ring* ring, ulong position, uint* copy) {
    return sr_is_next(sr_fetch(ring, position, copy), sr_awaited(ring, position));
}
typedef uint sr_vigil, sr_glimpse;
#define SR_VIGIL_BEGINS 0
static inline sr_glimpse sr_glance(const sr_ring* ring, ulong position, sr_vigil* vigil) {
    return (void)position, (void)vigil, sr_revoked_before(ring) ? 1u : 0u;
}
static inline int sr_glanced_revoked(const sr_ring* ring, sr_glimpse glimpse, const sr_vigil* vigil) {
    return (void)ring, (void)vigil, glimpse != 0;
}
static inline int sr_glanced_unrevoked(sr_glimpse glimpse, const sr_vigil* vigil) {
    return (void)vigil, glimpse == 0;
}
static inline int sr_glanced_first(const sr_ring* ring, ulong position, sr_glimpse glimpse, uint* copy) {
    return (void)glimpse, sr_fetch_one(ring, position, copy);
}
static inline int sr_glanced_second(const sr_ring* ring, ulong position, sr_glimpse glimpse) {
    return (void)ring, (void)position, (void)glimpse, 0;
}
static inline void sr_glanced_words(sr_glimpse glimpse, const uint* copy, uint* words) {
    (void)glimpse;
    for (uint i = 0; i < SR_BRIEF_WORDS; ++i) words[i] = copy[i];
}
static inline void sr_glanced_slot(sr_glimpse glimpse, uint* copy) { (void)glimpse, (void)copy; }
static inline uint sr_look(const sr_ring* ring, ulong position, uint step, uint* copy) {
    return (void)step, sr_fetch_one(ring, position, copy) ? 1u : 0u;
}

#endif

#endif
