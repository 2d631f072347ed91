// The slots of a ring as their producers gave them: no consumer changes one.
#pragma once

#include <cstring>
#include <vector>

#include "../lib/ring_inside.hpp"

namespace slipring {

class GivenSlots {
public:
    explicit GivenSlots(const RingView& ring) : ring_(ring), words_(std::size_t{ring.capacity()} * SR_SLOT_WORDS) {
        for (std::uint32_t slot = 0; slot < ring.capacity(); ++slot) take(slot);
    }

    // As `n` slots from `first` on are now: their producer has published them, or there are none yet.
    void take(std::uint64_t first, std::uint64_t n = 1) {
        for (; n != 0; ++first, --n) std::memcpy(given(first), ring_.slot(first), SR_SLOT_BYTES);
    }
    // All 64 bytes of every slot are as they were taken.
    bool stand() const {
        for (std::uint32_t slot = 0; slot < ring_.capacity(); ++slot)
            if (std::memcmp(given(slot), ring_.slot(slot), SR_SLOT_BYTES) != 0) return false;
        return true;
    }

private:
    std::uint32_t* given(std::uint64_t position) {
        return words_.data() + position % ring_.capacity() * SR_SLOT_WORDS;
    }
    const std::uint32_t* given(std::uint64_t position) const {
        return words_.data() + position % ring_.capacity() * SR_SLOT_WORDS;
    }

    RingInside ring_;
    std::vector<std::uint32_t> words_;
};

}  // namespace slipring
