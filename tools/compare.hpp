// What the ring is for: the same work once through the ring and once with a kernel launch each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "scanner.hpp"

struct RingOrLaunch {
    double ring_us = 0;
    double launch_us = 0;

    double ratio() const noexcept { return ring_us > 0 ? launch_us / ring_us : 0; }
};

struct Comparison {
    std::size_t chunks = 0;
    std::uint64_t bytes = 0;    // of text in them
    std::size_t tasks = 0;      // tiny ones
    RingOrLaunch chunk{};       // median of one chunk's round trip
    RingOrLaunch task{};        // median of one tiny task's round trip
    RingOrLaunch all_chunks{};  // sum: all chunks as one window, and a launch after the other
    bool same = true;           // every result was the same both ways
};

// Runs chunks whose text still lies in the staging memory again; call it after Scanner::finish.
std::expected<Comparison, std::string> compare(Scanner& scanner);
