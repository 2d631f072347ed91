// One runtime of the soak, from its opening until it is shut down: some rounds of one kind.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <slipring/runtime.hpp>

#include "scenario.hpp"

namespace slipring::soak {

// What was reached; of an opening, of a kind, or of all.
struct Tally {
    std::uint64_t slots = 0, results = 0, openings = 0, rounds = 0, launches = 0, recoveries = 0, full_rings = 0;
    std::uint64_t faults = 0;  // slots that ended in FAULT, as they must
    std::uint64_t lost = 0;    // those of them that a lost device had begun

    Tally& operator+=(const Tally& other) noexcept;
};

struct Request {
    std::string device = "auto";
    LaunchShape shape{};
    std::optional<SharedMemory> memory{};  // where a kernel keeps running
    std::uint32_t seed = 1;
    bool brief = false;
};

struct Outcome {
    Tally tally{};        // of rounds in which all was right
    std::string wrong{};  // what was expected, what was found, and where; empty: nothing is wrong
    DeviceInfo device{};
};

// Runs opening `number` of the seed: the same number draws the same setting and plans. Begins no round once `over` is
// set or `end` has passed. An error: the device did not open.
std::expected<Outcome, Error> run_opening(const Request& request, std::uint64_t number, const std::atomic<bool>& over,
                                          std::chrono::steady_clock::time_point end);

}  // namespace slipring::soak
