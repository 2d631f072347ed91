/* The poller, one sub-group, looks at the ring in host memory. What it finds it claims as chunks of consecutive
 * slots; up to 8 brief slots it runs itself, all else it hands to the workers, 32 a chunk, and to teams, one a
 * chunk. */
#ifndef SLIPRING_WIDE_POLLER_H
#define SLIPRING_WIDE_POLLER_H

#include "../abi.h"
#include "../atomics.h"
#include "../launch.h"
#include "../ops.h"
#include "../ring.h"
#include "fetch.h"
#include "pick.h"
#include "state.h"
#include "subgroup.h"
#include "worker.h"

#define SR_MAX_LAUNCH_SLOTS (1u << 30) /* offsets are 32 bits */
#define SR_MAX_HEAT 3u
#define SR_LOOKS_BETWEEN 4u /* looks at the ring between two at LEAVE */
#define SR_CLEAR_LOOKS 8u   /* at items of the queue that may be written over, for each lane */
#define SR_KEPT_SHARE 8u    /* one worker of so many is kept for the highest of several levels */
/* Below a ring that had slots in the last SR_RECENT_LOOKS looks a claim takes so many chunks at most: a look waits on
 * the bus behind all slots that workers read. Such a claim costs a slot of the higher ring some 8 us (H200), so it
 * comes behind SR_LONE_BETWEEN of them: most then see none. */
#ifndef SR_CHUNKS_BESIDE
#define SR_CHUNKS_BESIDE 256u
#endif
#define SR_RECENT_LOOKS 32u
#define SR_LONE_BETWEEN 3u

/* What a poller remembers from one look to the next, */
typedef struct {
    uint looks;
    uint queued; /* QUEUED */
    sr_vigil vigil;
    uint team_queued; /* TEAM_QUEUED */
    uint higher;      /* the highest level that had slots in the last SR_RECENT_LOOKS looks, */
    uint recent;      /* for so many looks to come; 0: none had */
} sr_poller;

/* and of a ring. */
typedef struct {
    uint number;   /* the ring's */
    uint chunk;    /* the next one's number, */
    uint offset;   /* and where it begins */
    uint heat;     /* how far to look: 32 << heat slots a step */
    uint empty;    /* what EMPTY was told */
    int passed;    /* I1 holds for the next chunk */
    int team_next; /* the slot in front was for a team a moment ago */
#if SR_TENANTS > 0u
    uint free; /* I5: chunks before this one may be claimed */
#endif
} sr_front;

static inline sr_front sr_front_of(uint number) {
#if SR_TENANTS > 0u
    const sr_front begins = {number, 0, 0, 0, 0, 0, 0, 0};
#else
    const sr_front begins = {number, 0, 0, 0, 0, 0, 0};
#endif
    return begins;
}

/* Puts `count` chunks of `length` slots each into the queue, from number `item` on. */
static inline void sr_queue(const sr_wide* wide, uint item, const sr_front* own, uint chunk, uint first, uint count,
                            uint length) {
    for (uint k = sr_lane(); k < count; k += SR_SUBGROUP_LANES) {
        __global uint* const queued = sr_queued(wide, sr_plus(item, k));
        sr_store(queued + 1, first + k * length);
        sr_store(queued + 2, chunk + k);
        sr_store(queued + 3, own->number << SR_ITEM_RING_SHIFT | length);
        sr_store_device(queued, sr_tag(sr_plus(item, k))); /* Q */
    }
    if (sr_lane() == 0) sr_store(wide->sched + SR_SCHED_QUEUED, sr_plus(item, count));
    sr_join();
}

/* Claims `n` slots: stores CLAIMED in the ring before any of them has an effect, see Runtime::recover. False if the
 * ring was revoked. */
static inline int sr_claim_slots(const sr_wide* wide, const sr_front* own, uint n) {
    __global ulong* const claimed = (__global ulong*)(wide->ring->base + SR_RING_CLAIMED);
    if (sr_lane() == 0) sr_store64(claimed, sr_first(wide) + own->offset + n);
    if (sr_revoked_behind(sr_lead(wide))) {
        sr_store64(claimed, sr_first(wide) + own->offset);
        return 0;
    }
    return 1;
}

/* They are `chunks` chunks of `length` slots each. */
static inline void sr_count_chunks(const sr_wide* wide, sr_front* own, uint chunks, uint length) {
    for (uint k = sr_lane(); k < chunks; k += SR_SUBGROUP_LANES)
        sr_store(sr_chunk_end(wide, own->chunk + k), own->offset + (k + 1u) * length);
    if (sr_lane() == 0) sr_store(sr_own(wide) + SR_SCHED_CLAIMED, own->chunk + chunks);
    own->chunk += chunks;
    own->offset += chunks * length;
}

static inline int sr_claim(const sr_wide* wide, sr_front* own, uint chunks, uint length) {
    if (!sr_claim_slots(wide, own, chunks * length)) return 0;
    sr_count_chunks(wide, own, chunks, length);
    return 1;
}

/* Nothing more is claimed, for this reason unless there was one before. */
static inline int sr_end_polling(const sr_wide* wide, const sr_front* own, uint why) {
    if (sr_lane() == 0) {
        __global uint* const leave = wide->sched + SR_SCHED_LEAVE;
        if (why == SR_LEAVE_REVOKED) sr_store_device(leave, why);
        else sr_cas_device(leave, 0, why);
        sr_store_device(sr_own(wide) + SR_SCHED_CLOSED, own->chunk + 1u);
    }
    return 0;
}

/* A single brief slot, by the shortest way: that is the round trip of one task. Before the next look it finishes the
 * chunk, with a fence, and the caller takes a breath, or has other work: a producer that waits for this answer cannot
 * publish its next slot before the answer has crossed the bus, and a look that comes too early makes the slot wait
 * for the look behind it (measured: 2.0 us a round trip, against 3.4 with no fence and no breath). False if the ring
 * was revoked. */
static inline int sr_run_at_once(const sr_wide* wide, sr_front* own, ulong position, const uint* words) {
    const uint chunk = own->chunk;
    if (!sr_claim_slots(wide, own, 1u)) return 0;
    sr_take_rights(wide->memory, wide->ring);
    if (sr_lane() == 0) sr_finish_lane(wide, words, position, sr_run_brief(words, (uint)position, wide->memory));
    sr_count_chunks(wide, own, 1u, 1u);
    sr_mark(wide, chunk, SR_CHUNK_FINISHED);
    return 1;
}

/* The ring is empty: says so once, and looks whether I1 holds for what comes. `issued`: ISSUED, if it was asked. */
static inline void sr_find_nothing(const sr_wide* wide, sr_front* own, int asked, uint issued) {
    own->heat = 0;
    if (sr_lane() == 0 && own->empty != own->chunk + 1u)
        sr_store_device(sr_own(wide) + SR_SCHED_EMPTY, own->chunk + 1u);
    own->empty = own->chunk + 1u;
    if (own->passed || !asked || sr_share(issued, 0) < own->chunk) return;
    sr_fence_device(); /* G */
    own->passed = 1;
}

#if SR_RINGS > 1u
/* How many items from number `item` on may be written over, of `n`. All loads are under way at once. */
static inline uint sr_clear_items(const sr_wide* wide, uint item, uint n) {
    const uint most = sr_lead(wide)->mask + 1u;
    uint tags[SR_CLEAR_LOOKS], clear = 0;
    for (uint j = 0; j < SR_CLEAR_LOOKS; ++j) {
        const uint at = j * SR_SUBGROUP_LANES;
        tags[j] = at < n ? sr_load(sr_queued(wide, sr_plus(item, at + sr_lane()))) : 1u;
    }
    for (uint j = 0; j < SR_CLEAR_LOOKS; ++j) {
        const uint leading = sr_leading(tags[j] == 0);
        if (clear == j * SR_SUBGROUP_LANES) clear += leading;
    }
    sr_fence_device(); /* U */
    if (n > most) n = most;
    return n < clear ? n : clear;
}
#endif

/* I5: how many chunks of the ring may be claimed. */
static inline uint sr_free_chunks(const sr_wide* wide, sr_front* own) {
#if SR_TENANTS > 0u
    if (!sr_is_hostile(wide->ring)) return ~0u;
    if (sr_minus(own->free, own->chunk) < SR_SUBGROUP_LANES)
        own->free = sr_plus(sr_ask_own(wide, SR_SCHED_RETIRED), wide->ring->mask + 1u); /* G */
    return sr_minus(own->free, own->chunk);
#else
    return (void)wide, (void)own, ~0u;
#endif
}

/* How many chunks the workers have room for: as many as they have asked for, and of whole chunks one more for each
 * worker. What is claimed is not left to the next launch, nor to the next device: slow slots are claimed when a
 * worker is there to run them. Of several rings no slot waits behind one of another in the queue, and for those of
 * the highest level some workers are kept. */
static inline uint sr_room(const sr_wide* wide, const sr_poller* poller, const sr_front* own, uint asked, int bulk) {
    const int waiting = (int)sr_minus(asked, poller->queued); /* below 0: that extra, not yet taken */
#if SR_RINGS > 1u
    const uint level = sr_level_of(wide->ring - own->number, own->number);
    const int kept = level == 0 ? 0 : (int)(wide->workers / SR_KEPT_SHARE);
    const int beside = poller->recent != 0 && level > poller->higher;
    uint room = waiting > kept ? (uint)(waiting - kept) : 0;
    if (beside && room > SR_CHUNKS_BESIDE) room = SR_CHUNKS_BESIDE;
    return (void)bulk, room == 0 ? 0 : sr_clear_items(wide, poller->queued, room);
#else
    const int room = waiting + (bulk ? (int)wide->workers : 0);
    return (void)own, room > 0 ? (uint)room : 0;
#endif
}

/* Claims up to `n` slots that are for teams, one a lane, and hands each to a team that waits for it; `asked`:
 * TEAM_ASKED. What is claimed is run: so none is while no team waits. False if the ring was revoked. */
static inline int sr_hand_to_teams(const sr_wide* wide, sr_poller* poller, sr_front* own, uint asked, uint n,
                                   const uint* copy) {
    const uint chunk = own->chunk, first = own->offset;
    /* R2: a team operation's input, which the host wrote before it published. This sub-group has seen it published,
     * so the fence is here, where nothing is on its way to the host; what it acquires, T hands on. */
    sr_fence_system();
    const uint room = sr_minus(sr_share(asked, 0), poller->team_queued);
    const uint clear = sr_clear_team_items(wide, poller->team_queued);
    if (n > room) n = room;
    if (n > clear) n = clear;
    if (n == 0) return 1;
    if (!sr_claim(wide, own, n, 1u)) return 0;
    sr_queue_for_teams(wide, poller->team_queued, own->number, chunk, first, n, own->passed, copy);
    poller->team_queued = sr_plus(poller->team_queued, n);
    own->passed = 0;
    return 1;
}

/* What was made of the slots that were found. */
#define SR_TAKE_NONE 0u /* nothing: nobody waits for them */
#define SR_TAKE_OVER 1u /* they are handed over */
#define SR_TAKE_RUN 2u  /* the poller runs them */
#define SR_TAKE_REVOKED 3u

/* Claims slots that were found, up to `n`, as up to `most` chunks; with up to 8 lane l has slot l in `copy`. `asked`:
 * ASKED. */
static inline uint sr_take(const sr_wide* wide, sr_poller* poller, sr_front* own, uint n, uint most, uint asked,
                           sr_chunk* chunk, const uint* copy) {
    const uint lane = sr_lane(), step = SR_SUBGROUP_LANES << own->heat;
    /* From 9 on the copy does not have them; below 32 only where there are teams. */
    const int bulk = n > 8u, brief = !bulk && sr_ballot(lane < n && !sr_is_brief(copy)) == 0;
    const uint length = bulk && n >= SR_SUBGROUP_LANES ? SR_SUBGROUP_LANES : n;
    uint chunks = length == SR_SUBGROUP_LANES ? n / SR_SUBGROUP_LANES : 1u;
    if (chunks > most) chunks = most;
    const int runs = (wide->workers == 0 && !bulk) || (brief && own->passed);
    if (!runs) {
        const uint room = sr_room(wide, poller, own, sr_share(asked, 0), bulk && length == SR_SUBGROUP_LANES);
        if (room == 0) return SR_TAKE_NONE;
        if (chunks > room) chunks = room;
    }
    chunk->number = own->chunk;
    chunk->first = own->offset;
    chunk->length = n;
    chunk->ready = lane < n;
    chunk->passed = own->passed;
    if (!sr_claim(wide, own, chunks, length)) return SR_TAKE_REVOKED;
    /* Brief slots are no barriers: where I1 holds for them, it holds for what follows. */
    own->passed = own->passed && brief;
    if (!bulk) own->heat = 0;
    else if (n >= (sr_teams(wide) != 0 ? SR_FAR_SLOTS : SR_SUBGROUP_LANES * step) && own->heat < SR_MAX_HEAT)
        ++own->heat;
    if (runs) return SR_TAKE_RUN;
    sr_queue(wide, poller->queued, own, chunk->number, chunk->first, chunks, length);
    poller->queued = sr_plus(poller->queued, chunks);
    return SR_TAKE_OVER;
}

/* The poller's next chunk of its own; false when there will be none. */
static inline int sr_poll(const sr_wide* wide, sr_poller* poller, sr_front* own, sr_chunk* chunk, uint* copy) {
    for (;;) {
        const ulong position = sr_first(wide) + own->offset;
        /* What comes from the scheduler state takes no time while the slot is on its way. */
        const sr_glimpse glimpse = sr_glance(wide->ring, position, &poller->vigil);
        const int checks = poller->looks++ % SR_LOOKS_BETWEEN == 0;
        uint leave = 0, issued = 0;
        if (checks) leave = sr_load(wide->sched + SR_SCHED_LEAVE);
        if (checks) issued = sr_load(sr_own(wide) + SR_SCHED_ISSUED);

        uint n = 2u; /* more than one, or one must look closer */
        const int goes_on = (sr_share(leave, 0) == 0) & (own->offset <= SR_MAX_LAUNCH_SLOTS);
        if (own->heat == 0 && !own->team_next) {
            n = sr_glanced_first(wide->ring, position, glimpse, copy) ? 1u : 0;
            if (n != 0) {
                uint words[SR_BRIEF_WORDS];
                sr_glanced_words(glimpse, copy, words);
                /* In one branch: each takes a GPU some 15 cycles. */
                const int second = sr_glanced_second(wide->ring, position, glimpse);
                const int unrevoked = sr_glanced_unrevoked(glimpse, &poller->vigil);
                const int timeless = sr_due_of(words) == 0;
                if ((second == 0) & (own->passed != 0) & sr_is_brief(words) & timeless & goes_on & unrevoked) {
                    if (!sr_run_at_once(wide, own, position, words))
                        return sr_end_polling(wide, own, SR_LEAVE_REVOKED);
                    sr_breathe();
                    continue;
                }
                if (second) n = 2u;
                else sr_glanced_slot(glimpse, copy);
            }
        }
        if (!goes_on) return sr_end_polling(wide, own, SR_LEAVE_BUSY);
        const uint step = SR_SUBGROUP_LANES << own->heat;
        const int has_teams = sr_teams(wide) != 0;
        const uint asked = n != 0 ? sr_load(wide->sched + SR_SCHED_ASKED) : 0;
        const uint team_asked = n != 0 && has_teams ? sr_load(wide->sched + SR_SCHED_TEAM_ASKED) : 0;
        /* What waits for a team alone needs no further look; the ring is left to the teams that read over the bus. */
        const int waits = own->team_next && sr_share(team_asked, 0) == poller->team_queued;
        int for_teams = n == 1u && has_teams && sr_share((uint)sr_is_for_team(copy), 0) != 0;
        if (n > 1u && !has_teams) n = sr_look(wide->ring, position, wide->workers != 0 ? step : 0, copy);
        else if (n > 1u && !waits) n = sr_look_closely(wide, position, own->heat != 0, copy, &for_teams);
        /* The glance was under way beside the look: nothing has waited for it alone. */
        if (sr_glanced_revoked(wide->ring, glimpse, &poller->vigil))
            return sr_end_polling(wide, own, SR_LEAVE_REVOKED);
        if (waits) continue;
        own->team_next = for_teams;
        if (n == 0) {
            sr_find_nothing(wide, own, checks, issued);
            continue;
        }
        if (for_teams) {
            own->heat = 0;
            if (!sr_hand_to_teams(wide, poller, own, team_asked, n, copy))
                return sr_end_polling(wide, own, SR_LEAVE_REVOKED);
            continue;
        }
        const uint took = sr_take(wide, poller, own, n, ~0u, asked, chunk, copy);
        if (took == SR_TAKE_REVOKED) return sr_end_polling(wide, own, SR_LEAVE_REVOKED);
        if (took == SR_TAKE_RUN) return 1;
    }
}

#endif
