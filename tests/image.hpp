// Images for the tests of the codec: an unaligned byte image with a canary around it, and its snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <slipring/abi.h>

#include "random.hpp"

// `slots` slots of noise whose states are EMPTY or DONE, `misalignment` bytes off every alignment.
class Image {
public:
    explicit Image(std::size_t slots, std::size_t misalignment = 1, std::uint32_t seed = 1)
        : bytes_(slots * SR_SLOT_BYTES + 2 * margin + misalignment), first_(margin + misalignment),
          size_(slots * SR_SLOT_BYTES) {
        Random random(seed);
        for (std::byte& byte : bytes_) byte = static_cast<std::byte>(random.below(256));
        for (std::uint32_t i = 0; i < slots; ++i) set_state(i, i % 2 == 0 ? SR_STATE_EMPTY : SR_STATE_DONE);
    }

    std::span<std::byte> bytes() { return std::span(bytes_).subspan(first_, size_); }
    std::span<const std::byte> bytes() const { return std::span(bytes_).subspan(first_, size_); }

    std::uint32_t word(std::uint32_t slot, std::uint32_t index) const {
        std::uint32_t value;
        std::memcpy(&value, bytes().data() + at(slot, index), 4);
        return value;
    }
    void set(std::uint32_t slot, std::uint32_t index, std::uint32_t value) {
        std::memcpy(bytes().data() + at(slot, index), &value, 4);
    }
    void set_state(std::uint32_t slot, std::uint32_t state) { set(slot, SR_WORD_STATE, state); }

    // Everything, the canary included.
    friend bool operator==(const Image&, const Image&) = default;

private:
    static constexpr std::size_t margin = 64;
    static std::size_t at(std::uint32_t slot, std::uint32_t index) {
        return std::size_t{slot} * SR_SLOT_BYTES + std::size_t{index} * 4;
    }

    std::vector<std::byte> bytes_;
    std::size_t first_, size_;
};
