/* A ring in shared memory as the device sees it: where a slot is, what its state word says, how a slot is copied and
 * how it finishes. Edges R, A and E as in ring.hpp, of which this is the other end. The device changes no slot. */
#ifndef SLIPRING_DEVICE_RING_H
#define SLIPRING_DEVICE_RING_H

#include "abi.h"
#include "atomics.h"
#include "types.h"

static inline __global uint* sr_slot(const sr_ring* ring, ulong position) {
    return (__global uint*)(ring->slots + (ulong)((uint)position & ring->mask) * SR_SLOT_BYTES);
}

/* The slot in shared memory, which the host looks at. With a window it is published a moment before its copy. */
static inline __global uint* sr_shared_slot(const sr_ring* ring, ulong position) {
    return (__global uint*)(ring->base + SR_RING_SLOTS + (ulong)((uint)position & ring->mask) * SR_SLOT_BYTES);
}

static inline uint sr_tagged(const sr_ring* ring, ulong position, uint state) {
    const uint generation = (uint)(position >> ring->shift);
    return (generation & SR_GENERATION_MASK) << SR_GENERATION_SHIFT | state;
}

/* The state word that `position` has while it waits to be run; or CANCELLED in the same generation. */
static inline uint sr_awaited(const sr_ring* ring, ulong position) {
    return sr_tagged(ring, position, SR_STATE_PUBLISHED);
}

static inline uint sr_terminal_state(uint code) {
    if (!SR_RARELY(code != SR_CODE_OK)) return SR_STATE_DONE;
    return code == SR_CODE_CANCELLED || code == SR_CODE_DEADLINE ? SR_STATE_CANCELLED : SR_STATE_FAULT;
}

/* Not checked: that `head` stays below RESERVED. A process that can write the ring's memory can write a state word
 * for a slot that was never reserved. Then that slot is run, like any other hostile slot within the bounds of
 * sr_memory, and COMPLETED passes RESERVED. To compare would cost a load of a line that all producers write, for each
 * slot, over a bus, and RESERVED may be forged as well. The host, which reserves the slots, finds such a COMPLETED
 * impossible. */
/* `awaited` is the state word of the slot that is to be run next. C: the host may have made CANCELLED of it by an
 * exchange, which continues the release of R1. */
static inline int sr_is_next(uint state, uint awaited) {
    return state == awaited || state == awaited + (SR_STATE_CANCELLED - SR_STATE_PUBLISHED);
}

/* C: whether a slot is run or ends CANCELLED is decided by its copy, once; then its opcode says so. */
static inline int sr_is_cancelled(uint state) { return (state & SR_STATE_MASK) == SR_STATE_CANCELLED; }
static inline void sr_settle(uint* copy) {
    if (sr_is_cancelled(copy[SR_WORD_STATE])) copy[SR_WORD_OPCODE] = SR_OP_CANCELLED;
}

#ifdef __NV_CL_C_VERSION
/* 16 bytes of the ring, past the caches: a store that comes through the window reaches none. */
static inline uint4 sr_load16(const __global uint* p) {
    uint4 v;
    __asm__ volatile("ld.volatile.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                     : "l"(p));
    return v;
}
#endif

#define SR_COPY_WORDS (SR_SLOT_WORDS + SR_WINDOW_PREFIX) /* a copied slot, and zeros behind it: see sr_run_slot */

/* Copies a slot's 16 words, once. The fence keeps the compiler from reading the slot a second time behind a check:
 * what was checked is what is executed, whatever a hostile writer does to the slot meanwhile. */
static inline void sr_copy_slot(uint* to, const __global uint* from) {
#if defined(SR_NATIVE) /* word by word: the fuzzers look at every load */
    for (uint i = 0; i < SR_SLOT_WORDS; ++i) to[i] = *(const volatile __global uint*)(from + i);
#elif defined(__NV_CL_C_VERSION)
    for (uint p = 0; p < 4; ++p) vstore4(sr_load16(from + 4u * p), p, to);
#else
    const __global uint4* wide = (const __global uint4*)from;
    const uint4 a = wide[0], b = wide[1], c = wide[2], d = wide[3];
    vstore4(a, 0, to);
    vstore4(b, 1, to);
    vstore4(c, 2, to);
    vstore4(d, 3, to);
#endif
    sr_compiler_fence();
    sr_settle(to);
}

/* The first half of the completion of `position`. */
static inline ulong sr_completion_head(const sr_ring* ring, ulong position, uint state, uint code, uint inner) {
    const ulong generation = position >> ring->completions_shift;
    return (generation >> 24u & SR_COMPLETION_HIGH_MASK) << SR_COMPLETION_HIGH_SHIFT |
           (ulong)inner << SR_COMPLETION_INNER_SHIFT | (ulong)code << SR_COMPLETION_CODE_SHIFT |
           (generation & SR_GENERATION_MASK) << SR_GENERATION_SHIFT | state;
}

/* Takes a line of completions for writing, some lines before it is written. A thread that reads results has them in
 * its cache, and each store waits until that core has dropped the line, which no hardware foresees: only as many
 * lines are on their way as the store buffer has. Measured with PoCL on two AMD cores, each result read by the host:
 * 80 M slots/s without this and 127 with it, and 44 and 104 where the cores share no cache; where none is read,
 * nothing. The host says whether to: see RingView::takes_ahead. */
static inline void sr_take_ahead(const sr_ring* ring, ulong position) {
#if defined(SR_TAKES_AHEAD) && defined(__x86_64__)
    const uint of_line = 4u, ahead = sr_plus((uint)position, 8u * of_line) & ring->completions_mask;
    if ((uint)position % of_line == 0)
        __asm__ volatile("prefetchw (%0)" ::"r"(ring->completions + (ulong)ahead * SR_COMPLETION_BYTES));
#else
    (void)ring, (void)position;
#endif
}

/* Finishes the slot of `position`: writes its completion. On NVIDIA in one store of 16 bytes, of which those of a
 * sub-group's lanes leave as whole lines of the bus. Elsewhere the state comes last.
 * A2: synchronizes with A1, a waiter that looks for the completion.
 * E1: synchronizes with E2, a reader that comes too late. The result is a release too, because it is seen first: who
 * sees it sees that this position was reserved. */
static inline void sr_complete(const sr_ring* ring, ulong position, sr_outcome out) {
    __global ulong* const entry =
        (__global ulong*)(ring->completions + (ulong)((uint)position & ring->completions_mask) * SR_COMPLETION_BYTES);
    const ulong head = sr_completion_head(ring, position, sr_terminal_state(out.code), out.code, out.inner);
    sr_take_ahead(ring, position);
#if defined(__NV_CL_C_VERSION)
    __asm__ volatile("st.relaxed.sys.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(entry), "r"((uint)head),
                     "r"((uint)(head >> 32)), "r"((uint)out.value), "r"((uint)(out.value >> 32))
                     : "memory");
#else
    sr_store_release64(entry + 1, out.value);
    sr_store_release64(entry, head);
#endif
}

/* Takes the cache line of a slot that has finished from the producer's cache: stores the state word that it was
 * published with. So no slot changes, but for one that was cancelled; and its producer does not write it again before
 * COMPLETED has passed it. A line that was only read here stays in the producer's cache as a shared one, and its next
 * store to it waits until this core has dropped it, which no hardware foresees; a line that is gone from there is
 * fetched like any other, some ahead. Measured on AMD cores that share no cache: 95 M slots/s without this, or with a
 * prefetch for writing, and 237 with it. Over a bus it would be a write for nothing. */
static inline void sr_own_slot(const sr_ring* ring, ulong position) {
#ifdef SR_CACHED
    sr_store(sr_slot(ring, position), sr_awaited(ring, position));
#else
    (void)ring, (void)position;
#endif
}

/* A2: synchronizes with A1, the producer that reserves these slots again, and with a thread that waits for them, or
 * counts faults. */
static inline void sr_release(const sr_ring* ring, ulong head) {
    sr_store_release64((__global ulong*)(ring->base + SR_RING_COMPLETED), head);
}

#endif
