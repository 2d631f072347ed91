// A producer stopped anywhere in publish: the others' calls all return, the position that it holds up can be asked
// for, and once it goes on everything drains in order.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <map>
#include <mutex>

#include <slipring/consumer.hpp>

#include "ring_memory.hpp"
#include "suspend.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 16;
constexpr auto opcode = custom_opcode<0x100>();

enum class Way { slot, batch, window, reservation };

std::uint32_t slots_of(Way way) { return way == Way::slot ? 1 : 3; }

// Publishes slots that carry id, id + 1, ... as the last of their arguments.
std::expected<std::uint64_t, Errc> publish(const SuspendableRing& ring, Way way, std::uint32_t id) {
    const std::uint32_t ids[] = {id, id + 1, id + 2};
    const Slot batch[] = {slot(opcode, {0, 0, ids[0]}), slot(opcode, {0, 0, ids[1]}), slot(opcode, {0, 0, ids[2]})};
    const Payload entries[] = {std::span(ids).first(1), std::span(ids).subspan(1, 1), std::span(ids).subspan(2)};
    switch (way) {
        case Way::slot: return ring.publish(batch[0]);
        case Way::batch: return ring.publish(std::span<const Slot>(batch));
        case Way::window: return ring.publish(Window{0, opcode, 0, entries, {}});
        case Way::reservation: break;
    }
    auto reservation = ring.reserve(3);
    if (!reservation) return std::unexpected(reservation.error());
    for (const Slot& slot : batch) reservation->put(slot);
    return reservation->first();
}

// Everything that was published, by its distance from the ring's start.
class Ledger {
public:
    explicit Ledger(std::uint64_t start) : start_(start) {}

    void enter(std::uint64_t position, Way way, std::uint32_t id) {
        const std::lock_guard lock(mutex_);
        for (std::uint32_t i = 0; i < slots_of(way); ++i)
            if (!ids_.emplace(position - start_ + i, id + i).second) ++twice_;
    }

    // Drains what there is and compares; returns how many.
    std::size_t drain(Consumer& consumer) {
        const std::lock_guard lock(mutex_);
        BOOST_TEST(twice_ == 0u);
        return consumer.drain(1000, [this, at = consumer.head() - start_](auto words) mutable {
            const auto entry = ids_.find(at++);
            BOOST_TEST((entry != ids_.end() && entry->second == words[SR_WORD_ARGS + 2]));
            return Completion{};
        });
    }

private:
    std::uint64_t start_;
    std::mutex mutex_;
    std::map<std::uint64_t, std::uint32_t> ids_;
    std::size_t twice_ = 0;  // positions that two calls were given
};

// Two threads that publish `each` calls each. True if every call returned, and with an answer that there may be.
bool others_publish(const SuspendableRing& ring, Ledger& ledger, std::uint32_t each, std::uint32_t id) {
    std::atomic<std::uint32_t> answered = 0;
    std::vector<std::jthread> threads;
    for (std::uint32_t self = 0; self < 2; ++self)
        threads.emplace_back([&, self] {
            for (std::uint32_t i = 0; i < each; ++i) {
                const Way way = static_cast<Way>((self + i) % 4);
                const std::uint32_t mine = id + 10000 * self + 10 * i;
                const auto outcome = publish(ring, way, mine);
                if (outcome) ledger.enter(*outcome, way, mine);
                if (outcome || outcome.error() == Errc::ring_full) ++answered;
            }
        });
    // A call that waits for the suspended producer returns no sooner than the gate's own patience ends.
    return eventually([&] { return answered == 2 * each; });
}

void suspend_at(detail::RingStep step, unsigned nth, Way way, std::uint64_t start) {
    RingMemory memory(capacity);
    const auto ring = memory.ring<Suspendable>(capacity, start);
    Consumer consumer(ring);
    Ledger ledger(start);
    for (std::uint32_t i = 0; i < 2; ++i) ledger.enter(publish(ring, Way::slot, i).value(), Way::slot, i);

    Gate gate(step, nth);
    std::expected<std::uint64_t, Errc> outcome;
    std::jthread suspended([&] {
        Suspendable::listener = &gate;
        outcome = publish(ring, way, 100);
        if (outcome) ledger.enter(*outcome, way, 100);
    });
    const bool reached = gate.wait_until_reached();
    BOOST_TEST(reached);

    const std::uint64_t position = start + 2;
    const bool reserved = step != detail::RingStep::reserving;
    const bool published = step == detail::RingStep::published;
    const bool holds = reserved && !published;
    const std::uint64_t end = position + (reserved ? slots_of(way) : 0);
    BOOST_TEST(ring.reserved() == end);
    BOOST_TEST(ring.tail() == (holds ? position : end));
    BOOST_TEST((holds ? ring.held() && ring.held()->position == position : !ring.held()));

    if (holds) {
        BOOST_TEST(ledger.drain(consumer) == 2u);
        BOOST_TEST(others_publish(ring, ledger, 20, 1000));  // far more than there is room for
        BOOST_TEST(ring.reserved() - position >= capacity - 2);
        BOOST_TEST(ledger.drain(consumer) == 0u);
        BOOST_TEST((ring.held() && ring.held()->position == position));
        BOOST_TEST(ring.tail() == position);
        BOOST_TEST(ring.completed() == position);
    } else if (published) {
        BOOST_TEST(consumer.drain(2, [](auto) { return Completion{}; }) == 2u);
        BOOST_TEST(consumer.peek() != nullptr);  // the suspended producer's slot is there
    } else {
        for (std::uint32_t lap = 0; lap < 10; ++lap) {  // round and round past it
            BOOST_TEST(others_publish(ring, ledger, 3, 1000 + 100 * lap));
            BOOST_TEST(ring.tail() == ring.reserved());
            BOOST_TEST(!ring.held());
            BOOST_TEST(ledger.drain(consumer) > 0u);
        }
    }

    gate.open();
    suspended.join();
    BOOST_TEST(outcome.has_value());
    BOOST_TEST(!ring.held());
    BOOST_TEST(ledger.drain(consumer) > 0u);
    BOOST_TEST(ring.tail() == ring.reserved());
    BOOST_TEST(ring.completed() == ring.reserved());
    BOOST_TEST(others_publish(ring, ledger, 2, 90000));  // and it works as before
    BOOST_TEST(ledger.drain(consumer) > 0u);
    BOOST_TEST(ring.completed() == ring.reserved());
}

}  // namespace

BOOST_AUTO_TEST_CASE(at_every_step) {
    constexpr detail::RingStep steps[] = {detail::RingStep::reserving, detail::RingStep::reserved,
                                          detail::RingStep::slot_written, detail::RingStep::all_written,
                                          detail::RingStep::published};
    for (const std::uint64_t start : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 3, 0 - std::uint64_t{capacity}})
        for (const Way way : {Way::slot, Way::batch, Way::window, Way::reservation})
            for (const detail::RingStep step : steps)
                for (unsigned nth = 1; nth <= (step == detail::RingStep::slot_written ? slots_of(way) : 1); ++nth)
                    BOOST_TEST_CONTEXT("step " << static_cast<int>(step) << ", time " << nth << ", way "
                                               << static_cast<int>(way) << ", from " << start) {
                        suspend_at(step, nth, way, start);
                    }
}

// Two that hold: the earlier one is told, then the later one.
BOOST_AUTO_TEST_CASE(two_at_once) {
    RingMemory memory(capacity);
    const auto ring = memory.ring<Suspendable>(capacity);
    Consumer consumer(ring);
    Ledger ledger(0);
    Gate first(detail::RingStep::reserved), second(detail::RingStep::all_written);
    const auto publish_through = [&](Gate& gate, std::uint32_t id) {
        Suspendable::listener = &gate;
        ledger.enter(publish(ring, Way::batch, id).value(), Way::batch, id);
    };
    std::jthread one([&] { publish_through(first, 10); });
    BOOST_TEST(first.wait_until_reached());
    ledger.enter(publish(ring, Way::slot, 20).value(), Way::slot, 20);
    std::jthread two([&] { publish_through(second, 30); });
    BOOST_TEST(second.wait_until_reached());

    BOOST_TEST((ring.held() && ring.held()->position == 0));
    first.open();
    one.join();
    BOOST_TEST((ring.held() && ring.held()->position == 4));
    BOOST_TEST(ledger.drain(consumer) == 4u);
    second.open();
    two.join();
    BOOST_TEST(!ring.held());
    BOOST_TEST(ledger.drain(consumer) == 3u);
}

// One that never comes back: the ring fills and says so, and for how long it has been held is told.
BOOST_AUTO_TEST_CASE(a_dead_producer_is_found) {
    RingMemory memory(capacity);
    const auto ring = memory.ring<Suspendable>(capacity);
    auto dead = ring.reserve(1).value();
    while (ring.publish(nop())) {}
    BOOST_TEST(ring.reserved() == capacity);
    BOOST_TEST((ring.publish(nop()).error() == Errc::ring_full));
    const auto early = ring.held();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const auto late = ring.held();
    BOOST_TEST((early && late && early->position == 0 && late->position == 0));
    BOOST_TEST((late->since - early->since >= std::chrono::milliseconds(2)));
}
