// What a device can do, found out by trying.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <slipring/device.hpp>

#include "memory.hpp"

namespace slipring {

struct Probe {
    ExecutionMode mode = ExecutionMode::none;
    MemoryKind kind = MemoryKind::mirrored;  // of the memory that host and kernel share
    bool window = false;                     // and the kernel reads slots in a bus window
    double ticks_per_us = 1.0;               // of the device's clock, sr_ticks, where a kernel answered
    double round_trip_us = 0;                // of a word, where a kernel answered
    std::vector<Attempt> attempts;
    std::string why;  // the attempts in one line
    // All that was made for it, the context first: a session takes that for its own, and keeps the rest. To release
    // memory or a context of NVIDIA's waits until no kernel of this process runs on the device: a device that is
    // opened because another session's kernel stalls would wait for that.
    cl::Context context;
    std::shared_ptr<const void> made;
};

// Builds a small kernel and asks it, over each kind of memory that the device claims or over `only`. Never fails:
// `why` says what went wrong. Leaves nothing running, unless something else occupies the device: then a kernel that
// the device has not begun finishes by itself once it has begun.
// In `context` if that is one, else in a context of its own.
Probe probe(const cl::Device& device, std::optional<SharedMemory> only = {}, const cl::Context& context = {});

}  // namespace slipring
