#include <slipring/ring.hpp>

#include <algorithm>
#include <new>

#include "wide_store.hpp"

namespace slipring {

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free &&
              std::atomic_ref<std::uint32_t>::is_always_lock_free);

namespace {

bool fits(std::span<std::byte> memory, std::size_t bytes) noexcept {
    return memory.size() >= bytes && reinterpret_cast<std::uintptr_t>(memory.data()) % RingView::alignment == 0;
}

}  // namespace

bool RingView::takes_ahead() noexcept {
#if defined(__x86_64__)
    return __builtin_cpu_is("amd") != 0;
#else
    return false;
#endif
}

std::expected<RingParts, Errc> RingView::split(std::span<std::byte> memory, std::uint32_t capacity,
                                               std::uint32_t completions) noexcept {
    const auto shared = shared_bytes(capacity, completions);
    if (!shared) return std::unexpected(shared.error());
    if (!fits(memory, *shared + producers_bytes)) return std::unexpected(Errc::bad_memory);
    return RingParts{memory.first(*shared), memory.subspan(*shared, producers_bytes)};
}

std::expected<RingView, Errc> RingView::format(const RingParts& memory, std::uint32_t capacity, std::uint64_t start,
                                               std::uint32_t completions) noexcept {
    if (completions == 0) completions = capacity;
    const auto shared = shared_bytes(capacity, completions);
    if (!shared) return std::unexpected(shared.error());
    if (!fits(memory.shared, *shared) || !fits(memory.producers, producers_bytes))
        return std::unexpected(Errc::bad_memory);
    const bool has_window = !memory.window.empty();
    if (has_window && (!fits(memory.window, window_bytes(capacity)) || widest_store() == WideStore::none))
        return std::unexpected(Errc::bad_memory);

    // Zero is EMPTY with generation 0: published, or finished, in no generation, wherever the positions start.
    std::memset(memory.shared.data(), 0, *shared);
    auto* const producers = new (memory.producers.data())
        detail::Producers{.reserved = start, .tail = start, .reclaimed = start, .held = start - 1, .held_since = 0};
    RingView ring(memory.shared.data(), producers, capacity, completions);
    if (has_window) ring.window_ = memory.window.data();
    if (memory.over_bus) ring.owned_within_ = 0;
    ring.priority_ = static_cast<std::uint32_t>(memory.level) ^ SR_PRIORITY_NORMAL;
    ring.copy_to_window(0, capacity);
    for (const std::size_t word : {SR_RING_COMPLETED, SR_RING_CLAIMED})
        ring.word64(word).store(start, std::memory_order_release);
    ring.word64(SR_RING_PROMOTED).store(start << SR_PROMOTED_SHIFT, std::memory_order_release);
    ring.word32(SR_RING_CAPACITY).store(capacity, std::memory_order_release);
    ring.word32(SR_RING_COMPLETIONS).store(completions, std::memory_order_release);
    ring.word32(SR_RING_FORMAT).store(SR_RING_FORMAT_2, std::memory_order_release);
    return ring;
}

std::expected<RingView, Errc> RingView::inspect(std::span<std::byte> memory) noexcept {
    if (!fits(memory, SR_RING_SLOTS)) return std::unexpected(Errc::bad_memory);
    const RingView header(memory.data(), nullptr, 1, 1);
    const auto word = [&header](std::size_t offset) { return header.word32(offset).load(std::memory_order_acquire); };
    if (word(SR_RING_FORMAT) != SR_RING_FORMAT_2) return std::unexpected(Errc::not_a_ring);
    const std::uint32_t capacity = word(SR_RING_CAPACITY), completions = word(SR_RING_COMPLETIONS);
    const auto parts = split(memory, capacity, completions);
    if (!parts) return std::unexpected(parts.error() == Errc::bad_capacity ? Errc::not_a_ring : parts.error());
    if (completions == 0) return std::unexpected(Errc::not_a_ring);
    auto* const producers = reinterpret_cast<detail::Producers*>(parts->producers.data());
    const RingView ring(memory.data(), producers, capacity, completions);

    // reclaimed <= completed <= reserved <= reclaimed + capacity, and the tail, which may be old, is not ahead.
    const std::uint64_t reserved = ring.reserved();
    const std::uint64_t completed = ring.completed();
    const std::uint64_t reclaimed = ring.producers(&detail::Producers::reclaimed).load(std::memory_order_acquire);
    const std::uint64_t tail = ring.producers(&detail::Producers::tail).load(std::memory_order_acquire);
    if (reserved - reclaimed > capacity || completed - reclaimed > reserved - reclaimed)
        return std::unexpected(Errc::not_a_ring);
    if (static_cast<std::int64_t>(reserved - tail) < 0) return std::unexpected(Errc::not_a_ring);

    // What is reserved is still to be run, if it is published at all. What is not has not been published: behind
    // `reserved` the tail and the consumer find nothing. And the stored tail has passed no slot that is missing.
    for (std::uint64_t position = completed; position != completed + capacity; ++position) {
        const std::uint32_t seen = ring.state_word(position), state = seen & SR_STATE_MASK;
        const bool is_own = seen == ring.tagged(position, state) && state != SR_STATE_EMPTY;
        const bool open = position - completed < reserved - completed;
        const bool passed = static_cast<std::int64_t>(tail - position) > 0;
        if (is_own && (!open || state != SR_STATE_PUBLISHED)) return std::unexpected(Errc::not_a_ring);
        if (passed && !is_own) return std::unexpected(Errc::not_a_ring);
    }
    // Nothing that is still to be run has finished, nor anything behind it.
    for (std::uint64_t position = completed; position != completed + completions; ++position) {
        const std::uint64_t head = ring.completion_ref(position, 0).load(std::memory_order_acquire);
        const auto ahead =
            static_cast<std::int64_t>((generation_of(head) - (position >> ring.completions_shift_)) << 24);
        if ((head & SR_STATE_MASK) != SR_STATE_EMPTY && ahead >= 0) return std::unexpected(Errc::not_a_ring);
    }
    // When that was, is another clock's.
    ring.producers(&detail::Producers::held).store(completed - 1, std::memory_order_release);
    return ring;
}

void RingView::fill_window(std::uint64_t first, std::uint64_t n) const noexcept {
    const WideStore widest = widest_store();
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler, too, leaves these stores where they are
    while (n != 0) {
        const std::size_t at = static_cast<std::size_t>(first) & mask_;
        const std::size_t run = std::min(static_cast<std::size_t>(n), capacity() - at);  // up to the array's end
        std::byte* const to = window_ + at * SR_SLOT_BYTES;
        for (std::size_t i = 0; i < run; ++i) release_unseen(to + i * SR_SLOT_BYTES);
        store_wide(widest, to, slot(first), run);
        first += run;
        n -= run;
    }
}

// A plain load where others store by wide stores, which no sanitizer is to report.
#if defined(__clang__)
[[clang::disable_sanitizer_instrumentation]]
#else
[[gnu::no_sanitize("thread")]]
#endif
bool RingView::is_in_window(std::uint64_t position) const noexcept {
    if (window_ == nullptr) return true;
    const std::size_t at = static_cast<std::size_t>(position) & mask_;
    const auto* const state = reinterpret_cast<const volatile std::uint32_t*>(window_ + at * SR_SLOT_BYTES);
    const std::uint32_t seen = *state;
    return seen == tagged(position, SR_STATE_PUBLISHED) || seen == ~std::uint32_t{0};
}

// Lower bounds all the way: `completed` is passed at once (what is terminal was published), and a slot that is
// overwritten for the next generation while this walks ends the walk early, behind a `completed` that the next call
// sees.
std::uint64_t RingView::tail() const noexcept {
    const auto tail = producers(&detail::Producers::tail);
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
    const auto seen = producers(&detail::Producers::held);
    const auto since = producers(&detail::Producers::held_since);
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
