// Each figure of the ring as a share, or a multiple, of what bounds it.
#pragma once

#include <algorithm>
#include <vector>

#include "bench.hpp"

namespace slipring::bench {

struct Share {
    const char* key;      // in JSON
    const char* meaning;  // for a person
    double value;
};

// Those whose bound was measured.
inline std::vector<Share> shares(const DeviceNumbers& device) {
    const Limits& limits = device.limits;
    const double write_back = std::min(limits.read_slots_per_s, limits.write_result_slots_per_s);
    std::vector<Share> all;
    const auto add = [&all](const char* key, const char* meaning, double figure, double bound) {
        if (figure > 0 && bound > 0) all.push_back({key, meaning, figure / bound});
    };
    add("round_trip_loads", "round trip with result, in dependent loads", device.with_result_us.p50, limits.load_us);
    for (const Loaded& each : device.loaded)
        if (each.percent == 50)
            add("loaded_50_loads", "the same at 50 % load", each.round_trip_us.p50, limits.load_us);
    add("quiet_of_read", "quiet, of the read rate", device.peak(Want::quiet), limits.read_slots_per_s);
    add("quiet_one_producer_of_read", "quiet, one producer, of the read rate", device.peak(Want::quiet, true),
        limits.read_slots_per_s);
    add("state_of_read_and_write", "state and result, of the lower of read and 16-byte write rate",
        device.peak(Want::state), write_back);
    add("result_of_read_and_write", "results read by the host, of the same", device.peak(Want::result), write_back);
    add("packed_of_read", "packed, of the read rate", device.peak(Want::packed), limits.read_slots_per_s);
    add("launch_to_round_trip", "an empty launch and finish, in round trips with result", limits.launch_us.p50,
        device.with_result_us.p50);
    add("quiet_to_pipelined_launches", "quiet slots for each pipelined launch", device.peak(Want::quiet),
        limits.pipelined_launches_per_s);
    add("wake_up_to_launch", "a wake-up, in empty launches", device.wake_up_us.p50, limits.launch_us.p50);
    return all;
}

}  // namespace slipring::bench
