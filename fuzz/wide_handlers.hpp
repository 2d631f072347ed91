// The custom operations of target wide, for the device's side (wide_device.cpp) and the model's: opcodes and what
// their arguments say.
#pragma once

#include <cstdint>

namespace fuzz {

// One lane: the sum of all arguments. And one that writes to its buffers, which packed slots can have as well.
inline constexpr std::uint32_t op_sums = 0x100, op_writes = 0xFD;
// A team does the same with all its lanes: see team_writes. The second one fits into a packed slot.
inline constexpr std::uint32_t op_team_writes = 0x200, op_team_writes_too = 0xFE;
inline constexpr std::uint32_t lanes_of_a_team = 64, most_teams = 3;

// Arguments of what writes: `length` bytes from `offset` on of buffer `which`, the first one `what`.
inline constexpr std::uint32_t arg_what = 0;
inline constexpr std::uint32_t arg_naps = 1;    // how long it takes; and, times 16, the lane of a team that takes it
inline constexpr std::uint32_t arg_faults = 3;  // two lanes that fault, a byte each: 1 + lane, code
inline constexpr std::uint32_t arg_offset = 4, arg_length = 6;  // 64 bits each
inline constexpr std::uint32_t arg_which = 8;
inline constexpr std::uint32_t arg_asks = 9;  // the arguments of which one lane gives the sum, as 64 bits

}  // namespace fuzz
