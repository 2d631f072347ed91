// What the runtime and the tests ask of a ring, and no user does.
#pragma once

#include <algorithm>
#include <optional>

#include <slipring/ring.hpp>

namespace slipring {

class RingInside : public RingView {
public:
    explicit RingInside(const RingView& ring) noexcept : RingView(ring) {}

    using RingView::base;
    using RingView::came_back;
    using RingView::cancel;
    using RingView::complete;
    using RingView::completion_ref;
    using RingView::copy_to_window;
    using RingView::has_window;
    using RingView::is_expired;
    using RingView::is_in_window;
    using RingView::is_published;
    using RingView::producers;
    using RingView::read_completion;
    using RingView::slot;
    using RingView::state_word;
    using RingView::tagged;
    using RingView::takes_ahead;
    using RingView::word32;
    using RingView::word64;

    // A word of the slot, as its producer wrote it.
    std::uint32_t word(std::uint64_t position, std::uint32_t index) const noexcept {
        return std::atomic_ref(slot(position)[index]).load(std::memory_order_relaxed);
    }
    // The same of a slot that may finish meanwhile and be written anew, by plain stores: the reader of a sequence
    // lock. Whoever reads such a word asks afterwards whether the slot has finished, and then throws the word away;
    // the acquire keeps that question behind this load. Nothing orders it with the stores, which no sanitizer is to
    // report.
#if defined(__clang__)
    [[clang::disable_sanitizer_instrumentation]]
#else
    [[gnu::no_sanitize("thread")]]
#endif
    std::uint32_t peek(std::uint64_t position, std::uint32_t index) const noexcept {
        return __atomic_load_n(slot(position) + index, __ATOMIC_ACQUIRE);
    }
    // No position from here on has been started.
    std::uint64_t claimed() const noexcept {
        const std::uint64_t done = completed(), begun = word64(SR_RING_CLAIMED).load(std::memory_order_acquire);
        return static_cast<std::int64_t>(begun - done) > 0 ? begun : done;
    }

    // A slot is published and has not finished. False, too, if the slot that is to run next is no longer published:
    // who can write a tenant's slots can take that back, and then the tenant's ring stands still for ever, which is
    // no fault of the device's.
    bool has_work() const noexcept {
        for (;;) {
            const std::uint64_t next = completed();
            if (next == tail()) return false;
            if (is_published(next)) return true;
            if (completed() == next) return false;  // else it has finished, and its place is being used again
        }
    }

    // The same, of what the consumer can see: with a window a slot may be published and not yet copied, and never is
    // if its producer died in between, or whoever can write a tenant's slots made one up.
    bool consumer_has_work() const noexcept { return has_work() && is_in_window(completed()); }

    // Lookahead that was promoted, if any of it has not finished: of this ring the slots before `end`, modulo 2^61,
    // count as of level number `level`, among those that have a ring. See SR_RING_PROMOTED.
    struct Promoted {
        std::uint64_t end;
        std::uint32_t level;
    };
    std::optional<Promoted> promoted() const noexcept {
        const std::uint64_t word = word64(SR_RING_PROMOTED).load(std::memory_order_relaxed);
        return promoted(word);
    }
    // Any thread. Of two promotions both hold: up to the later position, at the higher level. Relaxed: the word says
    // in which order slots run, and nothing else.
    void promote(std::uint64_t end, std::uint32_t level) const noexcept {
        const auto word = word64(SR_RING_PROMOTED);
        std::uint64_t before = word.load(std::memory_order_relaxed), next;
        do {
            next = end << SR_PROMOTED_SHIFT | level;
            if (!promoted(next)) return;  // all of it has finished
            if (const auto one = promoted(before)) {
                const bool is_further = static_cast<std::int64_t>((one->end - end) << SR_PROMOTED_SHIFT) > 0;
                next = (is_further ? one->end : end) << SR_PROMOTED_SHIFT | std::min(one->level, level);
            }
        } while (!word.compare_exchange_weak(before, next, std::memory_order_relaxed));
    }

    // S, the host's half: after publishing, true if the consumer's newest launch `launch` has left, so that nothing
    // looks at the slots until the next one starts; or if it has work and wants the next one queued behind it. The
    // device stores `launch` into LEFT and then loads the state at its head; a producer stores the state and then
    // loads LEFT. All four are sequentially consistent, so one of the two sees the other; acquire and release would
    // let both miss.
    bool wake_needed(std::uint32_t launch) const noexcept { return (left() & SR_LAUNCH_MASK) == launch; }
    bool has_left(std::uint32_t launch) const noexcept { return left() == launch; }
    bool wants_successor(std::uint32_t launch) const noexcept { return left() == (launch | SR_LEFT_WANTED); }
    std::uint32_t left() const noexcept { return word32(SR_RING_LEFT).load(std::memory_order_seq_cst); }

private:
    std::optional<Promoted> promoted(std::uint64_t word) const noexcept {
        const std::uint64_t end = word >> SR_PROMOTED_SHIFT;
        if (static_cast<std::int64_t>((end - completed()) << SR_PROMOTED_SHIFT) <= 0) return std::nullopt;
        return Promoted{end, static_cast<std::uint32_t>(word) & SR_PROMOTED_LEVEL};
    }
};

inline RingInside inside(const RingView& ring) noexcept { return RingInside(ring); }

}  // namespace slipring
