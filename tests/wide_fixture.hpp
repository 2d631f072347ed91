// The wide drain, natively: each sub-group a thread, as the consumer of a real ring. For one source of a program.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <optional>
#include <thread>
#include <vector>

#include <slipring/ring.hpp>

// How often the retirer looks for a poller before it goes on alone: a thread may be late.
static unsigned alone_after = 1u << 30;
#define SR_ALONE_AFTER alone_after
#include "lost_wakes.hpp"
#include "patience.hpp"
#include "shim.hpp"

#include "no_teams.hpp"

// 0x100 returns its first argument as its code. 0x102 says that it has begun, and stays until it is let go.
static std::atomic<uint> held_back{0};
static std::atomic<bool> let_go{false};
static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong*) {
    if (opcode == 0x102) {
        ++held_back;
        eventually([] { return let_go.load(); });
        return SR_CODE_OK;
    }
    return opcode == 0x100 ? sr_handler_code(args[0]) : SR_CODE_UNKNOWN_OPCODE;
}

namespace {

using namespace slipring;

constexpr ulong for_ever = ~ulong{0};

// A launch of `subgroups` threads, the roles in the order of their arrival.
struct Device {
    static constexpr std::uint32_t max_capacity = 64;
    const std::uint32_t capacity;
    alignas(SR_RING_ALIGN) std::array<std::byte, *Ring::bytes(max_capacity)> memory{};
    std::vector<uint> control = std::vector<uint>(256);
    uint log_records = 4;
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + 64 * SR_LOG_RECORD_WORDS);
    std::vector<uint> sched = std::vector<uint>(SR_SCHED_WORDS(capacity));
    SeenRing ring;

    explicit Device(std::uint64_t start = 0, std::uint32_t slots = max_capacity)
        : capacity(slots), ring(*SeenRing::create(memory, capacity, start)) {}

    // What a launch is given.
    struct Given {
        sr_ring ring;
        sr_memory memory;
        sr_bounds bounds;
    };
    Given give(uint number, ulong idle_timeout, ulong max_time, ulong first) {
        const uint shift = static_cast<uint>(std::countr_zero(capacity));
        return {sr_ring_of(reinterpret_cast<uchar*>(memory.data()), capacity - 1, shift, shift),
                {control.data(), 256, nullptr, 0, log.data(), log_records - 1, nullptr, 0, nullptr, 0,
                 sched.data() + SR_SCHED_NOW, nullptr},
                {number, first, idle_timeout, max_time, 0}};
    }

    // `first`, if it is given: what the host took for COMPLETED when it asked for the launch.
    void launch(uint number, uint subgroups, ulong idle_timeout, ulong max_time = for_ever,
                std::optional<ulong> first = {}) {
        const Given given = give(number, idle_timeout, max_time, first.value_or(ring.completed()));
        std::vector<std::thread> threads;
        for (uint i = 0; i < subgroups; ++i) {
            threads.emplace_back([&] {
                const uint subgroup = sr_add_device(sched.data() + SR_SCHED_ARRIVED, 1);
                sr_drain_wide(&given.ring, &given.memory, &given.bounds, sched.data(), subgroup, subgroups, 0);
            });
        }
        for (std::thread& subgroup : threads) subgroup.join();
    }
    // The launch before `number` has left, with more to do.
    void follow(uint number) { control[SR_CONTROL_LEFT] = (number - 1) & SR_LAUNCH_MASK; }
    void revoke() { std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_REVOKED)).store(1); }
    uint word(uint index) { return sr_load_acquire(control.data() + index); }
    bool is_done(std::uint64_t position) { return ring.state(position) == State::done; }
    uint faults() { return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_FAULTS)).load(); }
    uint left() { return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_LEFT)).load(); }
};

}  // namespace
