// What the soak does, drawn from a seed: how a runtime is opened, and what its producers do in each round.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <slipring/options.hpp>

#include "../random.hpp"

namespace slipring::soak {

enum class Kind : std::uint32_t {
    bulk,        // batches of quiet slots, as fast as they go: most of the time
    results,     // every result is read
    leaves,      // the kernel leaves as soon as it is idle
    relaunches,  // launches of 1 ms under work
    full,        // a small ring, and producers that run into it
    pauses,      // producers that sleep for longer than an idle kernel stays
    mixed,       // all ways to publish, fences, slots that fault, SHUTDOWN
    marks,       // a word of its own for each slot
    per_launch,  // a launch for what was published
    lost,        // the device is lost and recovered
};
constexpr std::uint32_t kinds = 10;
const char* name(Kind kind) noexcept;

// How a runtime is opened, and for how many rounds.
struct Setting {
    Kind kind = Kind::bulk;
    std::uint32_t rounds = 1;
    std::uint32_t capacity = 1024;
    std::optional<std::chrono::microseconds> idle_timeout{};
    std::chrono::milliseconds max_launch_time{250};

    // Marked slots need operations and buffers of the soak's own.
    bool has_marks() const noexcept { return kind == Kind::marks || kind == Kind::lost; }
};

enum Way : std::uint32_t { single = 1, batch = 2, window = 4, reservation = 8 };

// What the producers of one round do. "once in 0" is never.
struct Plan {
    std::uint32_t producers = 1;
    std::uint32_t ways = batch;         // of Way, or-ed
    std::uint32_t max_slots = 1;        // of one publish
    std::uint32_t quiet_of_8 = 8;       // how many publishes of eight are quiet
    std::uint32_t unread = 1;           // positions that a producer may be ahead of the results that it has read
    bool spins = false;                 // where the ring is full; else it waits for room
    std::uint32_t packed_once_in = 0;   // slots
    std::uint32_t fence_once_in = 0;    // slots
    std::uint32_t bad_once_in = 0;      // slots, that end in FAULT
    std::uint32_t leave_once_in = 0;    // slots: SHUTDOWN
    std::uint32_t pause_once_in = 0;    // publishes
    std::chrono::microseconds pause{};  // at most
    std::chrono::milliseconds time{};   // of the round
    std::uint64_t slots = 0;            // a producer's, of the round

    // Quiet slots that only add: they are made in a loop of their own.
    bool is_plain() const noexcept {
        return packed_once_in == 0 && fence_once_in == 0 && bad_once_in == 0 && leave_once_in == 0;
    }
};

// Every kind comes in its turn, bulk between all others.
Kind kind_of(std::uint64_t opening) noexcept;
constexpr std::uint32_t cycle = 2 * (kinds - 1);  // openings

Random random_of(std::uint32_t seed, std::uint64_t opening);
Setting draw_setting(Random& random, Kind kind);
// `brief`: few slots a producer, and no time.
Plan draw_plan(Random& random, const Setting& setting, bool brief);

// For a person, in one line.
std::string text(const Setting& setting);
std::string text(const Plan& plan);

}  // namespace slipring::soak
