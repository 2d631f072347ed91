// What the runtime and the tests ask of a ring, and no user does.
#pragma once

#include <slipring/ring.hpp>

namespace slipring {

class RingInside : public RingView {
public:
    explicit RingInside(const RingView& ring) noexcept : RingView(ring) {}

    using RingView::base;
    using RingView::came_back;
    using RingView::slot;
    using RingView::state_word;
    using RingView::tagged;
    using RingView::word32;
    using RingView::word64;

    // Where a wide kernel serves (see LaunchShape): how the last slot that was published alone ended, if well. The
    // low half is the low word of its position + 1, the high half its result; its slot says so too, a moment later.
    // Acquires (A).
    std::uint64_t answer() const noexcept { return word64(SR_RING_ANSWER).load(std::memory_order_acquire); }
    // No position from here on has been started.
    std::uint64_t claimed() const noexcept {
        const std::uint64_t done = completed(), begun = word64(SR_RING_CLAIMED).load(std::memory_order_acquire);
        return static_cast<std::int64_t>(begun - done) > 0 ? begun : done;
    }

    // S, the host's half: after publishing, true if the consumer's launch `launch` has left, so that nothing looks at
    // the slots until the next one starts. The device stores `launch` into LEFT and then loads the state at its head;
    // a producer stores the state and then loads LEFT. All four are sequentially consistent, so one of the two sees
    // the other; acquire and release would let both miss.
    bool wake_needed(std::uint32_t launch) const noexcept {
        return word32(SR_RING_LEFT).load(std::memory_order_seq_cst) == launch;
    }

    // For the stand-in of a consumer: ends the slot of `position` with words 0 to 2 of `from`. A2.
    void end_slot(std::uint64_t position, const std::uint32_t* from) const noexcept {
        for (const std::uint32_t index : {SR_WORD_RESULT, SR_WORD_CODE})
            std::atomic_ref(slot(position)[index]).store(from[index], std::memory_order_relaxed);
        state_ref(position).store(from[SR_WORD_STATE], std::memory_order_release);
    }
};

inline RingInside inside(const RingView& ring) noexcept { return RingInside(ring); }

}  // namespace slipring
