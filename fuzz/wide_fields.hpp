// Values that words of an input of target wide are near: what the host does, the slots that sub-groups treat
// differently, and the schedule.
#pragma once

#include "fields.hpp"

namespace fuzz::near {

inline constexpr std::uint32_t log2_capacity_[] = {0, 1, 2, 3, 4, 5, 5, 6};
inline constexpr std::uint32_t subgroups_[] = {0, 1, 1, 2, 2, 3, 4};
inline constexpr std::uint32_t teams_[] = {0, 0, 0, 0, 1, 1, 1, 2, 3};
inline constexpr std::uint32_t bound_[] = {0, 1, 5, 20, 100, 0xFFFFFFFF, 0xFFFFFFFF};
inline constexpr std::uint32_t patience_[] = {1, 3, 8, 200, 200, 200};
inline constexpr std::uint32_t sched_[] = {0, 1, 0xFFFFFFF8, 0x3FFFFFFC};
inline constexpr std::uint32_t action_[] = {0,      0,     0x300, 0x700, 0x1F00, 0x2000, 0x1,   0x801, 0x2101,
                                            0x3F01, 0x2,   0x2,   0x3,   0x3,    0x5,    0x805, 0x905, 0x4,
                                            0x104,  0x104, 0x204, 0x6,   0x6,    0x106,  0x206, 0x306};
// How many steps, which sub-groups not, and what else is drawn.
inline constexpr std::uint32_t schedule_[] = {0,      1,      8,      0x20,      0x40,      0x40,     0x40,
                                              0x130,  0x160,  0x2FF,  0x240,     0x4FF,     0x840,    0x1440,
                                              0x3C40, 0x8840, 0xC060, 0x1FF0010, 0x2800020, 0x3000060};
inline constexpr std::uint32_t wide_opcode_[] = {0,
                                                 1,
                                                 2,
                                                 3,
                                                 3,
                                                 4,
                                                 5,
                                                 5,
                                                 6,
                                                 7,
                                                 7,
                                                 7,
                                                 7,
                                                 0x100,
                                                 0x100,
                                                 0xFD,
                                                 0xFE,
                                                 SR_OP_PRINTF,
                                                 SR_OP_PACKED_SLOT,
                                                 SR_OP_PACKED_SLOT,
                                                 SR_OP_SHUTDOWN,
                                                 0x200,
                                                 0x200,
                                                 0x200,
                                                 0x200,
                                                 0x200,
                                                 0x300};
inline constexpr std::uint32_t wide_attributes_[] = {2,     2,     2,     2,     0,       4,       5,
                                                     0x102, 0x102, 0x202, 0x302, 0x10002, 0x30102, 0x80000202};
inline constexpr std::uint32_t now_[] = {0, 1, 2, 0x8000, 0xFFFF};
inline constexpr std::uint32_t wide_first_[] = {
    0,          0,          1,          160,        161,        200,        1500,       0x00010201,
    0x00010701, 0x00010402, 0x00020702, 0x0001030B, 0x0000000C, 0x00FD0B01, 0x00FE0201, 0x00FE0402};
inline constexpr std::uint32_t wide_later_[] = {
    0, 0, 0, 1, 1, 10, 15, 160, 161, 170, 199, 1500, 0x0000022E, 0x000002FE, 0x00000201, 0x02030007, 0xFFFFFFFF};
inline constexpr std::uint32_t copied_[] = {0, 1, 2, 10, 17, 27, 160, 1025, 1100, 1500};
// Two lanes of a team, 1 + each, and their codes.
inline constexpr std::uint32_t lanes_fault_[] = {
    0, 0, 0, 0, 0, 0x4001, 0x4020, 0x4040, 0x0441, 0x40024101, 0x40214120, 0x40404120, 0x41014040, 0x41204040};
inline constexpr std::uint32_t buffer_bytes_[] = {0, 1, 100, 160, 1000, 2560, 5120, 10000, 10240};
inline constexpr std::uint32_t byte_offset_[] = {0, 0, 0, 1, 16, 80, 160, 5120, 0xFFFFFFFF};
inline constexpr std::uint32_t bytes_[] = {0, 1, 31, 33, 64, 65, 80, 80, 160, 0xFFFFFFFF};
// Which slots are those of the action before: a bit each.
inline constexpr std::uint32_t mixed_[] = {0, 0, 0x00010100, 0x11111111, 0x33333333, 0xAAAAAAAA, 0xFFFFFFFF};
inline constexpr std::uint32_t high_half_[] = {0, 0, 0, 0, 0, 0, 0, 0, 0x100, 0xFFFFFFFF};
inline constexpr std::uint32_t which_[] = {0, 0, 1, 1, 1};
inline constexpr std::uint32_t asks_[] = {0, 4, 10, 11, 0xFFFFFFFF};
inline constexpr Field teams{teams_}, lanes_fault{lanes_fault_}, buffer_bytes{buffer_bytes_},
    byte_offset{byte_offset_}, bytes{bytes_}, high_half{high_half_}, which{which_}, asks{asks_}, mixed{mixed_};
inline constexpr Field log2_capacity{log2_capacity_}, subgroups{subgroups_}, bound{bound_}, patience{patience_},
    sched{sched_}, action{action_}, schedule{schedule_}, wide_opcode{wide_opcode_}, wide_attributes{wide_attributes_},
    now{now_}, wide_first{wide_first_}, wide_later{wide_later_}, copied{copied_};

}  // namespace fuzz::near
