// A ring's words where the ABI has them, for a host that writes them and an oracle that reads them.
#pragma once

#include <cstdint>
#include <span>

#include "device.hpp"

namespace fuzz {

class RingWords {
public:
    RingWords(std::span<std::byte> ring, std::uint32_t capacity) noexcept : memory_(ring), capacity_(capacity) {}

    uint* slot(std::uint64_t position) const noexcept {
        return reinterpret_cast<uint*>(memory_.data() + SR_RING_SLOTS + position % capacity_ * 64);
    }
    // By SR_RING_*.
    uint& word32(std::size_t offset) const noexcept { return *reinterpret_cast<uint*>(memory_.data() + offset); }
    std::uint64_t& word64(std::size_t offset) const noexcept {
        return *reinterpret_cast<std::uint64_t*>(memory_.data() + offset);
    }

private:
    std::span<std::byte> memory_;
    std::uint32_t capacity_;
};

}  // namespace fuzz
