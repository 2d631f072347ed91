// A result is read at the very moment that its state turns terminal: the waiter spins on the slot, or on the
// completed position, and reads at once what the other side wrote. That has plain words in it, as a handler's output
// has: so ThreadSanitizer sees the orderings that an x86 processor gives away for nothing.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <slipring/consumer.hpp>

#include "../lib/ring_inside.hpp"
#include "ended.hpp"
#include "patience.hpp"
#include "ring_memory.hpp"
#include "shim.hpp"

#include "no_teams.hpp"

#include "native_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 64;
constexpr std::uint32_t batch = 8;  // read while the ones behind are still being run
constexpr auto opcode = custom_opcode<0x100>();

std::uint32_t output_of(std::uint64_t number) { return static_cast<std::uint32_t>(number * 7 + 3); }

// The ring, and the memory that operations write to.
struct Shared {
    RingMemory memory{capacity};
    Ring ring = memory.ring(capacity, (std::uint64_t{1} << 32) - 200);
    std::uint64_t start = ring.reserved();
    std::vector<std::uint32_t> output = std::vector<std::uint32_t>(capacity);  // by slot number, modulo the capacity
    std::atomic<bool> over{false};
};

// What slot `number` ends as. Its argument is its number.
Completion outcome_of(std::uint32_t number) {
    if (number % 3 == 0) return {State::fault, custom_code(number % 100), number};
    return {State::done, Code::ok, number};
}

// Publishes batch after batch for a while, and reads each slot the moment it has ended. How many were read wrong.
std::size_t publish_and_read(Shared& shared) {
    const auto enough = std::chrono::steady_clock::now() + std::chrono::milliseconds(150);
    std::size_t wrong = 0;
    for (std::uint32_t number = 0; std::chrono::steady_clock::now() < enough && wrong == 0; number += batch) {
        std::vector<Slot> slots;
        for (std::uint32_t i = 0; i < batch; ++i) slots.push_back(slot(opcode, {number + i}));
        const Quiet quiet = number / batch % 4 == 3 ? Quiet::yes : Quiet::no;
        const auto first = shared.ring.publish(std::span<const Slot>(slots), quiet);
        if (!first) return wrong + 1;
        for (std::uint32_t i = 0; i < batch; ++i) {
            const std::uint64_t position = *first + i;
            const Completion expected = outcome_of(number + i);
            // By the slot; by the completed position, where the slot says nothing, and now and then anyway.
            const bool by_slot = quiet == Quiet::no && (number / batch % 4 != 2 || i < batch / 2);
            const Ring& ring = shared.ring;
            const bool ended = eventually([&] {
                for (int spin = 0; spin < 2000; ++spin)
                    if (by_slot ? ring.state(position) == expected.state : ring.is_complete(position + 1))
                        return true;
                return false;
            });
            if (!ended) return wrong + 1;
            wrong += shared.output[(number + i) % capacity] != output_of(number + i);
            if (quiet == Quiet::no)
                wrong +=
                    Code{code_of(ring, position)} != expected.code || result_of(ring, position) != expected.result;
        }
        // Before the words are written anew: the last of a batch was read by the slot, and may not be released.
        if (!eventually([&] { return shared.ring.is_complete(*first + batch); })) return wrong + 1;
    }
    return wrong;
}

template <class Serve>
void read_while(Serve serve) {
    Shared shared;
    std::thread other([&] {
        while (!shared.over.load(std::memory_order_relaxed)) serve(shared);
    });
    const std::size_t wrong = publish_and_read(shared);
    shared.over = true;
    other.join();
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(shared.ring.completed() - shared.start >= batch);
}

}  // namespace

// The native device's operation: its output into buffer 0.
static uint sr_custom(uint, const uint* args, const sr_memory* memory, ulong* value) {
    reinterpret_cast<uint*>(memory->buffers->at[0])[args[0] % capacity] = output_of(args[0]);
    *value = args[0];
    return static_cast<uint>(outcome_of(args[0]).code);
}

BOOST_AUTO_TEST_CASE(of_a_consumer) {
    read_while([consumer = std::optional<Consumer>()](Shared& shared) mutable {
        if (!consumer) consumer.emplace(shared.ring);
        const std::size_t n = consumer->drain(capacity, [&](auto words) {
            const std::uint32_t number = words[SR_WORD_ARGS];
            shared.output[number % capacity] = output_of(number);
            return outcome_of(number);
        });
        if (n == 0) std::this_thread::yield();
    });
}

BOOST_AUTO_TEST_CASE(of_who_stands_in_for_it) {
    read_while([consumer = std::optional<Consumer>()](Shared& shared) mutable {
        if (!consumer) consumer.emplace(shared.ring);
        const Ring& ring = shared.ring;
        const std::uint64_t head = consumer->head(), n = ring.tail() - head;
        if (n == 0) return std::this_thread::yield();
        std::vector<Completion> outcomes;
        for (std::uint64_t at = head; at != head + n; ++at) {
            const std::uint32_t number = inside(ring).word(at, SR_WORD_ARGS);
            const Completion outcome = outcomes.emplace_back(outcome_of(number));
            shared.output[number % capacity] = output_of(number);
            if ((inside(ring).word(at, SR_WORD_PRIORITY) & SR_FLAG_QUIET) == 0) inside(ring).complete(at, outcome);
        }
        for (const Completion& outcome : outcomes) consumer->finish(outcome);
        consumer->release();
    });
}

BOOST_AUTO_TEST_CASE(of_the_drain) {
    NativeMemory device;
    uint launch = 0;
    read_while([&](Shared& shared) {
        device.buffers.at[0] = reinterpret_cast<uchar*>(shared.output.data());
        device.drain(shared.ring, ++launch, 64);
        std::this_thread::yield();
    });
}

// A thread that is told a tail by another thread, which looked, sees the slots before it as if it had looked itself.
BOOST_AUTO_TEST_CASE(of_a_tail_that_another_found) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity);
    std::thread producer([&] {
        for (std::uint32_t i = 0; i < capacity; ++i)
            if (!ring.publish(slot(opcode, {output_of(i)}))) return;
    });
    std::thread helper([&] { eventually([&] { return ring.tail() == capacity; }); });
    // Waits for the helper in a way that orders nothing.
    const auto stored = inside(ring).producers(&detail::Producers::tail);
    BOOST_TEST(eventually([&] { return stored.load(std::memory_order_relaxed) == capacity; }));
    BOOST_TEST(ring.tail() == capacity);
    std::size_t wrong = 0;
    for (std::uint64_t at = 0; at != capacity; ++at) wrong += inside(ring).word(at, SR_WORD_ARGS) != output_of(at);
    producer.join();
    helper.join();
    BOOST_TEST(wrong == 0u);
}
