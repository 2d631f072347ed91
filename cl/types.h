/* What a slot's execution may touch, and what a custom operation's handler is given. */
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
} sr_memory;

/* How a slot ended. */
typedef struct {
    uint code;
    uint inner; /* in a packed slot: which operation ended it */
    uint value;
} sr_outcome;

#endif
