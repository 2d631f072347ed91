/* The drain: takes published slots off a ring in order, runs them, ends them, and leaves when it has idled long
 * enough. Runs on one work-item; launches of it on one ring follow each other, never overlap.
 *
 * Edges: R, A and S as in ring.hpp, of which this is the other end. */
#ifndef SLIPRING_DRAIN_H
#define SLIPRING_DRAIN_H

#define SR_RELEASE_EVERY 32u /* slots between two updates of COMPLETED while there is more to do */
#define SR_LOOK_EVERY 256u   /* slots between two looks at STOP while there is more to do */

static inline __global uint* sr_slot(const sr_ring* ring, ulong position) {
    return (__global uint*)(ring->base + SR_RING_SLOTS + (ulong)((uint)position & ring->mask) * SR_SLOT_BYTES);
}

static inline uint sr_tagged(const sr_ring* ring, ulong position, uint state) {
    const uint lap = (uint)(SR_BUG(67, (uint)position, position) >> ring->shift);
    return (lap & SR_GENERATION_MASK) << SR_GENERATION_SHIFT | state;
}

/* A2: synchronizes with A1, the producer that reserves these slots again, and with whoever waits for them. */
static inline void sr_release(const sr_ring* ring, ulong head) {
    sr_store_release64((__global ulong*)(ring->base + SR_RING_COMPLETED), SR_BUG(66, head + 1u, head));
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

SR_WRAPS /* positions count modulo 2^64 */
static inline void sr_drain(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds) {
    ulong head = *(__global ulong*)(ring->base + SR_RING_COMPLETED); /* this side alone writes it */
    __global uint* const stop = (__global uint*)(ring->base + SR_RING_STOP);
    uint copy[SR_SLOT_WORDS + SR_WINDOW_PREFIX];
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;

    ulong idle = 0, done = 0;
    uint unreleased = 0;
    int stay = 1;
    while (stay) {
        __global uint* const slot = sr_slot(ring, head);
        /* R2: synchronizes with R1, the producer's store of the state. */
        const uint state = sr_load_acquire(slot);
        const uint awaited = sr_tagged(ring, head, SR_STATE_PUBLISHED);
        if (SR_BUG(60, (state & SR_STATE_MASK) == SR_STATE_PUBLISHED, state == awaited)) {
            sr_copy_slot(copy, slot);
            if (SR_BUG(61, 1, 0)) copy[SR_WORD_OPCODE] = slot[SR_WORD_OPCODE];
            if (SR_BUG(62, sr_slot(ring, head + 1u)[SR_WORD_OPCODE] == SR_OP_BATCH_FENCE, 0)) memory->control[SR_CONTROL_EPOCH] += 1u;
            const sr_outcome out = sr_run_slot(copy, (uint)head, memory);
            if (SR_BUG(63, 0, out.code != SR_CODE_OK))
                memory->control[SR_CONTROL_FAULTS] = sr_plus(memory->control[SR_CONTROL_FAULTS], 1u);
            if ((SR_BUG(64, slot[SR_WORD_PRIORITY], copy[SR_WORD_PRIORITY]) & SR_FLAG_QUIET) == 0) {
                slot[SR_WORD_RESULT] = out.value;
                slot[SR_WORD_CODE] = out.code | SR_BUG(65, 0u, out.inner << 8);
                const uint end = out.code == SR_CODE_OK          ? SR_STATE_DONE
                                 : out.code == SR_CODE_CANCELLED ? SR_STATE_CANCELLED
                                                                 : SR_STATE_FAULT;
                sr_store_release(slot, sr_tagged(ring, head, end)); /* A2 */
            }
#ifdef SR_CACHED
            else {
                /* The same word again, to own its cache line: a producer that writes a line which was only read here
                 * waits for this core to drop it. Over a bus it would be a write for nothing. */
                sr_store_release(slot, sr_tagged(ring, head, SR_STATE_PUBLISHED));
            }
#endif
            ++head;
            ++done;
            idle = 0;
            if (++unreleased == SR_RELEASE_EVERY || sr_minus(copy[SR_WORD_OPCODE], 8u) < SR_OP_HIGH_BIT - 8u) {
                sr_release(ring, head); /* a custom operation may be slow: nobody waits for 32 of them */
                unreleased = 0;
            }
            if (done % SR_LOOK_EVERY == 0) {
                if (sr_load_acquire(stop) == bounds->launch || done >= bounds->most) stay = 0;
            }
            if (copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN) {
                sr_release(ring, head);
                unreleased = 0;
                if (sr_leave(ring, head, bounds->launch)) return;
            }
        } else {
            if (unreleased != 0) {
                sr_release(ring, head);
                unreleased = 0;
            }
            if (idle++ >= bounds->idle_polls) {
                if (sr_leave(ring, head, bounds->launch)) return;
                idle = 0;
            } else if (sr_load_acquire(stop) == bounds->launch) {
                stay = 0;
            }
        }
    }
    /* Told to leave, or after enough work: there may be more, and the host starts the next launch. */
    sr_release(ring, head);
    sr_store_seq_cst((__global uint*)(ring->base + SR_RING_LEFT), bounds->launch);
}

#endif
