/* The wire, ABI version 1: every number that host and device must agree on.
 *
 * Read by C++ and by OpenCL C, so it has macros alone, no logic and no types.
 * A slot is 16 little-endian u32 words; a ring is a header and an array of slots. */
#ifndef SLIPRING_ABI_H
#define SLIPRING_ABI_H

#define SR_ABI_VERSION 1u

/* ---- a slot ------------------------------------------------------------ */
#define SR_SLOT_WORDS 16u
#define SR_SLOT_BYTES 64u
#define SR_WORD_STATE 0u /* state in bits 0..7, generation in bits 8..31 */
#define SR_WORD_OPCODE 1u
#define SR_WORD_TENANT 2u
#define SR_WORD_PRIORITY 3u /* priority in bits 0..7, flags in bits 8..15, a deadline in bits 16..31 */
#define SR_WORD_ARGS 4u
#define SR_MAX_ARGS 12u

#define SR_STATE_MASK 0xFFu
#define SR_GENERATION_SHIFT 8u
#define SR_GENERATION_MASK 0xFFFFFFu

#define SR_STATE_EMPTY 0u
#define SR_STATE_PUBLISHED 1u
#define SR_STATE_CLAIMED 2u
#define SR_STATE_DONE 3u
#define SR_STATE_WAIT_IO 4u
#define SR_STATE_YIELD 5u
#define SR_STATE_REQUEUE 6u
#define SR_STATE_FAULT 7u
#define SR_STATE_CANCELLED 8u

#define SR_PRIORITY_MASK 0xFFu
#define SR_PRIORITY_CRITICAL 0u
#define SR_PRIORITY_HIGH 1u
#define SR_PRIORITY_NORMAL 2u
#define SR_PRIORITY_LOW 3u
#define SR_PRIORITY_IDLE 4u

#define SR_FLAGS_MASK 0xFF00u
#define SR_FLAG_WINDOWED 0x100u /* arguments begin with ticket and class */
#define SR_FLAG_QUIET 0x200u    /* no thread will look at this slot's state or result */

/* A deadline: the tick of the host's clock by which the slot is to begin; 0: none. Ticks count modulo 2^16, and one
 * that lies less than half of that back is over. */
#define SR_DEADLINE_SHIFT 16u
#define SR_TICKS_MASK 0xFFFFu
#define SR_TICK_US 1000u

/* ---- opcodes ----------------------------------------------------------- */
#define SR_OP_NOP 0u
#define SR_OP_STORE_U32 1u
#define SR_OP_ATOMIC_ADD 2u
#define SR_OP_LOAD_U32 3u
#define SR_OP_COMPARE_SWAP 4u
#define SR_OP_MEMCPY 5u
#define SR_OP_DFA_STEP 6u
#define SR_OP_BATCH_FENCE 7u
#define SR_OP_LOST 0xFFF0u      /* a slot that was claimed or reserved when its device was lost: FAULT, DEVICE_LOST */
#define SR_OP_CANCELLED 0xFFF1u /* what the device makes of a slot that was cancelled before it was copied */
#define SR_OP_LATE 0xFFF2u      /* what a team's leader makes of one whose deadline was over, */
#define SR_OP_DENIED 0xFFF3u    /* and of one that its tenant may not run; and a worker, of one that was taken back */
#define SR_OP_PRINTF 0xFFFEu
#define SR_OP_PACKED_SLOT 0x80000001u
#define SR_OP_SHUTDOWN 0xFFFFFFFFu

/* Reserved for the system: 0..7, 0xFFF0..0xFFFF and the high bit. */
#define SR_OP_LAST_BUILTIN 7u
#define SR_OP_RESERVED_FIRST 0xFFF0u
#define SR_OP_RESERVED_LAST 0xFFFFu
#define SR_OP_HIGH_BIT 0x80000000u

/* ---- packed slots: bytes counted from word 4 ---------------------------- */
#define SR_PACKED_BYTE_OPS 0u   /* number of inner ops */
#define SR_PACKED_BYTE_WORDS 1u /* number of argument words of all of them */
#define SR_PACKED_BYTE_TABLE 2u /* then opcode (u8) and first argument word (u8) of each */
#define SR_PACKED_MAX_OPS 11u

/* ---- windows ------------------------------------------------------------ */
#define SR_WINDOW_PREFIX 2u /* ticket and class, before the payload */
#define SR_WINDOW_MAX_PAYLOAD 10u
#define SR_CLASS_REQUIRED 0u
#define SR_CLASS_LOOKAHEAD 1u

/* What the probe's kernel says when it has run. */
#define SR_PROBE_RUNS 0x5Au

/* ---- how a slot ended ---------------------------------------------------- */
#define SR_CODE_OK 0u
#define SR_CODE_UNKNOWN_OPCODE 1u
#define SR_CODE_BAD_ARGUMENT 2u
#define SR_CODE_OUT_OF_RANGE 3u
#define SR_CODE_DENIED 4u
#define SR_CODE_CANCELLED 5u
#define SR_CODE_DEADLINE 6u
#define SR_CODE_DEVICE_LOST 7u
#define SR_CODE_NO_TEAM 8u       /* a team operation inside a packed slot */
#define SR_CODE_FIRST_CUSTOM 64u /* 64..255: a custom opcode's own codes */

#define SR_MAX_BUFFERS 16u /* of one custom operation */

/* ---- control words ------------------------------------------------------- */
#define SR_CONTROL_EPOCH 0u     /* bumped by each BATCH_FENCE */
#define SR_CONTROL_FENCE_TAG 1u /* tag of the last BATCH_FENCE */
#define SR_CONTROL_FAULTS 2u    /* slots that ended in FAULT or CANCELLED, QUIET ones included */
#define SR_CONTROL_CROWDED 4u   /* five words of the drain's own: see sr_idle */
#define SR_CONTROL_LEFT 9u      /* the launch that has left last, SR_LEFT_IDLE if so: see sr_begins */
#define SR_CONTROL_TENANTS 32u  /* the table of tenants, a row each, in the order of the host's list */
#define SR_OBSERVABLE_BASE 160u /* words below are the system's: ops may read them, not write */

/* ---- a tenant's row: what cl/tenants.h asks ------------------------------- */
#define SR_MAX_TENANTS 16u
#define SR_TENANT_ID 0u     /* not 0 */
#define SR_TENANT_RIGHTS 1u /* a bit for each of opcodes 0..6, one for PRINTF, and the weight: */
#define SR_TENANT_MAY_PRINT 0x100u
#define SR_TENANT_WEIGHT_SHIFT 16u
#define SR_TENANT_OPS 2u   /* two words: a bit for each custom operation, in the order of the host's list */
#define SR_TENANT_READS 4u /* control words: the first, and how many */
#define SR_TENANT_WRITES 6u
#define SR_TENANT_WORDS 8u
#define SR_MAX_TENANT_OPS 64u
#define SR_TENANT_TURN 16u /* slots that a tenant of weight 1 has in its turn */

/* ---- a completion: how the slot of a position finished; 16 bytes, in one array beside the slots ------------ */
/* Two u64. The first: state in bits 0..7, generation in bits 8..31 and, its higher half, 48..63; code in bits 32..39,
 * index of the failing inner op in bits 40..47. The second: the result. A position's generation is position divided
 * by the number of completions. Of a QUIET slot none is written: so one may lie here for many generations, and the
 * generation has 40 bits. */
#define SR_COMPLETION_BYTES 16u
#define SR_COMPLETION_CODE_SHIFT 32u
#define SR_COMPLETION_INNER_SHIFT 40u
#define SR_COMPLETION_HIGH_SHIFT 48u
#define SR_COMPLETION_HIGH_MASK 0xFFFFu

/* ---- launches: see launch.h ------------------------------------------------ */
#define SR_LAUNCH_MASK 0x7FFFFFFFu /* they are numbered modulo 2^31; beside the number there is room for a flag: */
#define SR_LEFT_WANTED 0x80000000u /* in SR_RING_LEFT: has not left, and wants the next launch queued behind it */
#define SR_LEFT_IDLE 0x80000000u   /* in SR_CONTROL_LEFT: found nothing to do when it left */

/* ---- a ring in shared memory: byte offsets ------------------------------- */
/* Each word, slot and completion is changed by one side for ever, host or device; those of the two are 128 bytes or
 * more apart. So is LEFT, which every publish reads, from COMPLETED, which changes all the time. Behind the words lie
 * the slots, which the host writes, and behind those the completions, which the device writes. */
#define SR_RING_FORMAT 0u      /* u32, host, once: SR_RING_FORMAT_2 */
#define SR_RING_CAPACITY 4u    /* u32, host, once: slots */
#define SR_RING_COMPLETIONS 8u /* u32, host, once: how many, at least as many as slots */
#define SR_RING_STOP 128u      /* u32, host: this launch is asked to leave, and those before it: see sr_asked */
#define SR_RING_REVOKED 132u /* u32, host, once: not 0 if the ring was taken from this kernel: it runs nothing more */
#define SR_RING_NOW 136u     /* u32, host: its clock in ticks, while a deadline lies ahead */
/* u64, host, of IDLE's ring: lookahead that was promoted. In bits 0..2 a level, counted from 0, the highest, among
 * those that have a ring; above them a position, modulo 2^61: slots before it count as of that level. */
#define SR_RING_PROMOTED 144u
#define SR_PROMOTED_SHIFT 3u
#define SR_PROMOTED_LEVEL 7u
#define SR_RING_COMPLETED 256u /* u64, device: every position before it is terminal */
#define SR_RING_FAULTS 264u    /* u32, device: SR_CONTROL_FAULTS, of the slots before COMPLETED at least */
#define SR_RING_LEFT 384u      /* u32, device: the launch that has left, or SR_LEFT_WANTED. Away from COMPLETED */
#define SR_RING_CLAIMED 512u   /* u64, device: no position from here on has been started */
#define SR_RING_SLOTS 640u
#define SR_RING_ALIGN 128u
#define SR_RING_FORMAT_2 0x53520002u

/* ---- the debug log in shared memory: byte offsets ------------------------ */
#define SR_LOG_WRITTEN 0u    /* u32, device: records written, ever */
#define SR_LOG_DROPPED 4u    /* u32, device: records that found the log full */
#define SR_LOG_CONSUMED 256u /* u32, host: records read, ever */
#define SR_LOG_RECORDS 512u
#define SR_LOG_RECORD_WORDS 4u /* format id, a, b, low word of the slot's position */

/* ---- static assertions: the same on both sides --------------------------- */
#if defined(__cplusplus)
#define SR_STATIC_ASSERT(condition, text) static_assert(condition, text)
#elif defined(__OPENCL_VERSION__) && defined(__has_extension)
#if __has_extension(c_static_assert)
#define SR_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#elif !defined(__OPENCL_VERSION__)
#define SR_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#ifndef SR_STATIC_ASSERT /* a compiler without the keyword: an array of negative size */
#define SR_ASSERT_NAME2(line) sr_static_assert_##line
#define SR_ASSERT_NAME(line) SR_ASSERT_NAME2(line)
#define SR_STATIC_ASSERT(condition, text) typedef char SR_ASSERT_NAME(__LINE__)[(condition) ? 1 : -1]
#endif

SR_STATIC_ASSERT(sizeof(unsigned int) == 4, "a word is 32 bits");
SR_STATIC_ASSERT(SR_SLOT_BYTES == SR_SLOT_WORDS * 4u, "a slot is 16 words");
SR_STATIC_ASSERT(SR_WORD_ARGS + SR_MAX_ARGS == SR_SLOT_WORDS, "arguments fill the slot");
SR_STATIC_ASSERT(SR_PACKED_BYTE_TABLE + 2u * SR_PACKED_MAX_OPS <= SR_MAX_ARGS * 4u, "the op table fits");
SR_STATIC_ASSERT(SR_WINDOW_PREFIX + SR_WINDOW_MAX_PAYLOAD == SR_MAX_ARGS, "a window entry fills the arguments");
SR_STATIC_ASSERT(SR_CONTROL_TENANTS + SR_MAX_TENANTS * SR_TENANT_WORDS <= SR_OBSERVABLE_BASE, "the table fits");
SR_STATIC_ASSERT(SR_RING_REVOKED - SR_RING_STOP == 4u, "what a kernel that waits looks at is one line");
SR_STATIC_ASSERT(SR_RING_NOW - SR_RING_REVOKED == 4u, "and so is what sr_should_stop looks at");
SR_STATIC_ASSERT(SR_RING_FAULTS - SR_RING_COMPLETED == 8u, "and what stats() looks at");
SR_STATIC_ASSERT(SR_RING_COMPLETED - SR_RING_PROMOTED >= 112u, "the host's and the device's words apart");
SR_STATIC_ASSERT(SR_RING_LEFT - SR_RING_COMPLETED >= 128u, "and among the device's, the one that changes");
SR_STATIC_ASSERT(SR_RING_CLAIMED - SR_RING_LEFT >= 128u, "each its own");
SR_STATIC_ASSERT(SR_RING_SLOTS - SR_RING_CLAIMED >= 128u && SR_RING_SLOTS % SR_RING_ALIGN == 0, "and the slots");
SR_STATIC_ASSERT(2u * SR_SLOT_BYTES % SR_RING_ALIGN == 0, "and the completions, behind two slots or more");
SR_STATIC_ASSERT(SR_LOG_CONSUMED - SR_LOG_DROPPED >= 124u && SR_LOG_RECORDS - SR_LOG_CONSUMED >= 128u, "the log");

#endif
