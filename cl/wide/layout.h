/* Where the words of the scheduler state lie, and what they say; state.h has their invariants. The host needs the
 * size alone. Where there are several rings each has a state of its own, the lead's in front, for what is said of its
 * chunks; what is said of the launch, its sub-groups and its queues stands in the lead's. */
#ifndef SLIPRING_WIDE_LAYOUT_H
#define SLIPRING_WIDE_LAYOUT_H

#define SR_SCHED_BASE 0u       /* the number of this launch's first chunk; below, chunks are counted from it */
#define SR_SCHED_ARRIVED 32u   /* groups that have begun */
#define SR_SCHED_STAGE 64u     /* SR_STAGE_*, decided once */
#define SR_SCHED_CLAIMED 96u   /* chunks that were claimed */
#define SR_SCHED_EMPTY 128u    /* 1 + chunks that were claimed when a poller found nothing more */
#define SR_SCHED_ISSUED 160u   /* chunks, from the first on, that are issued */
#define SR_SCHED_RETIRED 192u  /* ... that are finished */
#define SR_SCHED_CUT 224u      /* 1 + the chunk that was cut */
#define SR_SCHED_LEAVE 256u    /* SR_LEAVE_*, the first that was said: claim nothing more */
#define SR_SCHED_CLOSED 288u   /* 1 + the chunks that were claimed, once none will be */
#define SR_SCHED_FINISHED 320u /* 1: there is nothing more to take */
#define SR_SCHED_PART 352u     /* in the first chunk that is not finished: the first slot that may not be terminal */
#define SR_SCHED_LEFT 384u     /* sub-groups and teams that have left */
#define SR_SCHED_QUEUED 416u   /* items put into the queue, ever */
#define SR_SCHED_ASKED 448u    /* items that workers have asked for, ever */
#define SR_SCHED_PRINTING 480u /* 1: a sub-group writes to the debug log */
#define SR_SCHED_TEAM_QUEUED 512u /* as QUEUED and ASKED, of the teams' queue */
#define SR_SCHED_TEAM_ASKED 544u
#define SR_SCHED_NOW 576u    /* what SR_RING_NOW was a moment ago, for deadlines */
#define SR_SCHED_FIRST 608u  /* two words: the position that offsets count from, where there are several rings */
#define SR_SCHED_TABLES 640u /* then flags, ends and queue: 1, 1 and 4 words for each slot of the ring */
#define SR_SCHED_TEAM_ITEMS(capacity) (SR_SCHED_TABLES + 6u * (capacity)) /* then the teams' queue */

#define SR_MAX_WIDE_RINGS 6u /* a poller's glance has room for no more: see gaze.h */
#define SR_MAX_TEAMS 128u    /* groups: see sr_queue_for_teams */
#define SR_TEAM_ITEMS 256u
#define SR_TEAM_ITEM_WORDS 32u
#define SR_TEAM_ITEM_TAG 0u   /* 1 + the item's number: it is here */
#define SR_TEAM_ITEM_FIRST 1u /* the slot's offset from the launch's first position */
#define SR_TEAM_ITEM_CHUNK 2u
#define SR_TEAM_ITEM_PASSED 3u /* 1: I1 is known to hold */
#define SR_TEAM_ITEM_SLOT 4u   /* its words */
#define SR_TEAM_ITEM_RING 20u  /* its ring's number */

#define SR_SCHED_WORDS(capacity) (SR_SCHED_TEAM_ITEMS(capacity) + SR_TEAM_ITEMS * SR_TEAM_ITEM_WORDS)

/* An item of the queue. Its last word is its slots, and behind them its ring's number. */
#define SR_ITEM_RING_SHIFT 16u

#define SR_STAGE_POLLED 1u /* a poller has begun */
#define SR_STAGE_ALONE 2u  /* none has in time, and none will */

#define SR_LEAVE_IDLE 1u
#define SR_LEAVE_BUSY 2u    /* told to, or after max_launch_time: there may be more to do */
#define SR_LEAVE_REVOKED 3u /* the ring was revoked: run nothing more, wait for nothing more; replaces the others */

#define SR_CHUNK_ISSUED 1u
#define SR_CHUNK_FINISHED 2u
#define SR_CHUNK_CUT 3u /* finished up to its end, which is where it was cut */

#endif
