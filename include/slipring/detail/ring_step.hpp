// Where a test may suspend a producer inside publish. Outside tests this is nothing, and compiles to nothing.
#pragma once

namespace slipring::detail {

// `not_copied`, with a window alone: the first slot is published in the shared part, and its copy is not yet made.
enum class RingStep { reserving, reserved, slot_written, all_written, not_copied, published };

// A test specialises it for a policy of its own, before it makes a ring with that.
template <class Policy>
inline void at_step(RingStep) noexcept {}

}  // namespace slipring::detail
