/* Where there are several rings: one poller looks at the heads of all at once and serves them as levels.h says, one
 * claim a time, and no claim leaves slots in the queue that no worker waits for. So a slot of a higher level waits
 * for the claim before it, and for a worker, but behind no other slot. Teams need no worker: what waits for one holds
 * up no ring but its own, and behind a claim for teams comes one of another ring of that level. */
#ifndef SLIPRING_WIDE_LEVELS_H
#define SLIPRING_WIDE_LEVELS_H

#include "../abi.h"
#include "../atomics.h"
#include "../levels.h"
#include "../ops.h"
#include "fetch.h"
#include "gaze.h"
#include "pick.h"
#include "poller.h"
#include "state.h"
#include "subgroup.h"

#if SR_RINGS > 1u && defined(SR_HAS_WIDE)

/* What a poller remembers of all rings: in registers, so no index is needed to find it. */
typedef struct {
    sr_poller poller;
    sr_gaze gaze;
    sr_turns turns;
    uint unpassed; /* a bit for each ring for whose next chunk I1 is not known to hold */
    uint served;   /* the ring that had many slots at the last claim, or waits behind lone slots; else SR_RINGS */
    uint lone;     /* slots run at once since the last other claim */
    int told;      /* EMPTY was told of all of them since the last claim */
#if SR_TENANTS > 0u
    sr_used used;     /* by what lanes run, */
    sr_used of_teams; /* and by what teams do */
#endif
} sr_levels;
typedef struct {
    sr_front of[SR_RINGS];
    sr_heads heads;
} sr_fronts;

/* The next slot of ring `number` is where its front says. */
static inline void sr_move_on(const sr_wides* wides, sr_levels* own, sr_fronts* fronts, uint number) {
    const ulong head = sr_first(&wides->of[number]) + fronts->of[number].offset;
    fronts->heads.at[number] = head;
    sr_aim(wides->of[0].ring, number, head, &own->gaze);
    own->unpassed = (own->unpassed & ~(1u << number)) | (fronts->of[number].passed ? 0 : 1u) << number;
    own->told = 0;
}

static inline void sr_begin_levels(const sr_wides* wides, sr_levels* own, sr_fronts* fronts, sr_poller poller) {
    const sr_turns turns = SR_TURNS_BEGIN;
    own->poller = poller;
    own->gaze = sr_gaze_begins(wides->of[0].ring);
    own->turns = turns;
    own->unpassed = 0;
    own->served = SR_RINGS;
    own->lone = 0;
    for (uint i = 0; i < SR_RINGS; ++i) {
#if SR_TENANTS > 0u
        own->used.had[i] = own->of_teams.had[i] = 0;
#endif
        fronts->of[i] = sr_front_of(i);
        sr_move_on(wides, own, fronts, i);
    }
}

static inline int sr_end_all_polling(const sr_wides* wides, const sr_fronts* fronts, uint why) {
    for (uint i = 0; i < SR_RINGS; ++i) sr_end_polling(&wides->of[i], &fronts->of[i], why);
    return 0;
}

static inline uint sr_lowest_ring(uint waiting) {
    uint i = 0;
    while ((waiting >> i & 1u) == 0) ++i;
    return i;
}

/* A claim of the ring that is to be served, of `most` chunks or fewer. `copy`: its next slot, for every lane; or, of
 * `n` slots that a look ahead has found, what that says. SR_TAKE_*. */
static inline uint sr_serve_ring(const sr_wide* wide, sr_poller* poller, sr_front* front, uint n, uint most,
                                 int for_teams, uint asked, uint team_asked, sr_chunk* chunk, uint* copy) {
    if (for_teams) {
        const uint before = front->chunk;
        front->heat = 0;
        if (!sr_hand_to_teams(wide, poller, front, team_asked, n < most ? n : most, copy)) return SR_TAKE_REVOKED;
        return front->chunk == before ? SR_TAKE_NONE : SR_TAKE_OVER;
    }
    return sr_take(wide, poller, front, n, most, asked, chunk, copy);
}

/* The round trip of a lone slot: where the highest level that waits has one brief slot, and nothing is in front of
 * it. */
static inline int sr_is_lone(const sr_ring* rings, const sr_levels* own, const sr_fronts* fronts, const sr_seen* seen,
                             uint second, uint top, const uint* words) {
    const uint lookahead = SR_LOOKAHEAD < SR_RINGS ? 1u << SR_LOOKAHEAD : 0, level = sr_level_of(rings, top);
    int first = (seen->waiting & lookahead) == 0 || sr_promoted_to(rings, &fronts->heads, seen) > level;
    if (SR_TENANTS > 0u) first &= (seen->waiting & sr_rings_of(rings, level)) == 1u << top;
#if SR_LEVELS > 1u && SR_LOWER_EVERY > 0u
    first &= own->turns.claims != 0;
#endif
    first &= fronts->of[top].offset <= SR_MAX_LAUNCH_SLOTS;
    return first & (((second | own->unpassed) >> top & 1u) == 0) & sr_is_brief(words) & (sr_due_of(words) == 0);
}

/* Lone slots that come as fast as they are answered are found by every look, and would leave a lower ring its turns
 * alone. So the next of those `below` that wait, if it has a second slot, is looked at closely too, and where the
 * same look has found many, `n`, there is a claim behind some lone slots: of that ring, but for turns and promoted
 * lookahead. */
static inline int sr_has_claim_behind(const sr_wide* wide, sr_levels* own, uint below, uint second, uint n) {
    ++own->lone;
    if (below == 0 || wide->workers == 0) return 0;
    const uint level = sr_level_of(wide->ring, sr_lowest_ring(below)), next = below & sr_rings_of(wide->ring, level);
    const int found = (next >> own->served & 1u) != 0 && n > 8u;
    /* Of several of one level each in its turn. */
    const uint many = next & second, behind = many & ~sr_lanes_below(own->served + 1u);
    if (many != 0) own->served = sr_lowest_ring(behind != 0 ? behind : many);
    return found && own->lone >= SR_LONE_BETWEEN;
}

/* A ring of the level's had a claim. */
static inline void sr_count_claim(const sr_wide* wide, sr_levels* own, uint number, uint chunks, int for_teams) {
#if SR_TENANTS > 0u
    const sr_ring* const rings = wide->ring - number;
    const uint weight = sr_share(sr_weight(wide->memory, wide->ring), 0);
    sr_count_use(rings, for_teams ? &own->of_teams : &own->used, number, weight, chunks);
#else
    (void)wide, (void)own, (void)number, (void)chunks, (void)for_teams;
#endif
}

/* The level had slots. */
static inline void sr_note_higher(sr_poller* poller, uint level) {
    if (poller->recent != 0 && level > poller->higher) return;
    poller->higher = level;
    poller->recent = SR_RECENT_LOOKS;
}

/* The ring of which a look asks whether I1 holds for its next chunk: one after the other, of those for which it is
 * not known. */
static inline uint sr_ring_to_check(const sr_levels* own) {
    uint i = own->poller.looks % SR_RINGS;
    while (own->unpassed != 0 && (own->unpassed >> i & 1u) == 0) i = (i + 1u) % SR_RINGS;
    return i;
}

static inline void sr_check_issued(sr_levels* own, sr_fronts* fronts, uint checked, uint issued) {
    if ((own->unpassed >> checked & 1u) == 0 || sr_share(issued, 0) < fronts->of[checked].chunk) return;
    sr_fence_device(); /* G */
    fronts->of[checked].passed = 1;
    own->unpassed &= ~(1u << checked);
}

/* The poller's next chunk of its own, and its ring's number; false when there will be none. */
static inline int sr_poll_levels(const sr_wides* wides, sr_levels* own, sr_fronts* fronts, uint* ring,
                                 sr_chunk* chunk, uint* copy) {
    const sr_wide* const shared = wides->of;
    const sr_ring* const rings = shared->ring; /* the first one's */
    const int has_teams = sr_teams(shared) != 0;
    sr_poller* const poller = &own->poller;
    for (;;) {
        const sr_glimpse glimpse = sr_glance_all(rings, &fronts->heads, &own->gaze, &poller->vigil);
        /* While the slots are on their way: what comes from the scheduler state, and a look further into the ring
         * that had many. */
        const int checks = poller->looks++ % SR_LOOKS_BETWEEN == 0;
        if (poller->recent != 0) --poller->recent;
        const uint served = own->served, checked = sr_ring_to_check(own);
        const uint issued = sr_load(sr_own(&wides->of[checked]) + SR_SCHED_ISSUED);
        const uint asked = sr_load(shared->sched + SR_SCHED_ASKED);
        const uint team_asked = has_teams ? sr_load(shared->sched + SR_SCHED_TEAM_ASKED) : 0;
        uint leave = 0, n = 0, second;
        if (checks) leave = sr_load(shared->sched + SR_SCHED_LEAVE);
        int for_teams = 0;
        if (served != SR_RINGS) {
            const sr_wide* const wide = &wides->of[served];
            const uint step = SR_SUBGROUP_LANES << fronts->of[served].heat;
            if (has_teams || sr_is_hostile(wide->ring))
                n = sr_look_closely(wide, fronts->heads.at[served], 1, copy, &for_teams);
            else n = sr_look(wide->ring, fronts->heads.at[served], step, copy);
        }

        int answered = 0; /* a lone slot, and nothing else was done since */
        sr_seen seen;
        seen.waiting = sr_glanced_waiting(rings, &fronts->heads, &own->gaze, glimpse, &second);
        seen.promoted = sr_glanced_promoted(rings, glimpse);
        seen.for_team = 0;
#if SR_TENANTS > 0u
        seen.used = &own->used;
        seen.of_teams = &own->of_teams;
#endif
        if (sr_glanced_all_revoked(sr_lead(shared), glimpse, &poller->vigil))
            return sr_end_all_polling(wides, fronts, SR_LEAVE_REVOKED);
        if (sr_share(leave, 0) != 0) return sr_end_all_polling(wides, fronts, SR_LEAVE_BUSY);
        if (seen.waiting != 0) {
            const uint top = sr_lowest_ring(seen.waiting);
            uint words[SR_BRIEF_WORDS];
            sr_glanced_words_of(rings, &fronts->heads, top, glimpse, words);
            if (sr_is_lone(rings, own, fronts, &seen, second, top, words) &&
                sr_free_chunks(&wides->of[top], &fronts->of[top]) != 0) {
                if (!sr_run_at_once(&wides->of[top], &fronts->of[top], fronts->heads.at[top], words))
                    return sr_end_all_polling(wides, fronts, SR_LEAVE_REVOKED);
                sr_move_on(wides, own, fronts, top);
                sr_note_higher(poller, sr_level_of(rings, top));
                sr_count_claim(&wides->of[top], own, top, 1u, 0);
#if SR_LEVELS > 1u && SR_LOWER_EVERY > 0u
                --own->turns.claims;
#endif
                seen.waiting &= ~(1u << top);
                if (!sr_has_claim_behind(shared, own, seen.waiting, second, n)) {
                    sr_breathe();
                    continue;
                }
                answered = 1;
            }
        }
        if (checked != served) sr_check_issued(own, fronts, checked, issued);
        if (n <= 8u) own->served = SR_RINGS;
        if (seen.waiting == 0) {
            for (uint i = 0; i < SR_RINGS && !own->told; ++i) sr_find_nothing(&wides->of[i], &fronts->of[i], 0, 0);
            own->told = 1;
            continue;
        }

        if (SR_TENANTS > 0u && has_teams) {
            const uint for_team = sr_glanced_for_team(rings, &fronts->heads, seen.waiting, glimpse);
            if (sr_share(team_asked, 0) == poller->team_queued) seen.waiting &= ~for_team;
            else seen.for_team = for_team;
        }

        /* One claim, or none. Where a ring waits for a worker, so do those below. One above may have a worker kept,
         * or slots that need none; one of the same level may have such a slot in front. A turn that found no worker
         * is not lost. */
        sr_turns before = own->turns;
        uint fronts_alone = 0; /* rings of which no more than the slot in front is looked at */
        int uncounted = 0;     /* the next claim takes nobody's turn */
        while (seen.waiting != 0) {
            const uint i = sr_pick_ring(rings, shared->memory, &fronts->heads, &seen, &own->turns);
            const sr_wide* const wide = &wides->of[i];
            sr_front* const front = &fronts->of[i];
            const ulong head = fronts->heads.at[i];
            if (front->offset > SR_MAX_LAUNCH_SLOTS) return sr_end_all_polling(wides, fronts, SR_LEAVE_BUSY);
            if (i != served || n == 0) {
                sr_glanced_slot_of(rings, &fronts->heads, i, glimpse, copy);
                for_teams = has_teams && sr_is_for_team(copy);
                n = 1u;
            }
            const uint free = sr_free_chunks(wide, front), first = front->chunk;
            const int no_team = has_teams && sr_share(team_asked, 0) == poller->team_queued;
            if (n == 1u && (second & ~fronts_alone) >> i & 1u && free != 0 && !(for_teams && no_team)) {
                if (has_teams || sr_is_hostile(wide->ring)) n = sr_look_closely(wide, head, 0, copy, &for_teams);
                else n = sr_look(wide->ring, head, wide->workers != 0 ? SR_SUBGROUP_LANES : 0, copy);
            }
            /* A tenant may have taken back what the glance saw, and n is 0; or have made it another kind of slot. */
            int skips = n == 0 || free == 0 || (for_teams && no_team);
            if (SR_TENANTS > 0u && has_teams) skips |= for_teams != (int)(seen.for_team >> i & 1u);
            if (skips) {
                own->turns = before;
                seen.waiting &= ~(1u << i);
                seen.for_team &= seen.waiting;
                n = 0;
                continue;
            }
            const uint took = sr_serve_ring(wide, poller, front, n, free, for_teams, asked, team_asked, chunk, copy);
            if (took == SR_TAKE_REVOKED) return sr_end_all_polling(wides, fronts, SR_LEAVE_REVOKED);
            if (n > 8u && wide->workers != 0) own->served = i;
            const uint level = sr_level_of(rings, i);
            if (took == SR_TAKE_NONE) {
                /* No look at so many slots, and none guessed, while no worker waits. */
                if (sr_is_hostile(wide->ring)) own->served = SR_RINGS;
                uncounted |= before.claims == 0;
                own->turns = before;
                fronts_alone = sr_rings_of(rings, level);
                seen.waiting &= (sr_rings_above(rings, level) | fronts_alone) & ~(1u << i);
                seen.for_team &= seen.waiting;
                n = 0;
                continue;
            }
            if (uncounted) own->turns = before;
            /* Promoted lookahead is of no share, nor is what needed no worker while another ring waits for one. */
            const int counts = (fronts_alone >> i & 1u) == 0 &&
                               (i != SR_LOOKAHEAD || sr_promoted_to(rings, &fronts->heads, &seen) == SR_LEVELS);
            if (counts) sr_count_claim(wide, own, i, front->chunk - first, for_teams);
            answered = 0;
            sr_move_on(wides, own, fronts, i);
            sr_note_higher(poller, level);
            own->lone = 0;
            if (SR_TENANTS > 0u && for_teams && (seen.waiting & sr_rings_above(rings, level)) == 0) {
                seen.waiting &= sr_rings_of(rings, level) & ~seen.for_team;
                seen.for_team = n = 0;
                before = own->turns;
                uncounted = 1;
                continue;
            }
            if (took == SR_TAKE_RUN) {
                *ring = i;
                return 1;
            }
            break;
        }
        if (answered) sr_breathe();
    }
}

#endif

#endif
