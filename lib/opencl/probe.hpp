// What a device can do, found out by trying.
#pragma once

#include <string>

#include <slipring/device.hpp>

#include "memory.hpp"

namespace slipring {

struct Probe {
    Residency residency = Residency::none;
    MemoryKind kind = MemoryKind::shadowed;  // of the memory that host and kernel share
    double polls_per_us = 1.0;               // how often a running kernel can look at a word, where it is live
    std::string why;
};

// Builds and runs a small kernel, with a deadline of some hundred milliseconds. Never fails: `why` says what did.
Probe probe(const cl::Device& device);

}  // namespace slipring
