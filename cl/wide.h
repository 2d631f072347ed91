/* The wide drain: many units on one ring. What each does:
 *
 *   pollers  one or two look at the ring in host memory. What they find they claim as entries, each of consecutive
 *            slots; up to 8 slots they run themselves, more they hand to the workers, 32 an entry
 *   workers  take entries off a queue in device memory, fetch their slots and run them, side by side
 *   clerk    one unit; moves GATE, DONE and COMPLETED over the entries that are through, and says when to leave
 *
 * Roles go to units in the order in which their groups begin, so nobody waits for a group that has not begun.
 *
 * Entries are numbered in the order of their positions. An entry is
 *   scanned  when all its slots were seen published and no barrier is left in it that has not run;
 *   done     when all its slots are terminal.
 * Invariants, from which fences and leaving follow:
 *   I1  a slot of entry e is run only when every entry before e is scanned (GATE >= e);
 *   I2  a barrier of entry e is run only when every entry before e is done (DONE >= e), and its own slots before it;
 *   I3  so when a launch leaves in front of a slot that is claimed and not published (a poller only guesses what lies
 *       between the slots that it looks at), nothing behind that slot has been run: its entry is cut there.
 * Within these a slow slot delays its own entry alone, until the ring is full or a barrier comes.
 *
 * Edges: R and A as in ring.hpp. Q: an entry from poller to worker. F: an entry's flag from its unit to the clerk. G:
 * GATE, DONE and CUT from the clerk or the cutting unit to all. Release and acquire at device scope; the clerk hands
 * on to the host what it has acquired (A2). */
#ifndef SLIPRING_WIDE_H
#define SLIPRING_WIDE_H

#include "desk.h"

#if defined(__NV_CL_C_VERSION)
#define SR_CLAIM volatile __local ulong
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
static inline ulong sr_cas_claim(SR_CLAIM* claim, ulong expected, ulong desired) {
    return atom_cmpxchg(claim, expected, desired);
}
static inline void sr_raise_device(__global uint* p, uint v) {
    __asm__ volatile("red.release.gpu.global.max.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
#else /* one poller, and the claim is its own */
#define SR_CLAIM ulong
static inline ulong sr_cas_claim(SR_CLAIM* claim, ulong expected, ulong desired) {
    *claim = desired;
    return expected;
}
static inline void sr_raise_device(__global uint* p, uint v) { sr_store_device(p, v); }
#endif

typedef struct {
    const sr_ring* ring;
    const sr_memory* memory;
    const sr_bounds* bounds;
    __global uint* desk;
    uint base;    /* SR_DESK_BASE */
    uint workers; /* units that are neither clerk nor poller */
} sr_crew;

/* A claimed entry in a unit's hands. */
typedef struct {
    uint entry;
    uint first;  /* its first slot's offset from the launch's first position */
    uint length; /* slots, one a lane */
    int ready;   /* this lane's slot was seen published, and is in the copy */
    int passed;  /* I1 is known to hold */
} sr_job;

static inline uint sr_index(const sr_crew* crew, uint entry) { return sr_plus(crew->base, entry) & crew->ring->mask; }
static inline __global uint* sr_flag(const sr_crew* crew, uint entry) {
    return crew->desk + SR_DESK_TABLES + sr_index(crew, entry);
}
static inline __global uint* sr_entry_end(const sr_crew* crew, uint entry) {
    return crew->desk + SR_DESK_TABLES + (crew->ring->mask + 1u) + sr_index(crew, entry);
}
/* Tag, first slot's offset, entry, slots. */
static inline __global uint* sr_queued(const sr_crew* crew, uint item) {
    return crew->desk + SR_DESK_TABLES + 2u * (crew->ring->mask + 1u) + 4u * (item & crew->ring->mask);
}
/* A flag carries its entry's number: one of an earlier entry is never taken for it. */
SR_WRAPS static inline uint sr_flag_value(const sr_crew* crew, uint entry, uint state) {
    return (crew->base + entry) << 2 | state;
}
/* A word of the desk, the same for all lanes. */
static inline uint sr_ask(const sr_crew* crew, uint word) { return sr_share(sr_load_device(crew->desk + word), 0); }

/* Says that the entry is in `state`, with all that the unit's lanes did before. F */
static inline void sr_mark(const sr_crew* crew, uint entry, uint state) {
    sr_join();
    if (sr_lane() == 0) sr_store_device(sr_flag(crew, entry), sr_flag_value(crew, entry, state));
}

/* PRINTFs are written one at a time. */
static inline void sr_lock(const sr_crew* crew) {
    if (sr_lane() == 0)
        while (sr_cas_device(crew->desk + SR_DESK_PRINTING, 0, 1u) != 0) sr_nap();
    sr_join();
}
static inline void sr_unlock(const sr_crew* crew) {
    if (sr_lane() == 0) sr_store_device(crew->desk + SR_DESK_PRINTING, 0);
    sr_join();
}

/* ---- running an entry ------------------------------------------------------------------------------------------------ */

/* One lane's slot. `alone`: nobody else of the unit has one. Then the answer's own line, which nobody polls on the
 * device, has it first: the low word of the position behind it, and the result. It stands until the next. */
SR_NOINLINE static void sr_run_lane(const sr_crew* crew, const uint* copy, ulong position, int alone) {
    const sr_outcome out = sr_run_slot(copy, (uint)position, crew->memory);
    if (out.code != SR_CODE_OK) sr_atomic_add(crew->memory->control + SR_CONTROL_FAULTS, 1u);
    if ((copy[SR_WORD_PRIORITY] & SR_FLAG_QUIET) != 0) return;
    if (copy[SR_WORD_OPCODE] > SR_OP_LAST_BUILTIN) sr_fence_system(); /* a handler's output */
    if (alone && out.code == SR_CODE_OK && out.inner == 0)
        sr_store64((__global ulong*)(crew->ring->base + SR_RING_ANSWER), (ulong)out.value << 32 | (uint)(position + 1u));
    sr_end(sr_slot(crew->ring, position), sr_tagged(crew->ring, position, sr_end_state(out.code)),
           out.code | out.inner << 8, out.value, copy[SR_WORD_PRIORITY]);
}

/* The slots of lanes [begin, end), side by side; those of `ordered` one after the other. */
static inline void sr_run_lanes(const sr_crew* crew, const sr_job* job, const uint* copy, uint begin, uint end, int ordered) {
    const uint lane = sr_lane();
    const ulong position = crew->bounds->first + job->first + lane;
    const uint turns = ordered ? end : begin + 1u;
    for (uint turn = begin; turn < turns; ++turn) {
        const int own = ordered ? lane == turn : lane >= begin && lane < end;
        if (own) sr_run_lane(crew, copy, position, job->length == 1u);
        sr_join();
    }
}

/* I1. False if an entry before this one was cut: then this one is not run in this launch. */
static inline int sr_pass_gate(const sr_crew* crew, uint entry) {
    while (sr_ask(crew, SR_DESK_GATE) < entry) { /* G */
        const uint cut = sr_ask(crew, SR_DESK_CUT);
        if (cut != 0 && cut <= entry) return 0;
        sr_nap();
    }
    return 1;
}

/* I3. In front of the entry's slot `at`. Of several cuts the first one counts. */
static inline void sr_cut(const sr_crew* crew, const sr_job* job, uint at) {
    if (sr_lane() == 0) {
        __global uint* const cut = crew->desk + SR_DESK_CUT;
        sr_store(sr_entry_end(crew, job->entry), job->first + at);
        for (uint seen = sr_load_device(cut); seen == 0 || seen > job->entry + 1u;) {
            const uint old = sr_cas_device(cut, seen, job->entry + 1u); /* G */
            if (old == seen) break;
            seen = old;
        }
    }
    sr_mark(crew, job->entry, SR_ENTRY_CUT);
}

static inline void sr_run_job(const sr_crew* crew, const sr_job* job, uint* copy) {
    const uint lane = sr_lane(), length = job->length, entry = job->entry;
    const int own = lane < length;
    int ready = job->ready, passed = job->passed, scanned = 0;
    uint begin = 0;
    while (begin < length) {
        const uint seen_lanes = sr_leading(ready || !own), seen = seen_lanes < length ? seen_lanes : length;
        if (begin == seen) {
            /* The next slot is not published, though a later one is. Its producer is between two of its steps. */
            if (sr_ask(crew, SR_DESK_LEAVE) != 0) {
                sr_cut(crew, job, begin);
                return;
            }
            if (own && !ready) ready = sr_fetch_one(crew->ring, crew->bounds->first + job->first + lane, copy);
            continue;
        }
        /* Up to the next barrier, if there is one. */
        const int waits = lane >= begin && lane < seen && sr_is_barrier(copy);
        const uint end = sr_leading(lane < begin || (lane < seen && !waits));
        const int barriers = sr_ballot(waits) != 0;
        if (seen == length && !barriers && !scanned && !passed) {
            sr_mark(crew, entry, SR_ENTRY_SCANNED); /* who has passed runs it at once, and says so when it is done */
            scanned = 1;
        }
        if (!passed && !sr_pass_gate(crew, entry)) return;
        passed = 1;
        const uint stop = end < seen ? end : seen;
        const int prints = sr_ballot(lane >= begin && lane < stop && copy[SR_WORD_OPCODE] == SR_OP_PRINTF) != 0;
        if (prints) sr_lock(crew);
        sr_run_lanes(crew, job, copy, begin, stop, prints);
        if (prints) sr_unlock(crew);
        begin = stop;
        if (stop == seen) continue;
        while (sr_ask(crew, SR_DESK_DONE) < entry) sr_nap(); /* I2, G */
        sr_fence_device();
        sr_run_lanes(crew, job, copy, begin, begin + 1u, 0);
        sr_fence_device();
        if (lane == begin && copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN) sr_store_device(crew->desk + SR_DESK_LEAVE, SR_LEAVE_IDLE);
        ++begin;
    }
    sr_mark(crew, entry, SR_ENTRY_DONE);
}

/* ---- the roles ----------------------------------------------------------------------------------------------------- */

/* A worker's next entry; false when there will be none. */
static inline int sr_take(const sr_crew* crew, sr_job* job, uint* copy) {
    uint item = 0;
    if (sr_lane() == 0) item = sr_add_device(crew->desk + SR_DESK_TAKEN, 1u);
    item = sr_share(item, 0);
    __global uint* const queued = sr_queued(crew, item);
    while (sr_share(sr_load_device(queued), 0) != sr_plus(item, 1u)) { /* Q */
        if (sr_ask(crew, SR_DESK_OVER) != 0) return 0;
        sr_nap();
    }
    job->first = sr_load(queued + 1);
    job->entry = sr_load(queued + 2);
    job->length = sr_load(queued + 3);
    job->passed = 0;
    const ulong position = crew->bounds->first + job->first;
    const uint state = sr_fetch(crew->ring, position, copy);
    job->ready = sr_lane() < job->length && state == sr_awaited(crew->ring, position + sr_lane());
    return 1;
}

/* Puts `count` entries of `length` slots each into the queue. */
static inline void sr_queue(const sr_crew* crew, uint entry, uint first, uint count, uint length) {
    uint item = 0;
    if (sr_lane() == 0) item = sr_add_device(crew->desk + SR_DESK_QUEUED, count);
    item = sr_share(item, 0);
    for (uint k = sr_lane(); k < count; k += SR_UNIT_LANES) {
        __global uint* const queued = sr_queued(crew, sr_plus(item, k));
        sr_store(queued + 1, first + k * length);
        sr_store(queued + 2, entry + k);
        sr_store(queued + 3, length);
        sr_store_device(queued, sr_plus(item, k + 1u)); /* Q */
    }
    sr_join();
}

/* A poller, and what it remembers from one look to the next. */
typedef struct {
    SR_CLAIM* claim; /* shared with the other poller: [0] entries in the high word, slots in the low one; [1] see below */
    __global ulong* claimed;
    uint heat;   /* how far to look: 32 << heat slots a step */
    uint empty;  /* what EMPTY was told */
    uint passed; /* 1 + the entry that may begin: I1 */
} sr_poller;

/* claim[1] is 1 + an entry for which I1 holds since it holds for the one before, which was seen whole, without a
 * barrier: what pollers run themselves follows at once, and the clerk has no part in it. */

/* A poller's next entry of its own; false when there will be none. What is more, or slow, it hands to the workers. */
static inline int sr_poll(const sr_crew* crew, sr_poller* own, sr_job* job, uint* copy) {
    const uint lane = sr_lane();
    for (;;) {
        ulong now = 0, clear = 0;
        if (lane == 0) {
            now = own->claim[0];
            clear = own->claim[1];
        }
        const uint entry = sr_share((uint)(now >> 32), 0), offset = sr_share((uint)now, 0);
        if ((entry >> 31) != 0) return 0;
        if (sr_share((uint)clear, 0) == entry + 1u) own->passed = entry + 1u;
        const ulong position = crew->bounds->first + offset;

        /* Both come while the slot is on its way. */
        const uint leave = sr_load(crew->desk + SR_DESK_LEAVE), gate = sr_load(crew->desk + SR_DESK_GATE);
        const uint step = SR_UNIT_LANES << own->heat;
        uint n = own->heat != 0 ? 2u : sr_glance(crew->ring, position, copy);
        if (n > 1u) n = sr_look(crew->ring, position, step, copy);
        if (sr_share(leave, 0) != 0 || offset > SR_MOST_SLOTS) {
            if (lane == 0 && offset > SR_MOST_SLOTS) sr_store_device(crew->desk + SR_DESK_LEAVE, SR_LEAVE_BUSY);
            if (lane == 0 && sr_cas_claim(own->claim, now, now | SR_CLAIM_CLOSED) == now)
                sr_store_device(crew->desk + SR_DESK_CLOSED, entry + 1u);
            sr_join();
            continue;
        }
        if (n == 0) {
            own->heat = 0;
            if (lane == 0 && own->empty != entry + 1u) sr_store_device(crew->desk + SR_DESK_EMPTY, entry + 1u);
            own->empty = entry + 1u;
            if (own->passed != entry + 1u && sr_share(gate, 0) >= entry) {
                sr_fence_device(); /* G */
                own->passed = entry + 1u;
            }
            continue;
        }

        const int bulk = n > 8u;
        const uint entries = bulk ? n / SR_UNIT_LANES : 1u, length = bulk ? SR_UNIT_LANES : n;
        int won = 0;
        if (lane == 0) won = sr_cas_claim(own->claim, now, (ulong)(entry + entries) << 32 | (offset + n)) == now;
        if (sr_ballot(won) == 0) continue;
        const int passed = own->passed == entry + 1u;
        if (!bulk && passed && sr_ballot(lane < n && sr_is_barrier(copy)) == 0 && lane == 0) own->claim[1] = entry + 2u;
        if (lane == 0) {
            sr_store64(own->claimed, position + n); /* before it has any effect: see Runtime::recover */
            sr_raise_device(crew->desk + SR_DESK_CLAIMED, entry + entries);
        }
        for (uint k = lane; k < entries; k += SR_UNIT_LANES) sr_store(sr_entry_end(crew, entry + k), offset + (k + 1u) * length);
        if (!bulk) own->heat = 0;
        else if (n == SR_UNIT_LANES * step && own->heat < SR_MOST_HEAT) ++own->heat;

        if (bulk || (crew->workers != 0 && sr_ballot(lane < n && sr_is_slow(copy)) != 0)) {
            sr_queue(crew, entry, offset, entries, length);
            continue;
        }
        job->entry = entry;
        job->first = offset;
        job->length = n;
        job->ready = lane < n;
        job->passed = passed;
        return 1;
    }
}

SR_WRAPS /* the clock may */
static inline void sr_keep(const sr_crew* crew) {
    __global uint* const desk = crew->desk;
    const uint lane = sr_lane();
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
    uint gate = 0, done = 0, looks = 0;
    for (int was_idle = 0;;) {
        /* F. Entries from `gate` and from `done` on, one a lane. */
        const uint gate_flag = sr_load_device(sr_flag(crew, gate + lane));
        const uint through = sr_leading(gate_flag == sr_flag_value(crew, gate + lane, SR_ENTRY_SCANNED) ||
                                        gate_flag == sr_flag_value(crew, gate + lane, SR_ENTRY_DONE));
        gate += through;
        if (through != 0 && lane == 0) sr_store_device(desk + SR_DESK_GATE, gate); /* G */

        const uint done_flag = sr_load_device(sr_flag(crew, done + lane));
        const uint finished = sr_leading(done_flag == sr_flag_value(crew, done + lane, SR_ENTRY_DONE));
        const int cut = sr_ballot(lane == finished && done_flag == sr_flag_value(crew, done + lane, SR_ENTRY_CUT)) != 0;
        done += finished + (cut ? 1u : 0u);
        if ((finished != 0 || cut) && lane == 0) {
            const uint end = sr_load(sr_entry_end(crew, done - 1u));
            sr_store_device(desk + SR_DESK_DONE, done); /* G */
            sr_store_release64((__global ulong*)(crew->ring->base + SR_RING_COMPLETED), crew->bounds->first + end); /* A2 */
        }
        sr_join();

        const uint leave = sr_ask(crew, SR_DESK_LEAVE);
        if (leave != 0) {
            const uint closed = sr_ask(crew, SR_DESK_CLOSED);
            if (cut || (closed != 0 && done == closed - 1u)) break;
            continue;
        }
        const uint claimed = sr_ask(crew, SR_DESK_CLAIMED);
        const int idle = done == claimed && sr_ask(crew, SR_DESK_EMPTY) == claimed + 1u;
        const ulong now = sr_ticks(&counter, 1u);
        if (idle && !was_idle) idle_since = now;
        was_idle = idle;
        uint why = 0;
        if (idle && now - idle_since >= crew->bounds->linger) why = SR_LEAVE_IDLE;
        if (now - began >= crew->bounds->epoch) why = SR_LEAVE_BUSY;
        if (++looks % 64u == 0 && sr_load_acquire((__global uint*)(crew->ring->base + SR_RING_STOP)) == crew->bounds->launch)
            why = SR_LEAVE_BUSY;
        why = sr_share(why, 0);
        if (why != 0 && lane == 0) sr_store_device(desk + SR_DESK_LEAVE, why);
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
    if (leave == SR_LEAVE_BUSY) {
        sr_store_seq_cst((__global uint*)(crew->ring->base + SR_RING_LEFT), crew->bounds->launch);
        return;
    }
    sr_bounds rest = *crew->bounds; /* what was published since, by a few slots at most */
    if (!alone) rest.linger = rest.epoch = 0;
    sr_drain(crew->ring, crew->memory, &rest);
}

/* A unit's part of a launch. `unit` is its number in the order of arrival, of `units`; `in_group` of them share `claim`,
 * which is zero. */
static inline void sr_drain_wide(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, __global uint* desk,
                                 uint unit, uint units, uint in_group, SR_CLAIM* claim) {
    const uint pollers = in_group > SR_MAX_POLLERS ? SR_MAX_POLLERS : 1u;
    const sr_crew crew = {ring, memory, bounds, desk, sr_load(desk + SR_DESK_BASE), units - 1u - pollers};
    uint copy[SR_COPY_WORDS];
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;
    if (unit == 0) {
        sr_keep(&crew);
    } else {
        const int polls = unit <= pollers;
        sr_poller own = {claim, (__global ulong*)(ring->base + SR_RING_CLAIMED) + (unit - 1u), 0, 0, 0};
        uint stage = 0;
        if (polls && sr_lane() == 0) {
            /* No position near this launch's: whoever looks for one finds no answer of an older launch. */
            sr_store64((__global ulong*)(ring->base + SR_RING_ANSWER), (uint)(bounds->first + (1ul << 31)));
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
