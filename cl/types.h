/* What a slot's execution may touch, what a custom operation's handler is given, and what a launch drains. */
#ifndef SLIPRING_TYPES_H
#define SLIPRING_TYPES_H

#define SR_MAX_BUFFERS 8u

/* A slot's arguments; a window's without ticket and class. Zero where none was given. */
typedef struct {
    uint word[SR_MAX_ARGS];
} sr_args;

/* A custom operation's own buffers. Whatever indexes them comes from a slot: check it against `bytes`. */
typedef struct {
    uint count;
    __global uchar* at[SR_MAX_BUFFERS];
    ulong bytes[SR_MAX_BUFFERS];
    __global uint* revoked; /* for sr_should_stop; may be null */
} sr_buffers;

/* All memory that an operation may touch, with its bounds. */
typedef struct {
    __global uint* control;
    uint control_words; /* >= SR_OBSERVABLE_BASE */
    const __global uint* table;
    uint table_states; /* 256 words each */
    __global uint* log;
    uint log_mask; /* records - 1 */
    const sr_buffers* buffers; /* of each custom operation, in the order of the host's list */
    uint ringless; /* 1: a slot in a launch of its own, of no ring, beside one that has these control words: see
                    * slipring_once */
} sr_memory;

/* How a slot ended. */
typedef struct {
    uint code;
    uint inner; /* in a packed slot: which operation ended it */
    uint value;
} sr_outcome;

/* A ring in shared memory; capacity a power of two. */
typedef struct {
    __global uchar* base; /* SR_RING_* are offsets into it */
    uint mask;            /* capacity - 1 */
    uint shift;           /* log2 of the capacity */
} sr_ring;

/* When a launch leaves. Times are in the ticks of sr_ticks. */
typedef struct {
    uint launch;  /* this launch's number; never the last one's */
    ulong first;  /* the position that it begins at: COMPLETED, or what that was a moment ago */
    ulong linger; /* how long to look at an empty slot before leaving; 0: leave at the first look */
    ulong epoch;  /* how long to stay, whatever there is to do */
    ulong gap;    /* how long two looks at an empty slot are apart if the core was taken away between; 0: never mind */
} sr_bounds;

#endif
