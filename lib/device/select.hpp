// Which device it shall be.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <slipring/options.hpp>

#include "probe.hpp"

namespace slipring {

struct Candidate {
    cl::Device device;
    DeviceInfo info;
    Probe probe;
};

// Every device of every platform, in the order of devices(), probed if `wanted` means it (choice.hpp), over
// `memory` alone if it is given. Errors: no_platform.
std::expected<std::vector<Candidate>, Error> candidates(const std::string& wanted,
                                                        std::optional<SharedMemory> memory = {});

// The one to open, as Options says. Errors: no_platform, device_not_found, no_device, each with what was found;
// team_too_wide.
std::expected<Candidate, Error> choose(const Options& options);

// The shape that the kernel has there: `wanted`, where it is not zero, within what the device can run at once. Else
// one lane in one group on a CPU, whose other cores are the host's. On a GPU enough sub-groups to keep the bus busy:
// each has 32 slots under way, some 3 us long. Groups beyond the compute units might not run at once.
constexpr std::uint32_t default_groups = 64;
LaunchShape fit(LaunchShape wanted, const Candidate& one, std::uint32_t gpu_groups = default_groups);

}  // namespace slipring
