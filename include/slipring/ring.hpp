// The ring: many producers, one in-order consumer, any memory. It knows nothing of OpenCL: the consumer may be a
// device, or a plain thread through Consumer (consumer.hpp; ThreadRing is the faster type for that).
//
//   std::size_t bytes = *Ring::bytes(1024);
//   Ring ring = *Ring::create({memory, bytes}, 1024);          // memory aligned to Ring::alignment
//   auto position = ring.publish(store_u32(7, 160));           // or a batch, or a window
//   if (auto end = ring.completion(*position)) ...             // how its slot finished
//
// Every word has one side that changes it, for ever. Slots are written by producers, and read by the consumer (which
// stores a state word as it is, where it shares caches with them: see Consumer::own()); completions, 16 bytes a
// position in an array of their own, are written by the consumer, and read by waiters. A slot's end is told in two
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
//   E  a completion of the next generation, to a reader that comes too late: see RingView::read_completion();
//   W  with a window, a slot's copy behind the slot: see hand_over_first();
//   C  a slot that is cancelled, from the thread that cancels to the device: see RingView::cancel();
//   S  sleep: between a launch that leaves and a producer that must start the next: see lib/ring_inside.hpp.
// tests/model/ has a model of these edges, and shows what goes wrong without each of them.
//
// Orderings sit on the atomics. Ideas: Vyukov's bounded queue (a sequence in each slot), Michael and Scott (helping).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <utility>

#include <slipring/descriptor.hpp>
#include <slipring/detail/ring_step.hpp>
#include <slipring/ring_view.hpp>

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
    // stands, with what is published or reserved. While it is attached nothing else may use it. The memory is hostile
    // until checked, and then must be left alone: what attach accepts, every function here and Consumer work with.
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
        write<Source::just_made>(*first, slot, attributes(quiet));
        hand_over_first(*first, 1);
        return first;
    }
    [[nodiscard]] std::expected<std::uint64_t, Errc> publish(std::span<const Slot> batch,
                                                             Quiet quiet = Quiet::no) const noexcept {
        return publish_all(batch.size(), attributes(quiet),
                           [batch](std::size_t i) -> const Slot& { return batch[i]; });
    }
    [[nodiscard]] std::expected<std::uint64_t, Errc> publish(const Window& window,
                                                             Quiet quiet = Quiet::no) const noexcept {
        if (auto ok = check(window); !ok) return std::unexpected(ok.error());
        const std::uint32_t windowed = attributes(quiet) | SR_FLAG_WINDOWED;
        return publish_all(window.size(), windowed, [&window](std::size_t i) { return entry_slot(window, i); });
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

    explicit BasicRing(const RingView& ring) noexcept : RingView(ring) {}

    // What word 3 of a slot here differs from a descriptor's by, which has priority NORMAL and no flags.
    std::uint32_t attributes(Quiet quiet) const noexcept { return static_cast<std::uint32_t>(quiet) | priority_; }

    template <class SlotAt>
    [[nodiscard]] std::expected<std::uint64_t, Errc> publish_all(std::uint64_t n, std::uint32_t attributes,
                                                                 SlotAt slot_at) const noexcept {
        if (n == 0) return reserved();
        const auto first = reserve_positions(n);
        if (!first) return first;
        write(*first, slot_at(0), attributes);
        for (std::uint64_t i = 1; i < n; ++i) {
            write(*first + i, slot_at(i), attributes);
            hand_over(*first + i);
        }
        hand_over_first(*first, n);
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
            // A1: synchronizes with A2, directly or through the store of `reclaimed`: the consumer has read these
            // slots before this producer writes them. A stale `first` makes the difference wrap to a huge number,
            // which looks full and is looked at again.
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

    // Takes a slot's line for writing, some slots before it is written. The consumer has only read it, so it is in
    // this core's cache still, and a store to it waits until the consumer's core has dropped it: as long as a miss,
    // which no hardware foresees. A slot that the consumer may not have read yet is left to it. See takes_ahead() for
    // where that pays.
    static constexpr std::uint64_t owned_ahead = 16;
    void own_ahead(std::uint64_t position) const noexcept {
        const std::uint64_t next = position + owned_ahead;
        if (next - producers(&detail::Producers::reclaimed).load(std::memory_order_relaxed) >= owned_within_) return;
#if defined(__x86_64__)
        asm volatile("prefetchw %0" : : "m"(*slot(next)));  // without a compiler flag __builtin_prefetch only reads
#endif
    }

    enum class Source { memory, just_made };

    // Writes a reserved slot, all but its state. The arguments, three quarters of it, are copied by themselves, so
    // that wide loads and stores are aligned. But a slot that was made for this very call is in the store buffer
    // still, in pieces of eight bytes, and a load of two of them waits until both have left (measured: 5 ns of 13).
    template <Source From = Source::memory>
    void write(std::uint64_t position, const Slot& from, std::uint32_t attributes) const noexcept {
        const Words& words = from.words();
        std::uint32_t* const to = slot(position);
        own_ahead(position);
        to[SR_WORD_OPCODE] = words[SR_WORD_OPCODE];
        std::uint64_t pair;
        std::memcpy(&pair, &words[SR_WORD_TENANT], sizeof pair);
        pair ^= std::uint64_t{attributes} << 32;  // of word 3, the second one on a little-endian machine
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

    // Hands over a reservation's first slot, and with it the whole reservation of n. Bus: one atomic on the slot's
    // line; with a window one store a slot instead: the slots of a batch one after the other, which is faster than
    // while they are written (H200, batches of 64: 63 M slots/s and 56).
    // R1: synchronizes with R2, the consumer's load of the state. S, where the consumer may leave: sequentially
    // consistent, and before the load in wake_needed.
    //
    // W: with a window R1 is the first slot's copy, and stores to a window are not atomics. So that the consumer sees
    // what came before, of this thread's to any memory, the copy comes behind a sequentially consistent store, which
    // on x86 waits until all earlier stores have left the processor, also those to the window. The state in the
    // shared part comes first: a consumer that is about to leave looks there (S), and no other producer writes the
    // slot again before its copy has been consumed.
    void hand_over_first(std::uint64_t position, std::uint64_t n) const noexcept {
        detail::at_step<Policy>(detail::RingStep::all_written);
        if constexpr (may_have_window) copy_to_window(position + 1, n - 1);
        state_ref(position).store(tagged(position, SR_STATE_PUBLISHED), Policy::publish_order);
        if constexpr (may_have_window) {
            if (window_ != nullptr) detail::at_step<Policy>(detail::RingStep::not_copied);
            copy_to_window(position, 1);
        }
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
        ring_.template write<Source::just_made>(position, slot, ring_.attributes(quiet));
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
