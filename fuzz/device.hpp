// The device's own code, natively: device.cl, compiled by clang as OpenCL C, or by another compiler as C++.
#pragma once

#include <cstdint>

#include <slipring/abi.h>

using uint = std::uint32_t;
using ulong = std::uint64_t;
using uchar = std::uint8_t;
#define __global
#define __local
#define SR_NATIVE 1
#include "../cl/types.h"

extern "C" {

// One copied slot: 16 words and two zeros.
void device_run_slot(const uint* copy, uint position, const sr_memory* memory, sr_outcome* out);

// Whether a wide launch must run it by itself.
uint device_is_barrier(const uint* copy);

// One launch.
void device_drain_serial(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds);
void device_drain_alone(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, uint* sched);

// wide_device.cpp: a lane's part of a launch of many sub-groups and teams, as one of a sub-group and as one of a
// team; its part of one slot, which a team runs alone; and how many looks for a poller the retirer takes.
void device_drain_lane(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, uint* sched,
                       uint subgroup, uint subgroups, uint teams);
void device_drain_team_lane(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, uint* sched,
                            uint subgroups, uint teams, const sr_team* team, uint* board);
void device_run_alone_lane(const uint* slot, const sr_memory* memory, const sr_team* team, uint* board,
                           sr_outcome* out);
extern uint device_alone_after;
extern const uint device_board_words;

// The scan's custom operation, by a team of so many lanes: between two barriers one lane after the other.
uint device_scan(const sr_args* args, const sr_buffers* buffers, uint width, uchar* local_memory, uint bytes,
                 ulong* result);
}

// Custom operation of the device above: the sum of its arguments; the first of them is its code.
inline constexpr std::uint32_t custom_opcode_of_device = 0x100;
// And its team operation: the team's width; the first argument is its code.
inline constexpr std::uint32_t team_opcode_of_device = 0xFF;
