// The ring in one thread: its answers, its positions, and what the consumer finds in memory.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <thread>

#include <slipring/consumer.hpp>

#include "../lib/ring_inside.hpp"
#include "ended.hpp"
#include "ring_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 8;

Slot numbered(std::uint32_t i) { return slot(custom_opcode<0x100>(), {i}); }

std::vector<Slot> batch_of(std::uint32_t n) {
    std::vector<Slot> batch;
    for (std::uint32_t i = 0; i < n; ++i) batch.push_back(numbered(i));
    return batch;
}

template <class T>
void refuses(Errc code, const std::expected<T, Errc>& outcome) {
    BOOST_REQUIRE(!outcome);
    BOOST_TEST((outcome.error() == code), message(outcome.error()));
}

using SlotWords = std::span<const std::uint32_t, SR_SLOT_WORDS>;

Completion done(SlotWords) { return {}; }

struct Positions {
    std::uint64_t completed, tail, reserved;
    friend bool operator==(const Positions&, const Positions&) = default;
};

Positions positions(const RingView& ring) { return {ring.completed(), ring.tail(), ring.reserved()}; }

}  // namespace

BOOST_AUTO_TEST_CASE(bad_capacity) {
    alignas(Ring::alignment) std::array<std::byte, 4096> memory;
    for (const std::uint32_t bad : {0u, 1u, 3u, 6u, 1023u, (1u << 24) + 1, 1u << 25, 1u << 31, 0xFFFFFFFFu}) {
        refuses(Errc::bad_capacity, Ring::bytes(bad));
        refuses(Errc::bad_capacity, Ring::create(memory, bad));
    }
    for (std::uint32_t good = 2; good <= Ring::max_capacity; good *= 2) {
        BOOST_TEST(*Ring::bytes(good) >= std::size_t{good} * (SR_SLOT_BYTES + SR_COMPLETION_BYTES));
        BOOST_TEST((Ring::bytes(good) == *Ring::shared_bytes(good) + Ring::producers_bytes));
        if (good > 2) refuses(Errc::bad_capacity, Ring::bytes(good, good / 2));
        refuses(Errc::bad_capacity, Ring::bytes(good, good * 2 - 1));
        if (good >= 16 && good < Ring::max_capacity)
            BOOST_TEST(*Ring::bytes(good, good * 2) >= *Ring::bytes(good) + good * 8);
    }
}

// Its place is reserved again and not yet written: the slot still has the words that it was published with.
BOOST_AUTO_TEST_CASE(a_slot_whose_completion_has_expired_is_not_published) {
    for (const std::uint64_t start : hard_starts(4)) {
        RingMemory memory(4);
        const Ring ring = memory.ring(4, start);
        Consumer consumer(ring);
        BOOST_REQUIRE(ring.publish(nop()).has_value());
        BOOST_TEST((ring.state(start) == State::published));
        BOOST_TEST(consumer.drain(1, [](auto) { return Completion{.result = 9}; }) == 1u);
        const auto next = ring.reserve(3);
        BOOST_REQUIRE(next.has_value());
        BOOST_TEST(ring.oldest_result() == start);
        BOOST_TEST((ring.state(start) == State::done && ring.completion(start)->result == 9));
        const auto again = ring.reserve(1);
        BOOST_REQUIRE(again.has_value());
        BOOST_TEST(ring.oldest_result() == start + 1);
        BOOST_TEST((!ring.state(start) && !ring.completion(start) && ring.is_finished(start)));
    }
}

// What it refuses besides: fuzz/ring_attach.cpp.
BOOST_AUTO_TEST_CASE(attach_goes_on_where_the_ring_stood) {
    RingMemory memory(capacity);
    refuses(Errc::not_a_ring, Ring::attach(memory.bytes()));
    const Ring ring = memory.ring(capacity, 1000);
    const auto first = ring.publish(store_u32(7, 160));
    BOOST_REQUIRE(first.has_value());

    const auto again = Ring::attach(memory.bytes());
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(again->capacity() == capacity);
    BOOST_TEST(again->publish(nop()).value() == *first + 1);
    Consumer consumer(*again);
    BOOST_TEST(consumer.drain(10, [](auto) { return Completion{}; }) == 2u);
    BOOST_TEST(ring.completed() == 1002u);
    refuses(Errc::bad_memory, Ring::attach(memory.bytes().first(*Ring::bytes(capacity) - 1)));
}

BOOST_AUTO_TEST_CASE(bad_memory) {
    RingMemory memory(2 * capacity);
    const std::size_t enough = *Ring::bytes(capacity);
    const std::vector<std::byte> before(memory.bytes().begin(), memory.bytes().end());
    refuses(Errc::bad_memory, Ring::create(memory.bytes().first(enough - 1), capacity));
    refuses(Errc::bad_memory, Ring::create(std::span<std::byte>(), capacity));
    for (std::size_t off = 1; off < Ring::alignment; off += off < 8 ? 1 : 8)
        refuses(Errc::bad_memory, Ring::create(memory.bytes().subspan(off, enough), capacity));
    BOOST_TEST(std::ranges::equal(memory.bytes(), before));
    BOOST_TEST(Ring::create(memory.bytes().first(enough), capacity).has_value());
}

BOOST_AUTO_TEST_CASE(old_contents_of_the_memory_do_not_matter) {
    for (const int noise : {0x01, 0xFF}) {
        RingMemory memory(capacity);
        std::ranges::fill(memory.bytes(), static_cast<std::byte>(noise));
        const Ring ring = memory.ring(capacity, 3);
        BOOST_TEST((positions(ring) == Positions{3, 3, 3}));
        BOOST_TEST(!ring.held().has_value());
        Consumer consumer(ring);
        BOOST_TEST(consumer.peek() == nullptr);
        BOOST_TEST((ring.publish(nop()) == 3u));
        BOOST_TEST(consumer.drain(9, done) == 1u);
    }
}

BOOST_AUTO_TEST_CASE(slots_arrive_with_their_lap_and_their_flags) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        RingMemory memory(capacity);
        const Ring ring = memory.ring(capacity, start);
        Consumer consumer(ring);
        const std::array<std::uint32_t, 10> words{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
        const Payload entries[] = {words};
        std::uint64_t at = start;
        for (int lap = 0; lap < 3; ++lap)
            for (std::uint32_t i = 0; i < capacity; ++i, ++at) {
                const Quiet quiet = i % 2 == 0 ? Quiet::no : Quiet::yes;
                const bool windowed = i % 4 >= 2;
                const Window window{i, custom_opcode<0x100>(), 7, entries, {}};
                const auto position = windowed ? ring.publish(window, quiet) : ring.publish(numbered(i), quiet);
                BOOST_REQUIRE((position == at));
                const std::uint32_t* const seen = consumer.peek();
                BOOST_REQUIRE(seen != nullptr);
                Words expected = windowed ? entry_slot(window, 0).words() : numbered(i).words();
                expected[0] |= static_cast<std::uint32_t>(at / capacity) << 8;
                expected[3] |= (quiet == Quiet::yes ? SR_FLAG_QUIET : 0) | (windowed ? SR_FLAG_WINDOWED : 0);
                BOOST_TEST(std::ranges::equal(std::span(seen, SR_SLOT_WORDS), expected));
                consumer.finish({});
                consumer.release();
            }
    }
}

BOOST_AUTO_TEST_CASE(all_or_nothing_across_the_wrap) {
    for (const std::uint64_t start : hard_starts(capacity))
        for (std::uint32_t used = 0; used <= capacity; ++used)
            for (std::uint32_t wanted = 1; wanted <= capacity; ++wanted) {
                RingMemory memory(capacity);
                const Ring ring = memory.ring(capacity, start + 5);
                ring.publish(std::span<const Slot>(batch_of(used))).value();
                const std::vector<std::byte> before(memory.bytes().begin() + SR_RING_SLOTS, memory.bytes().end());
                const auto outcome = ring.publish(std::span<const Slot>(batch_of(wanted)));
                if (used + wanted <= capacity) {
                    BOOST_REQUIRE((outcome == start + 5 + used));
                    BOOST_REQUIRE(ring.tail() == start + 5 + used + wanted);
                } else {
                    refuses(Errc::ring_full, outcome);
                    refuses(Errc::ring_full, ring.reserve(wanted));
                    BOOST_REQUIRE(std::ranges::equal(memory.bytes().subspan(SR_RING_SLOTS), before));
                    BOOST_REQUIRE(ring.reserved() == start + 5 + used);
                }
            }
}

BOOST_AUTO_TEST_CASE(larger_than_ring_is_no_matter_of_waiting) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity);
    const std::vector<Payload> entries(capacity + 1);
    refuses(Errc::larger_than_ring, ring.publish(std::span<const Slot>(batch_of(capacity + 1))));
    refuses(Errc::larger_than_ring, ring.publish(Window{.lookahead = entries}));
    refuses(Errc::larger_than_ring, ring.reserve(capacity + 1));
    refuses(Errc::larger_than_ring, ring.reserve(~std::uint64_t{0}));
    ring.publish(std::span<const Slot>(batch_of(capacity))).value();
    refuses(Errc::larger_than_ring, ring.reserve(capacity + 1));  // full or not
    const std::array<std::uint32_t, 11> words{};
    const Payload long_entry[] = {words};
    refuses(Errc::payload_too_long, ring.publish(Window{.required = long_entry}));
}

BOOST_AUTO_TEST_CASE(nothing_is_published_as_nothing) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity);
    ring.publish(std::span<const Slot>(batch_of(capacity))).value();
    BOOST_TEST((ring.publish(std::span<const Slot>()) == std::uint64_t{capacity}));
    BOOST_TEST((ring.publish(Window{}) == std::uint64_t{capacity}));
    BOOST_TEST(ring.reserve(0)->count() == 0);
    BOOST_TEST((positions(ring) == Positions{0, capacity, capacity}));
}

BOOST_AUTO_TEST_CASE(room_comes_back_with_release_alone) {
    RingMemory memory(2);
    const Ring ring = memory.ring(2);
    Consumer consumer(ring);
    ring.publish(std::span<const Slot>(batch_of(2))).value();
    consumer.peek();
    consumer.finish({});
    refuses(Errc::ring_full, ring.publish(nop()));  // finished, not given back
    BOOST_TEST((positions(ring) == Positions{0, 2, 2}));
    consumer.release();
    BOOST_TEST((ring.publish(nop()) == 2u));
    refuses(Errc::ring_full, ring.publish(nop()));
    BOOST_TEST((positions(ring) == Positions{1, 3, 3}));
}

BOOST_AUTO_TEST_CASE(results_are_written_back_but_not_into_quiet_slots) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity, 5);
    ring.publish(numbered(77)).value();
    ring.publish(numbered(88), Quiet::yes).value();
    Consumer consumer(ring);
    BOOST_TEST(!ring.is_complete(6));
    const Completion fault{State::fault, Code::denied, 1234};
    BOOST_TEST(consumer.drain(9, [&](SlotWords) { return fault; }) == 2u);

    BOOST_TEST(ring.state(5) == State::fault);
    BOOST_TEST(result_of(ring, 5) == 1234);
    BOOST_TEST(code_of(ring, 5) == SR_CODE_DENIED);
    BOOST_TEST(ring.state(6) == State::published);
    BOOST_TEST(inside(ring).word(6, SR_WORD_ARGS) == 88);
    BOOST_TEST(ring.is_complete(7));
    BOOST_TEST(!ring.is_complete(8));
}

BOOST_AUTO_TEST_CASE(a_quiet_slot_of_the_last_lap_is_not_taken_again) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        RingMemory memory(capacity);
        const Ring ring = memory.ring(capacity, start);
        Consumer consumer(ring);
        for (std::uint32_t i = 0; i < 3 * capacity; ++i) {
            BOOST_REQUIRE(consumer.peek() == nullptr);
            ring.publish(numbered(i), Quiet::yes).value();
            BOOST_REQUIRE(consumer.drain(9, done) == 1u);
            BOOST_REQUIRE(ring.tail() == start + i + 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_reservation_shows_nothing_before_commit) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        RingMemory memory(capacity);
        const Ring ring = memory.ring(capacity, start);
        Consumer consumer(ring);
        auto held = ring.reserve(3).value();
        BOOST_TEST(held.first() == start);
        BOOST_TEST(held.count() == 3);
        ring.publish(numbered(3)).value();  // nobody waits for a predecessor
        for (std::uint32_t i = 0; i < 3; ++i) {
            BOOST_TEST(held.put(numbered(i), i == 1 ? Quiet::yes : Quiet::no));
            BOOST_TEST((positions(ring) == Positions{start, start, start + 4}));
            BOOST_TEST(consumer.peek() == nullptr);
            BOOST_TEST((ring.held() && ring.held()->position == start));
        }
        BOOST_TEST(!held.put(numbered(9)));
        held.commit();
        BOOST_TEST(!held.put(numbered(9)));
        held.commit();  // twice is nothing
        BOOST_TEST(!ring.held());
        BOOST_TEST(ring.tail() == start + 4);
        std::uint32_t next = 0;
        consumer.drain(9, [&](SlotWords words) {
            BOOST_TEST(words[SR_WORD_ARGS] == next);
            BOOST_TEST((words[SR_WORD_PRIORITY] & SR_FLAG_QUIET) == (next == 1 ? SR_FLAG_QUIET : 0));
            ++next;
            return Completion{};
        });
        BOOST_TEST(next == 4u);
    }
}

BOOST_AUTO_TEST_CASE(what_a_reservation_leaves_open_becomes_nops) {
    for (std::uint32_t filled = 0; filled <= 3; ++filled)
        for (const bool moved : {false, true}) {
            RingMemory memory(capacity);
            const Ring ring = memory.ring(capacity);
            ring.publish(std::span<const Slot>(batch_of(capacity))).value();  // leaves words behind
            Consumer consumer(ring);
            consumer.drain(99, done);
            {
                auto reservation = ring.reserve(3).value();
                for (std::uint32_t i = 0; i < filled; ++i) reservation.put(store_u32(i, 160));
                if (moved) const auto taken = std::move(reservation);
            }
            std::uint32_t seen = 0;
            consumer.drain(9, [&](SlotWords words) {
                const Slot expected = seen < filled ? store_u32(seen, 160) : nop();
                BOOST_TEST(std::ranges::equal(words.subspan(1), std::span(expected.words()).subspan(1)));
                ++seen;
                return Completion{};
            });
            BOOST_TEST(seen == 3u);
        }
}

BOOST_AUTO_TEST_CASE(held_says_where_and_for_how_long) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity);
    BOOST_TEST(!ring.held());
    auto first = ring.reserve(1).value();
    ring.publish(nop()).value();
    auto third = ring.reserve(1).value();

    BOOST_TEST((ring.held() && ring.held()->position == 0));
    const auto early = ring.held()->since;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const auto late = ring.held()->since;
    BOOST_TEST((late - early >= std::chrono::milliseconds(2)));  // the clock of the first asking goes on

    first.commit();
    const auto next = ring.held();
    BOOST_TEST((next && next->position == 2 && next->since < late));  // another position, another clock
    third.commit();
    BOOST_TEST(!ring.held());
    BOOST_TEST(ring.tail() == 3);
}

BOOST_AUTO_TEST_CASE(copies_are_the_same_ring) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity);
    const Ring copy = ring;
    ring.publish(nop()).value();
    BOOST_TEST((copy.publish(nop()) == 1u));
    BOOST_TEST((positions(ring) == positions(copy)));
}

BOOST_AUTO_TEST_CASE(wake_is_needed_for_the_launch_that_left) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity);
    BOOST_TEST(!inside(ring).wake_needed(1));
    inside(ring).word32(SR_RING_LEFT).store(1);
    BOOST_TEST(inside(ring).wake_needed(1));
    BOOST_TEST(!inside(ring).wake_needed(2));
}
