/* What an operation may touch, how a slot ended, what a launch drains and when it leaves. */
#ifndef SLIPRING_TYPES_H
#define SLIPRING_TYPES_H

#include "handler.h"

/* On a CPU an operation stands beside its caller's registers, not behind a call: PoCL drains 110 M slots/s so, 36 M
 * with calls. NVIDIA's compiler does as it likes. */
#ifdef SR_CACHED
#define SR_INLINE static inline __attribute__((always_inline))
#else
#define SR_INLINE static inline
#endif

#ifdef SR_CACHED
/* Keeps the code of slots that follow each other together: a twentieth of the throughput. */
#define SR_RARELY(condition) __builtin_expect((condition), 0)
#else
#define SR_RARELY(condition) (condition)
#endif

/* All memory that an operation may touch, with its bounds. */
typedef struct {
    __global uint* control;
    uint control_words; /* >= SR_OBSERVABLE_BASE */
    const __global uint* table;
    uint table_states; /* 256 words each */
    __global uint* log;
    uint log_mask;             /* records - 1 */
    const sr_buffers* buffers; /* of each custom operation, in the order of the host's list */
    uint ringless; /* 1: a slot in a launch of its own, of no ring, beside one that has these control words: see
                    * slipring_run_alone */
    __local uchar* local_memory; /* the work-group's local memory, for a team of one */
    uint local_bytes;
    __global uint* now;  /* the host's clock, for deadlines; null: no slot is late */
    sr_running* running; /* of the slot that runs; may be null where there are no tenants */
} sr_memory;

/* How a slot ended. */
typedef struct {
    uint code;
    uint inner; /* in a packed slot: which operation ended it */
    ulong value;
} sr_outcome;

/* A runtime has a ring for each level that is open, and one for each tenant. The rings stand in this order wherever
 * there are several: the highest level first, and of one level the program's own ring in front of its tenants'. The
 * words STOP, REVOKED, LEFT and FAULTS of the program's ring of NORMAL, the lead, are the runtime's. The host says
 * how many rings, tenants and levels that have a ring there are, where the lead stands, and after how many claims a
 * level that waits has been served at the latest: see levels.h. */
#ifndef SR_LEVELS
#define SR_LEVELS 1u
#define SR_LEAD 0u
#define SR_LOWER_EVERY 1u
#endif
#ifndef SR_TENANTS
#define SR_TENANTS 0u
#define SR_RINGS SR_LEVELS
#endif
#ifndef SR_LOOKAHEAD /* IDLE's ring of the program's, if it is not the lead */
#define SR_LOOKAHEAD SR_RINGS
#endif

/* A ring in shared memory; its slots and its completions are powers of two. */
typedef struct {
    __global uchar* base;        /* SR_RING_* are offsets into it */
    __global uchar* slots;       /* those that are read: in it, or in the window, where the host copies each */
    uint mask;                   /* slots - 1 */
    uint shift;                  /* log2 of the slots */
    __global uchar* completions; /* the array */
    uint completions_mask;       /* completions - 1 */
    uint completions_shift;      /* log2 of the completions */
#if SR_TENANTS > 0u
    uint level;  /* of those that have a ring, from 0, the highest */
    uint tenant; /* whose ring it is: its row in the tenants' table, from 1; 0: the program's own */
#endif
} sr_ring;
static inline sr_ring sr_ring_of(__global uchar* base, uint mask, uint shift, uint completions_shift) {
    sr_ring ring = {base,
                    base + SR_RING_SLOTS,
                    mask,
                    shift,
                    base + SR_RING_SLOTS + ((ulong)mask + 1u) * SR_SLOT_BYTES,
                    (1u << completions_shift) - 1u,
                    completions_shift,
#if SR_TENANTS > 0u
                    0,
                    0
#endif
    };
    return ring;
}

/* The next position of each ring. */
typedef struct {
    ulong at[SR_RINGS];
} sr_heads;

/* When a launch leaves. Times are in the ticks of sr_ticks. */
typedef struct {
    uint launch;        /* this launch's number; never the last one's */
    ulong first;        /* the position that it begins at: COMPLETED, or what that was a moment ago */
    ulong idle_timeout; /* how long to look at an empty slot before leaving; 0: leave at the first look */
    ulong max_time;     /* how long to stay, whatever there is to do */
    ulong crowded_gap;  /* two looks at an empty slot that are further apart lost the core between; 0: never mind */
} sr_bounds;

#endif
