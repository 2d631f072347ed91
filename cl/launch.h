/* When a launch begins and leaves, and how: for the drain on one work-item and for the wide one alike. A launch
 * leaves when it has idled for long, when it has run for long, when it is asked to (STOP), and when the ring is taken
 * from it (REVOKED). Edge S as in ring.hpp, of which this is the other end.
 *
 * Launches of a ring run one after the other, in the order of their numbers. The host starts one when its predecessor
 * has left; or, while there is work, queues it behind the predecessor, which asks for it (sr_want). The host sees
 * LEFT, in the ring. The next launch sees SR_CONTROL_LEFT, in device memory, which changes only when a launch
 * leaves. */
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
    const uint stop = sr_load_acquire((__global uint*)(ring->base + SR_RING_STOP));
    return (sr_minus(stop, launch) & SR_LAUNCH_MASK) < SR_STOP_AHEAD;
}

static inline __global uint* sr_left(const sr_ring* ring) { return (__global uint*)(ring->base + SR_RING_LEFT); }
static inline uint sr_predecessor(uint launch) { return sr_minus(launch, 1u) & SR_LAUNCH_MASK; }

/* Whether the predecessor has left. If it died, what it shares with this launch is in no order: this one runs nothing
 * and does not say that it has left, so that the host finds a launch that ended without leaving. A device's first
 * launch, 0, has no predecessor. */
static inline int sr_begins(const sr_memory* memory, uint launch) {
    const uint left = sr_load(memory->control + SR_CONTROL_LEFT) & SR_LAUNCH_MASK;
    return launch == 0 || left == sr_predecessor(launch);
}

/* The predecessor found nothing to do when it left. A launch that was queued behind it before has nothing to do
 * either: it leaves at once, so that no kernel stays behind one that idled. A launch that finds a slot idles behind
 * it for as long as any. */
static inline int sr_follows_idle(const sr_memory* memory) {
    return (sr_load(memory->control + SR_CONTROL_LEFT) & SR_LEFT_IDLE) != 0;
}

/* This launch has had half of its time, and has work: the host queues the next one behind it, which begins as soon
 * as this one has left. The word is a hint and orders nothing. To say it again does no harm: the host compares it
 * with the newest launch, which is another one then. */
static inline void sr_want(const sr_ring* ring, uint launch) {
    const uint wanted = launch | SR_LEFT_WANTED;
#ifdef SR_CACHED
    if (sr_load(sr_left(ring)) == wanted) return; /* every publish reads this line: leave it where it is */
#endif
    sr_store(sr_left(ring), wanted);
}

/* Says that this launch has left. There may be more to do. */
static inline void sr_leave_work(const sr_ring* ring, const sr_memory* memory, uint launch) {
    sr_store(memory->control + SR_CONTROL_LEFT, launch);
    sr_store_seq_cst(sr_left(ring), launch);
}

/* S, the device's half. Says that this launch has left, then looks once more, at each ring. If a producer published
 * at a head and did not see LEFT, this load sees the slot; then it takes the word back and stays. The producer may
 * have seen LEFT all the same: it starts a launch that waits behind this one, and finds nothing to do. Where a launch
 * is queued already, LEFT is not the newest number and tells the producer nothing: that launch does the same when it
 * leaves.
 * W: with a window, too, the look is at the slot in shared memory, which the producer stores before it looks at LEFT:
 * a store to the window may be on its way over the bus for longer than both looks take. */
static inline int sr_leave(const sr_ring* rings, const sr_memory* memory, sr_heads heads, uint launch) {
    const sr_ring* const lead = rings + SR_LEAD;
    __global uint* const told = memory->control + SR_CONTROL_LEFT;
    const uint before = sr_load(told);
    sr_store(told, launch | SR_LEFT_IDLE);
    sr_store_seq_cst(sr_left(lead), launch);
    uint i = 0;
    while (i < SR_RINGS &&
           !sr_is_next(sr_load_seq_cst(sr_shared_slot(rings + i, heads.at[i])), sr_awaited(rings + i, heads.at[i])))
        ++i;
    if (i == SR_RINGS) return 1;
    sr_store(told, before);
    sr_store_seq_cst(sr_left(lead), sr_predecessor(launch));
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
