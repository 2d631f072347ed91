/* The interpreter: what a copied slot means. Barrier-free, and a function of the copy and of the memory in sr_memory.
 *
 * Everything in the slot is hostile: each index is checked against the bound that the host gave, with arithmetic that
 * cannot wrap. One slot's faults are its own.
 *
 * A BATCH_FENCE has nothing to wait for here, and without a ring nothing to do: the wrappers begin it when every
 * earlier slot is terminal, serial.h since it runs slots one after the other, worker.h since it looks for them with
 * sr_is_barrier. One of them at a time writes to the debug log. */
#ifndef SLIPRING_OPS_H
#define SLIPRING_OPS_H

#include "abi.h"
#include "atomics.h"
#include "handler.h"
#include "tenants.h"
#include "types.h"

/* Custom operations; the host writes its cases behind the handlers' source. UNKNOWN_OPCODE, or what sr_handler_code
 * made of a handler's code. */
static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, ulong* value);

/* Team operations, of which sr_custom knows nothing; the host writes their cases as well. sr_custom_team is called by
 * all lanes of the team. */
static int sr_is_team(uint opcode);
static uint sr_custom_team(uint opcode, const uint* args, const sr_memory* memory, const sr_team* team, ulong* value);

/* Whether the operation writes memory that the host sees in place; a packed slot may. Across a bus that is more work
 * than to write the device's own; the host writes the cases there. */
#ifdef __NV_CL_C_VERSION
static int sr_writes_shared(uint opcode);
#else
static inline int sr_writes_shared(uint opcode) { return (void)opcode, 1; }
#endif

/* A team of one lane, where a lane runs slots one after the other: on a CPU, and in serial.h. */
static inline uint sr_custom_team_of_one(uint opcode, const uint* args, const sr_memory* memory, ulong* value) {
    const sr_team team = {0, 1u, memory->local_memory, memory->local_bytes};
    return sr_custom_team(opcode, args, memory, &team, value);
}

/* [first, first + count) lies below `bound`. */
static inline int sr_inside(uint first, uint count, uint bound) { return count <= bound && first <= bound - count; }

/* The same, and above the system's words: operations may read those, not write them. */
static inline int sr_writable(uint first, uint count, uint bound) {
    return first >= SR_OBSERVABLE_BASE && sr_inside(first, count, bound);
}

/* A slot's deadline, or 0. */
static inline uint sr_due_of(const uint* copy) { return copy[SR_WORD_PRIORITY] >> SR_DEADLINE_SHIFT; }

/* A slot's arguments, without ticket and class. */
static inline const uint* sr_args_of(const uint* copy) {
    return copy + SR_WORD_ARGS + ((copy[SR_WORD_PRIORITY] & SR_FLAG_WINDOWED) != 0 ? SR_WINDOW_PREFIX : 0u);
}

/* Which way a copy goes, so that no word is overwritten before it was read. */
static inline int sr_goes_up(uint source, uint destination) { return destination <= source; }

#define SR_AT_ONCE 16u /* words that a lane has under way: a load takes a GPU as long for one as for all of them */

/* A copy as memmove's, by `lanes` lanes that do it together, in pieces of SR_AT_ONCE words a lane. All lanes have
 * read their part of a piece before one of them writes; and what a later piece reads, an earlier one does not
 * write. */
typedef struct {
    uint source, destination, words;
    uint lane, lanes;
} sr_copy;

/* The word that a lane has as its `k`th of the piece that begins behind `done` words; false where there is none. */
static inline int sr_word_of_piece(const sr_copy* copy, uint done, uint k, uint* word) {
    const uint left = copy->words - done, i = k * copy->lanes + copy->lane;
    if (i >= left) return 0;
    *word = sr_goes_up(copy->source, copy->destination) ? done + i : left - 1u - i;
    return 1;
}
static inline void sr_read_piece(__global uint* control, const sr_copy* copy, uint done, uint* held) {
    uint word;
    for (uint k = 0; k < SR_AT_ONCE; ++k)
        if (sr_word_of_piece(copy, done, k, &word)) held[k] = sr_load(control + copy->source + word);
}
static inline void sr_write_piece(__global uint* control, const sr_copy* copy, uint done, const uint* held) {
    uint word;
    for (uint k = 0; k < SR_AT_ONCE; ++k)
        if (sr_word_of_piece(copy, done, k, &word)) sr_store(control + copy->destination + word, held[k]);
}

/* By one lane. The longest, 2^24 words, takes a GPU's a second; one word at a time it would take ten. A CPU's core
 * looks ahead by itself. */
static inline void sr_memcpy(__global uint* control, uint source, uint destination, uint words) {
#ifdef SR_CACHED
    if (sr_goes_up(source, destination))
        for (uint i = 0; i < words; ++i) sr_store(control + destination + i, sr_load(control + source + i));
    else
        for (uint i = words; i > 0; --i) sr_store(control + destination + i - 1, sr_load(control + source + i - 1));
#else
    const sr_copy copy = {source, destination, words, 0, 1u};
    uint held[SR_AT_ONCE];
    for (uint done = 0; done < words; done += SR_AT_ONCE) {
        sr_read_piece(control, &copy, done, held);
        sr_write_piece(control, &copy, done, held);
    }
#endif
}

static inline uint sr_check_memcpy(const uint* args, uint bound) {
    if (!sr_inside(args[0], args[2], bound)) return SR_CODE_OUT_OF_RANGE;
    return sr_writable(args[1], args[2], bound) ? SR_CODE_OK : SR_CODE_OUT_OF_RANGE;
}

/* How many records the debug log has room for, behind the `written` that were ever written. A full log is never
 * overwritten. */
static inline uint sr_log_room(const sr_memory* memory, uint written) {
    /* L: synchronizes with the host's release in read_log: it has read the records that are overwritten. */
    const uint waiting = sr_minus(written, sr_load_acquire(memory->log + SR_LOG_CONSUMED / 4u));
    return waiting > memory->log_mask ? 0 : memory->log_mask + 1u - waiting;
}
/* Writes record number `number`. `position` is the low word of the slot's. */
static inline void sr_write_record(const sr_memory* memory, uint number, uint position, const uint* args) {
    __global uint* const record =
        memory->log + SR_LOG_RECORDS / 4u + (number & memory->log_mask) * SR_LOG_RECORD_WORDS;
    record[0] = args[0];
    record[1] = args[1];
    record[2] = args[2];
    record[3] = position;
}
/* Tells the host of `records` more records, which are written, and of `drops` more PRINTFs without one. */
static inline void sr_tell_log(const sr_memory* memory, uint records, uint drops) {
    __global uint* const written = memory->log + SR_LOG_WRITTEN / 4u; /* this side alone writes both */
    __global uint* const dropped = memory->log + SR_LOG_DROPPED / 4u;
    if (drops != 0) sr_store_release(dropped, sr_plus(*dropped, drops));
    /* L: synchronizes with the host's acquire in read_log */
    if (records != 0) sr_store_release(written, sr_plus(*written, records));
}

/* One record, or one drop. */
static inline uint sr_print(const sr_memory* memory, uint position, const uint* args) {
    const uint written = memory->log[SR_LOG_WRITTEN / 4u];
    const uint fits = sr_log_room(memory, written) != 0 ? 1u : 0;
    if (fits != 0) sr_write_record(memory, written, position, args);
    sr_tell_log(memory, fits, 1u - fits);
    return fits;
}

/* For the handler that runs next, which asks sr_should_stop. */
static inline void sr_tell_due(const sr_memory* memory, uint due) {
    if (memory->running != 0) memory->running->due = due;
}

/* One operation on 12 argument words. `due`: the slot's deadline. Returns a code; `value` is the result. `teams`: a
 * team operation is run by a team of one. */
SR_INLINE uint sr_execute(uint opcode, const uint* args, uint due, uint position, const sr_memory* memory, int teams,
                          ulong* value) {
    __global uint* const control = memory->control;
    const uint words = memory->control_words;
    if (sr_is_denied(opcode, args, memory)) return SR_CODE_DENIED;
    switch (opcode) {
        case SR_OP_NOP:
        case SR_OP_SHUTDOWN: /* the wrapper leaves behind it */ return SR_CODE_OK;
        case SR_OP_STORE_U32:
            if (!sr_writable(args[1], 1, words)) return SR_CODE_OUT_OF_RANGE;
            *value = args[0];
            sr_store(control + args[1], args[0]);
            return SR_CODE_OK;
        case SR_OP_ATOMIC_ADD:
            if (!sr_writable(args[1], 1, words)) return SR_CODE_OUT_OF_RANGE;
            *value = sr_atomic_add(control + args[1], args[0]);
            return SR_CODE_OK;
        case SR_OP_LOAD_U32:
            if (!sr_inside(args[0], 1, words)) return SR_CODE_OUT_OF_RANGE;
            if (!sr_inside(args[1], 1, words - SR_OBSERVABLE_BASE)) return SR_CODE_OUT_OF_RANGE;
            *value = sr_load(control + args[0]);
            sr_store(control + SR_OBSERVABLE_BASE + args[1], (uint)*value);
            return SR_CODE_OK;
        case SR_OP_COMPARE_SWAP:
            if (!sr_writable(args[0], 1, words)) return SR_CODE_OUT_OF_RANGE;
            *value = sr_atomic_cas(control + args[0], args[1], args[2]);
            return SR_CODE_OK;
        case SR_OP_MEMCPY:
            if (sr_check_memcpy(args, words) != SR_CODE_OK) return SR_CODE_OUT_OF_RANGE;
            sr_memcpy(control, args[0], args[1], args[2]);
            *value = args[2];
            return SR_CODE_OK;
        case SR_OP_DFA_STEP:
            if (args[1] > 0xFFu) return SR_CODE_BAD_ARGUMENT;
            if (args[0] >= memory->table_states) return SR_CODE_OUT_OF_RANGE;
            if (!sr_inside(args[2], 1, words - SR_OBSERVABLE_BASE)) return SR_CODE_OUT_OF_RANGE;
            *value = memory->table[(ulong)args[0] * 256u + args[1]];
            sr_store(control + SR_OBSERVABLE_BASE + args[2], (uint)*value);
            return SR_CODE_OK;
        case SR_OP_BATCH_FENCE:
            if (memory->ringless != 0) return SR_CODE_OK;
            /* At once, since fences of several rings may run side by side. */
            *value = sr_plus(sr_atomic_add(control + SR_CONTROL_EPOCH, 1u), 1u);
            sr_store(control + SR_CONTROL_FENCE_TAG, args[1]);
            return SR_CODE_OK;
        case SR_OP_PRINTF: *value = sr_print(memory, position, args); return SR_CODE_OK;
        case SR_OP_CANCELLED: return SR_CODE_CANCELLED;
        case SR_OP_LATE: return SR_CODE_DEADLINE;
        case SR_OP_LOST: /* the host's own, see abi.h; a user that publishes it gets this code as well */
            return SR_CODE_DEVICE_LOST;
        default:
            sr_tell_due(memory, due);
            if (!sr_is_team(opcode)) return sr_custom(opcode, args, memory, value);
            return teams ? sr_custom_team_of_one(opcode, args, memory, value) : SR_CODE_NO_TEAM;
    }
}

static inline uint sr_byte(const uint* args, uint i) { return args[i / 4u] >> (8u * (i % 4u)) & 0xFFu; }

/* Op i's first argument word, counted from the end of the table; for i == count the end of the last op's. */
static inline uint sr_packed_offset(const uint* args, uint i, uint count) {
    return i < count ? sr_byte(args, SR_PACKED_BYTE_TABLE + 2u * i + 1u) : sr_byte(args, SR_PACKED_BYTE_WORDS);
}

/* Up to 11 operations, in order, until one faults. The whole table is checked before the first runs. Each gets its
 * own arguments, and zero where it was given none: as a slot of its own would. None may be a team's: on a GPU one
 * lane runs them all. */
static inline sr_outcome sr_execute_packed(const uint* args, uint due, uint position, const sr_memory* memory) {
    sr_outcome out = {SR_CODE_BAD_ARGUMENT, 0, 0};
    const uint count = sr_byte(args, SR_PACKED_BYTE_OPS);
    if (count > SR_PACKED_MAX_OPS) return out;
    const uint table_words = (SR_PACKED_BYTE_TABLE + 2u * count + 3u) / 4u;
    if (sr_packed_offset(args, 0, count) != 0) return out;
    for (uint i = 0; i < count; ++i)
        if (sr_packed_offset(args, i, count) > sr_packed_offset(args, i + 1u, count)) return out;
    /* Offsets only grow, so the last end bounds them all. */
    if (sr_packed_offset(args, count, count) > SR_MAX_ARGS - table_words) return out;

    out.code = SR_CODE_OK;
    for (uint i = 0; i < count && out.code == SR_CODE_OK; ++i) {
        const uint first = table_words + sr_packed_offset(args, i, count);
        const uint end = table_words + sr_packed_offset(args, i + 1u, count);
        uint own[SR_MAX_ARGS];
        for (uint k = 0; k < SR_MAX_ARGS; ++k) own[k] = first + k < end ? args[first + k] : 0u;
        out.inner = i;
        out.value = 0;
        out.code =
            sr_execute(sr_byte(args, SR_PACKED_BYTE_TABLE + 2u * i), own, due, position, memory, 0, &out.value);
    }
    return out;
}

/* Begins when everything before it has ended, and what comes behind begins when it has ended itself. */
static inline int sr_is_barrier(const uint* copy) {
    const uint opcode = copy[SR_WORD_OPCODE];
    if (opcode != SR_OP_PACKED_SLOT) return opcode == SR_OP_BATCH_FENCE || opcode == SR_OP_SHUTDOWN;
    const int windowed = (copy[SR_WORD_PRIORITY] & SR_FLAG_WINDOWED) != 0;
    const uint* const args = copy + SR_WORD_ARGS + (windowed ? SR_WINDOW_PREFIX : 0u);
    const uint count = sr_byte(args, SR_PACKED_BYTE_OPS);
    for (uint i = 0; i < count && i < SR_PACKED_MAX_OPS; ++i)
        if (sr_byte(args, SR_PACKED_BYTE_TABLE + 2u * i) == SR_OP_BATCH_FENCE) return 1;
    return 0;
}

/* Takes no time to speak of: a few words, and no handler's code. */
static inline int sr_is_brief(const uint* copy) {
    return copy[SR_WORD_OPCODE] <= SR_OP_COMPARE_SWAP || copy[SR_WORD_OPCODE] == SR_OP_CANCELLED;
}

#define SR_BRIEF_WORDS (SR_WORD_ARGS + SR_WINDOW_PREFIX + 3u) /* of a slot, that a brief operation may need */

/* May take as long as a handler's code or a long copy does. */
static inline int sr_may_be_slow(const uint* copy) {
    const uint opcode = copy[SR_WORD_OPCODE];
    return opcode == SR_OP_PACKED_SLOT || opcode == SR_OP_MEMCPY ||
           (opcode > SR_OP_LAST_BUILTIN && opcode < SR_OP_HIGH_BIT);
}

/* A MEMCPY that a lane does not do alone if there are others: see sr_run_chunk. One inside a packed slot it does. */
#define SR_LONG_COPY 1024u
static inline int sr_is_long_copy(const uint* copy) {
    return copy[SR_WORD_OPCODE] == SR_OP_MEMCPY && sr_args_of(copy)[2] > SR_LONG_COPY;
}

/* A slot that a team runs, where there are teams. */
static inline int sr_is_for_team(const uint* copy) {
    return sr_is_team(copy[SR_WORD_OPCODE]) || sr_is_long_copy(copy);
}

/* Whether priority, flags and class are ones that there are; then `args` are the slot's arguments, without ticket and
 * class. */
static inline int sr_is_well_formed(const uint* copy, const uint** args) {
    const uint attributes = copy[SR_WORD_PRIORITY];
    if ((attributes & SR_PRIORITY_MASK) > SR_PRIORITY_IDLE) return 0;
    if ((attributes & SR_FLAGS_MASK & ~(SR_FLAG_WINDOWED | SR_FLAG_QUIET)) != 0) return 0;
    *args = copy + SR_WORD_ARGS;
    if ((attributes & SR_FLAG_WINDOWED) == 0) return 1;
    if ((*args)[1] > SR_CLASS_LOOKAHEAD) return 0;
    *args += SR_WINDOW_PREFIX;
    return 1;
}

/* Whether a copied slot has not begun in time. Asked once, by whoever is about to run it. What was cancelled stays
 * that. */
static inline int sr_is_late(const uint* copy, const sr_memory* memory) {
    const uint due = sr_due_of(copy);
    if (due == 0 || memory->now == 0 || copy[SR_WORD_OPCODE] == SR_OP_CANCELLED) return 0;
    return sr_is_over(due, sr_load_host(memory->now));
}

/* What says that a slot is not to be run, before it has any effect; or OK, and then `args` are its arguments. On a
 * CPU a slot with a deadline goes behind a call: one more test of each slot costs the drain a fifteenth, and this is
 * one that sr_is_well_formed would make. */
#ifdef SR_CACHED
__attribute__((noinline))
#endif
static uint
sr_check_with_clock(const uint* copy, const sr_memory* memory, const uint** args) {
    if (!sr_is_well_formed(copy, args)) return SR_CODE_BAD_ARGUMENT;
    return sr_is_late(copy, memory) ? SR_CODE_DEADLINE : SR_CODE_OK;
}
SR_INLINE uint sr_check(const uint* copy, const sr_memory* memory, const uint** args) {
    const uint common = SR_PRIORITY_MASK | SR_FLAG_WINDOWED | SR_FLAG_QUIET;
    if (SR_RARELY((copy[SR_WORD_PRIORITY] & ~common) != 0)) return sr_check_with_clock(copy, memory, args);
    return sr_is_well_formed(copy, args) ? SR_CODE_OK : SR_CODE_BAD_ARGUMENT;
}

/* The same, and whether the slot is its ring's tenant's. */
SR_INLINE uint sr_check_slot(const uint* copy, const sr_memory* memory, const uint** args) {
    return sr_is_of_its_ring(copy, memory) ? sr_check(copy, memory, args) : SR_CODE_DENIED;
}

/* A whole slot. `copy` is its 16 words and two zero words behind them, which stand in for the arguments that a
 * window's entry does not have once ticket and class are off. `together`: by one of many lanes; then a long copy that
 * is right is OK and left to be done, and a team operation is none of this lane's. */
static inline sr_outcome sr_run_slot_but(const uint* copy, uint position, const sr_memory* memory, int together) {
    sr_outcome out = {SR_CODE_OK, 0, 0};
    const uint* args;
    out.code = sr_check_slot(copy, memory, &args);
    if (out.code != SR_CODE_OK) return out;
    const uint due = sr_due_of(copy);
    if (copy[SR_WORD_OPCODE] == SR_OP_PACKED_SLOT) return sr_execute_packed(args, due, position, memory);
    if (together && sr_is_long_copy(copy)) {
        out.code =
            sr_is_denied(SR_OP_MEMCPY, args, memory) ? SR_CODE_DENIED : sr_check_memcpy(args, memory->control_words);
        out.value = out.code == SR_CODE_OK ? args[2] : 0u;
        return out;
    }
    out.code = sr_execute(copy[SR_WORD_OPCODE], args, due, position, memory, !together, &out.value);
    return out;
}
static inline sr_outcome sr_run_slot(const uint* copy, uint position, const sr_memory* memory) {
    return sr_run_slot_but(copy, position, memory, 0);
}

/* A brief slot without a deadline, of which SR_BRIEF_WORDS words are here. A GPU keeps them in registers, since no
 * index into them depends on what they say. A whole copy lies in memory, and a lone slot's round trip takes 0.2 us
 * longer. */
static inline sr_outcome sr_run_brief(const uint* words, uint position, const sr_memory* memory) {
    sr_outcome out = {SR_CODE_BAD_ARGUMENT, 0, 0};
    const uint* whole; /* not used: it depends on a flag */
    if (!sr_is_of_its_ring(words, memory)) out.code = SR_CODE_DENIED;
    if (out.code == SR_CODE_DENIED || !sr_is_well_formed(words, &whole) || !sr_is_brief(words)) return out;
    const int windowed = (words[SR_WORD_PRIORITY] & SR_FLAG_WINDOWED) != 0;
    uint args[SR_MAX_ARGS] = {0};
    for (uint i = 0; i < 3u; ++i)
        args[i] = windowed ? words[SR_WORD_ARGS + SR_WINDOW_PREFIX + i] : words[SR_WORD_ARGS + i];
    out.code = sr_execute(words[SR_WORD_OPCODE], args, 0, position, memory, 0, &out.value);
    return out;
}

#endif
