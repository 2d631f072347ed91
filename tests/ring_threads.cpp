// Many producers and a consumer thread: every slot exactly once, in order per producer, batches in one piece.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include <slipring/consumer.hpp>

#include "ended.hpp"
#include "patience.hpp"
#include "random.hpp"
#include "ring_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t producers = 4;
constexpr std::uint32_t calls = 4000;   // of each producer
constexpr std::uint32_t max_slots = 7;  // of a call

// What a slot says of itself: whose it is, and where in its call and in all that its producer published it stands.
// A window's slots carry it in their payload, a plain one's in its arguments.
using Label = std::array<std::uint32_t, 4>;
enum : std::size_t { producer, number, index, count };

constexpr auto plain = custom_opcode<0x100>();
constexpr auto in_window = custom_opcode<0x200>();

// Publishes one call of `count` slots in one of the four ways.
template <class Policy>
bool publish(const BasicRing<Policy>& ring, std::uint32_t way, std::span<const Label> labels) {
    std::array<Slot, max_slots> slots;
    std::array<Payload, max_slots> entries;
    const std::size_t n = labels.size();
    for (std::size_t i = 0; i < n; ++i) {
        slots[i] = slot(plain, labels[i]);
        entries[i] = labels[i];
    }
    const auto quiet = labels[0][number] % 2 == 0 ? Quiet::yes : Quiet::no;
    const std::span<const Payload> all = std::span<const Payload>(entries).first(n);
    switch (way) {
        case 0: return ring.publish(std::span<const Slot>(slots).first(n), quiet).has_value();
        case 1: return ring.publish(Window{9, in_window, 0, all.first(n / 2), all.subspan(n / 2)}, quiet).has_value();
        case 2: return n == 1 && ring.publish(slots[0], quiet).has_value();
        default: {
            auto reservation = ring.reserve(n);
            for (std::size_t i = 0; reservation && i < n; ++i) reservation->put(slots[i], quiet);
            return reservation.has_value();  // its end commits
        }
    }
}

struct Totals {
    std::array<std::uint32_t, producers> slots{};
    std::atomic<std::uint32_t> refused = 0;
    std::atomic<std::uint32_t> running = producers;
    std::atomic<bool> stuck = false;
};

template <class Policy>
void produce(const BasicRing<Policy>& ring, std::uint32_t self, Totals& totals) {
    Random random(self + 1);
    std::array<Label, max_slots> labels;
    std::uint32_t next = 0;
    for (std::uint32_t call = 0; call < calls && !totals.stuck; ++call) {
        const std::uint32_t way = random.below(4);
        const std::uint32_t n = way == 2 ? 1 : 1 + random.below(max_slots);
        for (std::uint32_t i = 0; i < n; ++i) labels[i] = {self, next + i, i, n};
        const bool published = eventually([&] {
            if (publish(ring, way, std::span(labels).first(n))) return true;
            totals.refused.fetch_add(1, std::memory_order_relaxed);
            return totals.stuck.load();
        });
        if (!published) totals.stuck = true;
        next += n;
    }
    totals.slots[self] = next;
    --totals.running;
}

// The consumer's view: what comes next of each producer, and what the call in progress still owes.
class Account {
public:
    Completion take(std::span<const std::uint32_t, SR_SLOT_WORDS> words) {
        const bool windowed = (words[SR_WORD_PRIORITY] & SR_FLAG_WINDOWED) != 0;
        Label label;
        std::ranges::copy(words.subspan(SR_WORD_ARGS + (windowed ? SR_WINDOW_PREFIX : 0), 4), label.begin());
        const std::uint32_t who = label[producer];
        const bool good = who < producers && label[number] == next_[who] && label[index] == expected_[index] &&
                          (label[index] == 0 || same_call(label)) &&
                          words[SR_WORD_OPCODE] == (windowed ? in_window : plain).value();
        if (!good) ++wrong_;
        if (who < producers) ++next_[who];
        expected_ = label;
        if (++expected_[index] == label[count]) expected_ = {};
        return {State::done, Code::ok, label[number]};
    }

    std::size_t wrong() const { return wrong_; }
    std::uint32_t of(std::uint32_t who) const { return next_[who]; }
    std::uint64_t all() const {
        std::uint64_t sum = 0;
        for (const std::uint32_t slots : next_) sum += slots;
        return sum;
    }

private:
    bool same_call(const Label& label) const {
        return label[producer] == expected_[producer] && label[count] == expected_[count];
    }

    std::array<std::uint32_t, producers> next_{};
    Label expected_{};
    std::size_t wrong_ = 0;
};

// Looks on from outside: positions only grow, in their order, and never further apart than the ring is long.
std::size_t watch(const RingView& ring, std::uint32_t capacity, const std::atomic<bool>& over) {
    std::size_t wrong = 0;
    std::uint64_t last_tail = ring.tail(), last_completed = ring.completed();
    while (!over) {
        const std::uint64_t completed = ring.completed();
        const std::uint64_t tail = ring.tail();
        const std::uint64_t reserved = ring.reserved();
        const auto held = ring.held();
        const std::uint64_t completed_later = ring.completed();
        const auto before = [](std::uint64_t a, std::uint64_t b) { return static_cast<std::int64_t>(b - a) >= 0; };
        wrong += !before(last_completed, completed) + !before(last_tail, tail) + !before(completed, tail) +
                 !before(tail, reserved) + (held && !before(tail, held->position)) +
                 (before(completed_later, reserved) && reserved - completed_later > capacity);
        last_completed = completed;
        last_tail = tail;
        std::this_thread::yield();
    }
    return wrong;
}

template <class Policy = DeviceConsumer>
void run(std::uint32_t capacity, std::uint64_t start) {
    RingMemory memory(capacity);
    const auto ring = memory.ring<Policy>(capacity, start);
    Totals totals;
    Account account;
    std::atomic<bool> over = false;
    std::size_t watcher_wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t i = 0; i < producers; ++i) threads.emplace_back([&, i] { produce(ring, i, totals); });
        std::jthread watcher([&] { watcher_wrong = watch(ring, capacity, over); });
        std::jthread consumer([&] {
            Consumer end(ring);
            Random random(99);
            const bool drained = eventually([&] {
                const bool last = totals.running == 0;
                const std::uint32_t most = 1 + random.below(2 * capacity);
                return end.drain(most, [&](auto words) { return account.take(words); }) == 0 &&
                       (last || totals.stuck);
            });
            if (!drained) totals.stuck = true;
            over = true;
        });
    }
    BOOST_TEST(!totals.stuck);
    BOOST_TEST(account.wrong() == 0u);
    BOOST_TEST(watcher_wrong == 0u);
    for (std::uint32_t i = 0; i < producers; ++i) BOOST_TEST(account.of(i) == totals.slots[i]);
    const std::uint64_t end = start + account.all();
    BOOST_TEST(ring.reserved() == end);
    BOOST_TEST(ring.tail() == end);
    BOOST_TEST(ring.completed() == end);
    BOOST_TEST(!ring.held());
    BOOST_TEST_MESSAGE(account.all() << " slots, " << totals.refused << " times full");
}

}  // namespace

BOOST_AUTO_TEST_CASE(four_producers_on_a_short_ring) { run(8, 0); }
BOOST_AUTO_TEST_CASE(four_producers_on_a_long_ring) { run(1024, 0); }
BOOST_AUTO_TEST_CASE(with_a_consumer_that_never_leaves) { run<ThreadConsumer>(8, 0); }
BOOST_AUTO_TEST_CASE(across_2_to_the_32) { run(64, (std::uint64_t{1} << 32) - 100); }
BOOST_AUTO_TEST_CASE(across_the_wrap_of_the_generation) { run(16, (std::uint64_t{16} << 24) - 100); }
BOOST_AUTO_TEST_CASE(across_2_to_the_64) { run(64, 0 - std::uint64_t{64}); }

// Results come back to those who wait: what the consumer wrote is seen by who saw that it is complete.
BOOST_AUTO_TEST_CASE(results_reach_their_producers) {
    constexpr std::uint32_t capacity = 2048, each = capacity / producers;  // no slot is used twice
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity, 0 - std::uint64_t{1000});
    std::atomic<std::uint32_t> wrong = 0, running = producers;
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t self = 0; self < producers; ++self)
            threads.emplace_back([&, self] {
                for (std::uint32_t i = 0; i < each; ++i) {
                    const auto at = ring.publish(slot(plain, {self, i}));
                    // One half asks the ring's position, the other half the slot itself.
                    const bool ended =
                        at && eventually([&] {
                            return i % 2 == 0 ? ring.is_complete(*at + 1) : ring.state(*at) == State::fault;
                        });
                    wrong += !ended || result_of(ring, *at) != (self ^ i) || code_of(ring, *at) != SR_CODE_DENIED ||
                             ring.state(*at) != State::fault;
                    if (!ended) break;
                }
                --running;
            });
        threads.emplace_back([&] {
            Consumer consumer(ring);
            eventually([&] {
                const bool last = running == 0;
                return consumer.drain(16,
                                      [](auto words) {
                                          return Completion{State::fault, Code::denied,
                                                            words[SR_WORD_ARGS] ^ words[SR_WORD_ARGS + 1]};
                                      }) == 0 &&
                       last;
            });
        });
    }
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(ring.completed() == 1048u);
}
