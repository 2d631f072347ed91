// A host thread as the ring's consumer: what the kernel does on a device, for tests and for work that stays home.
#pragma once

#include <slipring/ring.hpp>

namespace slipring {

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

    // Finishes the slot that peek() returned and moves to the next. A QUIET slot gets no completion.
    void finish(const Completion& end) noexcept {
        const std::uint32_t* const slot = ring_.slot(head_);
        if ((slot[SR_WORD_PRIORITY] & SR_FLAG_QUIET) == 0) ring_.complete(head_, end);  // A2
        own();
        ++head_;
    }

    // Gives all finished slots back to the producers.
    void release() noexcept {
        // A2: synchronizes with A1, the producer that reserves these slots again.
        ring_.word64(SR_RING_COMPLETED).store(head_, std::memory_order_release);
    }

    // Runs `execute(span of 16 words) -> Completion` on up to `max` published slots; returns how many. Slots go back
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
    // Takes the slot's line from the producer's cache: stores the state word that was read, as it is. A line that was
    // only read here stays there as a shared one, and the next producer, which writes it, waits for a round trip at
    // every slot, which no hardware foresees; a line that is gone from there is fetched like any other, some ahead.
    void own() const noexcept {
        ring_.state_ref(head_).store(ring_.tagged(head_, SR_STATE_PUBLISHED), std::memory_order_relaxed);
    }

    RingView ring_;
    std::uint64_t head_;
};

}  // namespace slipring
