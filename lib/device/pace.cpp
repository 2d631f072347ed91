#include "pace.hpp"

#include <algorithm>

#include "../ring_inside.hpp"

namespace slipring {

Pace::Pace(std::span<const CustomOp> ops, std::chrono::milliseconds hang_timeout)
    : kinds_{{SR_OP_NOP, 256, 4096}, {SR_OP_MEMCPY, 1, 256}, {SR_OP_PACKED_SLOT, 1, 256}},
      hang_timeout_(hang_timeout) {
    for (const CustomOp& op : ops) kinds_.push_back({op.opcode, 1, 256});
}

Pace::Kind& Pace::kind(std::uint32_t opcode) noexcept {
    const auto found = std::ranges::find(kinds_, opcode, &Kind::opcode);
    return found == kinds_.end() ? kinds_.front() : *found;
}

void Pace::begin_launch() noexcept {
    for (Kind& one : kinds_) one.seen = 0;
}

std::uint64_t Pace::end_of_launch(const RingView& ring, std::uint64_t first, std::uint64_t at_most) noexcept {
    const std::uint64_t tail = first + std::min(ring.tail() - first, at_most);
    for (std::uint64_t at = first; at != tail; ++at) {
        Kind& one = kind(inside(ring).word(at, SR_WORD_OPCODE));
        if (one.seen == one.limit) return at;
        ++one.seen;
    }
    return tail;
}

void Pace::took(std::chrono::nanoseconds time) noexcept {
    for (Kind& one : kinds_) {
        if (one.seen == 0) continue;
        if (time > hang_timeout_ / 4) one.limit = std::max<std::uint64_t>(one.seen / 2, 1);
        // Only as many as there were have shown how long they take.
        if (time < hang_timeout_ / 16 && one.seen == one.limit) one.limit = std::min(one.limit * 2, one.max_limit);
    }
}

}  // namespace slipring
