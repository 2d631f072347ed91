// What every ring is, whatever its policy: its memory, its positions, and how its slots finished. ring.hpp has the
// ring that publishes, and says how all of it works.
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include <slipring/api.hpp>
#include <slipring/error.hpp>
#include <slipring/priority.hpp>
#include <slipring/state.hpp>
#include <slipring/tsan.hpp>

namespace slipring {

// How a slot finished.
struct Completion {
    State state = State::done;  // done, fault or cancelled
    Code code = Code::ok;       // why it faulted
    std::uint64_t result = 0;   // the operation's
    std::uint32_t inner = 0;    // in a packed slot: the operation that faulted, from 0
};

// A ring's memory in its parts, all aligned to RingView::alignment: what the consumer sees too,
// RingView::shared_bytes(); what producers alone use, RingView::producers_bytes; and, if the consumer reads the slots
// in memory near it, that window, RingView::window_bytes(). A window is write-combining memory behind a bus: each
// published slot is copied there by one 64-byte store, and nothing here ever loads from it. The slots in the shared
// part are what this side looks at, and are complete.
struct RingParts {
    std::span<std::byte> shared;
    std::span<std::byte> producers;
    std::span<std::byte> window{};
    bool over_bus = false;              // the consumer shares no caches with producers
    Priority level = Priority::normal;  // whose ring it is: what its slots say in word 3
};

namespace detail {

// What producers alone use. All positions.
struct Producers {
    std::uint64_t reserved;    // next position to reserve
    std::uint64_t tail;        // every position before it is known to be published
    std::uint64_t reclaimed;   // a recent value of COMPLETED, so that producers leave that line alone
    std::uint64_t held;        // the position that held up the tail when a thread last asked,
    std::uint64_t held_since;  // and when that was first seen, in ns of the steady clock
};

}  // namespace detail

// A handle to memory, cheap to copy; copies are the same ring.
class SLIPRING_API RingView {
public:
    static constexpr std::size_t alignment = SR_RING_ALIGN;
    static constexpr std::uint32_t max_capacity = 1u << 24;
    static constexpr std::size_t producers_bytes = SR_RING_ALIGN;

    // Bytes of memory for `capacity` slots and so many completions, 0 for as many as slots: of both parts, and of the
    // shared one alone. Errors: bad_capacity.
    [[nodiscard]] static constexpr std::expected<std::size_t, Errc> bytes(std::uint32_t capacity,
                                                                          std::uint32_t completions = 0) noexcept {
        const auto shared = shared_bytes(capacity, completions);
        if (!shared) return shared;
        return *shared + producers_bytes;
    }
    [[nodiscard]] static constexpr std::expected<std::size_t, Errc> shared_bytes(
        std::uint32_t capacity, std::uint32_t completions = 0) noexcept {
        if (completions == 0) completions = capacity;
        const bool even = std::has_single_bit(capacity) && std::has_single_bit(completions);
        if (!even || capacity < 2 || completions < capacity || completions > max_capacity)
            return std::unexpected(Errc::bad_capacity);
        const std::size_t bytes =
            SR_RING_SLOTS + std::size_t{capacity} * SR_SLOT_BYTES + std::size_t{completions} * SR_COMPLETION_BYTES;
        return (bytes + alignment - 1) / alignment * alignment;
    }

    static constexpr std::size_t window_bytes(std::uint32_t capacity) noexcept {
        return std::size_t{capacity} * SR_SLOT_BYTES;
    }

    std::uint32_t capacity() const noexcept { return mask_ + 1; }
    std::uint32_t completions() const noexcept { return completions_mask_ + 1; }

    // Positions, each a lower bound of what it is by the time the caller looks. Any thread.
    std::uint64_t reserved() const noexcept {
        return producers(&detail::Producers::reserved).load(std::memory_order_acquire);
    }
    // Every position before it is published. Stores what it found, for the next caller.
    std::uint64_t tail() const noexcept;
    // Every position before it is terminal. Acquires (A) what the consumer wrote to those slots' completions.
    std::uint64_t completed() const noexcept { return word64(SR_RING_COMPLETED).load(std::memory_order_acquire); }

    // True if every position before `end` is terminal.
    bool is_complete(std::uint64_t end) const noexcept { return static_cast<std::int64_t>(completed() - end) >= 0; }

    // True once the slot of `position`, which was published and not QUIET, has finished. It may be told so before
    // is_complete() is, and remains so.
    bool is_finished(std::uint64_t position) const noexcept {
        const std::uint64_t head = completion_ref(position, 0).load(std::memory_order_acquire);  // A1
        // As a difference of 40 bits. A later one is there only because this slot has finished.
        const auto ahead = static_cast<std::int64_t>((generation_of(head) - (position >> completions_shift_)) << 24);
        return ahead >= 0 && is_terminal(State{static_cast<std::uint32_t>(head) & SR_STATE_MASK});
    }

    // How the slot of `position` finished. Nothing if it has not, if it was QUIET, and if its completion has expired:
    // see oldest_result().
    std::optional<Completion> completion(std::uint64_t position) const noexcept {
        const auto end = read_completion(position);
        if (!end || is_expired(position)) return std::nullopt;  // E
        return end;
    }

    // The completions of positions before this one have expired: the next generation's may lie in their place. A
    // completion stays until the position completions() later is reserved.
    std::uint64_t oldest_result() const noexcept { return reserved() - completions(); }

    // The state of the slot of `position`: published, or how it finished; nothing if it is not published, or its
    // completion has expired. A QUIET one stays published until its place is used again.
    std::optional<State> state(std::uint64_t position) const noexcept {
        if (is_finished(position)) {
            const auto end = completion(position);
            return end ? std::optional(end->state) : std::nullopt;
        }
        return is_published(position) ? std::optional(State::published) : std::nullopt;
    }
    // The position that holds up the tail: reserved and not yet published. A producer that died inside publish
    // stays here for ever. `since` counts from the first call that saw it: ask regularly.
    struct Held {
        std::uint64_t position;
        std::chrono::steady_clock::duration since;
    };
    std::optional<Held> held() const noexcept;

protected:
    friend class Consumer;

    RingView(std::byte* base, detail::Producers* producers, std::uint32_t capacity,
             std::uint32_t completions) noexcept
        : base_(base), completions_(base + SR_RING_SLOTS + std::size_t{capacity} * SR_SLOT_BYTES),
          producers_(producers), owned_within_(takes_ahead() ? capacity : 0), mask_(capacity - 1),
          shift_(static_cast<std::uint32_t>(std::countr_zero(capacity))), completions_mask_(completions - 1),
          completions_shift_(static_cast<std::uint32_t>(std::countr_zero(completions))) {}

    // Whether producers take lines ahead on this processor, and so does a kernel on its cores: see sr_take_ahead. Of
    // producers measured with a thread as the consumer, M slots/s:
    //   AMD Zen, cores that share no cache      one producer 15 without and 27 with it, in batches of 32 61 and 71;
    //                                           two producers 15 and 27
    //   Xeon (Sapphire Rapids), 16 cores        in batches of 32 62 and 48; two producers 15 and 9
    // and over a bus, by a GPU, a tenth is lost: see RingParts::over_bus.
    static bool takes_ahead() noexcept;

    // Checks, then formats the memory: all slots EMPTY, no completion, all positions `start`.
    [[nodiscard]] static std::expected<RingView, Errc> format(const RingParts& memory, std::uint32_t capacity,
                                                              std::uint64_t start,
                                                              std::uint32_t completions) noexcept;
    // The two parts of one block: the producers' part lies behind the shared one.
    [[nodiscard]] static std::expected<RingParts, Errc> split(std::span<std::byte> memory, std::uint32_t capacity,
                                                              std::uint32_t completions) noexcept;
    // Checks memory that format() made some time ago in one block.
    [[nodiscard]] static std::expected<RingView, Errc> inspect(std::span<std::byte> memory) noexcept;

    std::atomic_ref<std::uint64_t> producers(std::uint64_t detail::Producers::* word) const noexcept {
        return std::atomic_ref(producers_->*word);
    }
    // Of completions that were read before this was asked. E: see read_completion().
    bool is_expired(std::uint64_t position) const noexcept {
        return static_cast<std::int64_t>(oldest_result() - position) > 0;
    }
    // As completion(), but whoever asks must ask is_expired() afterwards. Once for many of them is enough: they
    // expire in the order of their positions.
    //
    // E2: synchronizes with E1, the consumer's store of a result. A reader that sees the next generation's sees
    // afterwards that its position was reserved, and throws away what it has read. It takes both ends, and R between
    // them: the producer reserves and then publishes, the consumer sees that and then writes the completion. Were a
    // store or a load relaxed, an AArch64 core could make the result visible before the reservation.
    std::optional<Completion> read_completion(std::uint64_t position) const noexcept {
        const std::uint64_t head = completion_ref(position, 0).load(std::memory_order_acquire);    // A1
        const std::uint64_t result = completion_ref(position, 1).load(std::memory_order_acquire);  // E2
        const State state{static_cast<std::uint32_t>(head) & SR_STATE_MASK};
        if (!is_terminal(state) || ((generation_of(head) ^ position >> completions_shift_) << 24) != 0)
            return std::nullopt;
        return Completion{state, Code{static_cast<std::uint32_t>(head >> SR_COMPLETION_CODE_SHIFT) & 0xFF}, result,
                          static_cast<std::uint32_t>(head >> SR_COMPLETION_INNER_SHIFT) & 0xFF};
    }
    // One half of a completion.
    std::atomic_ref<std::uint64_t> completion_ref(std::uint64_t position, std::size_t half) const noexcept {
        const std::size_t index = static_cast<std::size_t>(position) & completions_mask_;
        return std::atomic_ref(reinterpret_cast<std::uint64_t*>(completions_ + index * SR_COMPLETION_BYTES)[half]);
    }
    // 40 bits.
    static std::uint64_t generation_of(std::uint64_t head) noexcept {
        return (head >> SR_COMPLETION_HIGH_SHIFT) << 24 | (head >> SR_GENERATION_SHIFT & SR_GENERATION_MASK);
    }
    // A2, E1: for a consumer on this side.
    void complete(std::uint64_t position, const Completion& end) const noexcept {
        const std::uint64_t generation = position >> completions_shift_;
        completion_ref(position, 1).store(end.result, std::memory_order_release);
        completion_ref(position, 0)
            .store((generation >> 24) << SR_COMPLETION_HIGH_SHIFT |
                       std::uint64_t{end.inner & 0xFF} << SR_COMPLETION_INNER_SHIFT |
                       (std::uint64_t{static_cast<std::uint32_t>(end.code)} & 0xFF) << SR_COMPLETION_CODE_SHIFT |
                       (generation & SR_GENERATION_MASK) << SR_GENERATION_SHIFT |
                       static_cast<std::uint32_t>(end.state),
                   std::memory_order_release);
    }

    std::atomic_ref<std::uint64_t> word64(std::size_t offset) const noexcept {
        return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(base_ + offset));
    }
    std::atomic_ref<std::uint32_t> word32(std::size_t offset) const noexcept {
        return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(base_ + offset));
    }
    std::uint32_t* slot(std::uint64_t position) const noexcept {
        return reinterpret_cast<std::uint32_t*>(base_ + SR_RING_SLOTS +
                                                (static_cast<std::size_t>(position) & mask_) * SR_SLOT_BYTES);
    }
    std::atomic_ref<std::uint32_t> state_ref(std::uint64_t position) const noexcept {
        return std::atomic_ref(*slot(position));
    }
    std::uint32_t state_word(std::uint64_t position) const noexcept {
        return state_ref(position).load(std::memory_order_acquire);
    }
    // The state word that the slot has while `position` is in `state`.
    std::uint32_t tagged(std::uint64_t position, std::uint32_t state) const noexcept {
        const std::uint64_t generation = position >> shift_;
        return static_cast<std::uint32_t>(generation) << SR_GENERATION_SHIFT | state;
    }
    bool has_window() const noexcept { return window_ != nullptr; }
    // The window's copies of n slots, in the order of their positions; no more than capacity().
    void copy_to_window(std::uint64_t first, std::uint64_t n) const noexcept {
        if (window_ != nullptr) fill_window(first, n);
    }
    void fill_window(std::uint64_t first, std::uint64_t n) const noexcept;
    // Whether the window has the slot of `position`, which is published. True as well if the device behind it is gone
    // and answers nothing but ones; and without a window. A load through the bus, of 1.05 us, which may not see yet
    // what this thread has just stored.
    bool is_in_window(std::uint64_t position) const noexcept;

    std::byte* base() const noexcept { return base_; }
    // For a caller that knows that the slots [from, to) are terminal, on a ring whose consumer is a device: by R and
    // A it goes on after their producers, and ThreadSanitizer is told so (see tsan.hpp). Without that it is nothing.
    void came_back([[maybe_unused]] std::uint64_t from, [[maybe_unused]] std::uint64_t to) const noexcept {
#ifdef SLIPRING_TSAN
        if (static_cast<std::int64_t>(to - from) <= 0) return;
        if (to - from > capacity()) from = to - capacity();
        for (; from != to; ++from) acquire_unseen(slot(from));  // where R1 stored
#endif
    }

    // True from the moment that `position` is published until its slot is written for the next generation, cancelled
    // or not.
    bool is_published(std::uint64_t position) const noexcept {
        const std::uint32_t state = state_word(position);
        return state == tagged(position, SR_STATE_PUBLISHED) || state == tagged(position, SR_STATE_CANCELLED);
    }
    // C: asks that the slot of `position` ends CANCELLED instead of being run. A device that can cancel decides when
    // it copies the slot, and the completion says what came of it. The exchange fails where another generation is
    // published by now. Relaxed: it hands over nothing, and as an exchange it continues the release of R1.
    bool cancel(std::uint64_t position) const noexcept {
        std::uint32_t published = tagged(position, SR_STATE_PUBLISHED);
        return state_ref(position).compare_exchange_strong(published, tagged(position, SR_STATE_CANCELLED),
                                                           std::memory_order_relaxed);
    }

    std::byte* base_;         // the shared part, of which SR_RING_* are offsets
    std::byte* completions_;  // in it
    detail::Producers* producers_;
    std::byte* window_ = nullptr;  // where the consumer reads the slots, if not in the shared part
    std::uint32_t priority_ = 0;   // what a descriptor's priority, NORMAL, differs from this level's by
    std::uint32_t owned_within_;   // positions from `reclaimed` on whose lines producers take ahead: all or none
    std::uint32_t mask_;
    std::uint32_t shift_;
    std::uint32_t completions_mask_;
    std::uint32_t completions_shift_;
};

}  // namespace slipring
