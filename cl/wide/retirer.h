/* The retirer, one sub-group, moves the watermarks ISSUED, RETIRED and COMPLETED over the chunks whose flags say so,
 * hands on to the host what it has acquired (A2), and says when to leave and when the next launch is wanted. */
#ifndef SLIPRING_WIDE_RETIRER_H
#define SLIPRING_WIDE_RETIRER_H

#include "../abi.h"
#include "../atomics.h"
#include "../clock.h"
#include "../launch.h"
#include "../ring.h"
#include "state.h"
#include "subgroup.h"

#define SR_RETIRER_ROUNDS 8u
#define SR_ROUNDS_BETWEEN 64u  /* rounds between two looks at STOP and REVOKED, */
#define SR_ROUNDS_A_TICK 1024u /* and at the clock: a few in each of its ticks */
/* Looks for a poller, which may be in a group that does not begin; a CPU's threads begin late if it is busy. */
#if defined(SR_ALONE_AFTER)
#elif defined(SR_CACHED)
#define SR_ALONE_AFTER (1u << 18)
#else
#define SR_ALONE_AFTER (1u << 16)
#endif

/* Where the watermarks stand. */
typedef struct {
    uint issued, retired;
    uint completed; /* offset: what the host was told */
    uint part;      /* PART as it was last seen */
    uint faults;    /* FAULTS: what the host was told */
    uint claimed;   /* CLAIMED as it was last seen */
    int done;       /* once the launch is being left: all of the ring that was claimed is finished, up to a cut */
} sr_retirer;

/* Waits until a poller has begun. False if none has in time: then none will, and the launch goes on alone. */
static inline int sr_await_poller(const sr_wide* wide) {
    __global uint* const stage = wide->sched + SR_SCHED_STAGE;
    uint waited = 0;
    while (sr_ask(wide, SR_SCHED_STAGE) == 0) {
        if (++waited < SR_ALONE_AFTER) continue;
        if (sr_lane() == 0) sr_cas_device(stage, 0, SR_STAGE_ALONE);
        sr_join();
    }
    return sr_ask(wide, SR_SCHED_STAGE) != SR_STAGE_ALONE;
}

/* F. Moves ISSUED over chunks that are issued, one a lane; some rounds of them, since what is told afterwards takes
 * as long as four rounds. */
static inline void sr_issue(const sr_wide* wide, sr_retirer* own) {
    uint moved = 0;
    for (uint round = 0, leading = SR_SUBGROUP_LANES; round < SR_RETIRER_ROUNDS && leading == SR_SUBGROUP_LANES;
         ++round) {
        const uint chunk = own->issued + sr_lane(), flag = sr_load_device(sr_flag(wide, chunk));
        leading = sr_leading(flag == sr_flag_value(wide, chunk, SR_CHUNK_ISSUED) ||
                             flag == sr_flag_value(wide, chunk, SR_CHUNK_FINISHED));
        own->issued += leading;
        moved += leading;
    }
    sr_join(); /* what each lane acquired, the first one hands on */
    if (moved != 0 && sr_lane() == 0) sr_store_device(sr_own(wide) + SR_SCHED_ISSUED, own->issued); /* G */
}

/* What sr_retire_chunks found. */
typedef struct {
    uint moved; /* chunks */
    int cut;    /* and one more, which is cut */
    int issued; /* ISSUED is to be told again: I4 */
} sr_retired;

/* F. Counts chunks that are finished, and one that is cut behind them. */
static inline sr_retired sr_retire_chunks(const sr_wide* wide, sr_retirer* own) {
    sr_retired out = {0, 0, 0};
    for (uint round = 0, leading = SR_SUBGROUP_LANES; round < SR_RETIRER_ROUNDS && leading == SR_SUBGROUP_LANES;
         ++round) {
        const uint chunk = own->retired + sr_lane(), flag = sr_load_device(sr_flag(wide, chunk));
        leading = sr_leading(flag == sr_flag_value(wide, chunk, SR_CHUNK_FINISHED));
        out.cut = sr_ballot(sr_lane() == leading && flag == sr_flag_value(wide, chunk, SR_CHUNK_CUT)) != 0;
        own->retired += leading;
        out.moved += leading;
    }
    if (own->retired > own->issued) { /* I4; and not past a chunk that was cut */
        own->issued = own->retired;
        out.issued = 1;
    }
    if (out.cut) ++own->retired;
    sr_join();
    return out;
}

/* Tells all what moved: the sub-groups RETIRED, the host FAULTS and COMPLETED. */
static inline void sr_tell(const sr_wide* wide, sr_retirer* own, sr_retired found) {
    const int moved = found.moved != 0 || found.cut;
    if ((moved || own->part > own->completed) && sr_lane() == 0) {
        if (own->part > own->completed) own->completed = sr_load_device(sr_own(wide) + SR_SCHED_PART); /* P */
        const uint end = moved ? sr_load(sr_chunk_end(wide, own->retired - 1u)) : 0;
        const uint faults = sr_load(wide->memory->control + SR_CONTROL_FAULTS); /* both at once */
        if (end > own->completed) own->completed = end;
        if (found.issued) sr_store_device(sr_own(wide) + SR_SCHED_ISSUED, own->issued); /* G */
        if (moved) sr_store_device(sr_own(wide) + SR_SCHED_RETIRED, own->retired);      /* G */
        if (faults != own->faults) sr_store((__global uint*)(sr_lead(wide)->base + SR_RING_FAULTS), faults);
        own->faults = faults;
        sr_release(wide->ring, sr_first(wide) + own->completed); /* A2 */
    }
    sr_join();
}

/* Moves a ring's watermarks. Where there are several, not those of a ring of which nothing is under way; nor those of
 * one that was cut: what was claimed behind the cut may say that it is issued, and must not be told so (I3). Returns
 * how many chunks were finished. */
static inline uint sr_retire_ring(const sr_wide* wide, sr_retirer* own) {
    if (SR_RINGS > 1u && (own->done || own->retired == own->claimed)) return 0;
    sr_issue(wide, own);
    const sr_retired found = sr_retire_chunks(wide, own);
    sr_tell(wide, own, found);
    if (found.cut) own->done = 1;
    return found.moved;
}

/* Nothing more is claimed, and all of it is finished: of every ring. */
static inline int sr_is_done(const sr_wides* wides, const sr_retirer* own) {
    for (uint i = 0; i < SR_RINGS; ++i) {
        if (own[i].done) continue;
        const uint closed = sr_ask_own(&wides->of[i], SR_SCHED_CLOSED);
        if (closed == 0 || own[i].retired != closed - 1u) return 0;
    }
    return 1;
}

/* The clock may wrap. */
SR_WRAPS static inline void sr_retire(sr_wides* wides) {
    const sr_wide* const wide = wides->of; /* for what all rings share */
    const sr_ring* const lead = sr_lead(wide);
    __global uint* const sched = wide->sched;
    const uint lane = sr_lane();
    sr_retirer own[SR_RINGS];
    const uint faults = sr_load_host((__global uint*)(lead->base + SR_RING_FAULTS)); /* the device alone writes it */
    for (uint i = 0; i < SR_RINGS; ++i) {
        const sr_retirer begins = {0, 0, 0, 0, faults, 1u, 0};
        own[i] = begins;
    }
    if (!sr_await_poller(wide)) {
        if (lane == 0) sr_store_device(sched + SR_SCHED_FINISHED, 1u);
        return;
    }
    sr_learn_first(wides);

    ulong counter = 0;
    const ulong began = sr_ticks(&counter, 0);
    ulong idle_since = began;
    uint rounds = 0;
    const int follows_idle = sr_follows_idle(wide->memory);
    for (int was_idle = 0, wanted = 0;;) {
        uint moved = 0;
        for (uint i = 0; i < SR_RINGS; ++i) moved |= sr_retire_ring(&wides->of[i], &own[i]);

        const int looks_up = ++rounds % SR_ROUNDS_BETWEEN == 0;
        const int revoked = looks_up && sr_revoked(lead);
        if (rounds % SR_ROUNDS_A_TICK == 0) sr_keep_time(wide);
        const uint leave_word = sr_load(sched + SR_SCHED_LEAVE);
        uint claimed[SR_RINGS], empty[SR_RINGS];
        for (uint i = 0; i < SR_RINGS; ++i) { /* all at once */
            __global uint* const of_ring = sr_own(&wides->of[i]);
            claimed[i] = sr_load(of_ring + SR_SCHED_CLAIMED);
            empty[i] = sr_load(of_ring + SR_SCHED_EMPTY);
            own[i].part = sr_load(of_ring + SR_SCHED_PART);
        }
        for (uint i = 0; i < SR_RINGS; ++i) own[i].claimed = sr_share(claimed[i], 0);
        if (sr_share((uint)revoked, 0) != 0 || sr_share(leave_word, 0) == SR_LEAVE_REVOKED) {
            if (lane == 0) sr_store_device(sched + SR_SCHED_LEAVE, SR_LEAVE_REVOKED);
            break;
        }
        if (sr_share(leave_word, 0) != 0) {
            if (sr_is_done(wides, own)) break;
            continue;
        }
        int idle = 1, works = moved != 0, begun = 0;
        for (uint i = 0; i < SR_RINGS; ++i) {
            idle &= own[i].retired == own[i].claimed && sr_share(empty[i], 0) == own[i].claimed + 1u;
            works |= own[i].retired != own[i].claimed;
            begun |= own[i].claimed != 0;
        }
        const ulong now = sr_ticks(&counter, 1u);
        if (idle && !was_idle) idle_since = now;
        was_idle = idle;
        if (lane == 0 && !wanted && works && now - began >= wide->bounds->max_time / 2u) {
            sr_want(lead, wide->bounds->launch);
            wanted = 1;
        }
        const ulong idle_timeout = follows_idle && !begun ? 0 : wide->bounds->idle_timeout;
        uint why = 0;
        if (idle && now - idle_since >= idle_timeout) why = SR_LEAVE_IDLE;
        if (now - began >= wide->bounds->max_time) why = SR_LEAVE_BUSY;
        if (looks_up && sr_asked(lead, wide->bounds->launch)) why = SR_LEAVE_BUSY;
        why = sr_share(why, 0);
        if (why != 0 && lane == 0) sr_cas_device(sched + SR_SCHED_LEAVE, 0, why);
        sr_join();
    }
    if (lane == 0) sr_store_device(sched + SR_SCHED_FINISHED, 1u);
}

#endif
