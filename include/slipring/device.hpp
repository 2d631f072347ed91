// The OpenCL devices of this machine, and what slipring can do with each. No OpenCL type appears here.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <slipring/error.hpp>

namespace slipring {

// What a device can do, found out by a probe (a ping with a deadline), never assumed from its name.
enum class ExecutionMode {
    none,        // it does not serve
    per_launch,  // a running kernel does not see the host's stores: a bounded launch drains what was published
    persistent,  // the running kernel and the host see each other's stores
};

constexpr std::string_view name(ExecutionMode mode) noexcept {
    switch (mode) {
        case ExecutionMode::persistent: return "persistent";
        case ExecutionMode::per_launch: return "per_launch";
        case ExecutionMode::none: break;
    }
    return "none";
}

// How the host and the kernel share the ring.
enum class SharedMemory {
    none,
    svm,         // fine-grained shared virtual memory: one address (PoCL, Intel, AMD)
    nv_host,     // a location-host buffer of cl_nv_create_buffer: host memory that the kernel reads over the bus
    mirrored,    // a copy on each side, moved by transfers around a launch (per_launch)
    bus_window,  // one of the first two, and the device's own memory for the slots, which the host writes through the
                 // bus: it takes cl_khr_external_memory_opaque_fd, Vulkan at run time, and a processor with a store
                 // of 64 bytes. Chosen only where Options::memory asks for it: on an H200 a slot is more prompt under
                 // load so, as fast alone, and rates are a quarter lower
};

constexpr std::string_view name(SharedMemory memory) noexcept {
    switch (memory) {
        case SharedMemory::svm: return "svm";
        case SharedMemory::nv_host: return "nv_host";
        case SharedMemory::mirrored: return "mirrored";
        case SharedMemory::bus_window: return "bus_window";
        case SharedMemory::none: break;
    }
    return "none";
}

// One step of the probe: which memory was tried, what happened, and how long it took.
struct Attempt {
    SharedMemory memory = SharedMemory::none;
    bool answered = false;
    std::string outcome;  // for a person
    std::chrono::microseconds took{0};
};

// How much of a device the kernel takes: `groups` work-groups of `lanes` work-items. 1 x 1 runs the slots in the
// order of their positions; any other shape runs them side by side, and only a BATCH_FENCE orders them.
struct LaunchShape {
    std::uint32_t groups = 0;  // 0: from the device
    std::uint32_t lanes = 0;

    friend constexpr bool operator==(LaunchShape, LaunchShape) noexcept = default;
};

struct DeviceInfo {
    std::string name;
    std::string platform;  // name and version
    std::string version;   // of OpenCL, as the device gives it
    std::string driver;
    bool is_cpu = false;
    std::uint32_t compute_units = 0;
    ExecutionMode mode = ExecutionMode::none;
    SharedMemory memory = SharedMemory::none;
    LaunchShape shape{};              // that the kernel has, or would have without Options::shape
    LaunchShape teams{};              // teams, and the lanes of each; none without a team operation
    double probe_round_trip_us = 0;   // a word to the running kernel and back, median; 0 if not persistent
    std::vector<Attempt> attempts{};  // of the probe, in their order
    std::string why;                  // what decided it, for a person: the attempts in one line
};

// Every device of every platform, each probed: builds and runs a small kernel on it. Takes some milliseconds for a
// device that answers, under a second for one that does not, and some seconds for a CPU whose threads are all held.
// Never an empty list. Thread-safe. Errors: no_platform (also: platforms without a device), out_of_memory.
[[nodiscard]] SLIPRING_API std::expected<std::vector<DeviceInfo>, Error> devices();

}  // namespace slipring
