// How much work a ring has: the measure by which a fleet chooses between rings.
#pragma once

#include <algorithm>
#include <cstdint>

namespace slipring {

// Slots that are reserved and not completed: 0 .. capacity. `completed` is read first, so reserved is not behind it;
// but between the two looks slots may complete and others be reserved, which counts both: hence the bound.
template <class AnyRing>
std::uint64_t outstanding(const AnyRing& ring) noexcept {
    const std::uint64_t completed = ring.completed();
    return std::min<std::uint64_t>(ring.reserved() - completed, ring.capacity());
}

}  // namespace slipring
