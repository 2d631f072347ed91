/* The drain: takes published slots off a ring in order, runs them, ends them, and leaves when it has idled long
 * enough. Runs on one work-item; launches of it on one ring follow each other, never overlap. Where the ring was revoked
 * it runs nothing more and leaves at once.
 *
 * Edges: R, A and S as in ring.hpp, of which this is the other end. */
#ifndef SLIPRING_DRAIN_H
#define SLIPRING_DRAIN_H

#define SR_RELEASE_EVERY 32u /* slots between two updates of COMPLETED while there is more to do */
#define SR_LOOK_EVERY 256u   /* slots between two looks at STOP and at the clock while there is more to do, or 8 slow ones */
#define SR_GLANCES 16u       /* looks at an empty slot between two looks at STOP and at the clock */

/* A2: synchronizes with A1, the producer that reserves these slots again, and with whoever waits for them, or counts faults. */
static inline void sr_release(const sr_ring* ring, ulong head) {
    sr_store_release64((__global ulong*)(ring->base + SR_RING_COMPLETED), SR_BUG(66, head + 1u, head));
}

/* STOP names this launch, or one of the next: the host may have started those already when it saw LEFT, which this launch
 * has taken back, and they wait behind it. An order within a window, since numbers wrap and STOP stands for ever. */
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

/* Somebody else wants this core, which shows as a long gap between two looks at an empty slot. Who polls on it then is made
 * to wait for as long as it has polled, and a slot that is published meanwhile waits with it; who has left is woken at once.
 * So it leaves. Once is nothing: a machine that stood still, or a visitor; to linger pays as long as a tenth of the time is
 * not lost so. If the time before is less than 8 times as long as what was lost, the launches of the next 64 gaps do not
 * linger, and of twice as many if it goes on so. */
#define SR_CROWDED_SHARE 8u
#define SR_CROWDED_FIRST 64u
#define SR_CROWDED_MOST 1024u
SR_WRAPS static inline ulong sr_crowded_until(const sr_memory* memory) {
    __global uint* const told = memory->control + SR_CONTROL_CROWDED;
    return (ulong)sr_load(told + 1) << 32 | sr_load(told);
}
SR_WRAPS static inline void sr_tell_crowded(const sr_memory* memory, ulong now, ulong gap, ulong lost) {
    __global uint* const told = memory->control + SR_CONTROL_CROWDED;
    uint gaps = sr_load(told + 2);
    const ulong recent = gaps < SR_CROWDED_FIRST ? SR_CROWDED_SHARE * lost + lost : SR_CROWDED_MOST * gap;
    if (gaps == 0 || now - sr_crowded_until(memory) > recent) gaps = 1u;
    else if (gaps < SR_CROWDED_FIRST) gaps = SR_CROWDED_FIRST;
    else if (gaps < SR_CROWDED_MOST) gaps *= 2u;
    const ulong until = now + gaps * gap;
    sr_store(told, (uint)until);
    sr_store(told + 1, (uint)(until >> 32));
    sr_store(told + 2, gaps);
}

/* Not checked: that `head` stays below RESERVED. Who can write the ring's memory can write a state word for a slot that
 * nobody reserved, and then it is run, like any other hostile slot within the bounds of sr_memory, and COMPLETED passes
 * RESERVED. To compare would cost a load of a line that all producers write, for each slot, over a bus, and RESERVED may
 * be forged as well. The host, which has reserved them, finds such a COMPLETED impossible. */
/* `awaited` is the state word of the slot that is to be run next. */
static inline int sr_is_next(uint state, uint awaited) {
    return SR_BUG(60, (state & SR_STATE_MASK) == SR_STATE_PUBLISHED, state == awaited);
}

#ifdef SR_CACHED
#define SR_RARELY(condition) __builtin_expect((condition), 0) /* the slots that follow each other lie together: a twentieth */
#else
#define SR_RARELY(condition) (condition)
#endif

#define SR_GOES_ON 0      /* there is a slot to run */
#define SR_HAS_LEFT 1     /* and told so */
#define SR_IS_TO_LEAVE 2  /* because it was asked to, has been here for long, or was given up */

/* Looks at an empty slot until it is none. `ran`: the launch ran slots since it last idled, and the last one was not slow.
 * What this keeps stays out of the drain's loop, where all operations are inlined and another register costs each slot a
 * tenth. */
SR_WRAPS static inline int sr_idle(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, ulong head,
                                   int ran, ulong began, ulong* counter) {
    __global uint* const slot = sr_slot(ring, head);
    const uint awaited = sr_awaited(ring, head);
    /* Two words: the last look at the clock, of this idling or the one before, and where the drain stood. */
    __global uint* const looked = memory->control + SR_CONTROL_CROWDED + 3;
    ulong idle_since = 0;
    for (uint glances = 0;; ++glances) {
        if (glances % SR_GLANCES == 0) {
            if (sr_revoked_behind(ring)) return SR_IS_TO_LEAVE;
            const ulong now = sr_ticks(counter, SR_GLANCES);
            if (glances == 0) idle_since = now;
            int leaves = now - idle_since >= bounds->linger;
            if (bounds->gap != 0) {
                /* A slot that was published while the core was away is run first: a few brief ones take no time. */
                const uint brief = sr_minus((uint)head, sr_load(looked + 1));
                const int counts = glances != 0 || (ran && brief < SR_RELEASE_EVERY);
                const uint lost = sr_minus((uint)now, sr_load(looked));
                if (counts && lost >= bounds->gap) sr_tell_crowded(memory, now, bounds->gap, lost);
                leaves = leaves || sr_crowded_until(memory) - now - 1u < SR_CROWDED_MOST * bounds->gap;
                sr_store(looked, (uint)now);
                sr_store(looked + 1, (uint)head);
            }
            if (leaves) {
                if (sr_leave(ring, head, bounds->launch)) return SR_HAS_LEFT;
            } else if (sr_asked(ring, bounds->launch) || now - began >= bounds->epoch) {
                return SR_IS_TO_LEAVE;
            }
        }
        const int revoked = sr_revoked_before(ring);
        const uint state = sr_load_acquire(slot); /* R2 */
        if (revoked) return SR_IS_TO_LEAVE;
        if (sr_is_next(state, awaited)) return SR_GOES_ON;
    }
}

SR_WRAPS /* positions count modulo 2^64, and so may the clock */
static inline void sr_drain(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds) {
    ulong head = *(__global ulong*)(ring->base + SR_RING_COMPLETED); /* this side alone writes it */
    __global ulong* const claimed = (__global ulong*)(ring->base + SR_RING_CLAIMED);
    uint copy[SR_COPY_WORDS];
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;

    ulong counter = 0;
    const ulong began = sr_ticks(&counter, 0);
    /* The time since the last launch is no gap. */
    if (bounds->gap != 0) sr_store(memory->control + SR_CONTROL_CROWDED + 3, (uint)began);
    uint done = 0, unreleased = 0;
    for (;;) {
        __global uint* const slot = sr_slot(ring, head);
        const int revoked = sr_revoked_before(ring); /* over a bus both are under way at once */
        /* R2: synchronizes with R1, the producer's store of the state. */
        const uint state = sr_load_acquire(slot);
        const uint awaited = sr_awaited(ring, head);
        if (revoked) break;
        if (SR_RARELY(!sr_is_next(state, awaited))) {
            const int ran = unreleased != 0;
            if (ran) sr_release(ring, head);
            unreleased = 0;
            const int how = sr_idle(ring, memory, bounds, head, ran, began, &counter);
            if (how == SR_HAS_LEFT) return;
            if (how == SR_IS_TO_LEAVE) break;
        }
        sr_copy_slot(copy, slot);
        if (SR_BUG(61, 1, 0)) copy[SR_WORD_OPCODE] = slot[SR_WORD_OPCODE];
        if (SR_BUG(62, sr_slot(ring, head + 1u)[SR_WORD_OPCODE] == SR_OP_BATCH_FENCE, 0))
            memory->control[SR_CONTROL_EPOCH] += 1u;
        sr_store64(claimed, head + 1u); /* before it has any effect: who recovers from this launch's death asks */
        if (sr_revoked_behind(ring)) {
            sr_store64(claimed, head);
            break;
        }
        const sr_outcome out = sr_run_slot(copy, (uint)head, memory);
        if (SR_BUG(63, 0, out.code != SR_CODE_OK)) {
            const uint before = sr_atomic_add(memory->control + SR_CONTROL_FAULTS, 1u);
            sr_store((__global uint*)(ring->base + SR_RING_FAULTS), sr_plus(before, 1u)); /* A2 */
        }
        if ((SR_BUG(64, slot[SR_WORD_PRIORITY], copy[SR_WORD_PRIORITY]) & SR_FLAG_QUIET) == 0) {
            if (copy[SR_WORD_OPCODE] > SR_OP_LAST_BUILTIN) sr_fence_system(); /* a handler's output */
            sr_end(slot, sr_tagged(ring, head, sr_end_state(out.code)), out.code | SR_BUG(65, 0u, out.inner << 8),
                   out.value, copy[SR_WORD_PRIORITY]); /* A2 */
        }
#ifdef SR_CACHED
        else {
            /* The same word again, to own its cache line: a producer that writes a line which was only read here waits
             * for this core to drop it. Over a bus it would be a write for nothing. */
            sr_store_release(slot, awaited);
        }
#endif
        ++head;
        ++unreleased;
        /* Nobody waits for 32 of those that may be slow, nor takes their silence for a death. */
        if (!sr_is_brief(copy) && (copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN || sr_may_be_slow(copy)))
            unreleased += SR_RELEASE_EVERY;
        if (unreleased >= SR_RELEASE_EVERY) {
            sr_release(ring, head);
            unreleased = 0;
            done += SR_RELEASE_EVERY;
            if (done >= SR_LOOK_EVERY) {
                done = 0;
                if (sr_asked(ring, bounds->launch) || sr_ticks(&counter, SR_LOOK_EVERY) - began >= bounds->epoch) break;
            }
            if (copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN && sr_leave(ring, head, bounds->launch)) return;
        }
    }
    /* Told to leave, or after long enough: there may be more, and the host starts the next launch, unless it gave this up. */
    sr_release(ring, head);
    sr_store_seq_cst((__global uint*)(ring->base + SR_RING_LEFT), bounds->launch);
}

#endif
