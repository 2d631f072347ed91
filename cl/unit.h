/* A unit: the work-items that look for slots, run them and answer together. On NVIDIA the 32 lanes of a warp, each with
 * a slot of its own, so that neighbours read neighbouring 16 bytes of the ring and the bus carries whole lines;
 * elsewhere one work-item. Everything here is called by all lanes of a unit at once.
 *
 * What was measured on an H200 over PCIe, and decides the shape of this (a load of host memory takes 1.15 us):
 *  - the ring is read at 800 M slots/s by ld.volatile or plain loads, and at 400 by ld.relaxed, which asks for half lines;
 *  - loads of one line wait for each other, so a second poller makes the first one slower, and a store to a line that is
 *    being polled waits for the poll: the answer has a line of its own;
 *  - a fence at system scope takes 0.55 us, at device scope 0.15, and 0.3 behind a store. */
#ifndef SLIPRING_UNIT_H
#define SLIPRING_UNIT_H

static inline __global uint* sr_slot(const sr_ring* ring, ulong position) {
    return (__global uint*)(ring->base + SR_RING_SLOTS + (ulong)((uint)position & ring->mask) * SR_SLOT_BYTES);
}

static inline uint sr_tagged(const sr_ring* ring, ulong position, uint state) {
    const uint lap = (uint)(SR_BUG(67, (uint)position, position) >> ring->shift);
    return (lap & SR_GENERATION_MASK) << SR_GENERATION_SHIFT | state;
}

/* The state word that `position` has while it waits to be run. */
static inline uint sr_awaited(const sr_ring* ring, ulong position) {
    return sr_tagged(ring, position, SR_STATE_PUBLISHED);
}

static inline uint sr_end_state(uint code) {
    return code == SR_CODE_OK ? SR_STATE_DONE : code == SR_CODE_CANCELLED ? SR_STATE_CANCELLED : SR_STATE_FAULT;
}

/* The host has given this kernel up, and may run what it has not claimed elsewhere: REVOKED, which is written once.
 *
 * No slot is run twice: the host stores REVOKED, waits some milliseconds, then reads CLAIMED. Where the caches are shared
 * (SR_CACHED) a kernel stores CLAIMED, then looks. Either it sees REVOKED and runs nothing; or the look was before the
 * host's store was to be seen, and the store of CLAIMED before it, which a core does not hold back for milliseconds, not
 * even one that is taken away right there, is seen when the host reads. Sequential consistency would say the same at the
 * price of a fence a slot. Over a bus a look takes longer than a slot, so it comes with the look at the slot, in front of
 * CLAIMED: the host must wait longer than a kernel is held up between the two, and one that is halted right there for
 * longer than that runs one look's slots more. */
static inline int sr_revoked(const sr_ring* ring) {
    return sr_load_host((__global uint*)(ring->base + SR_RING_REVOKED)) != 0;
}
#ifdef SR_CACHED
static inline int sr_revoked_before(const sr_ring* ring) { return (void)ring, 0; }
static inline int sr_revoked_behind(const sr_ring* ring) {
    sr_compiler_fence();
    return sr_revoked(ring);
}
#else
static inline int sr_revoked_before(const sr_ring* ring) { return sr_revoked(ring); }
static inline int sr_revoked_behind(const sr_ring* ring) { return (void)ring, 0; }
#endif

#define SR_COPY_WORDS (SR_SLOT_WORDS + SR_WINDOW_PREFIX) /* a copied slot, and zeros behind it: see sr_run_slot */

#if defined(__NV_CL_C_VERSION) || defined(SR_LANES)

#define SR_UNIT_LANES 32u

#if defined(SR_LANES) /* natively: whoever includes this has made lanes, and what they do together: tests/lanes.hpp */

/* Ends a slot, in one store of 16 bytes. */
static inline void sr_end(__global uint* slot, uint state, uint code, uint value, uint attributes) {
    slot[SR_WORD_CODE] = code;
    slot[SR_WORD_RESULT] = value;
    slot[SR_WORD_PRIORITY] = attributes;
    sr_store_release(slot, state);
}

#else

static inline uint sr_lane(void) { return (uint)get_local_id(0) % SR_UNIT_LANES; }

/* A bit for each lane. */
static inline uint sr_ballot(int yes) {
    uint mask;
    __asm__ volatile("{ .reg .pred p; setp.ne.s32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xffffffff; }"
                 : "=r"(mask) : "r"(yes));
    return mask;
}

/* What `lane` has. */
static inline uint sr_share(uint v, uint lane) {
    uint out;
    __asm__ volatile("shfl.sync.idx.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(out) : "r"(v), "r"(lane));
    return out;
}

/* Every lane is here, and sees what the others wrote. */
static inline void sr_join(void) { __asm__ volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }

/* A tenth of a microsecond: see sr_poll. */
static inline void sr_breathe(void) {
    ulong begin, now;
    __asm__ volatile("mov.u64 %0, %%clock64;" : "=l"(begin));
    do __asm__ volatile("mov.u64 %0, %%clock64;" : "=l"(now));
    while (now - begin < 200ul);
}

static inline void sr_nap(void) { __asm__ volatile("nanosleep.u32 200;"); }

static inline void sr_fence_device(void) { __asm__ volatile("fence.acq_rel.gpu;" ::: "memory"); }
static inline void sr_fence_system(void) { __asm__ volatile("fence.acq_rel.sys;" ::: "memory"); }

/* 16 bytes of the ring, past the caches. */
static inline uint4 sr_load16(const __global uint* p) {
    uint4 v;
    __asm__ volatile("ld.volatile.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}
static inline uint sr_load_volatile(const __global uint* p) {
    uint v;
    __asm__ volatile("ld.volatile.global.u32 %0, [%1];" : "=r"(v) : "l"(p));
    return v;
}

/* Ends a slot, in one store of 16 bytes. */
static inline void sr_end(__global uint* slot, uint state, uint code, uint value, uint attributes) {
    __asm__ volatile("st.relaxed.sys.global.v4.u32 [%0], {%1, %2, %3, %4};"
                 ::"l"(slot), "r"(state), "r"(code), "r"(value), "r"(attributes) : "memory");
}

#endif

/* The lowest bit that is set. */
static inline uint sr_lowest(uint mask) { return 31u - clz(mask & sr_minus(0, mask)); }

/* How many lanes, from the first on, say yes. */
static inline uint sr_leading(int yes) {
    const uint missing = ~sr_ballot(yes);
    return missing == 0 ? SR_UNIT_LANES : sr_lowest(missing);
}

/* Gives lane l the slot whose four pieces lie in lanes 4l .. 4l + 3. */
static inline void sr_gather(uint4 piece, uint* copy) {
    const uint from = sr_lane() * 4u;
    for (uint p = 0; p < 4; ++p) {
        copy[4u * p] = sr_share(piece.x, from + p);
        copy[4u * p + 1u] = sr_share(piece.y, from + p);
        copy[4u * p + 2u] = sr_share(piece.z, from + p);
        copy[4u * p + 3u] = sr_share(piece.w, from + p);
    }
}

/* When a poller looks at REVOKED. The word is on a line of its own, and to read that with each look at a slot makes a round
 * trip 0.15 us longer (H100). So it comes with a glance when the last look is a millisecond old, as the clock said behind
 * the glance before; and is waited for, before anything is claimed, when that was two: the kernel had been halted. */
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
    /* One load for all lanes: a second one into the same registers would wait for the first, for a whole way over the bus. */
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
/* How many of them are published. With 1, lane 0 has the slot. */
static inline uint sr_seen(const sr_ring* ring, ulong position, sr_glimpse piece, uint* copy) {
    /* R2: synchronizes with R1. A slot is one aligned 64-byte read, and its state the first word of it: what is read
     * with the state is what the producer wrote before it. */
    if (sr_share(piece.x, 0) != sr_awaited(ring, position)) return 0;
    if (sr_share(piece.x, 4) == sr_awaited(ring, position + 1u)) return 2;
    sr_gather(piece, copy);
    return 1;
}

/* A look ahead, of 8 slots and of the last one of each of 32 steps: how many slots from `position` on are probably all
 * published. With up to 8, lane l has slot l; `step` 0: never more. */
static inline uint sr_look(const sr_ring* ring, ulong position, uint step, uint* copy) {
    const uint lane = sr_lane();
    const ulong last = position + (ulong)(lane + 1u) * step - 1u;
    const uint4 piece = sr_load16(sr_slot(ring, position + lane / 4u) + lane % 4u * 4u);
    const int far = sr_load_volatile(sr_slot(ring, last)) == sr_awaited(ring, last);
    const int near = lane % 4u != 0 || piece.x == sr_awaited(ring, position + lane / 4u);
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
    return copy[SR_WORD_STATE];
}

/* This lane's slot alone, later than the others. */
static inline int sr_fetch_one(const sr_ring* ring, ulong position, uint* copy) {
    if (sr_load_acquire(sr_slot(ring, position)) != sr_awaited(ring, position)) return 0;
    for (uint p = 0; p < 4; ++p) vstore4(sr_load16(sr_slot(ring, position) + 4u * p), p, copy);
    return 1;
}

#define SR_ANSWERS_FIRST 1 /* the answer's line is free, the slot's is being polled: half a microsecond */

#else

#define SR_UNIT_LANES 1u
#define SR_ANSWERS_FIRST 0 /* a core may be taken away between the two: who has the answer finds the slot ended */
#ifndef SR_YIELD /* natively, where units are threads that may have to share a core */
#define SR_YIELD()
#endif
static inline uint sr_lane(void) { return 0; }
static inline uint sr_ballot(int yes) { return yes != 0 ? 1u : 0u; }
static inline uint sr_leading(int yes) { return yes != 0 ? 1u : 0u; }
static inline uint sr_lowest(uint mask) { return (void)mask, 0; }
static inline uint sr_share(uint v, uint lane) { return (void)lane, v; }
static inline void sr_join(void) { SR_YIELD(); }
static inline void sr_breathe(void) {}
static inline void sr_nap(void) { SR_YIELD(); }
/* The accesses carry their orderings by themselves. */
static inline void sr_fence_device(void) {}
static inline void sr_fence_system(void) {}

static inline uint sr_fetch(const sr_ring* ring, ulong position, uint* copy) {
    __global uint* const slot = sr_slot(ring, position);
    const uint state = sr_load_acquire(slot); /* R2: synchronizes with R1, the producer's store of the state. */
    if (state == sr_awaited(ring, position)) sr_copy_slot(copy, slot);
    return state;
}
static inline int sr_fetch_one(const sr_ring* ring, ulong position, uint* copy) {
    return sr_fetch(ring, position, copy) == sr_awaited(ring, position);
}
typedef uint sr_vigil, sr_glimpse;
#define SR_VIGIL_BEGINS 0
static inline sr_glimpse sr_glance(const sr_ring* ring, ulong position, sr_vigil* vigil) {
    return (void)position, (void)vigil, sr_revoked_before(ring) ? 1u : 0u;
}
static inline int sr_glanced_revoked(const sr_ring* ring, sr_glimpse glimpse, const sr_vigil* vigil) {
    return (void)ring, (void)vigil, glimpse != 0;
}
static inline uint sr_seen(const sr_ring* ring, ulong position, sr_glimpse glimpse, uint* copy) {
    return (void)glimpse, sr_fetch_one(ring, position, copy) ? 1u : 0u;
}
static inline uint sr_look(const sr_ring* ring, ulong position, uint step, uint* copy) {
    return (void)step, sr_fetch_one(ring, position, copy) ? 1u : 0u;
}
static inline void sr_end(__global uint* slot, uint state, uint code, uint value, uint attributes) {
    (void)attributes;
    slot[SR_WORD_CODE] = code;
    slot[SR_WORD_RESULT] = value;
    sr_store_release(slot, state);
}

#endif

#endif
