/* What the handler of a custom operation is given, and may call: its arguments, its buffers, whether it should stop,
 * the atomics of atomics.h, and every built-in function of OpenCL C 1.2 but printf, barriers and those of images. A
 * handler's source stands behind this file and all that it includes.
 *
 * A handler is run by one lane. A team operation is run by all lanes of a work-group, which share its local memory.
 *
 * To check a handler's source in an editor or a build, before a device does:
 *
 *   clang -x cl -cl-std=CL1.2 -include slipring/handler.h -fsyntax-only my_handler.cl */
#ifndef SLIPRING_HANDLER_H
#define SLIPRING_HANDLER_H

#include "abi.h"
#include "atomics.h"

/* A slot's arguments; a window's without ticket and class. Zero where none was given. */
typedef struct {
    uint word[SR_MAX_ARGS];
} sr_args;

/* Words i and i + 1 as one value, the low half first: how slipring::arguments() packs 64 bits. Else 0. */
static inline ulong sr_arg64(sr_args a, uint i) {
    return i < SR_MAX_ARGS - 1u ? (ulong)a.word[i + 1u] << 32 | a.word[i] : 0;
}

/* What is the running slot's own. `rights` is its tenant's row in the table of tenants (see abi.h), whose first word
 * is the tenant's id; null: the slot is the program's own. */
typedef struct {
    uint due; /* its deadline */
    __global uint* rights;
} sr_running;

/* A custom operation's buffers. Whatever indexes them comes from a slot: check it against `bytes`. */
typedef struct {
    uint count;
    __global uchar* at[SR_MAX_BUFFERS];
    ulong bytes[SR_MAX_BUFFERS];
    __global uint* revoked;    /* for sr_should_stop; may be null. The host's clock is the word behind it */
    const sr_running* running; /* may be null */
} sr_buffers;

/* The tenant whose slot runs; 0: the program itself. Where no tenants are declared, always 0. */
static inline uint sr_tenant(const sr_buffers* b) {
    return b->running != 0 && b->running->rights != 0 ? sr_load(b->running->rights) : 0;
}

/* Whether the tick `due` is over at `now`; see abi.h. */
static inline int sr_is_over(uint due, uint now) {
    return (sr_minus(now, due) & SR_TICKS_MASK) <= SR_TICKS_MASK / 2u;
}

/* True once the slot's deadline is over, or the host has given this kernel up and may go on elsewhere: a handler
 * whose loop may take long asks now and then, and returns. What it returns ends the slot; of a kernel that was given
 * up, only if it returns before recover() looks, and else the slot ends as DEVICE_LOST. Costs a load of a line that
 * stays in a CPU's cache; on a GPU one over the bus, 1.15 us, and two for a slot with a deadline. */
static inline int sr_should_stop(const sr_buffers* b) {
    if (b->revoked == 0) return 0;
    if (sr_load_host(b->revoked) != 0) return 1;
    const uint due = b->running != 0 ? b->running->due : 0;
    return due != 0 && sr_is_over(due, sr_load_host(b->revoked + 1));
}

/* Lanes that run a slot of a team operation together, all of them with the same arguments:
 *
 *   uint NAME(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result)
 *
 * The slot's result is lane 0's `*result`. Its code is that of the lowest lane whose code is not OK, else OK. What is
 * in the local memory when a slot begins is not known.
 *
 * Where a team has one lane, as on a CPU, `width` is 1. */
typedef struct {
    uint lane;  /* this one, below `width` */
    uint width; /* lanes */
    __local uchar* local_memory;
    uint local_bytes;
} sr_team;

/* Waits until all lanes of the team are here; what each wrote before, all of them see behind it. Every lane must
 * reach the same barriers, as often and in the same order: one that returns early halts the device.
 * So where lanes wait for each other one of them asks sr_should_stop, and says it to all in local memory. */
#if defined(__NV_CL_C_VERSION)
#define SR_TEAM_BARRIER(team) barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#elif !defined(SR_TEAM_BARRIER) /* natively a test's; elsewhere a team has one lane, and PoCL takes no barrier here */
#define SR_TEAM_BARRIER(team) ((void)(team))
#endif
static inline void sr_team_barrier(const sr_team* team) {
    if (team->width > 1u) SR_TEAM_BARRIER(team);
}

/* The codes that a handler may return: OK, BAD_ARGUMENT, OUT_OF_RANGE and its own. Others are slipring's to say, of
 * slots that no handler ran. */
static inline uint sr_handler_code(uint code) {
    const int own = code >= SR_CODE_FIRST_CUSTOM && code <= 0xFFu;
    return code == SR_CODE_OK || code == SR_CODE_OUT_OF_RANGE || own ? code : SR_CODE_BAD_ARGUMENT;
}

#endif
