/* The kernels. SR_BUFFER_PARAMETERS and SR_BUFFERS, which the host writes, are the custom operations' buffers, and
 * what is the running slot's own, `running`. A host that wants one way to drain leaves out the other, which takes as
 * long to compile: SR_NO_SERIAL, SR_NO_WIDE. */
#include "serial.h"
#include "team.h"
#include "wide/drain.h"

/* A ring without a window has the ring's memory for that argument. */
#ifdef SR_WINDOW
#define SR_USE_WINDOW(ring, window) (ring).slots = (window)
#else
#define SR_USE_WINDOW(ring, window) (void)(window)
#endif

/* The rings, in their order. Where there are several, SR_RING_TABLE has for each where it and its window begin, log2
 * of slots and completions, its level and its tenant: see sr_ring. */
static inline void sr_find_rings(sr_ring* rings, __global uchar* ring, __global uchar* window, uint mask, uint shift,
                                 uint completions_shift) {
#if SR_RINGS > 1u
    const ulong table_of_rings[SR_RINGS][6] = SR_RING_TABLE;
    for (uint i = 0; i < SR_RINGS; ++i) {
        const ulong* const of = table_of_rings[i];
        rings[i] = sr_ring_of(ring + of[0], (1u << of[2]) - 1u, (uint)of[2], (uint)of[3]);
        SR_USE_WINDOW(rings[i], window + of[1]);
#if SR_TENANTS > 0u
        rings[i].level = (uint)of[4];
        rings[i].tenant = (uint)of[5];
#endif
    }
    (void)mask, (void)shift, (void)completions_shift;
#else
    rings[0] = sr_ring_of(ring, mask, shift, completions_shift);
    SR_USE_WINDOW(rings[0], window);
#endif
}

#ifndef SR_NO_SERIAL
/* One work-item that polls and works: of each ring the slots run in the order of their positions. */
__kernel void slipring_run(__global uchar* ring, __global uchar* window, uint mask, uint shift,
                           uint completions_shift, __global uint* control, uint control_words,
                           const __global uint* table, uint table_states, __global uint* log, uint log_mask,
                           uint launch, ulong first, ulong idle_timeout, ulong max_time, ulong crowded_gap,
                           __local uchar* team_local, uint team_local_bytes SR_BUFFER_PARAMETERS) {
    if (get_global_id(0) == 0) {
        __global uint* const now = (__global uint*)(ring + SR_RING_NOW);
        SR_BUFFERS
        const sr_memory memory = {control,    control_words,    table, table_states, log, log_mask, buffers, 0,
                                  team_local, team_local_bytes, now,   &running};
        sr_ring own[SR_RINGS];
        sr_find_rings(own, ring, window, mask, shift, completions_shift);
        const sr_bounds bounds = {launch, first, idle_timeout, max_time, crowded_gap};
        sr_drain_serial(own, &memory, &bounds);
    }
}
#endif

#if defined(SR_HAS_WIDE) && !defined(SR_NO_WIDE)
/* Many sub-groups. On NVIDIA the warps of the groups, but for the last `team_groups` that arrive, which are teams;
 * elsewhere a group is one sub-group, whose other work-items do nothing, and there is no barrier: PoCL's compiler
 * takes none in front of such loops. */
__kernel void slipring_run_wide(__global uchar* ring, __global uchar* window, uint mask, uint shift,
                                uint completions_shift, __global uint* control, uint control_words,
                                const __global uint* table, uint table_states, __global uint* log, uint log_mask,
                                uint launch, ulong first, ulong idle_timeout, ulong max_time, ulong crowded_gap,
                                __local uchar* team_local, uint team_local_bytes, __global uint* sched,
                                uint team_groups SR_BUFFER_PARAMETERS) {
#ifdef __NV_CL_C_VERSION
    __local uint arrival;
#ifdef SR_HAS_TEAMS
    __local uint board[SR_BOARD_WORDS];
    const uint teams = team_groups;
#else
    const uint teams = 0;
#endif
    if (get_local_id(0) == 0) arrival = sr_add_device(sched + SR_SCHED_ARRIVED, 1u);
    barrier(CLK_LOCAL_MEM_FENCE);
    const uint in_group = (uint)get_local_size(0) / SR_SUBGROUP_LANES;
    const uint subgroup = arrival * in_group + (uint)get_local_id(0) / SR_SUBGROUP_LANES;
#else
    if (get_local_id(0) != 0) return;
    const uint teams = 0, in_group = 1u, subgroup = sr_add_device(sched + SR_SCHED_ARRIVED, 1u);
#endif
    (void)team_groups;
#ifdef SR_CACHED
    __global uint* const now = (__global uint*)(ring + SR_RING_NOW);
#else
    __global uint* const now = sched + SR_SCHED_NOW;
#endif
    SR_BUFFERS
    const sr_memory memory = {control,    control_words,    table, table_states, log, log_mask, buffers, 0,
                              team_local, team_local_bytes, now,   &running};
    sr_ring own[SR_RINGS];
    sr_find_rings(own, ring, window, mask, shift, completions_shift);
    const sr_bounds bounds = {launch, first, idle_timeout, max_time, crowded_gap};
    const uint subgroups = ((uint)get_num_groups(0) - teams) * in_group;
#ifdef SR_HAS_TEAMS
    if (subgroup >= subgroups) {
        const sr_team team = {(uint)get_local_id(0), (uint)get_local_size(0), team_local, team_local_bytes};
        sr_drain_team(own, &memory, &bounds, sched, subgroups, teams, &team, board);
        return;
    }
#endif
    sr_drain_wide(own, &memory, &bounds, sched, subgroup, subgroups, teams);
}
#endif

/* One slot in a launch of its own, beside the persistent kernel, with which it shares control words. One group, which
 * is the team of a team operation. The outcome goes back in five words, the launch's number last: a host that shares
 * the memory waits for that. */
__kernel void slipring_run_alone(const __global uint* slot, __global uint* outcome, __global uint* control,
                                 uint control_words, const __global uint* table, uint table_states,
                                 __global uint* log, uint log_mask, __global uchar* ring, uint number,
                                 __local uchar* team_local, uint team_local_bytes SR_BUFFER_PARAMETERS) {
#ifdef SR_HAS_TEAMS
    __local uint board[SR_BOARD_WORDS];
    const sr_team team = {(uint)get_local_id(0), (uint)get_local_size(0), team_local, team_local_bytes};
#else
    if (get_global_id(0) != 0) return;
#endif
    __global uint* const now = (__global uint*)(ring + SR_RING_NOW);
    SR_BUFFERS
    const sr_memory memory = {control,    control_words,    table, table_states, log, log_mask, buffers, 1u,
                              team_local, team_local_bytes, now,   &running};
#ifdef SR_HAS_TEAMS
    const sr_outcome out = sr_run_alone(slot, &memory, &team, board);
    if (team.lane != 0) return;
#else
    uint copy[SR_COPY_WORDS];
    sr_copy_slot(copy, slot);
    copy[SR_SLOT_WORDS] = 0;
    copy[SR_SLOT_WORDS + 1u] = 0;
    const sr_outcome out = sr_run_slot(copy, 0, &memory);
#endif
    outcome[0] = out.code;
    outcome[1] = out.inner;
    outcome[2] = (uint)out.value;
    outcome[3] = (uint)(out.value >> 32);
    sr_store_release(outcome + 4, number); /* O: synchronizes with the host's acquire in persistent.cpp */
}
