// Where a test may suspend a producer inside publish. Outside tests this is nothing, and compiles to nothing.
#pragma once

namespace slipring::detail {

enum class RingStep { reserving, reserved, slot_written, all_written, published };

// A test specialises it for a policy of its own, before it makes a ring with that.
template <class Policy>
inline void at_step(RingStep) noexcept {}

}  // namespace slipring::detail
