// Sub-groups of 32 lanes as the consumer of a real ring, natively: the wide drain without teams, stepped from a seed.
// For one source of a program.
#pragma once

#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "stepped.hpp"
#include "shim.hpp"

#include "no_teams.hpp"

// 0x100 returns its first argument as its code. 0x101 says that it runs: its first argument. 0x102 stays until it is
// let go by its first argument, a bit of `let_go`.
static std::vector<uint> order;  // what 0x101 said
static uint subgroups_seen = 0;  // a bit for each sub-group that ran one of these
static uint held_back = 0, let_go = 0;
static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong*) {
    subgroups_seen |= 1u << lanes::Machine::current()->subgroup();
    if (opcode == 0x101) return order.push_back(args[0]), SR_CODE_OK;
    if (opcode == 0x102) {
        held_back |= 1u << args[0];
        while ((let_go >> args[0] & 1) == 0) sr_nap();
        return SR_CODE_OK;
    }
    return opcode == 0x100 ? sr_handler_code(args[0]) : SR_CODE_UNKNOWN_OPCODE;
}

namespace {

using namespace slipring;

constexpr ulong for_ever = ~ulong{0};
using lanes::patience;

enum class Slots { in_ring, in_window };

struct Device : lanes::Stepped {
    const std::uint32_t capacity;
    std::vector<std::byte> bytes;
    std::span<std::byte> memory;
    std::vector<std::byte> window_bytes{};
    std::span<std::byte> window{};  // where the lanes read the slots, if it is not empty
    std::vector<uint> control = std::vector<uint>(8192);
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + 64 * SR_LOG_RECORD_WORDS);
    std::vector<uint> sched = std::vector<uint>(SR_SCHED_WORDS(capacity));
    Ring ring;
    sr_ring own{};
    sr_memory words{};
    sr_bounds bounds{};

    explicit Device(std::uint32_t slots, std::uint64_t start = 0, Slots where = Slots::in_ring)
        : capacity(slots), bytes(*Ring::bytes(slots) + SR_RING_ALIGN), memory(aligned(bytes)),
          ring(*Ring::create(memory, slots, start)) {
        if (where == Slots::in_window) {
            window_bytes.resize(Ring::window_bytes(slots) + SR_RING_ALIGN);
            window = aligned(window_bytes);
        }
        order.clear();
        subgroups_seen = held_back = let_go = 0;
    }
    static std::span<std::byte> aligned(std::span<std::byte> of) {
        const std::size_t at = -reinterpret_cast<std::uintptr_t>(of.data()) % SR_RING_ALIGN;
        return of.subspan(at, of.size() - SR_RING_ALIGN);
    }

    void launch(uint number, uint subgroups, ulong idle_timeout, uint seed, ulong max_time = for_ever) {
        const uint shift = static_cast<uint>(std::countr_zero(capacity));
        own = sr_ring_of(reinterpret_cast<uchar*>(memory.data()), capacity - 1, shift, shift);
        if (!window.empty()) own.slots = reinterpret_cast<uchar*>(window.data());
        words = {
            control.data(), 8192, nullptr, 0, log.data(), 63, nullptr, 0, nullptr, 0, sched.data() + SR_SCHED_NOW,
            nullptr};
        bounds = {number, ring.completed(), idle_timeout, max_time, 0};
        machine.reset();
        const auto kernel = [this, subgroups](uint subgroup) {
            sr_drain_wide(&own, &words, &bounds, sched.data(), subgroup, subgroups, 0);
        };
        machine = std::make_unique<lanes::Machine>(subgroups, kernel, seed);
    }
    // What a producer of a ring with a window does behind its slot.
    void copy(std::uint64_t position) {
        const std::size_t at = position % capacity * SR_SLOT_BYTES;
        std::memcpy(window.data() + at, memory.data() + SR_RING_SLOTS + at, SR_SLOT_BYTES);
    }
    uint word32(std::size_t offset) {
        return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + offset)).load();
    }
    bool is_done(std::uint64_t position) { return ring.state(position) == State::done; }
};

inline Slot says(uint what) { return slot(custom_opcode<0x101>(), {what}); }
inline Slot stays(uint bit) { return slot(custom_opcode<0x102>(), {bit}); }

// Each seed is the same steps in every configuration. Unoptimised, as under AddressSanitizer, they take three times
// as long, and the first four are enough: all numbers of sub-groups and all starts occur in them.
#ifdef __OPTIMIZE__
constexpr uint schedules = 8;
#else
constexpr uint schedules = 4;
#endif

}  // namespace
