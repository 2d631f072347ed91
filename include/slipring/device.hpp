// The OpenCL devices of this machine, and what slipring can do with each. No OpenCL type appears here.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <slipring/error.hpp>

namespace slipring {

// What a device can do, found out by a probe (a ping with a deadline), never assumed from its name.
enum class Residency {
    none,      // it does not serve
    relaunch,  // a running kernel does not see the host's stores: a bounded launch drains what was published
    live,      // the running kernel and the host see each other's stores
};

constexpr std::string_view name(Residency residency) noexcept {
    switch (residency) {
        case Residency::live: return "live";
        case Residency::relaunch: return "relaunch";
        case Residency::none: break;
    }
    return "none";
}

struct DeviceInfo {
    std::string name;
    std::string platform;  // name and version
    std::string version;   // of OpenCL, as the device gives it
    std::string driver;
    bool is_cpu = false;
    std::uint32_t compute_units = 0;
    Residency residency = Residency::none;
    std::string why;  // what decided it, for a person
};

// Every device of every platform, each probed: builds and runs a small kernel on it, some milliseconds for a device
// that answers, seconds for one that does not.
// Never an empty list. Thread-safe. Errors: no_platform (also: platforms without a device).
std::expected<std::vector<DeviceInfo>, Error> devices();

}  // namespace slipring
