#include <slipring/ring.hpp>

#include <algorithm>

namespace slipring {

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free &&
              std::atomic_ref<std::uint32_t>::is_always_lock_free);

std::expected<std::size_t, Errc> RingView::bytes(std::uint32_t capacity) noexcept {
    if (!std::has_single_bit(capacity) || capacity < 2 || capacity > max_capacity)
        return std::unexpected(Errc::bad_capacity);
    return SR_RING_SLOTS + std::size_t{capacity} * SR_SLOT_BYTES;
}

std::expected<void, Errc> RingView::format(std::span<std::byte> memory, std::uint32_t capacity,
                                           std::uint64_t start) noexcept {
    const auto size = bytes(capacity);
    if (!size) return std::unexpected(size.error());
    if (memory.size() < *size || reinterpret_cast<std::uintptr_t>(memory.data()) % alignment != 0)
        return std::unexpected(Errc::bad_memory);

    // Zero is EMPTY with generation 0: published in no generation, wherever the positions start.
    std::memset(memory.data(), 0, *size);
    const RingView ring(memory.data(), capacity);
    for (const std::size_t word :
         {SR_RING_RESERVED, SR_RING_TAIL, SR_RING_RECLAIMED, SR_RING_COMPLETED, SR_RING_CLAIMED})
        ring.word64(word).store(start, std::memory_order_release);
    ring.word64(SR_RING_ANSWER).store(static_cast<std::uint32_t>(start - (1u << 29)), std::memory_order_release);
    ring.word64(SR_RING_HELD).store(start - 1, std::memory_order_release);
    ring.word32(SR_RING_CAPACITY).store(capacity, std::memory_order_release);
    ring.word32(SR_RING_FORMAT).store(SR_RING_FORMAT_1, std::memory_order_release);
    return {};
}

std::expected<std::uint32_t, Errc> RingView::inspect(std::span<std::byte> memory) noexcept {
    if (memory.size() < SR_RING_SLOTS || reinterpret_cast<std::uintptr_t>(memory.data()) % alignment != 0)
        return std::unexpected(Errc::bad_memory);
    const RingView header(memory.data(), 1);
    if (header.word32(SR_RING_FORMAT).load(std::memory_order_acquire) != SR_RING_FORMAT_1)
        return std::unexpected(Errc::not_a_ring);
    const std::uint32_t capacity = header.word32(SR_RING_CAPACITY).load(std::memory_order_acquire);
    const auto size = bytes(capacity);
    if (!size) return std::unexpected(Errc::not_a_ring);
    if (memory.size() < *size) return std::unexpected(Errc::bad_memory);

    // reclaimed <= completed <= reserved <= reclaimed + capacity, and the tail, which may be old, is not ahead.
    const RingView ring(memory.data(), capacity);
    const std::uint64_t reserved = ring.reserved();
    const std::uint64_t completed = ring.completed();
    const std::uint64_t reclaimed = ring.word64(SR_RING_RECLAIMED).load(std::memory_order_acquire);
    const std::uint64_t tail = ring.word64(SR_RING_TAIL).load(std::memory_order_acquire);
    if (reserved - reclaimed > capacity || completed - reclaimed > reserved - reclaimed)
        return std::unexpected(Errc::not_a_ring);
    if (static_cast<std::int64_t>(reserved - tail) < 0) return std::unexpected(Errc::not_a_ring);

    // What is reserved is still to be run, if it is published at all. What is not has not been published: behind
    // `reserved` the tail and the consumer find nothing. And the stored tail has passed no slot that is missing.
    for (std::uint64_t position = completed; position != completed + capacity; ++position) {
        const std::uint32_t state = ring.state_word(position) & SR_STATE_MASK;
        const bool published = ring.is_published(position);
        const bool open = position - completed < reserved - completed;
        const bool passed = static_cast<std::int64_t>(tail - position) > 0;
        if (published && (!open || state != SR_STATE_PUBLISHED)) return std::unexpected(Errc::not_a_ring);
        if (passed && !published) return std::unexpected(Errc::not_a_ring);
    }
    ring.word64(SR_RING_HELD).store(completed - 1, std::memory_order_release);  // when that was, is another clock's
    return capacity;
}

// Lower bounds all the way: `completed` is passed at once (what is terminal was published), and a slot that is
// overwritten for the next generation while this walks ends the walk early, behind a `completed` that the next call
// sees.
std::uint64_t RingView::tail() const noexcept {
    const auto tail = word64(SR_RING_TAIL);
    std::uint64_t stored = tail.load(std::memory_order_acquire);
    const std::uint64_t done = completed();
    std::uint64_t end = static_cast<std::int64_t>(done - stored) > 0 ? done : stored;
    while (is_published(end)) ++end;
    while (static_cast<std::int64_t>(end - stored) > 0 &&
           !tail.compare_exchange_weak(stored, end, std::memory_order_acq_rel, std::memory_order_acquire)) {}
    return static_cast<std::int64_t>(end - stored) > 0 ? end : stored;
}

std::optional<RingView::Held> RingView::held() const noexcept {
    const std::uint64_t position = tail();
    if (position == reserved() || is_published(position)) return std::nullopt;
    // Published, consumed and published anew since tail() looked: then the next generation was seen.
    if (is_complete(position + 1)) return std::nullopt;

    using Clock = std::chrono::steady_clock;
    const auto now = Clock::now().time_since_epoch();
    const auto seen = word64(SR_RING_HELD);
    const auto since = word64(SR_RING_HELD_SINCE);
    if (seen.load(std::memory_order_acquire) != position) {
        // Two threads that ask at once write nearly the same time; the order of the stores keeps a new position from
        // being read with an old time.
        since.store(static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()), std::memory_order_relaxed);
        seen.store(position, std::memory_order_release);
    }
    const std::chrono::nanoseconds first(static_cast<std::int64_t>(since.load(std::memory_order_relaxed)));
    return Held{position, std::max(now - first, Clock::duration::zero())};
}

}  // namespace slipring
