/* The desk: what the units of a wide launch tell each other, in words of device memory. Zeroed once; each launch leaves it
 * ready for the next. Each word is on a line of its own. entry.h and wide.h say who writes what. */
#ifndef SLIPRING_DESK_H
#define SLIPRING_DESK_H

#define SR_DESK_BASE 0u       /* the number of this launch's first entry; below, entries are counted from it */
#define SR_DESK_ARRIVED 32u   /* groups that have begun */
#define SR_DESK_STAGE 64u     /* SR_STAGE_*, decided once */
#define SR_DESK_CLAIMED 96u   /* entries that were claimed */
#define SR_DESK_EMPTY 128u    /* 1 + entries that were claimed when a poller found nothing more */
#define SR_DESK_GATE 160u     /* entries, from the first on, that are scanned */
#define SR_DESK_DONE 192u     /* ... that are done */
#define SR_DESK_CUT 224u      /* 1 + the entry that was cut */
#define SR_DESK_LEAVE 256u    /* SR_LEAVE_*, the first that was said: claim nothing more */
#define SR_DESK_CLOSED 288u   /* 1 + the entries that were claimed, once none will be */
#define SR_DESK_OVER 320u     /* 1: there is nothing more to take */
#define SR_DESK_PART 352u     /* offset of the first slot, of the first entry that is not done, that may not be terminal */
#define SR_DESK_GONE 384u     /* units that have left */
#define SR_DESK_QUEUED 416u   /* items put into the queue, ever */
#define SR_DESK_TAKEN 448u    /* items that workers have asked for, ever */
#define SR_DESK_PRINTING 480u /* 1: a unit writes to the debug log */
#define SR_DESK_TABLES 512u   /* then flags, ends and queue: 1, 1 and 4 words for each slot of the ring */

#define SR_DESK_WORDS(capacity) (SR_DESK_TABLES + 6u * (capacity))

#define SR_STAGE_POLLED 1u /* a poller has begun */
#define SR_STAGE_ALONE 2u  /* none has in time, and none will */

#define SR_LEAVE_IDLE 1u
#define SR_LEAVE_BUSY 2u /* told to, or after an epoch: there may be more to do */
#define SR_LEAVE_REVOKED 3u /* the ring was revoked: run nothing more, wait for nothing more; replaces the others */

#define SR_ENTRY_SCANNED 1u
#define SR_ENTRY_DONE 2u
#define SR_ENTRY_CUT 3u /* done up to its end, which is where it was cut */

#define SR_MOST_SLOTS (1u << 30) /* of a launch: offsets are 32 bits */
#define SR_MOST_HEAT 3u
#define SR_CLERK_ROUNDS 8u
/* Looks for a poller, which may be in a group that does not begin; a CPU's threads begin late if it is busy. */
#if defined(SR_ALONE_AFTER)
#elif defined(SR_CACHED)
#define SR_ALONE_AFTER (1u << 18)
#else
#define SR_ALONE_AFTER (1u << 16)
#endif

#endif
