/* Scheduler state: what the sub-groups of a wide launch tell each other, in words of device memory, and the
 * invariants that hold between them. Zeroed once; each launch leaves it ready for the next. Each word is on a line of
 * its own.
 *
 * A chunk is consecutive slots of the ring that one sub-group takes, a lane each; or one slot that a team takes, a
 * whole work-group. Chunks are numbered in the order of their positions. A chunk is
 *   issued    when all its slots were seen published and no barrier is left in it that has not run;
 *   finished  when all its slots are terminal.
 * The issued watermark (ISSUED) counts the chunks, from the first on, that are issued; the retired watermark
 * (RETIRED) those that are finished. Invariants, from which fences and leaving follow:
 *   I1  a slot of chunk c is run only when every chunk before c is issued (ISSUED >= c);
 *   I2  a barrier of chunk c is run only when every chunk before c is finished (RETIRED >= c), and the slots
 *       before it in its own;
 *   I3  so when a launch leaves in front of a slot that is claimed and not published (a poller only guesses what lies
 *       between the slots that it looks at), nothing behind that slot has been run: its chunk is cut there. In a
 *       tenant's ring it guesses nothing, no slot is a barrier, and one that is not published any more is denied: so
 *       a tenant holds up no sub-group but with slots that run;
 *   I4  ISSUED >= RETIRED whenever COMPLETED moves: what is finished is issued. Behind COMPLETED slots are published
 *       again, and a chunk of those has the flag of the one that was there before; a retirer that still looked for
 *       the old one there would never find it;
 *   I5  no chunk is claimed that is as far behind RETIRED as the ring has slots: it would have another's flag. In the
 *       program's ring that follows from I4. A tenant may publish what it has not reserved: see sr_free_chunks.
 * Within these a slow slot delays its own chunk alone, until the ring is full or a barrier comes.
 *
 * COMPLETED is all that the host sees of a launch, and a device that does not move it for long counts as lost. A slot
 * may take as long; several of one chunk, one after the other, may not add up, and a slot that waits for its producer
 * hides nothing that is in front of it. So behind each turn of a chunk, and while it waits for a slot, PART says how
 * far it has come. Its sub-group writes it, once it has seen that every chunk before it is finished: at any time
 * there is one that may, and what it writes only grows.
 *
 * Edges: R and A as in ring.hpp. F: a chunk's flag from its sub-group to the retirer. P: PART likewise. G: ISSUED,
 * RETIRED and CUT from the retirer or the cutting sub-group to all. Q: a chunk from poller to worker. T: a slot from
 * poller to team. U: an item's words, read, to the poller that writes over them. Release and acquire at device
 * scope. */
#ifndef SLIPRING_WIDE_STATE_H
#define SLIPRING_WIDE_STATE_H

#include "layout.h"

#include "../atomics.h"
#include "../launch.h"
#include "../ops.h"
#include "../ring.h"
#include "subgroup.h"

/* More rings are served by one work-item. */
#if SR_RINGS <= SR_MAX_WIDE_RINGS
#define SR_HAS_WIDE
#endif

/* What all sub-groups of a launch share, and one of its rings. */
typedef struct {
    const sr_ring* ring;
    const sr_memory* memory;
    const sr_bounds* bounds;
    __global uint* sched;
    uint base;    /* the ring's SR_SCHED_BASE */
    uint workers; /* sub-groups beside retirer and poller */
    uint teams;   /* groups that are teams */
#if SR_RINGS > 1u
    const sr_ring* lead;
    __global uint* own; /* the ring's part of the scheduler state */
    ulong first;        /* SR_SCHED_FIRST */
#endif
} sr_wide;

/* One for each ring of the launch. */
typedef struct {
    sr_wide of[SR_RINGS];
} sr_wides;

static inline const sr_ring* sr_lead(const sr_wide* wide) {
#if SR_RINGS > 1u
    return wide->lead;
#else
    return wide->ring;
#endif
}

/* The ring's part of the scheduler state. */
static inline __global uint* sr_own(const sr_wide* wide) {
#if SR_RINGS > 1u
    return wide->own;
#else
    return wide->sched;
#endif
}

/* The position that its offsets count from. */
static inline ulong sr_first(const sr_wide* wide) {
#if SR_RINGS > 1u
    return wide->first;
#else
    return wide->bounds->first;
#endif
}

static inline sr_wides sr_wides_of(const sr_ring* rings, const sr_memory* memory, const sr_bounds* bounds,
                                   __global uint* sched, uint workers, uint teams) {
    sr_wides wides;
    for (uint i = 0; i < SR_RINGS; ++i) {
        sr_wide* const wide = &wides.of[i];
        wide->ring = rings + i;
        wide->memory = memory;
        wide->bounds = bounds;
        wide->sched = sched;
        wide->workers = workers;
        wide->teams = teams;
#if SR_RINGS > 1u
        wide->lead = rings + SR_LEAD;
        wide->own = sched; /* the lead's in front */
        wide->first = 0;
        for (uint other = 0; other < SR_RINGS && i != SR_LEAD; ++other)
            if (other < i || other == SR_LEAD) wide->own += SR_SCHED_WORDS(rings[other].mask + 1u);
#endif
        wide->base = sr_load(sr_own(wide) + SR_SCHED_BASE);
    }
    return wides;
}

/* The poller says where the launch begins in each ring, before it says that it has begun: nothing moves COMPLETED
 * until then, and the launch before has left. The others read it behind that, or behind Q or T. */
static inline void sr_tell_first(sr_wides* wides) {
#if SR_RINGS > 1u
    for (uint i = 0; i < SR_RINGS; ++i) {
        sr_wide* const wide = &wides->of[i];
        wide->first = *(__global ulong*)(wide->ring->base + SR_RING_COMPLETED);
        if (sr_lane() != 0) continue;
        sr_store(sr_own(wide) + SR_SCHED_FIRST, (uint)wide->first);
        sr_store(sr_own(wide) + SR_SCHED_FIRST + 1, (uint)(wide->first >> 32));
    }
#else
    (void)wides;
#endif
}
static inline void sr_learn_first(sr_wides* wides) {
#if SR_RINGS > 1u
    for (uint i = 0; i < SR_RINGS; ++i) {
        sr_wide* const wide = &wides->of[i];
        wide->first =
            (ulong)sr_load(sr_own(wide) + SR_SCHED_FIRST + 1) << 32 | sr_load(sr_own(wide) + SR_SCHED_FIRST);
    }
#else
    (void)wides;
#endif
}

/* Keeps the host's clock where the sub-groups look for it if there is a bus: one of them asks for all. A poller does
 * so before it claims anything, so none sees the clock of an earlier launch; then the retirer does. */
static inline void sr_keep_time(const sr_wide* wide) {
    if (sr_lane() == 0)
        sr_store(wide->sched + SR_SCHED_NOW, sr_load_host((__global uint*)(sr_lead(wide)->base + SR_RING_NOW)));
}

/* A claimed chunk in a sub-group's hands. */
typedef struct {
    uint number;
    uint first;  /* its first slot's offset from the launch's first position */
    uint length; /* slots, one a lane */
    int ready;   /* this lane's slot was seen published, and is in the copy */
    int passed;  /* I1 is known to hold */
} sr_chunk;

static inline uint sr_index(const sr_wide* wide, uint chunk) { return sr_plus(wide->base, chunk) & wide->ring->mask; }
static inline __global uint* sr_flag(const sr_wide* wide, uint chunk) {
    return sr_own(wide) + SR_SCHED_TABLES + sr_index(wide, chunk);
}
static inline __global uint* sr_chunk_end(const sr_wide* wide, uint chunk) {
    return sr_own(wide) + SR_SCHED_TABLES + (wide->ring->mask + 1u) + sr_index(wide, chunk);
}
/* An item of the queue: tag, first slot's offset, chunk, slots and ring. */
static inline __global uint* sr_queued(const sr_wide* wide, uint item) {
    const uint mask = sr_lead(wide)->mask;
    return wide->sched + SR_SCHED_TABLES + 2u * (mask + 1u) + 4u * (item & mask);
}
/* An item of the teams' queue: SR_TEAM_ITEM_*. */
static inline __global uint* sr_team_item(const sr_wide* wide, uint item) {
    const uint capacity = sr_lead(wide)->mask + 1u;
    return wide->sched + SR_SCHED_TEAM_ITEMS(capacity) + SR_TEAM_ITEM_WORDS * (item % SR_TEAM_ITEMS);
}

/* An item's tag says that it is here. One ring's chunks cannot come round to an item before its reader has read it:
 * that chunk has not finished. Those of another ring can. So where there are several rings a reader clears the tag,
 * and a poller writes over no other. Tags are odd there, so that none is the cleared one. */
static inline uint sr_tag(uint item) { return SR_RINGS > 1u ? item << 1 | 1u : sr_plus(item, 1u); }
/* The reader has the item's words. U */
static inline void sr_clear_tag(__global uint* tag) {
    sr_join();
    if (sr_lane() == 0) sr_store_device(tag, 0);
}
/* A flag carries its chunk's number: one of an earlier chunk is never taken for it. */
SR_WRAPS static inline uint
sr_flag_value(const sr_wide* wide, uint chunk, uint state) {
    return (wide->base + chunk) << 2 | state;
}

/* Teams beside the workers. None, and no code for them, where the host has registered no team operation (SR_TEAMS),
 * and where sub-groups have one lane, which is a team of one itself. */
#if defined(SR_TEAMS) && (defined(__NV_CL_C_VERSION) || defined(SR_LANES))
#define SR_HAS_TEAMS
static inline uint sr_teams(const sr_wide* wide) { return wide->teams; }
#else
static inline uint sr_teams(const sr_wide* wide) { return (void)wide, 0; }
#endif

/* A word of the state, the same for all lanes. */
static inline uint sr_ask(const sr_wide* wide, uint word) { return sr_share(sr_load_device(wide->sched + word), 0); }
static inline uint sr_ask_own(const sr_wide* wide, uint word) {
    return sr_share(sr_load_device(sr_own(wide) + word), 0);
}
static inline int sr_is_revoked(const sr_wide* wide) { return sr_ask(wide, SR_SCHED_LEAVE) == SR_LEAVE_REVOKED; }

/* Says that the chunk is in `state`, with all that the sub-group's lanes did before. F */
static inline void sr_mark(const sr_wide* wide, uint chunk, uint state) {
    sr_join();
    if (sr_lane() == 0) sr_store_device(sr_flag(wide, chunk), sr_flag_value(wide, chunk, state));
}

#endif
