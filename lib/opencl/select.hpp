// Which device it shall be.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "probe.hpp"

namespace slipring {

struct Candidate {
    cl::Device device;
    DeviceInfo info;
    Probe probe;
};

// Every device of every platform, in the order of devices(), probed if `wanted` means it (device_choice.hpp).
// Errors: no_platform.
std::expected<std::vector<Candidate>, Error> candidates(const std::string& wanted);

// The one to open. Errors: no_platform, device_not_found, no_device, each with what was found.
std::expected<Candidate, Error> choose(const std::string& wanted, std::optional<Residency> least);

}  // namespace slipring
