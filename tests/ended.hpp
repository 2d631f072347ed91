// How a slot finished, as a test compares it.
#pragma once

#include <slipring/ring.hpp>

namespace slipring {

// Of a slot that has not finished, a result and a code that no test expects.
inline std::uint64_t result_of(const RingView& ring, std::uint64_t position) noexcept {
    const auto end = ring.completion(position);
    return end ? end->result : 0xBAD0'0000'0000'0BAD;
}

// The code in bits 0 to 7, the index of the failing inner operation above.
inline std::uint32_t code_of(const RingView& ring, std::uint64_t position) noexcept {
    const auto end = ring.completion(position);
    return end ? static_cast<std::uint32_t>(end->code) | end->inner << 8 : 0xBAD;
}

}  // namespace slipring
