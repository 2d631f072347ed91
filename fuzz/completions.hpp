// Completions as the ABI has them, written a second time.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include <slipring/abi.h>

#include "device.hpp"

namespace fuzz {

// The completion of one position: two u64.
struct Entry {
    std::uint64_t head = 0, result = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
};

// A ring's completions, as many as its slots.
class Entries {
public:
    Entries(std::span<std::byte> ring, std::uint32_t capacity) noexcept
        : memory_(ring.subspan(SR_RING_SLOTS + std::size_t{capacity} * 64, std::size_t{capacity} * 16)),
          capacity_(capacity) {}

    Entry at(std::uint64_t position) const noexcept {
        Entry entry;
        std::memcpy(&entry, memory_.data() + position % capacity_ * 16, 16);
        return entry;
    }
    void set(std::uint64_t position, const Entry& entry) const noexcept {
        std::memcpy(memory_.data() + position % capacity_ * 16, &entry, 16);
    }
    Entry of(std::uint64_t position, std::uint32_t state, std::uint32_t code, std::uint32_t inner,
             std::uint64_t result) const noexcept {
        const std::uint64_t generation = position / capacity_ % (std::uint64_t{1} << 40);
        return {state + 256 * (generation % (1u << 24)) + (std::uint64_t{code + 256 * inner} << 32) +
                    (generation / (1u << 24) << 48),
                result};
    }
    Entry of(std::uint64_t position, const sr_outcome& out) const noexcept {
        const bool unrun = out.code == SR_CODE_CANCELLED || out.code == SR_CODE_DEADLINE;
        return of(position, out.code == SR_CODE_OK ? 3 : unrun ? 8 : 7, out.code, out.inner, out.value);
    }

private:
    std::span<std::byte> memory_;
    std::uint32_t capacity_;
};

}  // namespace fuzz
