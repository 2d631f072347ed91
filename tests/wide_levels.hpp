// Five rings, one for each level, as the wide drain has them, natively. For one source of a program, which includes
// stepped.hpp first if its sub-groups have 32 lanes, and defines SR_TEAMS and its team operations if it has any.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "ring_memory.hpp"

#define SR_LEVELS 5u
#define SR_LEAD 2u
#define SR_LOWER_EVERY 16u
#define SR_LOOKAHEAD 4u
#define SR_ALONE_AFTER (1u << 30) /* a thread may be late */
#include "shim.hpp"

#ifndef SR_TEAMS
#include "no_teams.hpp"
#endif

namespace {

using namespace slipring;

constexpr Priority levels[] = {Priority::critical, Priority::high, Priority::normal, Priority::low, Priority::idle};
constexpr ulong for_ever = ~ulong{0};

// IDLE's ring is twice as large as the others, and each begins somewhere else.
template <class Ring>
struct LevelRings {
    std::vector<RingMemory> memory{};
    std::vector<Ring> rings{};
    std::vector<uint> control = std::vector<uint>(8192);
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + 64 * SR_LOG_RECORD_WORDS);
    std::vector<uint> sched{};
    std::array<sr_ring, SR_RINGS> own{};
    sr_memory words{};
    sr_bounds bounds{};

    explicit LevelRings(std::uint32_t capacity = 64, std::uint64_t start = 0) {
        std::size_t scheduled = 0;
        for (const Priority level : levels) {
            const std::uint32_t slots = level == Priority::idle ? 2 * capacity : capacity;
            memory.emplace_back(slots);
            const std::span<std::byte> bytes = memory.back().bytes();
            const std::size_t shared = *Ring::shared_bytes(slots);
            const RingParts parts{
                .shared = bytes.first(shared), .producers = bytes.subspan(shared), .window = {}, .level = level};
            rings.push_back(*Ring::create(parts, slots, start));
            start += 1u << 20;
            scheduled += SR_SCHED_WORDS(slots);
        }
        sched.resize(scheduled);
    }

    void begin(uint launch, ulong idle_timeout) {
        for (std::size_t i = 0; i < SR_RINGS; ++i) {
            const uint shift = static_cast<uint>(std::countr_zero(rings[i].capacity()));
            own[i] =
                sr_ring_of(reinterpret_cast<uchar*>(inside(rings[i]).base()), rings[i].capacity() - 1, shift, shift);
        }
        words = {
            control.data(), 8192, nullptr, 0, log.data(), 63, nullptr, 0, nullptr, 0, sched.data() + SR_SCHED_NOW,
            nullptr};
        bounds = {launch, 0, idle_timeout, for_ever, 0};
    }
    void drain(uint subgroup, uint subgroups, uint teams = 0) {
        sr_drain_wide(own.data(), &words, &bounds, sched.data(), subgroup, subgroups, teams);
    }
    void stop(uint launch) const { inside(rings[SR_LEAD]).word32(SR_RING_STOP).store(launch); }
    bool is_complete() const {
        for (const Ring& ring : rings)
            if (ring.completed() != ring.reserved()) return false;
        return true;
    }
    uint left() const { return inside(rings[SR_LEAD]).word32(SR_RING_LEFT).load(); }
};

#ifdef SR_LANES
// With sub-groups of 32 lanes, which a test steps.
struct SteppedLevels : LevelRings<Ring>, lanes::Stepped {
    using LevelRings::LevelRings;
};
#endif

}  // namespace
