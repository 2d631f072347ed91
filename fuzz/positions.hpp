// Where positions are hard: near 2^32, where the generation's 24 bits wrap, and near 2^64.
#pragma once

#include "fuzz.hpp"

namespace fuzz {

namespace near {
inline constexpr std::uint32_t place_[] = {0, 1, 2, 3, 4};
inline constexpr std::uint32_t shift_[] = {0, 1, 8, 16, 0xFFFFFFFF, 0xFFFFFFFC, 0xFFFFFFF8, 0xFFFFFFF0};
inline constexpr Field place{place_}, shift{shift_};
}  // namespace near

// Two words of a head.
#define SR_FUZZ_POSITION_FIELDS near::place, near::shift

inline std::uint64_t hard_position(Input& in, std::uint64_t capacity) noexcept {
    const std::uint64_t places[] = {0, std::uint64_t{1} << 32, capacity << 24, std::uint64_t{1} << 63, 0};
    const std::uint64_t place = places[in.word() % 5];
    return place + static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(in.word())} % 1024);
}

}  // namespace fuzz
