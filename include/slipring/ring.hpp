// The ring: many producers, one in-order consumer, any memory. It knows nothing of OpenCL: the consumer may be a
// device, or a plain thread through Consumer (consumer.hpp; ThreadRing is the faster type for that).
//
//   std::size_t bytes = *Ring::bytes(1024);
//   Ring ring = *Ring::create({memory, bytes}, 1024);          // memory aligned to Ring::alignment
//   auto position = ring.publish(store_u32(7, 160));           // or a batch, or a window
//   if (auto end = ring.completion(*position)) ...             // how its slot finished
//
// Every word has one writer for ever. Slots are written by producers, and read by the consumer; completions, 16 bytes
// a position in an array of their own, are written by the consumer, and read by waiters. A slot's end is told in two
// ways alone: by its completion, and by `completed`, which passes it a while later. What only producers use they may
// have in memory of their own (RingParts).
//
// Positions are 64-bit and never reused (they count modulo 2^64; compare them by difference). Position p lives in
// slot p mod capacity, and its slot carries p / capacity, the generation, beside its state: a slot of an earlier
// generation is never taken for a fresh one. Completions are numbered likewise by their own capacity, which may be
// larger: so much longer results stay.
//
// To publish n slots takes two steps, lock-free both. A producer that is stopped anywhere delays no other's call.
//   reserve   one compare-and-swap moves `reserved` by n, if reserved + n - completed <= capacity;
//   write     the slots; each slot's state word last, and of all slots the first one's last of all, so that the
//             consumer, which goes in order, sees the whole batch or none of it.
// The slot itself says that it is published. No producer waits for its predecessor. `tail`, the first position that
// is not published, is found on demand: the caller walks on from where the last caller got, and stores where it got
// itself (helping). A tail that producers move in publish would cost each publish a second atomic on a contended
// line, and nothing here polls it.
//
// Edges, each named at both ends:
//   R  a slot's words, from producer to consumer;
//   A  a slot's end, back from the consumer to a waiter, and to the producer that writes the slot next;
//   E  a completion of the next generation, to a reader that comes too late: see completion();
//   W  with a window, a slot's copy behind the slot: see hand_over_first();
//   S  sleep: between a launch that leaves and a producer that must start the next: see lib/ring_inside.hpp.
// tests/model/ has a model of these edges, and shows what goes wrong without each of them.
//
// Orderings sit on the atomics. Ideas: Vyukov's bounded queue (a sequence in each slot), Michael and Scott (helping).
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <utility>

#include <slipring/descriptor.hpp>
#include <slipring/detail/ring_step.hpp>
#include <slipring/state.hpp>
#include <slipring/tsan.hpp>

namespace slipring {

// The policy of a ring whose consumer may be a device: it may leave and be woken (S), and ThreadSanitizer does not
// see what it does.
struct DeviceConsumer {
    static constexpr bool unseen_consumer = true;
    static constexpr std::memory_order publish_order = std::memory_order_seq_cst;
};

// The policy of a ring whose consumer is a thread that polls and never leaves, so that nothing asks wake_needed.
// Without S a release is enough to publish, and the producer does not wait for the slot's line before it goes on to
// the next.
struct ThreadConsumer {
    static constexpr bool unseen_consumer = false;
    static constexpr std::memory_order publish_order = std::memory_order_release;
};

// With Quiet::yes no completion is written, and only the ring's completed position tells that the slot has finished:
// over a bus, a write less for each slot.
enum class Quiet : std::uint32_t { no = 0, yes = SR_FLAG_QUIET };

template <class Policy>
class BasicRing;
using Ring = BasicRing<DeviceConsumer>;
using ThreadRing = BasicRing<ThreadConsumer>;

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

// What every ring is, whatever its policy: a handle to memory, cheap to copy; copies are the same ring.
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
        return is_expired(position) ? std::nullopt : end;  // E
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
          producers_(producers), mask_(capacity - 1), shift_(static_cast<std::uint32_t>(std::countr_zero(capacity))),
          completions_mask_(completions - 1),
          completions_shift_(static_cast<std::uint32_t>(std::countr_zero(completions))) {}

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
    // As completion(), but whoever asks must ask is_expired() afterwards. Once for many of them is enough: they expire
    // in the order of their positions.
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
    // The window's copies of n slots, in the order of their positions; no more than capacity().
    void copy_to_window(std::uint64_t first, std::uint64_t n) const noexcept {
        if (window_ != nullptr) fill_window(first, n);
    }
    void fill_window(std::uint64_t first, std::uint64_t n) const noexcept;

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

    // True from the moment that `position` is published until its slot is written for the next generation.
    bool is_published(std::uint64_t position) const noexcept {
        return state_word(position) == tagged(position, SR_STATE_PUBLISHED);
    }

    std::byte* base_;         // the shared part, of which SR_RING_* are offsets
    std::byte* completions_;  // in it
    detail::Producers* producers_;
    std::byte* window_ = nullptr;  // where the consumer reads the slots, if not in the shared part
    std::uint32_t mask_;
    std::uint32_t shift_;
    std::uint32_t completions_mask_;
    std::uint32_t completions_shift_;
};

// Any number of threads may call publish and reserve at once. The ring does not own its memory.
template <class Policy>
class BasicRing : public RingView {
public:
    class Reservation;

    // Formats `memory` as an empty ring whose first position is `start`. Call it before any consumer looks.
    // `completions`, a power of two and no less than the capacity: how many there are; 0: as many as slots.
    // Errors: bad_capacity, bad_memory (also: a window, and this processor has no store of 64 bytes).
    [[nodiscard]] static std::expected<BasicRing, Errc> create(std::span<std::byte> memory, std::uint32_t capacity,
                                                               std::uint64_t start = 0,
                                                               std::uint32_t completions = 0) noexcept {
        const auto parts = split(memory, capacity, completions);
        if (!parts) return std::unexpected(parts.error());
        return create(*parts, capacity, start, completions);
    }
    [[nodiscard]] static std::expected<BasicRing, Errc> create(const RingParts& memory, std::uint32_t capacity,
                                                               std::uint64_t start = 0,
                                                               std::uint32_t completions = 0) noexcept {
        if (!may_have_window && !memory.window.empty()) return std::unexpected(Errc::bad_memory);
        const auto ring = format(memory, capacity, start, completions);
        if (!ring) return std::unexpected(ring.error());
        return BasicRing(*ring);
    }

    // The ring that create() made in one block of memory before, in this process or another: it goes on where it
    // stands, with
    // what is published or reserved. While it is attached nothing else may use it. The memory is hostile until
    // checked, and then must be left alone: what attach accepts, every function here and Consumer can work with.
    // Errors: bad_memory; not_a_ring (another format, impossible positions, or a slot from the future). Then the
    // memory is as it was.
    [[nodiscard]] static std::expected<BasicRing, Errc> attach(std::span<std::byte> memory) noexcept {
        const auto ring = inspect(memory);
        if (!ring) return std::unexpected(ring.error());
        return BasicRing(*ring);
    }

    // Publishes and returns the first position. All of it or nothing, at once.
    // Errors: ring_full, larger_than_ring; a window also payload_too_long, payload_not_whole.
    [[nodiscard]] std::expected<std::uint64_t, Errc> publish(const Slot& slot,
                                                             Quiet quiet = Quiet::no) const noexcept {
        const auto first = reserve_positions(1);
        if (!first) return first;
        write<Source::just_made>(*first, slot, static_cast<std::uint32_t>(quiet));
        hand_over_first(*first, 1);
        return first;
    }
    [[nodiscard]] std::expected<std::uint64_t, Errc> publish(std::span<const Slot> batch,
                                                             Quiet quiet = Quiet::no) const noexcept {
        const std::uint32_t flags = static_cast<std::uint32_t>(quiet);
        return publish_all(batch.size(), flags, [batch](std::size_t i) -> const Slot& { return batch[i]; });
    }
    [[nodiscard]] std::expected<std::uint64_t, Errc> publish(const Window& window,
                                                             Quiet quiet = Quiet::no) const noexcept {
        if (auto ok = check(window); !ok) return std::unexpected(ok.error());
        const std::uint32_t flags = static_cast<std::uint32_t>(quiet) | SR_FLAG_WINDOWED;
        return publish_all(window.size(), flags, [&window](std::size_t i) { return entry_slot(window, i); });
    }

    // n consecutive positions, to be filled in place: the zero-copy way of publish.
    // Errors: ring_full, larger_than_ring.
    [[nodiscard]] std::expected<Reservation, Errc> reserve(std::uint64_t n) const noexcept {
        const auto first = reserve_positions(n);
        if (!first) return std::unexpected(first.error());
        return Reservation(*this, *first, n);
    }

private:
    static constexpr bool may_have_window = Policy::publish_order == std::memory_order_seq_cst;
    // Slots of a batch are copied to the window while later ones are written, so many at once and when as many behind
    // them are there: the bus has work meanwhile, and a slot has left the store buffer, where a wide load would find it
    // in pieces and wait.
    static constexpr std::uint64_t copied_at_once = 4;

    explicit BasicRing(const RingView& ring) noexcept : RingView(ring) {}

    template <class SlotAt>
    [[nodiscard]] std::expected<std::uint64_t, Errc> publish_all(std::uint64_t n, std::uint32_t flags,
                                                                 SlotAt slot_at) const noexcept {
        if (n == 0) return reserved();
        const auto first = reserve_positions(n);
        if (!first) return first;
        write(*first, slot_at(0), flags);
        for (std::uint64_t i = 1; i < n; ++i) {
            write(*first + i, slot_at(i), flags);
            hand_over(*first + i);
            if (may_have_window && i % copied_at_once == 0 && i > copied_at_once)
                copy_to_window(*first + i - 2 * copied_at_once + 1, copied_at_once);
        }
        const std::uint64_t groups = (n - 1) / copied_at_once;
        hand_over_first(*first, n, groups > 1 ? (groups - 1) * copied_at_once + 1 : 1);
        return first;
    }

    // Reserve. Bus: one atomic on the producers' line; the consumer's line only when the ring looks full.
    [[nodiscard]] std::expected<std::uint64_t, Errc> reserve_positions(std::uint64_t n) const noexcept {
        if (n > capacity()) return std::unexpected(Errc::larger_than_ring);
        const auto reserved = producers(&detail::Producers::reserved);
        const auto reclaimed = producers(&detail::Producers::reclaimed);
        std::uint64_t first = reserved.load(std::memory_order_relaxed);
        for (;;) {
            detail::at_step<Policy>(detail::RingStep::reserving);
            // A1: synchronizes with A2, directly or through the store of `reclaimed`: the consumer
            // has read these slots before this producer writes them. A stale `first` makes the difference wrap to a
            // huge number, which looks full and is looked at again.
            const std::uint64_t room = capacity();
            const std::uint64_t before = reclaimed.load(std::memory_order_acquire);
            if (first + n - before > room) {
                const std::uint64_t now = completed();  // A1
                if constexpr (Policy::unseen_consumer) came_back(before, now);
                reclaimed.store(now, std::memory_order_release);
                if (first + n - now > room) {
                    const std::uint64_t again = reserved.load(std::memory_order_relaxed);
                    if (again == first) return std::unexpected(Errc::ring_full);
                    first = again;
                    continue;
                }
            }
            // Relaxed: it hands over no data, and a reader that must see it before the slot's words does by E.
            // Positions are never reused, so there is no ABA.
            if (reserved.compare_exchange_weak(first, first + n, std::memory_order_relaxed)) break;
            step_back();
            first = reserved.load(std::memory_order_relaxed);
        }
        detail::at_step<Policy>(detail::RingStep::reserved);
        return first;
    }

    // A producer that lost the race for a position pauses for some two microseconds, whatever the others do. Else
    // each of the winner's next slots waits for the producers' line to come back (measured: two producers of single
    // slots publish 2 to 3 times as many).
    static void step_back() noexcept {
        for (int i = 0; i < 64; ++i) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            asm volatile("isb");  // `yield` takes no time at all on most of these
#else
            break;
#endif
        }
    }

    enum class Source { memory, just_made };

    // Writes a reserved slot, all but its state. The arguments, three quarters of it, are copied by themselves, so
    // that wide loads and stores are aligned. But a slot that was made for this very call is in the store buffer
    // still, in pieces of eight bytes, and a load of two of them waits until both have left (measured: 5 ns of 13).
    template <Source From = Source::memory>
    void write(std::uint64_t position, const Slot& from, std::uint32_t flags) const noexcept {
        const Words& words = from.words();
        std::uint32_t* const to = slot(position);
        to[SR_WORD_OPCODE] = words[SR_WORD_OPCODE];
        std::uint64_t pair;
        std::memcpy(&pair, &words[SR_WORD_TENANT], sizeof pair);
        pair |= std::uint64_t{flags} << 32;  // of word 3, the second one on a little-endian machine
        std::memcpy(to + SR_WORD_TENANT, &pair, sizeof pair);
        if constexpr (From == Source::just_made) {
            for (std::uint32_t i = SR_WORD_ARGS; i < SR_SLOT_WORDS; i += 2) {
                std::memcpy(&pair, &words[i], sizeof pair);
                asm("" : "+r"(pair));  // or the compiler joins the pairs
                std::memcpy(to + i, &pair, sizeof pair);
            }
        } else {
            std::memcpy(to + SR_WORD_ARGS, &words[SR_WORD_ARGS], SR_MAX_ARGS * sizeof words[0]);
        }
        detail::at_step<Policy>(detail::RingStep::slot_written);
    }

    // Hands over slots behind a reservation's first: the consumer gets to them through the first alone (R1).
    void hand_over(std::uint64_t position) const noexcept {
        state_ref(position).store(tagged(position, SR_STATE_PUBLISHED), std::memory_order_release);
    }

    // Hands over a reservation's first slot, and with it the whole reservation of n, of which those from `copied` on
    // are yet to be copied to the window. Bus: one atomic on the slot's line; with a window one store a slot instead.
    // R1: synchronizes with R2, the consumer's load of the state. S, where the consumer may leave: sequentially
    // consistent, and before the load in wake_needed.
    //
    // W: with a window R1 is the first slot's copy, and stores to a window are not atomics. So that the consumer sees
    // what came before, of this thread's to any memory, the copy comes behind a sequentially consistent store, which
    // on x86 waits until all earlier stores have left the processor, also those to the window. The state in the
    // shared part comes first: a consumer that is about to leave looks there (S), and no other producer writes the
    // slot again before its copy has been consumed.
    void hand_over_first(std::uint64_t position, std::uint64_t n, std::uint64_t copied = 1) const noexcept {
        detail::at_step<Policy>(detail::RingStep::all_written);
        if constexpr (may_have_window) copy_to_window(position + copied, n - copied);
        state_ref(position).store(tagged(position, SR_STATE_PUBLISHED), Policy::publish_order);
        if constexpr (may_have_window) copy_to_window(position, 1);
        detail::at_step<Policy>(detail::RingStep::published);
    }
};

// Reserved slots, filled in order and published by commit: the consumer sees nothing of them before. One thread at a
// time. What has not been put when it commits or dies becomes a NOP, so a dropped reservation does not stop the ring.
template <class Policy>
class BasicRing<Policy>::Reservation {
public:
    Reservation(Reservation&& other) noexcept
        : ring_(other.ring_), first_(other.first_), count_(std::exchange(other.count_, 0)), filled_(other.filled_) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation() { commit(); }

    std::uint64_t first() const noexcept { return first_; }
    std::uint64_t count() const noexcept { return count_; }

    // Encodes into the next reserved slot. False, and nothing written, when all are filled.
    bool put(const Slot& slot, Quiet quiet = Quiet::no) noexcept {
        if (filled_ >= count_) return false;
        const std::uint64_t position = first_ + filled_++;
        ring_.template write<Source::just_made>(position, slot, static_cast<std::uint32_t>(quiet));
        if (position != first_) ring_.hand_over(position);
        return true;
    }

    // Fills what is left with NOPs and publishes. Afterwards the reservation is empty.
    void commit() noexcept {
        if (count_ == 0) return;
        while (filled_ < count_) put(nop());
        const std::uint64_t count = std::exchange(count_, 0);
        ring_.hand_over_first(first_, count);
    }

private:
    friend class BasicRing;
    Reservation(const BasicRing& ring, std::uint64_t first, std::uint64_t count) noexcept
        : ring_(ring), first_(first), count_(count) {}

    BasicRing ring_;
    std::uint64_t first_;
    std::uint64_t count_;
    std::uint64_t filled_ = 0;
};

}  // namespace slipring
