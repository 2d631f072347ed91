// A host thread as the ring's consumer: what the kernel does on a device, for tests and for work that stays home.
#pragma once

#include <slipring/ring.hpp>

namespace slipring {

// How a slot finished.
struct Outcome {
    State state = State::done;  // done, fault or cancelled
    Code code = Code::ok;
    std::uint32_t result = 0;
};

// One consumer a ring, one thread at a time. Claims slots in order of their positions.
class Consumer {
public:
    explicit Consumer(const RingView& ring) noexcept : ring_(ring), head_(ring.completed()) {}

    // The next position, which peek() waits for.
    std::uint64_t head() const noexcept { return head_; }

    // The 16 words of the slot at the head, or null while it is not published.
    const std::uint32_t* peek() const noexcept {
        // R2: synchronizes with R1, the producer's store of the state.
        return ring_.state(head_) == State::published ? ring_.slot(head_) : nullptr;
    }

    // Finishes the slot that peek() returned and moves to the next. A QUIET slot keeps its words as they are.
    void finish(const Outcome& outcome) noexcept {
        std::uint32_t* const slot = ring_.slot(head_);
        std::uint32_t state = SR_STATE_PUBLISHED;
        if ((slot[SR_WORD_PRIORITY] & SR_FLAG_QUIET) == 0) {
            std::atomic_ref(slot[SR_WORD_RESULT]).store(outcome.result, std::memory_order_relaxed);
            std::atomic_ref(slot[SR_WORD_CODE])
                .store(static_cast<std::uint32_t>(outcome.code), std::memory_order_relaxed);
            state = static_cast<std::uint32_t>(outcome.state);
        }
        // A2: synchronizes with the waiter's acquire in RingView::state.
        // A quiet slot is stored to as well, though the value does not change: a line that was only read stays in the
        // producer's cache as a shared one, and to take it back the producer waits for a round trip at every slot,
        // which no prefetch hides; a line that was written is gone from there, and is prefetched like any other
        // (measured between distant cores: 5 times as many slots in batches, 1.5 times as many single ones).
        ring_.state_ref(head_).store(ring_.tagged(head_, state), std::memory_order_release);
        ++head_;
    }

    // Gives all finished slots back to the producers.
    void release() noexcept {
        // A2: synchronizes with A1, the producer that reserves these slots again.
        ring_.word64(SR_RING_COMPLETED).store(head_, std::memory_order_release);
    }

    // Runs `execute(span of 16 words) -> Outcome` on up to `max` published slots; returns how many. Slots go back
    // every 32, and all of them before it returns.
    template <class Execute>
    std::size_t drain(std::size_t max, Execute execute) {
        std::size_t done = 0;
        while (done < max) {
            const std::uint32_t* const slot = peek();
            if (slot == nullptr) break;
            finish(execute(std::span<const std::uint32_t, SR_SLOT_WORDS>(slot, SR_SLOT_WORDS)));
            if (++done % 32 == 0) release();
        }
        if (done % 32 != 0) release();
        return done;
    }

private:
    RingView ring_;
    std::uint64_t head_;
};

}  // namespace slipring
