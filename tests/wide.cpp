// The wide drain, natively: each unit a thread, as the consumer of a real ring. Run under ThreadSanitizer, which sees
// units and producers alike.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <slipring/ring.hpp>

// How often the clerk looks for a poller before it goes on alone: a thread may be late.
static unsigned alone_after = 1u << 30;
#define SR_ALONE_AFTER alone_after
#include "native_device.hpp"

namespace {

using namespace slipring;

constexpr std::uint32_t capacity = 64;
constexpr ulong for_ever = ~ulong{0};

// A launch of `units` threads, the roles in the order of their arrival.
struct Device {
    alignas(SR_RING_ALIGN) std::array<std::byte, SR_RING_SLOTS + capacity * SR_SLOT_BYTES> memory{};
    std::vector<uint> control = std::vector<uint>(256);
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + 4 * SR_LOG_RECORD_WORDS);
    std::vector<uint> desk = std::vector<uint>(SR_DESK_WORDS(capacity));
    Ring ring;

    explicit Device(std::uint64_t start = 0) : ring(*Ring::create(memory, capacity, start)) {}

    // `first`, if it is given: what the host took for COMPLETED when it asked for the launch.
    void launch(uint number, uint units, ulong linger, ulong epoch = for_ever, std::optional<ulong> first = {}) {
        const sr_ring own{reinterpret_cast<uchar*>(memory.data()), capacity - 1, std::countr_zero(capacity)};
        const sr_memory words{control.data(), 256, nullptr, 0, log.data(), 3, nullptr};
        const sr_bounds bounds{number, first.value_or(ring.completed()), linger, epoch};
        std::vector<std::thread> crew;
        for (uint i = 0; i < units; ++i) {
            crew.emplace_back([&] {
                const uint unit = sr_add_device(desk.data() + SR_DESK_ARRIVED, 1);
                sr_drain_wide(&own, &words, &bounds, desk.data(), unit, units);
            });
        }
        for (std::thread& unit : crew) unit.join();
    }
    uint left() { return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_LEFT)).load(); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_slot_ends_whatever_the_number_of_units) {
    for (const uint units : {2u, 3u, 5u}) {
        for (const std::uint64_t start : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 2, -std::uint64_t{2}}) {
            BOOST_TEST_CONTEXT(units << " units from " << start) {
                Device device(start);
                const Slot batch[] = {store_u32(5, 200), store_u32(5, 2), slot(custom_opcode<0x100>(), {64, 1}),
                                      slot(custom_opcode<0x101>()), slot(custom_opcode<0x100>(), {SR_CODE_CANCELLED})};
                const auto first = device.ring.publish(std::span(batch));
                BOOST_REQUIRE(first.has_value());
                device.launch(1, units, 0);
                BOOST_TEST(device.left() == 1u);
                BOOST_TEST(device.ring.completed() == start + 5);
                BOOST_TEST(device.ring.claimed() == start + 5);
                const std::array<std::uint32_t, 5> states{SR_STATE_DONE, SR_STATE_FAULT, SR_STATE_FAULT, SR_STATE_FAULT,
                                                          SR_STATE_CANCELLED};
                for (std::uint32_t i = 0; i < 5; ++i)
                    BOOST_TEST(device.ring.state_word(*first + i) == device.ring.tagged(*first + i, states[i]));
                BOOST_TEST(device.ring.word(*first, SR_WORD_RESULT) == 5u);
                BOOST_TEST(device.control[SR_CONTROL_FAULTS] == 4u);
                BOOST_TEST(device.control[200] == 5u);
            }
        }
    }
}

// A launch that takes LEFT back goes on while the next one is enqueued already: the host's idea of where that one begins
// is an old one. A quiet slot looks as if it had never run.
BOOST_AUTO_TEST_CASE(a_launch_begins_where_the_last_one_ended_whatever_the_host_saw) {
    for (const std::uint64_t start : {std::uint64_t{0}, -std::uint64_t{2}}) {
        Device device(start);
        const std::vector<Slot> batch(5, atomic_add(1, 200));
        BOOST_REQUIRE(device.ring.publish(std::span(batch), Quiet::yes).has_value());
        device.launch(1, 3, 0);
        BOOST_REQUIRE(device.ring.completed() == start + 5);
        BOOST_REQUIRE(device.ring.publish(std::span(batch)).has_value());
        device.launch(2, 3, 0, for_ever, start);
        BOOST_TEST(device.ring.completed() == start + 10);
        BOOST_TEST(device.control[200] == 10u);
        BOOST_REQUIRE(device.ring.publish(std::span(batch)).has_value());
        device.launch(3, 3, 0, for_ever, start + 2);
        BOOST_TEST(device.ring.completed() == start + 15);
        BOOST_TEST(device.control[200] == 15u);
    }
}

// Launches that leave all the time, by idling or after a short epoch; producers ask for the next as the runtime does.
BOOST_AUTO_TEST_CASE(nothing_is_lost_while_launches_come_and_go) {
    Device device;
    constexpr int producers = 2;
    constexpr int each = 1500;
    std::atomic<uint> newest{0};
    std::atomic<bool> over{false};
    std::atomic<int> lost{0};

    std::thread kernel([&] {
        for (uint ran = 0; !over.load();) {
            if (newest.load() == ran) {
                std::this_thread::yield();
                continue;
            }
            ++ran;
            device.launch(ran, 2 + ran % 3, ran % 4 * 10, ran % 2 == 0 ? for_ever : 100);
            // As the runtime does when a launch is over.
            uint current = ran;
            if (device.ring.completed() != device.ring.tail()) newest.compare_exchange_strong(current, ran + 1);
        }
    });
    std::vector<std::thread> threads;
    for (int p = 0; p < producers; ++p) {
        threads.emplace_back([&, p] {
            for (int i = 0; i < each && lost.load() == 0; ++i) {
                const Slot slots[] = {atomic_add(1, 200), i % 7 == 0 ? batch_fence(1, 9) : atomic_add(1, 201), atomic_add(1, 202)};
                const auto count = static_cast<std::size_t>(1 + (i + p) % 3);
                const auto position = device.ring.publish(std::span(slots, count), i % 2 == 0 ? Quiet::yes : Quiet::no);
                if (!position) {
                    --i;
                    std::this_thread::yield();
                    continue;
                }
                uint current = newest.load(std::memory_order_seq_cst);
                while (device.ring.wake_needed(current) && !newest.compare_exchange_weak(current, current + 1)) {}
                const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
                while (i % 5 == 0 && !device.ring.is_complete(*position + count)) {
                    if (std::chrono::steady_clock::now() > deadline) {
                        ++lost;
                        break;
                    }
                    std::this_thread::yield();
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!device.ring.is_complete(device.ring.reserved()) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    over = true;
    kernel.join();
    BOOST_TEST(lost.load() == 0);
    BOOST_TEST(device.ring.completed() == device.ring.reserved());
    BOOST_TEST(device.control[200] == static_cast<uint>(producers * each));
    BOOST_TEST(newest.load() > 10u);  // it did leave and come back
}
