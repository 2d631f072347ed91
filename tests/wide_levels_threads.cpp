// The wide drain over five levels, natively: each sub-group a thread, and a producer for each level. For
// ThreadSanitizer, which sees both sides.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "lost_wakes.hpp"

#include "wide_levels.hpp"

// 0x100 writes its second argument into the word that its first one names.
static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, ulong*) {
    if (opcode != 0x100) return SR_CODE_UNKNOWN_OPCODE;
    sr_store(memory->control + args[0], args[1]);
    return SR_CODE_OK;
}

// Of each level every slot runs once, a fence is behind all that is in front of it, and a result is its slot's.
BOOST_AUTO_TEST_CASE(producers_at_every_level_and_launches_that_leave) {
    constexpr uint subgroups = 5, rounds = 60;
    LevelRings<SeenRing> device(8, std::uint64_t{0} - 40);
    std::atomic<uint> producing{SR_LEVELS}, wrong{0};
    std::vector<std::thread> producers;
    for (uint level = 0; level < SR_LEVELS; ++level)
        producers.emplace_back([&device, &producing, &wrong, level] {
            SeenRing& ring = device.rings[level];
            const auto publish = [&ring](const Slot& slot) {
                auto position = ring.publish(slot);
                for (; !position; position = ring.publish(slot)) std::this_thread::yield();
                return *position;
            };
            for (uint i = 0; i < rounds; ++i) {
                publish(slot(custom_opcode<0x100>(), {300 + level, i}));
                publish(atomic_add(1, 200));
                publish(batch_fence(1, i));
                const auto last = publish(load_u32(300 + level, 400 + level));
                while (!ring.completion(last)) std::this_thread::yield();
                wrong += ring.completion(last)->result != i;
            }
            --producing;
        });
    uint launch = 0;
    while (producing != 0 || !device.is_complete()) {
        device.begin(++launch, 0);
        std::vector<std::thread> threads;
        for (uint i = 0; i < subgroups; ++i)
            threads.emplace_back(
                [&] { device.drain(sr_add_device(device.sched.data() + SR_SCHED_ARRIVED, 1), subgroups); });
        for (std::thread& thread : threads) thread.join();
        BOOST_REQUIRE(device.left() == (launch & SR_LAUNCH_MASK));
    }
    for (std::thread& producer : producers) producer.join();
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(device.control[200] == SR_LEVELS * rounds);
    BOOST_TEST(device.control[SR_CONTROL_EPOCH] == SR_LEVELS * rounds);
}
