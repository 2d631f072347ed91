/* Workers take chunks off a queue in device memory, fetch their slots and run them, side by side. The poller runs
 * short chunks of its own the same way. */
#ifndef SLIPRING_WIDE_WORKER_H
#define SLIPRING_WIDE_WORKER_H

#include "../abi.h"
#include "../atomics.h"
#include "../ops.h"
#include "../ring.h"
#include "fetch.h"
#include "state.h"
#include "subgroup.h"

/* A worker's next chunk, and its ring's number; false when there will be none. */
static inline int sr_next_chunk(sr_wides* wides, uint* ring, sr_chunk* chunk, uint* copy) {
    const sr_wide* wide = wides->of;
    uint item = 0;
    if (sr_lane() == 0) item = sr_add_device(wide->sched + SR_SCHED_ASKED, 1u);
    item = sr_share(item, 0);
    __global uint* const queued = sr_queued(wide, item);
    while (sr_share(sr_load(queued), 0) != sr_tag(item)) {
        if (sr_share(sr_load(wide->sched + SR_SCHED_FINISHED), 0) != 0) return 0;
        sr_nap();
    }
    sr_load_device(queued); /* Q */
    chunk->first = sr_load(queued + 1);
    chunk->number = sr_load(queued + 2);
    chunk->length = sr_load(queued + 3);
    chunk->passed = 0;
#if SR_RINGS > 1u
    if (*ring == SR_RINGS) sr_learn_first(wides);
    *ring = sr_share(chunk->length, 0) >> SR_ITEM_RING_SHIFT;
    chunk->length &= (1u << SR_ITEM_RING_SHIFT) - 1u;
    sr_clear_tag(queued); /* U */
    wide = &wides->of[*ring];
#else
    (void)ring;
#endif
    const ulong position = sr_first(wide) + chunk->first;
    const uint leave = sr_load(wide->sched + SR_SCHED_LEAVE); /* while the slots are on their way */
    const uint state = sr_fetch(wide->ring, position, copy);
    chunk->ready = sr_lane() < chunk->length && sr_is_next(state, sr_awaited(wide->ring, position + sr_lane()));
    return sr_share(leave, 0) != SR_LEAVE_REVOKED;
}

/* ---- one slot, by one lane ----------------------------------------------- */

static inline int sr_is_handled(const uint* copy) {
    return copy[SR_WORD_OPCODE] > SR_OP_LAST_BUILTIN && copy[SR_WORD_OPCODE] != SR_OP_CANCELLED;
}

/* Runs one lane's slot, except for what all lanes do together. */
static inline sr_outcome sr_run_lane(const sr_wide* wide, const uint* copy, ulong position) {
    if (copy[SR_WORD_OPCODE] == SR_OP_PRINTF) {
        const uint* args;
        sr_outcome out = {sr_check_slot(copy, wide->memory, &args), 0, 0};
        if (out.code == SR_CODE_OK && sr_is_denied(SR_OP_PRINTF, args, wide->memory)) out.code = SR_CODE_DENIED;
        return out;
    }
    if (sr_is_handled(copy)) sr_fence_system(); /* R2: a handler's input, which the host wrote before it published */
    return sr_run_slot_but(copy, (uint)position, wide->memory, SR_SUBGROUP_LANES > 1u);
}

/* A2: a handler's output, before its slot has finished. What lies in the device's own memory the host does not see in
 * place: its copies and later slots read it where the device has it, for which a fence at device scope suffices, of
 * 0.2 us against one of 0.8. */
static inline void sr_fence_output(uint opcode) {
    if (sr_writes_shared(opcode)) sr_fence_system();
    else sr_fence_device();
}

/* Finishes the slot. The completions of a chunk lie side by side. */
static inline void sr_finish_lane(const sr_wide* wide, const uint* copy, ulong position, sr_outcome out) {
    if (out.code != SR_CODE_OK) sr_atomic_add(wide->memory->control + SR_CONTROL_FAULTS, 1u);
    if ((copy[SR_WORD_PRIORITY] & SR_FLAG_QUIET) != 0) return;
    if (sr_is_handled(copy)) sr_fence_output(copy[SR_WORD_OPCODE]); /* A2 */
    sr_complete(wide->ring, position, out);
}

/* The long copy of lane `of`, if `code` says that it is right: by all lanes, since COMPLETED stands still
 * meanwhile. */
static inline void sr_copy_together(const sr_wide* wide, const uint* copy, uint of, uint code) {
    sr_copy each = {0, 0, 0, sr_lane(), SR_SUBGROUP_LANES};
    if (each.lane == of) {
        const uint* const args = sr_args_of(copy);
        each.source = args[0];
        each.destination = args[1];
        each.words = args[2];
    }
    each.source = sr_share(each.source, of);
    each.destination = sr_share(each.destination, of);
    each.words = sr_share(each.words, of);
    const uint words = sr_share(code, of) == SR_CODE_OK ? each.words : 0;
    uint held[SR_AT_ONCE];
    for (uint done = 0; done < words; done += SR_AT_ONCE * SR_SUBGROUP_LANES) {
        sr_read_piece(wide->memory->control, &each, done, held);
        sr_join();
        sr_write_piece(wide->memory->control, &each, done, held);
    }
    sr_join();
}

/* ---- a chunk --------------------------------------------------------------- */

/* One sub-group at a time writes to the debug log. */
static inline void sr_lock(const sr_wide* wide) {
    if (sr_lane() == 0)
        while (sr_cas_device(wide->sched + SR_SCHED_PRINTING, 0, 1u) != 0) sr_nap();
    sr_join();
}
static inline void sr_unlock(const sr_wide* wide) {
    if (sr_lane() == 0) sr_store_device(wide->sched + SR_SCHED_PRINTING, 0);
    sr_join();
}

/* The PRINTFs of the lanes that say so: the debug log crosses the bus once for all of them. Records are in the order
 * of the lanes, and so of the positions. Returns this lane's result. */
static inline uint sr_print_together(const sr_wide* wide, const uint* copy, ulong position, int prints) {
    const uint lane = sr_lane(), all = sr_ballot(prints), n = sr_count(all);
    const uint before = sr_count(all & sr_lanes_below(lane));
    uint written = 0, room = 0;
    sr_lock(wide);
    if (lane == 0) {
        written = wide->memory->log[SR_LOG_WRITTEN / 4u];
        room = sr_log_room(wide->memory, written);
    }
    written = sr_share(written, 0);
    room = sr_share(room, 0);
    const int fits = prints && before < room;
    if (fits) sr_write_record(wide->memory, sr_plus(written, before), (uint)position, sr_args_of(copy));
    sr_join();
    const uint records = room < n ? room : n;
    if (lane == 0) sr_tell_log(wide->memory, records, n - records);
    sr_unlock(wide);
    return fits ? 1u : 0u;
}

/* I1. False if a chunk before this one was cut, or the ring revoked: then this one is not run in this launch. */
static inline int sr_await_issue(const sr_wide* wide, uint chunk) {
    while (sr_ask_own(wide, SR_SCHED_ISSUED) < chunk) { /* G */
        const uint cut = sr_ask_own(wide, SR_SCHED_CUT);
        if ((cut != 0 && cut <= chunk) || sr_is_revoked(wide)) return 0;
        sr_nap();
    }
    return 1;
}

/* I2. False if the ring was revoked. */
static inline int sr_await_retirement(const sr_wide* wide, uint chunk) {
    while (sr_ask_own(wide, SR_SCHED_RETIRED) < chunk) { /* G */
        if (sr_is_revoked(wide)) return 0;
        sr_nap();
    }
    sr_fence_device();
    return 1;
}

/* I3. In front of the chunk's slot `at`. Of several cuts the first one counts. */
static inline void sr_cut(const sr_wide* wide, const sr_chunk* chunk, uint at) {
    if (sr_lane() == 0) {
        __global uint* const cut = sr_own(wide) + SR_SCHED_CUT;
        sr_store(sr_chunk_end(wide, chunk->number), chunk->first + at);
        for (uint seen = sr_load_device(cut); seen == 0 || seen > chunk->number + 1u;) {
            const uint old = sr_cas_device(cut, seen, chunk->number + 1u); /* G */
            if (old == seen) break;
            seen = old;
        }
    }
    sr_mark(wide, chunk->number, SR_CHUNK_CUT);
}

/* The slots of a chunk that run side by side. */
typedef struct {
    uint begin, end; /* lanes */
    int barrier;     /* a barrier by itself, behind everything before it */
    int prints;      /* there are PRINTFs among them */
    int together;    /* a long copy by itself, which all lanes do */
} sr_turn;

/* The turn that begins with lane `begin`, of those that were seen up to `seen`. `barriers`: a bit for each lane that
 * has one. */
static inline sr_turn sr_turn_from(const sr_wide* wide, const uint* copy, uint begin, uint seen, uint* barriers) {
    const int left = sr_lane() >= begin && sr_lane() < seen;
    const uint prints = sr_ballot(left && copy[SR_WORD_OPCODE] == SR_OP_PRINTF);
    const uint copies = SR_SUBGROUP_LANES > 1u ? sr_ballot(left && sr_is_long_copy(copy)) : 0;
    *barriers = sr_ballot(left && !sr_is_hostile(wide->ring) && sr_is_barrier(copy)); /* no tenant may */
    const uint alone = (*barriers | copies) >> begin;
    sr_turn turn;
    turn.begin = begin;
    turn.end = (alone & 1u) != 0 ? begin + 1u : alone == 0 ? seen : begin + sr_lowest(alone);
    turn.barrier = (*barriers >> begin & 1u) != 0;
    turn.prints = (prints & sr_lanes_below(turn.end)) != 0;
    turn.together = (copies >> begin & 1u) != 0;
    return turn;
}

/* Runs a turn, for which I1 and I2 hold. */
static inline void sr_run_turn(const sr_wide* wide, const sr_chunk* chunk, const sr_turn* turn, const uint* copy) {
    const uint lane = sr_lane();
    const ulong position = sr_first(wide) + chunk->first + lane;
    const int runs = lane >= turn->begin && lane < turn->end;
    sr_outcome out = {SR_CODE_OK, 0, 0};
    if (runs) out = sr_run_lane(wide, copy, position);
    if (turn->prints) {
        const int prints = runs && copy[SR_WORD_OPCODE] == SR_OP_PRINTF && out.code == SR_CODE_OK;
        const uint printed = sr_print_together(wide, copy, position, prints);
        if (prints) out.value = printed;
    }
    if (turn->together) sr_copy_together(wide, copy, turn->begin, out.code);
    if (runs) sr_finish_lane(wide, copy, position, out);
    sr_join();
    if (!turn->barrier) return;
    sr_fence_device();
    if (lane == turn->begin && copy[SR_WORD_OPCODE] == SR_OP_SHUTDOWN && out.code == SR_CODE_OK)
        sr_cas_device(wide->sched + SR_SCHED_LEAVE, 0, SR_LEAVE_IDLE);
}

/* A poller has seen all slots of a tenant's chunk published. One that is not any more was taken back: it ends as
 * denied. Whether this lane's slot is such a one; 2: the ring was revoked, and the host may have changed it. */
static inline uint sr_is_taken_back(const sr_wide* wide, const sr_chunk* chunk) {
    if (!sr_is_hostile(wide->ring)) return 0;
    const int gone = !chunk->ready && sr_lane() < chunk->length;
    if (sr_ballot(gone) == 0) return 0;
    if (sr_share(sr_lane() == 0 ? (uint)sr_revoked(sr_lead(wide)) : 0, 0) != 0) return 2u;
    return gone ? 1u : 0;
}

/* P: the chunk's slots up to `end` are terminal. False, and not told, as long as one before the chunk may not be. */
static inline int sr_tell_part(const sr_wide* wide, const sr_chunk* chunk, uint end) {
    if (sr_ask_own(wide, SR_SCHED_RETIRED) != chunk->number) return 0;
    if (sr_lane() == 0) sr_store_device(sr_own(wide) + SR_SCHED_PART, chunk->first + end);
    return 1;
}

/* Runs a chunk turn by turn. One call of the interpreter, and so one copy of it in the kernel. Returns early, with
 * the chunk not finished, in a launch that ends without it: behind a cut, or of a ring that was revoked. */
static inline void sr_run_chunk(const sr_wide* wide, const sr_chunk* chunk, uint* copy) {
    const uint lane = sr_lane(), length = chunk->length, number = chunk->number;
    uint told = 0; /* PART, as an offset in the chunk */
    int ready = chunk->ready || lane >= length, passed = chunk->passed, issued = passed;
    const uint taken_back = sr_is_taken_back(wide, chunk);
    if (taken_back == 2u) return;
    if (taken_back != 0) {
        copy[SR_WORD_OPCODE] = SR_OP_DENIED;
        copy[SR_WORD_PRIORITY] = 0;
        ready = 1;
    }
    sr_take_rights(wide->memory, wide->ring);
    for (uint begin = 0; begin < length;) {
        const uint leading = sr_leading(ready), seen = leading < length ? leading : length;
        if (begin == seen) {
            /* The next slot is not published, though a later one is. Its producer is between two of its steps. */
            const uint leave = sr_ask(wide, SR_SCHED_LEAVE);
            if (leave == SR_LEAVE_REVOKED) return;
            if (leave != 0) {
                sr_cut(wide, chunk, begin);
                return;
            }
            if (!ready) ready = sr_fetch_one(wide->ring, sr_first(wide) + chunk->first + lane, copy);
            if (told != begin && sr_tell_part(wide, chunk, begin)) told = begin;
            continue;
        }
        if (begin != 0 && sr_is_revoked(wide)) return;
        uint barriers;
        const sr_turn turn = sr_turn_from(wide, copy, begin, seen, &barriers);
        /* In the first turn that has the whole chunk: a hole may have been filled late, or a barrier have run. A
         * chunk that passes unasked is brief, and finished as soon. */
        if (!issued && seen == length && barriers == 0) {
            sr_mark(wide, number, SR_CHUNK_ISSUED);
            issued = 1;
        }
        if (!passed && !sr_await_issue(wide, number)) return;
        passed = 1;
        if (turn.barrier && !sr_await_retirement(wide, number)) return;
        sr_run_turn(wide, chunk, &turn, copy);
        begin = turn.end;
        if (begin < length && sr_tell_part(wide, chunk, begin)) told = begin;
    }
    sr_mark(wide, number, SR_CHUNK_FINISHED);
}

#endif
