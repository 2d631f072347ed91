/* An entry of a wide launch: consecutive slots of the ring, which one unit runs, a lane each. wide.h says which unit.
 *
 * Entries are numbered in the order of their positions. An entry is
 *   scanned  when all its slots were seen published and no barrier is left in it that has not run;
 *   done     when all its slots are terminal.
 * Invariants, from which fences and leaving follow:
 *   I1  a slot of entry e is run only when every entry before e is scanned (GATE >= e);
 *   I2  a barrier of entry e is run only when every entry before e is done (DONE >= e), and its own slots before it;
 *   I3  so when a launch leaves in front of a slot that is claimed and not published (a poller only guesses what lies
 *       between the slots that it looks at), nothing behind that slot has been run: its entry is cut there;
 *   I4  GATE >= DONE whenever COMPLETED moves: what is done is scanned. Behind COMPLETED slots are published again, and
 *       an entry of those has the flag of the one that was there before; a clerk that still looked for the old one there
 *       would never find it.
 * Within these a slow slot delays its own entry alone, until the ring is full or a barrier comes.
 *
 * COMPLETED is all that the host sees of a launch, and a device that does not move it for long counts as lost. A slot may
 * take as long; several of one entry, one after the other, may not add up. So behind each turn of an entry PART says how
 * far it has come. Its unit writes it, once it has seen that every entry before it is done: at any time there is one that
 * may, and what it writes only grows.
 *
 * Edges: R and A as in ring.hpp. F: an entry's flag from its unit to the clerk. P: PART likewise. G: GATE, DONE and CUT
 * from the clerk or the cutting unit to all. Release and acquire at device scope. */
#ifndef SLIPRING_ENTRY_H
#define SLIPRING_ENTRY_H

#include "desk.h"

typedef struct {
    const sr_ring* ring;
    const sr_memory* memory;
    const sr_bounds* bounds;
    __global uint* desk;
    uint base;    /* SR_DESK_BASE */
    uint workers; /* units beside clerk and poller */
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

static inline int sr_is_handled(const uint* copy) { return copy[SR_WORD_OPCODE] > SR_OP_LAST_BUILTIN; }

/* Runs one lane's slot, but for a copy that all lanes do. */
static inline sr_outcome sr_run_lane(const sr_crew* crew, const uint* copy, ulong position) {
    if (sr_is_handled(copy)) sr_fence_system(); /* R2: a handler's input, which the host wrote before it published */
    return sr_run_slot_but(copy, (uint)position, crew->memory, SR_UNIT_LANES > 1u);
}

/* And ends it. `alone`: nobody else of the unit has one. Then the answer's own line, which nobody polls on the device, has
 * it first: the low word of the position behind it, and the result. It stands until the next. */
static inline void sr_end_lane(const sr_crew* crew, const uint* copy, ulong position, sr_outcome out, int alone) {
    if (out.code != SR_CODE_OK) sr_atomic_add(crew->memory->control + SR_CONTROL_FAULTS, 1u);
    if ((copy[SR_WORD_PRIORITY] & SR_FLAG_QUIET) != 0) return;
    if (sr_is_handled(copy)) sr_fence_system(); /* A2: its output */
    const int answers = alone && out.code == SR_CODE_OK && out.inner == 0;
    __global ulong* const answer = (__global ulong*)(crew->ring->base + SR_RING_ANSWER);
    const ulong said = (ulong)out.value << 32 | sr_plus((uint)position, 1u);
    if (SR_ANSWERS_FIRST && answers) sr_store64(answer, said);
    sr_end(sr_slot(crew->ring, position), sr_tagged(crew->ring, position, sr_end_state(out.code)),
           out.code | out.inner << 8, out.value, copy[SR_WORD_PRIORITY]);
    if (!SR_ANSWERS_FIRST && answers) sr_store_release64(answer, said); /* A2 */
}

/* The long copy of lane `of`, if that found it to be right: by all lanes, since COMPLETED stands still meanwhile. */
static inline void sr_copy_together(const sr_crew* crew, const uint* copy, uint of, uint code) {
    uint source = 0, destination = 0, words = 0;
    if (sr_lane() == of) {
        const uint* const args = sr_args_of(copy);
        source = args[0];
        destination = args[1];
        words = args[2];
    }
    source = sr_share(source, of);
    destination = sr_share(destination, of);
    words = sr_share(words, of);
    if (sr_share(code, of) == SR_CODE_OK)
        sr_copy_pieces(crew->memory->control, source, destination, words, sr_lane(), SR_UNIT_LANES);
    sr_join();
}

static inline int sr_called_off(const sr_crew* crew) { return sr_ask(crew, SR_DESK_LEAVE) == SR_LEAVE_REVOKED; }

/* I1. False if an entry before this one was cut, or the ring revoked: then this one is not run in this launch. */
static inline int sr_pass_gate(const sr_crew* crew, uint entry) {
    while (sr_ask(crew, SR_DESK_GATE) < entry) { /* G */
        const uint cut = sr_ask(crew, SR_DESK_CUT);
        if ((cut != 0 && cut <= entry) || sr_called_off(crew)) return 0;
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

/* One call of the interpreter, and so one copy of it in the kernel: a turn runs what can be run side by side. Returns
 * early, with the entry not done, in a launch that ends without it: behind a cut, or of a ring that was revoked. */
static inline void sr_run_job(const sr_crew* crew, const sr_job* job, uint* copy) {
    const uint lane = sr_lane(), length = job->length, entry = job->entry;
    const ulong position = crew->bounds->first + job->first + lane;
    int ready = job->ready || lane >= length, passed = job->passed, scanned = passed;
    for (uint begin = 0; begin < length;) {
        const uint leading = sr_leading(ready), seen = leading < length ? leading : length;
        if (begin == seen) {
            /* The next slot is not published, though a later one is. Its producer is between two of its steps. */
            const uint leave = sr_ask(crew, SR_DESK_LEAVE);
            if (leave == SR_LEAVE_REVOKED) return;
            if (leave != 0) {
                sr_cut(crew, job, begin);
                return;
            }
            if (!ready) ready = sr_fetch_one(crew->ring, position, copy);
            continue;
        }
        if (begin != 0 && sr_called_off(crew)) return;
        const int left = lane >= begin && lane < seen;
        const uint barriers = sr_ballot(left && sr_is_barrier(copy));
        const uint prints = sr_ballot(left && copy[SR_WORD_OPCODE] == SR_OP_PRINTF);
        const uint copies = SR_UNIT_LANES > 1u ? sr_ballot(left && sr_is_long_copy(copy)) : 0;
        /* In the first turn that has the whole entry: a hole may have been filled late, or a barrier have run. What passes
         * unasked is brief, and done as soon. */
        if (!scanned && seen == length && barriers == 0) {
            sr_mark(crew, entry, SR_ENTRY_SCANNED);
            scanned = 1;
        }
        if (!passed) {
            if (!sr_pass_gate(crew, entry)) return;
            passed = 1;
        }
        /* A barrier by itself, behind everything; a PRINTF or a long copy by itself; or what is before the next of them. */
        const int barrier = (barriers >> begin & 1u) != 0, print = (prints >> begin & 1u) != 0;
        const int together = (copies >> begin & 1u) != 0;
        const uint alone = (barriers | prints | copies) >> begin;
        const uint end = (alone & 1u) != 0 ? begin + 1u : alone == 0 ? seen : begin + sr_lowest(alone);
        if (barrier) {
            while (sr_ask(crew, SR_DESK_DONE) < entry) { /* I2, G */
                if (sr_called_off(crew)) return;
                sr_nap();
            }
            sr_fence_device();
        }
        if (print) sr_lock(crew);
        const int runs = lane >= begin && lane < end;
        sr_outcome out = {SR_CODE_OK, 0, 0};
        if (runs) out = sr_run_lane(crew, copy, position);
        if (together) sr_copy_together(crew, copy, begin, out.code);
        if (runs) sr_end_lane(crew, copy, position, out, length == 1u);
        sr_join();
        if (print) sr_unlock(crew);
        if (barrier) {
            sr_fence_device();
            if (lane == begin && copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN) sr_cas_device(crew->desk + SR_DESK_LEAVE, 0, SR_LEAVE_IDLE);
        }
        begin = end;
        if (begin < length && sr_ask(crew, SR_DESK_DONE) == entry && lane == 0)
            sr_store_device(crew->desk + SR_DESK_PART, job->first + begin); /* P */
    }
    sr_mark(crew, entry, SR_ENTRY_DONE);
}

#endif
