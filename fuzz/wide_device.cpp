// The wide drain for the target of that name: sub-groups of 32 lanes, and the custom operation of device.cl, which
// here may take long.
#include <cstdint>

extern "C" {
std::uint32_t device_alone_after = 0;
}
#define SR_ALONE_AFTER device_alone_after
#include "../tests/lanes.hpp"

#include "../cl/shim.hpp"

#include "../tests/no_teams.hpp"

static uint sr_custom(uint opcode, const uint* args, const sr_memory*, uint* value) {
    if (opcode != 0x100) return SR_CODE_UNKNOWN_OPCODE;
    for (uint naps = args[1] % 16; naps > 0; --naps) sr_nap();
    for (uint i = 0; i < SR_MAX_ARGS; ++i) *value = sr_plus(*value, args[i]);
    return sr_handler_code(args[0]);
}

extern "C" void device_drain_lane(const sr_ring* ring, const sr_memory* memory, const sr_bounds* bounds, uint* sched,
                                  uint subgroup, uint subgroups) {
    sr_drain_wide(ring, memory, bounds, sched, subgroup, subgroups, 0);
}
