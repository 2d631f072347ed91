/* What a tenant may do: its row in the table of tenants, which the host writes into control words that no operation
 * can write. A slot is its ring's tenant's, and the program's in a ring of the program's own, whatever its word says;
 * a slot that names another one is denied, like an operation outside the tenant's rights. */
#ifndef SLIPRING_TENANTS_H
#define SLIPRING_TENANTS_H

#include "abi.h"
#include "atomics.h"
#include "types.h"

#if SR_TENANTS > 0u

/* A custom operation's bit among a tenant's rights: its place in the host's list; SR_MAX_TENANT_OPS or more if there
 * is no such operation. The host writes its cases behind the handlers' source. */
static uint sr_op_number(uint opcode);

/* The row of tenant `number`, from 1; null for 0, the program. */
static inline __global uint* sr_row(const sr_memory* memory, uint number) {
    if (number == 0) return 0;
    return memory->control + SR_CONTROL_TENANTS + (number - 1u) * SR_TENANT_WORDS;
}

/* From here on slots of that ring run, */
static inline void sr_take_rights(const sr_memory* memory, const sr_ring* ring) {
    memory->running->rights = sr_row(memory, ring->tenant);
}
/* or of that row: what one lane tells the others of its team. */
static inline uint sr_row_number(const sr_memory* memory) {
    __global uint* const row = memory->running->rights;
    return row == 0 ? 0 : (uint)(row - sr_row(memory, 1u)) / SR_TENANT_WORDS + 1u;
}
static inline void sr_take_row(const sr_memory* memory, uint number) {
    memory->running->rights = sr_row(memory, number);
}

/* Whoever can write the ring is not trusted: nothing there stays what it was a moment ago. */
static inline int sr_is_hostile(const sr_ring* ring) { return ring->tenant != 0; }

/* The share of its level that the ring has. */
static inline uint sr_weight(const sr_memory* memory, const sr_ring* ring) {
    __global uint* const row = sr_row(memory, ring->tenant);
    const uint weight = row == 0 ? 1u : sr_load(row + SR_TENANT_RIGHTS) >> SR_TENANT_WEIGHT_SHIFT;
    return weight == 0 ? 1u : weight;
}

/* Of a slot in a launch of its own, which is of no ring, the word says whose it is. */
static inline __global uint* sr_row_of(const sr_memory* memory, uint tenant) {
    for (uint number = 1u; tenant != 0 && number <= SR_TENANTS; ++number)
        if (sr_load(sr_row(memory, number) + SR_TENANT_ID) == tenant) return sr_row(memory, number);
    return 0;
}

/* [first, first + count) lies in the range of a row that begins at `range`: first word, number of words. Both are
 * read at once: forged slots run while their tenant is declared again, and no two halves are to make a range. */
static inline int sr_in_range(__global uint* range, uint first, uint count) {
    const ulong both = sr_load_host64((__global ulong*)range);
    const uint from = (uint)both, words = (uint)(both >> 32);
    return first >= from && count <= words && first - from <= words - count;
}

/* The same for word `out` of those that operations may write. */
static inline int sr_out_in_range(__global uint* range, uint out) {
    return out <= 0xFFFFFFFFu - SR_OBSERVABLE_BASE && sr_in_range(range, SR_OBSERVABLE_BASE + out, 1u);
}

/* Whether a tenant with this row may run the operation on these arguments. What only ends a slot needs no right. */
SR_INLINE int sr_may(__global uint* row, uint opcode, const uint* args) {
    __global uint *const reads = row + SR_TENANT_READS, *const writes = row + SR_TENANT_WRITES;
    const uint rights = sr_load(row + SR_TENANT_RIGHTS);
    if (opcode <= SR_OP_LAST_BUILTIN) {
        if ((rights >> opcode & 1u) == 0) return 0;
        switch (opcode) {
            case SR_OP_STORE_U32:
            case SR_OP_ATOMIC_ADD: return sr_in_range(writes, args[1], 1u);
            case SR_OP_LOAD_U32: return sr_in_range(reads, args[0], 1u) && sr_out_in_range(writes, args[1]);
            case SR_OP_COMPARE_SWAP: return sr_in_range(writes, args[0], 1u);
            case SR_OP_MEMCPY: return sr_in_range(reads, args[0], args[2]) && sr_in_range(writes, args[1], args[2]);
            case SR_OP_DFA_STEP: return sr_out_in_range(writes, args[2]);
            default: return opcode == SR_OP_NOP;
        }
    }
    switch (opcode) {
        case SR_OP_LOST:
        case SR_OP_CANCELLED:
        case SR_OP_LATE: return 1;
        case SR_OP_PRINTF: return (rights & SR_TENANT_MAY_PRINT) != 0;
        case SR_OP_SHUTDOWN: return 0;
        default: break;
    }
    const uint number = sr_op_number(opcode);
    return number < SR_MAX_TENANT_OPS && (sr_load(row + SR_TENANT_OPS + number / 32u) >> number % 32u & 1u) != 0;
}

/* Whether a copied slot is of the tenant whose ring it came from. */
SR_INLINE int sr_is_of_its_ring(const uint* copy, const sr_memory* memory) {
    if (memory->ringless != 0) memory->running->rights = sr_row_of(memory, copy[SR_WORD_TENANT]);
    __global uint* const row = memory->running->rights;
    return copy[SR_WORD_TENANT] == (row == 0 ? 0u : sr_load(row + SR_TENANT_ID));
}

/* Whether the running slot's tenant may not run the operation. */
SR_INLINE int sr_is_denied(uint opcode, const uint* args, const sr_memory* memory) {
    __global uint* const row = memory->running->rights;
    return row != 0 && !sr_may(row, opcode, args);
}

#else /* no tenants: nothing is asked, and a slot's tenant is a word that nothing looks at */

SR_INLINE void sr_take_rights(const sr_memory* memory, const sr_ring* ring) { (void)memory, (void)ring; }
SR_INLINE uint sr_row_number(const sr_memory* memory) { return (void)memory, 0; }
SR_INLINE void sr_take_row(const sr_memory* memory, uint number) { (void)memory, (void)number; }
SR_INLINE int sr_is_hostile(const sr_ring* ring) { return (void)ring, 0; }
SR_INLINE int sr_is_of_its_ring(const uint* copy, const sr_memory* memory) { return (void)copy, (void)memory, 1; }
SR_INLINE int sr_is_denied(uint opcode, const uint* args, const sr_memory* memory) {
    return (void)opcode, (void)args, (void)memory, 0;
}

#endif

#endif
