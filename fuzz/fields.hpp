// Values that words of slots are near when something goes wrong.
#pragma once

#include <slipring/abi.h>

#include "fuzz.hpp"

namespace fuzz::near {

inline constexpr std::uint32_t anything_[] = {0, 1, 0xFFFFFFFF};
inline constexpr std::uint32_t choice_[] = {0, 1, 2, 3, 4, 5, 6, 7};
inline constexpr std::uint32_t opcode_[] = {0,
                                            1,
                                            2,
                                            3,
                                            4,
                                            5,
                                            6,
                                            7,
                                            8,
                                            0x100,
                                            0x200,
                                            0xFD,
                                            0xFD,
                                            0xFF,
                                            0xFFEF,
                                            0xFFF0,
                                            0xFFF1,
                                            SR_OP_PRINTF,
                                            0xFFFF,
                                            0x10000,
                                            0x7FFFFFFF,
                                            SR_OP_HIGH_BIT,
                                            SR_OP_PACKED_SLOT,
                                            SR_OP_PACKED_SLOT,
                                            SR_OP_SHUTDOWN};
inline constexpr std::uint32_t small_[] = {0, 1, 2, 3, 4, 8, 10, 11, 12, 13};
inline constexpr std::uint32_t state_[] = {1, 1, 1, 0, 2, 3, 7, 8, 0x101, 0x103, 0xFFFFFF01};
inline constexpr std::uint32_t attributes_[] = {2,     2,     2,     0,          4,          5,          0x102,
                                                0x202, 0x302, 0x402, 0x00010002, 0x00020102, 0x80000002, 0xFFFF0202};
// Indices of control words: the system's end, the first words, and where memory ends in the targets that have any.
inline constexpr std::uint32_t index_[] = {0,   1,   2,   10,  39,  40,  100,        159,       160,
                                           161, 165, 199, 200, 255, 256, 0xFFFFFF60, 0xFFFFFFFF};
// The same, or the first word of a packed slot: its count of ops, its count of words, its first op and that one's
// offset.
inline constexpr std::uint32_t first_arg_[] = {0,          1,          2,          160,        161,
                                               200,        255,        0x00010201, 0x00010402, 0x00000000,
                                               0x00020602, 0x00050603, 0x0001030B, 0x00FD0B01, 0x00FF0201,
                                               0x0000000B, 0x0000000C, 0x00000700, 0x00000801, 0x01010202};
// Two ops of a packed slot's table, an opcode and an offset each; or an index.
inline constexpr std::uint32_t later_arg_[] = {
    0, 1, 2, 160, 161, 199, 200, 0x00000201, 0x04020202, 0x03010205, 0x0A020806, 0x02010402, 0x01010001, 0xFFFFFFFF};

inline constexpr Field anything{anything_}, choice{choice_}, opcode{opcode_}, small{small_}, state{state_},
    attributes{attributes_}, index{index_}, first_arg{first_arg_}, later_arg{later_arg_};

// A slot's 16 words.
#define SR_FUZZ_SLOT_FIELDS                                                                                         \
    near::state, near::opcode, near::small, near::attributes, near::first_arg, near::later_arg, near::later_arg,    \
        near::later_arg, near::index, near::index, near::index, near::index, near::index, near::index, near::index, \
        near::index

}  // namespace fuzz::near
