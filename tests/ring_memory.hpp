// Memory for a ring under test.
#pragma once

#include <vector>

#include <slipring/ring.hpp>

#include "printing.hpp"

class RingMemory {
public:
    explicit RingMemory(std::uint32_t capacity)
        : lines_(*slipring::Ring::bytes(capacity) / sizeof(Line) + 1), size_(*slipring::Ring::bytes(capacity)) {}

    std::span<std::byte> bytes() { return {lines_.front().bytes, size_}; }

    template <class Policy = slipring::DeviceConsumer>
    slipring::BasicRing<Policy> ring(std::uint32_t capacity, std::uint64_t start = 0) {
        return *slipring::BasicRing<Policy>::create(bytes(), capacity, start);
    }

private:
    struct alignas(SR_RING_ALIGN) Line {
        std::byte bytes[SR_RING_ALIGN]{};
    };
    std::vector<Line> lines_;
    std::size_t size_;
};

// Where positions are hard: around 2^32, where the 24-bit generation wraps, and where 64 bits do.
inline std::vector<std::uint64_t> hard_starts(std::uint32_t capacity) {
    const std::uint64_t lap = capacity;
    return {0,
            1,
            (std::uint64_t{1} << 32) - 1,
            (std::uint64_t{1} << 32) - lap,
            (std::uint64_t{1} << 32) - lap - 1,
            (lap << 24) - 1,
            (lap << 24) - lap,
            (lap << 24) - lap / 2,
            (std::uint64_t{1} << 63) - 1,
            0 - lap,
            0 - lap - 1,
            ~std::uint64_t{0}};
}
