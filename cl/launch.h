/* When a launch leaves, and how: for the drain on one work-item and for the wide one alike. A launch leaves when it
 * has idled for long, when it has run for long, when it is asked to (STOP), and when the ring is taken from it
 * (REVOKED). Edge S as in ring.hpp, of which this is the other end. */
#ifndef SLIPRING_LAUNCH_H
#define SLIPRING_LAUNCH_H

#include "abi.h"
#include "atomics.h"
#include "ring.h"
#include "types.h"

/* STOP names this launch, or one of the next: the host may have started those already when it saw LEFT, which this
 * launch has taken back, and they wait behind it. An order within a window, since numbers wrap and STOP stands for
 * ever. */
#define SR_STOP_AHEAD (1u << 16)
static inline int sr_asked(const sr_ring* ring, uint launch) {
    return sr_minus(sr_load_acquire((__global uint*)(ring->base + SR_RING_STOP)), launch) < SR_STOP_AHEAD;
}

/* S, the device's half. Says that this launch has left, then looks once more. If a producer published at `head` and
 * did not see LEFT, this load sees the slot; then it takes the word back and stays. The producer may have seen LEFT
 * all the same: it starts a launch that waits behind this one, and finds nothing to do. */
static inline int sr_leave(const sr_ring* ring, ulong head, uint launch) {
    __global uint* const left = (__global uint*)(ring->base + SR_RING_LEFT);
    sr_store_seq_cst(left, launch);
    if (sr_load_seq_cst(sr_slot(ring, head)) != sr_tagged(ring, head, SR_STATE_PUBLISHED)) return 1;
    sr_store_seq_cst(left, sr_minus(launch, 1u));
    return 0;
}

/* The host has given this kernel up, and may run what it has not claimed elsewhere: REVOKED, which is written once.
 *
 * No slot is run twice: the host stores REVOKED, waits some milliseconds, then reads CLAIMED. Where the caches are
 * shared (SR_CACHED) a kernel stores CLAIMED, then looks at REVOKED. Either it sees REVOKED and runs nothing; or it
 * looked before the host's store was visible, and then the host sees the store of CLAIMED, which came before the
 * look: a core does not delay a store for milliseconds, not even a core that is taken from the kernel right there.
 * Sequential consistency would say the same at the price of a fence a slot. Over a bus a look takes longer than a
 * slot, so a kernel looks at REVOKED together with the slot, before it stores CLAIMED: the host must wait longer than
 * a kernel is delayed between the two, and a kernel that is halted right there for longer than that runs one look's
 * slots more. */
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

/* A crowded core: another thread wants it, which shows as a long gap between two looks at an empty slot. A kernel
 * that polls on it is made to wait for as long as it has polled, and a slot that is published meanwhile waits with
 * it; a kernel that has left is woken at once. So it leaves. One gap is nothing: a machine that stood still, or a
 * visitor; to stay pays as long as less than a tenth of the time is lost so. If the time before is less than 8 times
 * as long as what was lost, the launches of the next 64 gaps leave at once, and of twice as many if it goes on so. */
#define SR_CROWDED_SHARE 8u
#define SR_CROWDED_FIRST 64u
#define SR_CROWDED_MAX 1024u
SR_WRAPS static inline ulong sr_crowded_until(const sr_memory* memory) {
    __global uint* const told = memory->control + SR_CONTROL_CROWDED;
    return (ulong)sr_load(told + 1) << 32 | sr_load(told);
}
SR_WRAPS static inline void sr_tell_crowded(const sr_memory* memory, ulong now, ulong gap, ulong lost) {
    __global uint* const told = memory->control + SR_CONTROL_CROWDED;
    uint gaps = sr_load(told + 2);
    const ulong recent = gaps < SR_CROWDED_FIRST ? SR_CROWDED_SHARE * lost + lost : SR_CROWDED_MAX * gap;
    if (gaps == 0 || now - sr_crowded_until(memory) > recent) gaps = 1u;
    else if (gaps < SR_CROWDED_FIRST) gaps = SR_CROWDED_FIRST;
    else if (gaps < SR_CROWDED_MAX) gaps *= 2u;
    const ulong until = now + gaps * gap;
    sr_store(told, (uint)until);
    sr_store(told + 1, (uint)(until >> 32));
    sr_store(told + 2, gaps);
}

#endif
