/* The wide drain: many units on one ring. What each does:
 *
 *   poller   one unit; looks at the ring in host memory. What it finds it claims as entries, each of consecutive slots;
 *            up to 8 brief ones it runs itself, all else it hands to the workers, 32 an entry
 *   workers  take entries off a queue in device memory, fetch their slots and run them, side by side
 *   clerk    one unit; moves GATE, DONE and COMPLETED over the entries that are through, and says when to leave
 *
 * Roles go to units in the order in which their groups begin, so nobody waits for a group that has not begun.
 *
 * What an entry is and when it may run, invariants I1 to I4, is in entry.h.
 *
 * Edges beside those there: Q: an entry from poller to worker. The clerk hands on to the host what it has acquired (A2). */
#ifndef SLIPRING_WIDE_H
#define SLIPRING_WIDE_H

#include "entry.h"

/* Tag, first slot's offset, entry, slots. */
static inline __global uint* sr_queued(const sr_crew* crew, uint item) {
    return crew->desk + SR_DESK_TABLES + 2u * (crew->ring->mask + 1u) + 4u * (item & crew->ring->mask);
}

/* A worker's next entry; false when there will be none. */
static inline int sr_take(const sr_crew* crew, sr_job* job, uint* copy) {
    uint item = 0;
    if (sr_lane() == 0) item = sr_add_device(crew->desk + SR_DESK_TAKEN, 1u);
    item = sr_share(item, 0);
    __global uint* const queued = sr_queued(crew, item);
    while (sr_share(sr_load(queued), 0) != sr_plus(item, 1u)) {
        if (sr_share(sr_load(crew->desk + SR_DESK_OVER), 0) != 0) return 0;
        sr_nap();
    }
    sr_load_device(queued); /* Q */
    job->first = sr_load(queued + 1);
    job->entry = sr_load(queued + 2);
    job->length = sr_load(queued + 3);
    job->passed = 0;
    const ulong position = crew->bounds->first + job->first;
    const uint leave = sr_load(crew->desk + SR_DESK_LEAVE); /* while the slots are on their way */
    const uint state = sr_fetch(crew->ring, position, copy);
    job->ready = sr_lane() < job->length && state == sr_awaited(crew->ring, position + sr_lane());
    return sr_share(leave, 0) != SR_LEAVE_REVOKED;
}

/* Puts `count` entries of `length` slots each into the queue, from number `item` on. */
static inline void sr_queue(const sr_crew* crew, uint item, uint entry, uint first, uint count, uint length) {
    for (uint k = sr_lane(); k < count; k += SR_UNIT_LANES) {
        __global uint* const queued = sr_queued(crew, sr_plus(item, k));
        sr_store(queued + 1, first + k * length);
        sr_store(queued + 2, entry + k);
        sr_store(queued + 3, length);
        sr_store_device(queued, sr_plus(item, k + 1u)); /* Q */
    }
    if (sr_lane() == 0) sr_store(crew->desk + SR_DESK_QUEUED, sr_plus(item, count));
    sr_join();
}

/* The poller, and what it remembers from one look to the next. */
typedef struct {
    uint entry;  /* the next, */
    uint offset; /* and where it begins */
    uint looks;
    uint heat;   /* how far to look: 32 << heat slots a step */
    uint empty;  /* what EMPTY was told */
    int passed;  /* I1 holds for the next entry */
    uint queued; /* QUEUED */
    sr_vigil vigil;
} sr_poller;

#define SR_LOOKS_BETWEEN 4u /* looks at the ring between two at LEAVE */

/* Takes `entries` of `length` slots each. CLAIMED in the ring before any of them has an effect: see Runtime::recover.
 * False if the ring was revoked. */
static inline int sr_claim(const sr_crew* crew, sr_poller* own, uint entries, uint length) {
    const uint n = entries * length;
    __global ulong* const claimed = (__global ulong*)(crew->ring->base + SR_RING_CLAIMED);
    if (sr_lane() == 0) sr_store64(claimed, crew->bounds->first + own->offset + n);
    if (sr_revoked_behind(crew->ring)) {
        sr_store64(claimed, crew->bounds->first + own->offset);
        return 0;
    }
    for (uint k = sr_lane(); k < entries; k += SR_UNIT_LANES)
        sr_store(sr_entry_end(crew, own->entry + k), own->offset + (k + 1u) * length);
    if (sr_lane() == 0) sr_store(crew->desk + SR_DESK_CLAIMED, own->entry + entries);
    own->entry += entries;
    own->offset += n;
    return 1;
}

/* Nothing more is claimed, for this reason unless there was one before. */
static inline int sr_end_polling(const sr_crew* crew, const sr_poller* own, uint why) {
    if (sr_lane() == 0) {
        __global uint* const leave = crew->desk + SR_DESK_LEAVE;
        if (why == SR_LEAVE_REVOKED) sr_store_device(leave, why);
        else sr_cas_device(leave, 0, why);
        sr_store_device(crew->desk + SR_DESK_CLOSED, own->entry + 1u);
    }
    return 0;
}

/* The poller's next entry of its own; false when there will be none. A single brief slot runs here, by the shortest way:
 * that is the round trip of one task. Before the next look it ends the entry, with a fence, and takes a breath: whoever
 * waits for this answer cannot publish his next slot before it has crossed the bus, and a look that comes too early makes
 * the slot wait for the look behind it (measured: 2.0 us a round trip, against 3.4 with no fence and no breath). */
static inline int sr_poll(const sr_crew* crew, sr_poller* own, sr_job* job, uint* copy) {
    const uint lane = sr_lane();
    for (;;) {
        const ulong position = crew->bounds->first + own->offset;
        /* What comes from the desk takes no time while the slot is on its way. */
        const sr_glimpse glimpse = sr_glance(crew->ring, position, &own->vigil);
        const int checks = own->looks++ % SR_LOOKS_BETWEEN == 0;
        uint leave = 0, gate = 0;
        if (checks) leave = sr_load(crew->desk + SR_DESK_LEAVE);
        if (checks) gate = sr_load(crew->desk + SR_DESK_GATE);

        uint n = own->heat != 0 ? 2u : sr_seen(crew->ring, position, glimpse, copy);
        if (sr_share(leave, 0) != 0 || own->offset > SR_MOST_SLOTS) return sr_end_polling(crew, own, SR_LEAVE_BUSY);
        if (n == 1u && own->passed && sr_share((uint)sr_is_brief(copy), 0) != 0) {
            const uint entry = own->entry;
            if (sr_glanced_revoked(crew->ring, glimpse, &own->vigil) || !sr_claim(crew, own, 1u, 1u))
                return sr_end_polling(crew, own, SR_LEAVE_REVOKED);
            if (lane == 0) sr_end_lane(crew, copy, position, sr_run_lane(crew, copy, position), 1);
            sr_mark(crew, entry, SR_ENTRY_DONE);
            sr_breathe();
            continue;
        }
        const uint step = SR_UNIT_LANES << own->heat;
        const uint taken = n != 0 ? sr_load(crew->desk + SR_DESK_TAKEN) : 0;
        if (n > 1u) n = sr_look(crew->ring, position, crew->workers != 0 ? step : 0, copy);
        /* The glance was under way beside the look: nothing has waited for it alone. */
        if (sr_glanced_revoked(crew->ring, glimpse, &own->vigil)) return sr_end_polling(crew, own, SR_LEAVE_REVOKED);
        if (n == 0) {
            own->heat = 0;
            if (lane == 0 && own->empty != own->entry + 1u) sr_store_device(crew->desk + SR_DESK_EMPTY, own->entry + 1u);
            own->empty = own->entry + 1u;
            if (!own->passed && checks && sr_share(gate, 0) >= own->entry) {
                sr_fence_device(); /* G */
                own->passed = 1;
            }
            continue;
        }

        const int bulk = n > 8u, brief = !bulk && sr_ballot(lane < n && !sr_is_brief(copy)) == 0;
        const uint length = bulk ? SR_UNIT_LANES : n;
        uint entries = bulk ? n / SR_UNIT_LANES : 1u;
        const int runs = (crew->workers == 0 && !bulk) || (brief && own->passed);
        if (!runs) {
            /* To workers that have asked; of whole entries one more for each. What is claimed is not left to the next
             * launch, nor to the next device: slow ones are claimed when somebody is there who runs them. */
            const int waiting = (int)sr_minus(sr_share(taken, 0), own->queued); /* below 0: that extra, not yet taken */
            const int room = waiting + (bulk ? (int)crew->workers : 0);
            if (room <= 0) continue;
            if (entries > (uint)room) entries = (uint)room;
        }
        job->entry = own->entry;
        job->first = own->offset;
        job->length = n;
        job->ready = lane < n;
        job->passed = own->passed;
        if (!sr_claim(crew, own, entries, length)) return sr_end_polling(crew, own, SR_LEAVE_REVOKED);
        /* Brief ones are no barriers: where I1 holds for them, it holds for what follows. */
        own->passed = own->passed && brief;
        if (!bulk) own->heat = 0;
        else if (n == SR_UNIT_LANES * step && own->heat < SR_MOST_HEAT) ++own->heat;
        if (runs) return 1;
        sr_queue(crew, own->queued, job->entry, job->first, entries, length);
        own->queued = sr_plus(own->queued, entries);
    }
}

SR_WRAPS /* the clock may */
static inline void sr_keep(const sr_crew* crew) {
    __global uint* const desk = crew->desk;
    const uint lane = sr_lane();
    uint told = sr_load_host((__global uint*)(crew->ring->base + SR_RING_FAULTS)); /* this side alone writes it */
    uint waited = 0;
    while (sr_ask(crew, SR_DESK_STAGE) == 0) {
        if (++waited < SR_ALONE_AFTER) continue;
        if (lane == 0) sr_cas_device(desk + SR_DESK_STAGE, 0, SR_STAGE_ALONE);
        sr_join();
    }
    if (sr_ask(crew, SR_DESK_STAGE) == SR_STAGE_ALONE) {
        if (lane == 0) sr_store_device(desk + SR_DESK_OVER, 1u);
        return;
    }

    ulong counter = 0;
    const ulong began = sr_ticks(&counter, 0);
    ulong idle_since = began;
    uint gate = 0, done = 0, looks = 0, completed = 0, part = 0;
    for (int was_idle = 0;;) {
        /* F. Entries from `gate` and from `done` on, one a lane; some rounds of them, since what is told afterwards takes
         * as long as four rounds. */
        uint moved = 0;
        for (uint round = 0, through = SR_UNIT_LANES; round < SR_CLERK_ROUNDS && through == SR_UNIT_LANES; ++round) {
            const uint flag = sr_load_device(sr_flag(crew, gate + lane));
            through = sr_leading(flag == sr_flag_value(crew, gate + lane, SR_ENTRY_SCANNED) ||
                                 flag == sr_flag_value(crew, gate + lane, SR_ENTRY_DONE));
            gate += through;
            moved += through;
        }
        sr_join(); /* what each lane acquired, the first one hands on */
        if (moved != 0 && lane == 0) sr_store_device(desk + SR_DESK_GATE, gate); /* G */

        int cut = 0, passed = 0;
        moved = 0;
        for (uint round = 0, finished = SR_UNIT_LANES; round < SR_CLERK_ROUNDS && finished == SR_UNIT_LANES; ++round) {
            const uint flag = sr_load_device(sr_flag(crew, done + lane));
            finished = sr_leading(flag == sr_flag_value(crew, done + lane, SR_ENTRY_DONE));
            cut = sr_ballot(lane == finished && flag == sr_flag_value(crew, done + lane, SR_ENTRY_CUT)) != 0;
            done += finished;
            moved += finished;
        }
        if (done > gate) { /* I4; and not past an entry that was cut */
            gate = done;
            passed = 1;
        }
        if (cut) ++done;
        sr_join();
        if ((moved != 0 || cut || part > completed) && lane == 0) {
            if (part > completed) completed = sr_load_device(desk + SR_DESK_PART); /* P */
            const uint end = moved != 0 || cut ? sr_load(sr_entry_end(crew, done - 1u)) : 0;
            const uint faults = sr_load(crew->memory->control + SR_CONTROL_FAULTS); /* both at once */
            if (end > completed) completed = end;
            if (passed) sr_store_device(desk + SR_DESK_GATE, gate); /* G */
            if (moved != 0 || cut) sr_store_device(desk + SR_DESK_DONE, done); /* G */
            if (faults != told) sr_store((__global uint*)(crew->ring->base + SR_RING_FAULTS), faults);
            told = faults;
            sr_store_release64((__global ulong*)(crew->ring->base + SR_RING_COMPLETED), crew->bounds->first + completed); /* A2 */
        }
        sr_join();

        const int looks_up = ++looks % 64u == 0;
        const int revoked = looks_up && sr_revoked(crew->ring);
        const uint leave_word = sr_load(desk + SR_DESK_LEAVE), claimed_word = sr_load(desk + SR_DESK_CLAIMED);
        const uint empty_word = sr_load(desk + SR_DESK_EMPTY);
        part = sr_load(desk + SR_DESK_PART); /* all at once */
        if (sr_share((uint)revoked, 0) != 0 || sr_share(leave_word, 0) == SR_LEAVE_REVOKED) {
            if (lane == 0) sr_store_device(desk + SR_DESK_LEAVE, SR_LEAVE_REVOKED);
            break;
        }
        if (sr_share(leave_word, 0) != 0) {
            const uint closed = sr_ask(crew, SR_DESK_CLOSED);
            if (cut || (closed != 0 && done == closed - 1u)) break;
            continue;
        }
        const uint claimed = sr_share(claimed_word, 0);
        const int idle = done == claimed && sr_share(empty_word, 0) == claimed + 1u;
        const ulong now = sr_ticks(&counter, 1u);
        if (idle && !was_idle) idle_since = now;
        was_idle = idle;
        uint why = 0;
        if (idle && now - idle_since >= crew->bounds->linger) why = SR_LEAVE_IDLE;
        if (now - began >= crew->bounds->epoch) why = SR_LEAVE_BUSY;
        if (looks_up && sr_asked(crew->ring, crew->bounds->launch)) why = SR_LEAVE_BUSY;
        why = sr_share(why, 0);
        if (why != 0 && lane == 0) sr_cas_device(desk + SR_DESK_LEAVE, 0, why);
        sr_join();
    }
    if (lane == 0) sr_store_device(desk + SR_DESK_OVER, 1u);
}

/* The last unit to go puts the desk back for the next launch, and leaves the ring as a single work-item does. */
static inline void sr_close(const sr_crew* crew) {
    __global uint* const desk = crew->desk;
    const int alone = sr_load_device(desk + SR_DESK_STAGE) == SR_STAGE_ALONE;
    const uint leave = sr_load_device(desk + SR_DESK_LEAVE);
    sr_store(desk + SR_DESK_BASE, sr_plus(crew->base, sr_load(desk + SR_DESK_CLAIMED)));
    sr_store(desk + SR_DESK_TAKEN, sr_load(desk + SR_DESK_QUEUED));
    for (uint word = SR_DESK_ARRIVED; word <= SR_DESK_GONE; word += 32u) sr_store(desk + word, 0);
    sr_fence_device();
    if (leave == SR_LEAVE_BUSY || leave == SR_LEAVE_REVOKED) {
        sr_store_seq_cst((__global uint*)(crew->ring->base + SR_RING_LEFT), crew->bounds->launch);
        return;
    }
    sr_bounds rest = *crew->bounds; /* what was published since, by a few slots at most */
    if (!alone) rest.linger = rest.epoch = 0;
    sr_drain(crew->ring, crew->memory, &rest);
}

/* How far COMPLETED is behind the launch's first position already, as an offset. The host looked when it enqueued the
 * launch, and the one before may have come back from its leave since (S), and run what the host took for this one. */
SR_WRAPS static inline uint sr_ahead(const sr_crew* crew) {
    const ulong ahead = *(__global ulong*)(crew->ring->base + SR_RING_COMPLETED) - crew->bounds->first;
    return ahead > SR_MOST_SLOTS ? SR_MOST_SLOTS + 1u : (uint)ahead;
}

/* A unit's part of a launch. `unit` is its number in the order of arrival, of `units`, two at least. */
static inline void sr_drain_wide(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, __global uint* desk,
                                 uint unit, uint units) {
    const sr_crew crew = {ring, memory, bounds, desk, sr_load(desk + SR_DESK_BASE), units - 2u};
    uint copy[SR_COPY_WORDS];
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;
    if (unit == 0) {
        sr_keep(&crew);
    } else {
        const int polls = unit == 1u;
        sr_poller own = {0, 0, 0, 0, 0, 0, sr_load(desk + SR_DESK_QUEUED), SR_VIGIL_BEGINS};
        uint stage = 0;
        if (polls) own.offset = sr_share(sr_lane() == 0 ? sr_ahead(&crew) : 0, 0);
        if (polls && sr_lane() == 0) {
            /* A position long before this launch's: whoever looks for one of those finds neither an answer of an older
             * launch nor a later one than his. */
            sr_store64((__global ulong*)(ring->base + SR_RING_ANSWER), sr_minus((uint)bounds->first, 1u << 29));
            stage = sr_cas_device(desk + SR_DESK_STAGE, 0, SR_STAGE_POLLED);
        }
        sr_job job;
        if (sr_share(stage, 0) != SR_STAGE_ALONE)
            while (polls ? sr_poll(&crew, &own, &job, copy) : sr_take(&crew, &job, copy)) sr_run_job(&crew, &job, copy);
    }
    sr_join();
    uint gone = 0;
    if (sr_lane() == 0) gone = sr_add_device(desk + SR_DESK_GONE, 1u) + 1u;
    if (sr_share(gone, 0) == units && sr_lane() == 0) sr_close(&crew);
}

#endif
