/* The drain on one work-item: takes published slots off its rings, of each in order, runs them, finishes them, and
 * leaves when it has idled long enough. Launches of it follow each other, never overlap. Where the rings were revoked
 * it runs nothing more and leaves at once. */
#ifndef SLIPRING_SERIAL_H
#define SLIPRING_SERIAL_H

#include "clock.h"
#include "launch.h"
#include "levels.h"
#include "ops.h"
#include "ring.h"

#define SR_RELEASE_EVERY 32u /* slots between two updates of COMPLETED while there is more to do */
/* Slots between two looks at STOP and at the clock while there is more to do; or 8 slow ones. */
#define SR_LOOK_EVERY 256u
#define SR_GLANCES 16u /* looks at an empty slot between two looks at STOP and at the clock */

#define SR_GOES_ON 0     /* there is a slot to run */
#define SR_HAS_LEFT 1    /* and told so */
#define SR_IS_TO_LEAVE 2 /* because it was asked to, has been here for long, or was given up */

/* How many slots have run, modulo 2^32, but for a constant. */
SR_WRAPS static inline uint sr_count_heads(
    sr_heads heads) {
    uint count = 0;
    for (uint i = 0; i < SR_RINGS; ++i) count += (uint)heads.at[i];
    return count;
}

/* Looks at empty slots, one of each ring, until one is none. `ran`: the launch ran slots since it last idled, and the
 * last one was not slow. What this keeps stays out of the drain's loop, where all operations are inlined and another
 * register costs each slot a tenth. */
SR_WRAPS static inline int sr_idle(const sr_ring* rings, const sr_memory* memory, const sr_bounds* bounds,
                                   sr_heads heads, int ran, ulong began, ulong* counter) {
    const sr_ring* const lead = rings + SR_LEAD;
    __global uint* slot[SR_RINGS];
    uint awaited[SR_RINGS];
    for (uint i = 0; i < SR_RINGS; ++i) {
        slot[i] = sr_slot(rings + i, heads.at[i]);
        awaited[i] = sr_awaited(rings + i, heads.at[i]);
    }
    const uint count = sr_count_heads(heads);
    /* Two words: the last look at the clock, of this idling or the one before, and how many slots had run. */
    __global uint* const looked = memory->control + SR_CONTROL_CROWDED + 3;
    ulong idle_since = 0;
    int expects = 0; /* a slot is published, and its copy in the window on its way */
    for (uint glances = 0;; ++glances) {
        if (glances % SR_GLANCES == 0) {
            if (sr_revoked_behind(lead)) return SR_IS_TO_LEAVE;
            const ulong now = sr_ticks(counter, SR_GLANCES);
            if (glances == 0) idle_since = now;
            int leaves = now - idle_since >= bounds->idle_timeout;
            if (bounds->crowded_gap != 0) {
                /* A slot that was published while the core was away is run first: a few brief ones take no time. */
                const uint brief = sr_minus(count, sr_load(looked + 1));
                const int counts = glances != 0 || (ran && brief < SR_RELEASE_EVERY);
                const uint lost = sr_minus((uint)now, sr_load(looked));
                if (counts && lost >= bounds->crowded_gap) sr_tell_crowded(memory, now, bounds->crowded_gap, lost);
                leaves = leaves || sr_crowded_until(memory) - now - 1u < SR_CROWDED_MAX * bounds->crowded_gap;
                sr_store(looked, (uint)now);
                sr_store(looked + 1, count);
            }
            /* A producer that is stopped between the slot and its copy keeps no launch for longer than its time. */
            const int looks = !leaves || expects;
            if (looks && (sr_asked(lead, bounds->launch) || now - began >= bounds->max_time)) return SR_IS_TO_LEAVE;
            if (leaves) {
                if (sr_leave(rings, memory, heads, bounds->launch)) return SR_HAS_LEFT;
                expects = 1;
            } else if (glances == 0 && ran && now - began >= bounds->max_time / 2u) {
                sr_want(lead, bounds->launch);
            }
        }
        const int revoked = sr_revoked_before(lead);
        int waits = 0;
        for (uint i = 0; i < SR_RINGS; ++i) waits |= sr_is_next(sr_load_acquire(slot[i]), awaited[i]); /* R2 */
        if (revoked) return SR_IS_TO_LEAVE;
        if (waits) return SR_GOES_ON;
    }
}

/* Counts a fault, and finishes the slot of `position`. */
static inline void sr_finish_serial(const sr_ring* lead, const sr_ring* ring, const sr_memory* memory, ulong position,
                                    const uint* copy, sr_outcome out) {
    if (SR_RARELY(out.code != SR_CODE_OK)) {
        const uint before = sr_atomic_add(memory->control + SR_CONTROL_FAULTS, 1u);
        sr_store((__global uint*)(lead->base + SR_RING_FAULTS), sr_plus(before, 1u)); /* A2 */
    }
    if ((copy[SR_WORD_PRIORITY] & SR_FLAG_QUIET) == 0) {
        if (copy[SR_WORD_OPCODE] > SR_OP_LAST_BUILTIN) sr_fence_system(); /* a handler's output */
        sr_complete(ring, position, out);
    }
    sr_own_slot(ring, position);
}

/* What a drain remembers from one slot to the next. */
typedef struct {
    sr_heads heads;
    uint ring;       /* the one that was served last: COMPLETED is told of all others */
    uint unreleased; /* of that one, slots that COMPLETED does not count yet; a slow one counts as SR_RELEASE_EVERY */
    uint unlooked;   /* slots since the last look at STOP and at the clock */
    sr_turns turns;
    ulong counter; /* sr_ticks */
    ulong began;   /* when the launch began */
} sr_serial;

static inline void sr_release_serial(const sr_ring* rings, sr_serial* own) {
    sr_release(rings + own->ring, own->heads.at[own->ring]);
    own->unlooked += own->unreleased;
    own->unreleased = 0;
}

/* The launch was asked to leave, or has been here for long; looked at now and then, behind a release. After half of
 * its time it asks for its successor. */
SR_WRAPS SR_INLINE int sr_is_to_leave_serial(const sr_ring* lead, const sr_bounds* bounds, sr_serial* own) {
    if (own->unlooked < SR_LOOK_EVERY) return 0;
    own->unlooked = 0;
    if (sr_asked(lead, bounds->launch)) return 1;
    const ulong here = sr_ticks(&own->counter, SR_LOOK_EVERY) - own->began;
    if (here >= bounds->max_time) return 1;
    if (SR_RARELY(here >= bounds->max_time / 2u)) sr_want(lead, bounds->launch);
    return 0;
}

/* Finds the ring to serve, and idles until one waits. SR_GOES_ON, SR_HAS_LEFT or SR_IS_TO_LEAVE. */
SR_INLINE int sr_next_serial(const sr_ring* rings, const sr_memory* memory, const sr_bounds* bounds, sr_serial* own) {
    for (;;) {
        const int revoked = sr_revoked_before(rings + SR_LEAD); /* over a bus both are under way at once */
        const uint ring = sr_pick_ring(rings, memory, &own->heads, 0, &own->turns);
        if (revoked) return SR_IS_TO_LEAVE;
        if (SR_RARELY(ring == SR_RINGS)) {
            const int ran = own->unreleased != 0;
            if (ran) sr_release_serial(rings, own);
            const int how = sr_idle(rings, memory, bounds, own->heads, ran, own->began, &own->counter);
            if (SR_RINGS == 1u || how != SR_GOES_ON) return how;
            continue; /* which one waits? */
        }
        if (SR_RINGS > 1u && ring != own->ring) {
            if (own->unreleased != 0) sr_release_serial(rings, own);
            own->ring = ring;
            sr_take_rights(memory, rings + ring);
            if (sr_is_to_leave_serial(rings + SR_LEAD, bounds, own)) return SR_IS_TO_LEAVE;
        }
        return SR_GOES_ON;
    }
}

/* Says that the slot at `head` is begun, before it has any effect: recovery asks. False if the rings were revoked.
 * Positions wrap. */
SR_WRAPS SR_INLINE int sr_claim_serial(const sr_ring* lead, const sr_ring* ring, ulong head) {
    __global ulong* const claimed = (__global ulong*)(ring->base + SR_RING_CLAIMED);
    sr_store64(claimed, head + 1u);
    if (!sr_revoked_behind(lead)) return 1;
    sr_store64(claimed, head);
    return 0;
}

/* How many slots this one counts as until COMPLETED moves: a waiter does not wait for 32 that may be slow, and does
 * not take their silence for a death. */
SR_INLINE uint sr_counts_as(const uint* copy) {
    if (sr_is_brief(copy)) return 1u;
    return copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN || sr_may_be_slow(copy) ? 1u + SR_RELEASE_EVERY : 1u;
}

/* `before_teams`: leaves in front of a slot that is for a team, as if it was told to. Positions count modulo 2^64,
 * and so may the clock. */
SR_WRAPS SR_INLINE void sr_drain_serial_but(const sr_ring* rings, const sr_memory* memory, const sr_bounds* bounds,
                                            int before_teams) {
    const sr_ring* const lead = rings + SR_LEAD;
    uint copy[SR_COPY_WORDS];
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;
    sr_serial own = {{{0}}, 0, 0, 0, SR_TURNS_BEGIN, 0, 0};
    for (uint i = 0; i < SR_RINGS; ++i) /* this side alone writes it */
        own.heads.at[i] = *(__global ulong*)(rings[i].base + SR_RING_COMPLETED);
    sr_take_rights(memory, rings);
    own.began = sr_ticks(&own.counter, 0);
    /* The time since the last launch is no gap. */
    if (bounds->crowded_gap != 0) sr_store(memory->control + SR_CONTROL_CROWDED + 3, (uint)own.began);
    /* A wide launch before this one may have claimed, and finished, slots that COMPLETED does not count if the rings
     * were revoked meanwhile. They stay claimed: nothing is claimed here that could be taken back. */
    if (sr_revoked_behind(lead)) {
        sr_leave_work(lead, memory, bounds->launch);
        return;
    }
    if (sr_follows_idle(memory) && sr_highest_ring(rings, &own.heads) == SR_RINGS &&
        sr_leave(rings, memory, own.heads, bounds->launch))
        return;
    for (;;) {
        const int how = sr_next_serial(rings, memory, bounds, &own);
        if (how == SR_HAS_LEFT) return;
        if (how == SR_IS_TO_LEAVE) break;
        const sr_ring* const ring = rings + own.ring;
        const ulong head = own.heads.at[own.ring];
        sr_copy_slot(copy, sr_slot(ring, head));
        if (before_teams && sr_is_for_team(copy)) break;
        if (!sr_claim_serial(lead, ring, head)) break;
        const sr_outcome out = sr_run_slot(copy, (uint)head, memory);
        sr_finish_serial(lead, ring, memory, head, copy, out);
        ++own.heads.at[own.ring];
        own.unreleased += sr_counts_as(copy);
        if (own.unreleased < SR_RELEASE_EVERY) continue;
        sr_release_serial(rings, &own);
        if (sr_is_to_leave_serial(lead, bounds, &own)) break;
        if (copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN && out.code == SR_CODE_OK &&
            sr_leave(rings, memory, own.heads, bounds->launch))
            return;
    }
    /* Told to leave, or after long enough: there may be more, and the host starts the next launch, unless it gave
     * this up. */
    sr_release_serial(rings, &own);
    sr_leave_work(lead, memory, bounds->launch);
}
/* Drains SR_RINGS rings. */
static inline void sr_drain_serial(const sr_ring* rings, const sr_memory* memory, const sr_bounds* bounds) {
    if (sr_begins(memory, bounds->launch)) sr_drain_serial_but(rings, memory, bounds, 0);
}

#endif
