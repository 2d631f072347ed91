// Memory for the native device code: control words, and a log of one record. Include it behind shim.hpp.
#pragma once

#include <atomic>
#include <bit>
#include <span>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"

struct NativeMemory {
    std::vector<uint> control = std::vector<uint>(256);
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + SR_LOG_RECORD_WORDS);
    sr_running running{};
    sr_buffers buffers{};

    sr_memory view() {
        sr_memory memory{};
        memory.control = control.data();
        memory.control_words = static_cast<uint>(control.size());
        memory.log = log.data();
        memory.buffers = &buffers;
        memory.running = &running;
        return memory;
    }

    // One launch of the serial drain. It reads the slots in the window, if there is one.
    void drain(const slipring::RingView& ring, uint launch, ulong idle_timeout, ulong max_time = ~ulong{0},
               std::span<std::byte> window = {}) {
        const auto log2 = [](std::uint32_t n) { return static_cast<uint>(std::countr_zero(n)); };
        sr_ring own = sr_ring_of(reinterpret_cast<uchar*>(slipring::inside(ring).base()), ring.capacity() - 1,
                                 log2(ring.capacity()), log2(ring.completions()));
        if (!window.empty()) own.slots = reinterpret_cast<uchar*>(window.data());
        auto* const line = reinterpret_cast<uint*>(slipring::inside(ring).base() + SR_RING_REVOKED);
        buffers.revoked = line;
        buffers.running = &running;
        sr_memory memory = view();
        memory.now = line + 1;
        sr_bounds bounds{};
        bounds.launch = launch;
        bounds.first = ring.completed();
        bounds.idle_timeout = idle_timeout;
        bounds.max_time = max_time;
        sr_drain_serial(&own, &memory, &bounds);
    }
};
