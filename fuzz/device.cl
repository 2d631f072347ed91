/* The device code for the host, with two custom operations: 0x100 returns its first argument as its code and the sum
 * of all arguments and its tenant as its result; 0xFD writes to its buffers, of which 0x100 has none; and one of a
 * team: 0xFF, whose result is the team's width.
 * clang compiles this as OpenCL C; other compilers, through device.cpp, as C++. */
#define SR_ALONE_AFTER 2u
#ifdef __cplusplus
#include "../cl/shim.hpp"
#else
#define SR_NATIVE 1
#define SR_CACHED 1
#include "../cl/serial.h"
#include "../cl/wide/drain.h"
#endif
#define SCAN_GPU /* tests/automaton.cpp has a CPU's way */
#include "../tools/scan.cl"
#include "good_handler.h"

static uint sums(sr_args a, const sr_buffers* b, ulong* result) {
    *result = sr_tenant(b);
    for (uint i = 0; i < SR_MAX_ARGS; ++i) *result += a.word[i];
    return a.word[0];
}
static uint writes(sr_args a, const sr_buffers* b, ulong* result) {
    *result = sr_arg64(a, a.word[arg_asks]);
    const uint code = check_part(a, b);
    if (code == SR_CODE_OK) write_part(a, b, 0, 1u);
    return code;
}

/* As the host writes it: see lib/device/handlers.cpp. */
static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, ulong* value) {
    sr_args a;
    for (uint i = 0; i < SR_MAX_ARGS; ++i) a.word[i] = args[i];
    switch (opcode) {
        case 0x100u: return sr_handler_code(sums(a, memory->buffers + 0, value));
        case op_writes: return sr_handler_code(writes(a, memory->buffers + 1, value));
        default: return SR_CODE_UNKNOWN_OPCODE;
    }
}

#if SR_TENANTS > 0u
static uint sr_op_number(uint opcode) {
    switch (opcode) {
        case 0x100u: return number_of_sums;
        case op_writes: return number_of_writes;
        case 0xFFu: return number_of_team;
        default: return SR_MAX_TENANT_OPS;
    }
}
#endif

static int sr_is_team(uint opcode) { return opcode == 0xFFu; }
static uint sr_custom_team(uint opcode, const uint* args, const sr_memory* memory, const sr_team* team,
                           ulong* value) {
    (void)opcode, (void)memory;
    *value = team->width;
    return sr_handler_code(args[0]);
}

#ifdef __cplusplus
extern "C" {
#endif

void device_run_slot(const uint* copy, uint position, const sr_memory* memory, sr_outcome* out) {
    *out = sr_run_slot(copy, position, memory);
}

uint device_is_barrier(const uint* copy) { return sr_is_barrier(copy) != 0 ? 1u : 0u; }

void device_drain_serial(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds) {
    sr_drain_serial(ring, memory, bounds);
}

#ifdef SR_HAS_WIDE
/* The wide drain where the second sub-group comes too late: it goes on alone. */
void device_drain_alone(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, __global uint* sched) {
    sr_drain_wide(ring, memory, bounds, sched, 0, 2u, 0);
    sr_drain_wide(ring, memory, bounds, sched, 1u, 2u, 0);
}
#endif

uint device_scan(const sr_args* args, const sr_buffers* buffers, uint width, __local uchar* local_memory, uint bytes,
                 ulong* result) {
    sr_team team = {0, width, local_memory, bytes};
    if (width == 1u) return slipring_scan(*args, buffers, &team, result);
    scan_segment segment; /* the same in each lane */
    const uint code = scan_check(*args, buffers, &team, &segment);
    if (code != SR_CODE_OK) return code;
    for (team.lane = 0; team.lane < width; ++team.lane) scan_begin(*args, buffers, &team);
    for (uint lane = width; lane > 0; --lane) {
        team.lane = lane - 1u;
        scan_walk(&segment, &team);
    }
    *result = scan_end(&segment, &team);
    return SR_CODE_OK;
}

#ifdef __cplusplus
}
#endif
