/* Custom operations of device.cl and wide_device.cpp, for them and the model: opcodes, and what arguments say. */
#ifndef SLIPRING_FUZZ_HANDLER_ARGS_H
#define SLIPRING_FUZZ_HANDLER_ARGS_H

/* One lane writes to its buffers. Packed slots can have it. In wide_device.cpp a team does as well, by either of two
 * opcodes, of which packed slots can have the second one. */
#define op_writes 0xFDu
#define op_team_writes 0x200u
#define op_team_writes_too 0xFEu
#define lanes_of_a_team 64u
#define max_teams 3u

/* The bits that device.cl's operations have among a tenant's rights, as if they stood there in a host's list. */
#define number_of_sums 0u
#define number_of_writes 32u
#define number_of_team 63u

/* Arguments: `length` bytes from `offset` on of buffer `which`, the first one `what`. */
#define arg_what 0u
#define arg_naps 1u   /* how long it takes; and, times 16, the lane of a team that takes it */
#define arg_faults 3u /* two lanes that fault, a byte each: 1 + lane, code */
#define arg_offset 4u /* 64 bits */
#define arg_length 6u /* 64 bits */
#define arg_which 8u
#define arg_asks 9u /* the argument that one lane takes for 64 bits and gives back */

#endif
