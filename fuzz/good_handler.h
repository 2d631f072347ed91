/* What a handler does with hostile arguments: see cl/handler.h. */
#ifndef SLIPRING_FUZZ_GOOD_HANDLER_H
#define SLIPRING_FUZZ_GOOD_HANDLER_H

#include "../cl/handler.h"
#include "handler_args.h"

static inline uint check_part(sr_args a, const sr_buffers* b) {
    if (a.word[arg_which] >= b->count) return SR_CODE_BAD_ARGUMENT;
    const ulong offset = sr_arg64(a, arg_offset), bytes = b->bytes[a.word[arg_which]];
    return offset <= bytes && sr_arg64(a, arg_length) <= bytes - offset ? SR_CODE_OK : SR_CODE_OUT_OF_RANGE;
}

/* A lane's share of what check_part found right. */
static inline void write_part(sr_args a, const sr_buffers* b, uint lane, uint width) {
    __global uchar* const part = b->at[a.word[arg_which]] + sr_arg64(a, arg_offset);
    for (ulong i = lane; i < sr_arg64(a, arg_length); i += width) part[i] = (uchar)((a.word[arg_what] + i) & 0xFFu);
}

#endif
