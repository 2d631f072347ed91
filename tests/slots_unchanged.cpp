// A consumer that shares caches with producers stores a slot's state word as it was, to take its line. So at each of
// its steps each slot has the 64 bytes that its producer gave it, while slots that it has given back are published
// anew: the drain on one work-item, natively, and Consumer for both policies. tests/wide.cpp and tests/wide_lanes.cpp
// have the wide drain.
#include <boost/test/unit_test.hpp>

#include <stdexcept>

#include <slipring/consumer.hpp>

#include "given_slots.hpp"
#include "ring_memory.hpp"
#include "stepped_device.hpp"

#include "no_teams.hpp"

#include "native_memory.hpp"

static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong*) {
    return opcode == 0x100 ? sr_handler_code(args[0]) : SR_CODE_UNKNOWN_OPCODE;
}

using namespace slipring;

namespace {

// More than the consumer finishes before it gives slots back, so that both occur: it goes on, and it runs out.
constexpr std::uint32_t capacity = 64, slots = 5 * capacity;

// Publishes slots that end in every way, as many as there is room for.
template <class Policy>
class Producer {
public:
    explicit Producer(std::uint64_t start)
        : memory_(capacity), ring_(memory_.ring<Policy>(capacity, start)), given_(ring_) {}

    const BasicRing<Policy>& ring() const { return ring_; }
    void publish() {
        for (; published_ != slots; ++published_) {
            const auto position = publish_one(published_ % 9, published_ % 2 == 0 ? Quiet::yes : Quiet::no);
            if (!position) break;
            given_.take(*position);
        }
    }
    void look() {
        if (!given_.stand()) ++wrong_;
        publish();
    }
    void check() const {
        BOOST_TEST(given_.stand());
        BOOST_TEST(wrong_ == 0u);
        BOOST_TEST(published_ == slots);
        BOOST_TEST(ring_.completed() == ring_.reserved());
    }

private:
    std::expected<std::uint64_t, Errc> publish_one(std::uint32_t what, Quiet quiet) {
        constexpr auto handled = custom_opcode<0x100>();
        const std::uint32_t sum[] = {1, 200};
        const Payload entries[] = {sum};
        switch (what) {
            case 0: return ring_.publish(*packed({inner(atomic_add(1, 200)), inner(store_u32(1, 2))}), quiet);
            case 1: return ring_.publish(store_u32(1, 2), quiet);
            case 2: return ring_.publish(slot(handled, {64}), quiet);
            case 3: return ring_.publish(slot(custom_opcode<0x101>()), quiet);
            case 4: return ring_.publish(batch_fence(1, 9), quiet);
            case 5: return ring_.publish(Window{.ticket = 1, .opcode = Op::atomic_add, .required = entries}, quiet);
            case 6: return ring_.publish(print(1, 2, 3), quiet);
            case 7: return ring_.publish(slot(handled), quiet);
            default: return ring_.publish(atomic_add(1, 200), quiet);
        }
    }

    RingMemory memory_;
    BasicRing<Policy> ring_;
    GivenSlots given_;
    std::uint32_t published_ = 0;
    std::size_t wrong_ = 0;
};

template <class Policy>
void consume(std::uint64_t start) {
    Producer<Policy> producer(start);
    Consumer consumer(producer.ring());
    producer.publish();
    std::size_t ran = 0;
    for (std::size_t n = 1; n != 0 && ran <= slots; ran += n) {
        n = consumer.drain(2 * capacity, [&](auto) { return producer.look(), Completion{}; });
        producer.look();
    }
    BOOST_TEST(ran == slots);
    producer.check();
}

}  // namespace

BOOST_AUTO_TEST_CASE(by_the_drain_on_one_work_item) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        BOOST_TEST_CONTEXT("from " << start) {
            Producer<DeviceConsumer> producer(start);
            NativeMemory device;
            std::size_t accesses = 0;
            producer.publish();
            before_access = [&] {
                if (++accesses > 100 * slots) throw std::runtime_error("a launch that does not leave");
                producer.look();
            };
            device.drain(producer.ring(), 1, 0);
            before_access = [] {};
            producer.check();
        }
    }
}

BOOST_AUTO_TEST_CASE(by_a_thread_that_drains_the_ring_of_a_device) {
    for (const std::uint64_t start : hard_starts(capacity)) consume<DeviceConsumer>(start);
}

BOOST_AUTO_TEST_CASE(by_the_thread_of_a_thread_ring) {
    for (const std::uint64_t start : hard_starts(capacity)) consume<ThreadConsumer>(start);
}
