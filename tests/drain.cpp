// The device's drain loop, natively, as the consumer of a real ring: what it makes of slots, and the race between a
// kernel that leaves and a producer that publishes. Run under ThreadSanitizer, which sees both sides.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <thread>
#include <utility>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "ended.hpp"
#include "lost_wakes.hpp"
#include "native_device.hpp"

namespace {

using namespace slipring;

constexpr std::uint32_t capacity = 64;

struct Device {
    alignas(SR_RING_ALIGN) std::array<std::byte, *Ring::bytes(capacity)> memory{};
    std::vector<uint> control = std::vector<uint>(256);
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + SR_LOG_RECORD_WORDS);
    SeenRing ring;

    explicit Device(std::uint64_t start = 0) : ring(*SeenRing::create(memory, capacity, start)) {}

    void launch(uint number, ulong idle_timeout, ulong max_launch_time = ~0ull, ulong gap = 0) {
        constexpr uint shift = std::countr_zero(capacity);
        const sr_ring own = sr_ring_of(reinterpret_cast<uchar*>(memory.data()), capacity - 1, shift, shift);
        uint* const now = reinterpret_cast<uint*>(memory.data() + SR_RING_NOW);
        const sr_memory words{control.data(), 256, nullptr, 0, log.data(), 0, nullptr, 0, nullptr, 0, now, nullptr};
        const sr_bounds bounds{number, ring.completed(), idle_timeout, max_launch_time, gap};
        sr_drain_serial(&own, &words, &bounds);
    }
    // The launch before `number` has left, with more to do.
    void follow(uint number) { control[SR_CONTROL_LEFT] = (number - 1) & SR_LAUNCH_MASK; }
    void revoke() { std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_REVOKED)).store(1); }
    uint faults() { return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_FAULTS)).load(); }
    uint left() { return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_LEFT)).load(); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_slot_ends_in_one_terminal_state_with_a_code) {
    for (const std::uint64_t start :
         {std::uint64_t{0}, (std::uint64_t{1} << 32) - 2, -std::uint64_t{capacity}, -std::uint64_t{2}}) {
        Device device(start);
        const Slot batch[] = {store_u32(5, 200), store_u32(5, 2), slot(custom_opcode<0x100>(), {64, 1}),
                              slot(custom_opcode<0x101>()), slot(custom_opcode<0x100>(), {SR_CODE_CANCELLED})};
        const auto first = device.ring.publish(std::span(batch));
        BOOST_REQUIRE(first.has_value());
        BOOST_TEST(inside(device.ring).wake_needed(0));
        device.launch(1, 0);
        BOOST_TEST(device.left() == 1u);
        BOOST_TEST(device.ring.completed() == start + 5);
        const std::array<State, 5> states{State::done, State::fault, State::fault, State::fault, State::fault};
        const std::array<std::uint32_t, 5> codes{SR_CODE_OK, SR_CODE_OUT_OF_RANGE, 64, SR_CODE_UNKNOWN_OPCODE,
                                                 SR_CODE_BAD_ARGUMENT};
        for (std::uint32_t i = 0; i < 5; ++i) {
            BOOST_TEST((device.ring.state(*first + i) == states[i]));
            BOOST_TEST(code_of(device.ring, *first + i) == codes[i]);
        }
        BOOST_TEST(result_of(device.ring, *first) == 5u);
        BOOST_TEST(device.control[SR_CONTROL_FAULTS] == 4u);
        BOOST_TEST(device.faults() == 4u);
    }
}

BOOST_AUTO_TEST_CASE(a_quiet_slot_is_left_as_it_is_and_completes_all_the_same) {
    Device device;
    const auto first = device.ring.publish(store_u32(5, 200), Quiet::yes);
    device.launch(1, 0);
    BOOST_TEST(device.control[200] == 5u);
    BOOST_TEST(device.ring.is_complete(*first + 1));
    BOOST_TEST((device.ring.state(*first) == State::published));
    BOOST_TEST(inside(device.ring).word(*first, SR_WORD_ARGS) == 5u);
}

BOOST_AUTO_TEST_CASE(shutdown_ends_a_launch_that_would_poll_for_ever) {
    Device device;
    const Slot batch[] = {store_u32(1, 200), shutdown()};
    BOOST_REQUIRE(device.ring.publish(std::span(batch)).has_value());
    device.launch(1, ~0ull);
    BOOST_TEST(device.ring.completed() == 2u);
    BOOST_TEST(device.left() == 1u);
}

BOOST_AUTO_TEST_CASE(a_launch_leaves_after_its_bound_and_the_next_goes_on) {
    Device device;
    std::uint64_t published = 0;
    uint launch = 0;
    while (published < 2 * 256) {
        if (device.ring.publish(atomic_add(1, 200))) {
            ++published;
            continue;
        }
        device.launch(++launch, 0, 1);
    }
    device.launch(++launch, 0);
    BOOST_TEST(device.control[200] == 512u);
    BOOST_TEST(device.ring.completed() == 512u);
}

BOOST_AUTO_TEST_CASE(stop_ends_an_idle_launch_and_no_other) {
    Device device;
    std::atomic_ref(*reinterpret_cast<uint*>(device.memory.data() + SR_RING_STOP)).store(7);
    BOOST_REQUIRE(device.ring.publish(atomic_add(1, 200)).has_value());
    device.follow(7);
    device.launch(7, ~0ull);
    BOOST_TEST(device.left() == 7u);
    device.launch(8, 3);  // not asked; leaves for want of work
    BOOST_TEST(device.left() == 8u);
}

// The host may have numbered the next launches when this one took LEFT back.
BOOST_AUTO_TEST_CASE(stop_for_a_newer_launch_ends_this_one_too) {
    for (const auto& [number, stop] : {std::pair{7u, 8u}, {7u, 9u}, {SR_LAUNCH_MASK, 0u}, {SR_LAUNCH_MASK - 1, 2u}}) {
        Device device;
        device.follow(number);
        std::atomic_ref(*reinterpret_cast<uint*>(device.memory.data() + SR_RING_STOP)).store(stop);
        std::thread kernel([&] { device.launch(number, ~0ull); });
        const bool heard = eventually([&] { return device.left() == number; });
        if (!heard) static_cast<void>(device.ring.publish(shutdown()));
        kernel.join();
        BOOST_TEST(heard);
    }
}

// A kernel that was given up, and comes back: from its handler, to an empty ring, and to be launched once more.
BOOST_AUTO_TEST_CASE(a_kernel_whose_ring_was_revoked_runs_nothing_more) {
    static Device* revoked;
    Device device;
    revoked = &device;
    in_handler = [] { revoked->revoke(); };
    const Slot batch[] = {atomic_add(1, 200), slot(custom_opcode<0x102>()), atomic_add(1, 200), atomic_add(1, 200)};
    BOOST_REQUIRE(device.ring.publish(std::span(batch)).has_value());
    for (uint number = 1; number <= 3; ++number) {
        device.launch(number, ~0ull);
        BOOST_TEST(device.control[200] == 1u);
        BOOST_TEST((device.ring.state(2) == State::published));
        BOOST_TEST(inside(device.ring).claimed() == 2u);
        BOOST_TEST(device.ring.completed() <= 2u);
    }
    in_handler = nullptr;
}

BOOST_AUTO_TEST_CASE(a_kernel_whose_ring_is_revoked_waits_no_longer) {
    Device device;
    std::atomic<bool> ended{false};
    std::thread kernel([&] {
        device.launch(1, ~0ull);
        ended = true;
    });
    BOOST_REQUIRE(device.ring.publish(atomic_add(1, 200)).has_value());
    BOOST_TEST(eventually([&] { return device.ring.is_complete(1); }));
    device.revoke();
    const bool heard = eventually([&] { return ended.load(); });
    if (!heard) static_cast<void>(device.ring.publish(shutdown()));
    kernel.join();
    BOOST_TEST(heard);
}

// A reader that sees slots complete sees their faults: those of quiet slots too, which nothing else tells of.
BOOST_AUTO_TEST_CASE(faults_are_counted_before_their_slots_are_complete) {
    Device device;
    std::thread kernel([&] { device.launch(1, ~0ull); });
    std::uint64_t end = 0;
    uint faults = 0;
    for (uint round = 0; round < 300; ++round) {
        const Slot batch[] = {atomic_add(1, 200), store_u32(1, round % 4 == 0 ? 200 : 2), nop()};
        const auto first = device.ring.publish(std::span(batch), round % 2 == 0 ? Quiet::yes : Quiet::no);
        BOOST_REQUIRE(first.has_value());
        end = *first + 3;
        faults += round % 4 == 0 ? 0 : 1;
        BOOST_REQUIRE(eventually([&] { return device.ring.is_complete(end); }));
        BOOST_TEST(device.faults() == faults);
    }
    BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
    kernel.join();
    BOOST_TEST(device.faults() == device.control[SR_CONTROL_FAULTS]);
}

// The native clock counts looks at an empty slot, 16 from one look at the clock to the next, in each launch from 0.
BOOST_AUTO_TEST_CASE(a_launch_whose_core_others_want_does_not_linger) {
    Device device;
    uint* const told = &device.control[SR_CONTROL_CROWDED];
    device.launch(1, 1000, ~0ull, 0);  // nobody minds
    device.follow(2);
    device.launch(2, 1000, ~0ull, 17);  // no gap so long
    BOOST_TEST((told[0] == 0 && told[1] == 0 && told[2] == 0));
    const auto leaves = [&](uint number, ulong gap) {
        device.follow(number);
        std::thread kernel([&] { device.launch(number, ~0ull, ~0ull, gap); });
        const bool left = eventually([&] { return device.left() == number; });
        if (!left) static_cast<void>(device.ring.publish(shutdown()));
        kernel.join();
        BOOST_TEST(left);
    };
    leaves(3, 16);
    BOOST_TEST((told[0] == 2 * 16 + 16 && told[2] == 1));
    const auto over = [&] { told[0] = told[1] = 0; };  // those gaps, just now
    over();
    leaves(4, 16);  // a second time
    BOOST_TEST((told[0] == 2 * 16 + 64 * 16 && told[2] == 64));
    leaves(5, 17);  // for some gaps to come it does not idle at all
    BOOST_TEST(told[2] == 64u);
    over();
    leaves(6, 16);  // and if it goes on so, for longer
    BOOST_TEST((told[0] == 2 * 16 + 128 * 16 && told[2] == 128));
    leaves(7, 17);
    told[1] = 0xFFFF0000;  // long ago
    leaves(8, 16);
    BOOST_TEST(told[2] == 1u);
    told[1] = 1;  // far from now: nothing to go by
    device.follow(9);
    device.launch(9, 1000, ~0ull, 17);
    told[1] = 0;
    told[0] = 64;
    BOOST_REQUIRE(device.ring.publish(atomic_add(1, 200)).has_value());
    leaves(10, 17);
    BOOST_TEST(device.control[200] == 1u);
}

// The first slot of a launch is run before anybody looks at an empty one.
BOOST_AUTO_TEST_CASE(the_time_since_the_last_launch_is_no_gap) {
    Device device;
    for (uint number = 1; number <= 3; ++number) {
        BOOST_REQUIRE(device.ring.publish(atomic_add(1, 200)).has_value());
        device.launch(number, 1000, ~0ull, 64);
    }
    BOOST_TEST(device.control[200] == 3u);
    BOOST_TEST(device.control[SR_CONTROL_CROWDED + 2] == 0u);
}

// Each launch leaves after few polls.
BOOST_AUTO_TEST_CASE(no_wake_is_lost_between_leaving_and_publishing) {
    Device device;
    constexpr Wakes wakes{.producers = 2, .each = 3000, .wait_every = 1};
    const auto launch = [&](uint n) {
        device.launch(n, n % 4);
        return false;
    };
    const auto publish = [&](int, int) -> std::expected<std::uint64_t, Errc> {
        const auto position = device.ring.publish(atomic_add(1, 200));
        return position ? std::expected<std::uint64_t, Errc>(*position + 1) : position;
    };
    const std::uint32_t launches = lose_no_wake(device.ring, wakes, launch, publish);
    BOOST_TEST(launches > 10u);  // it did leave and come back
    BOOST_TEST(device.ring.completed() == device.ring.reserved());
    BOOST_TEST(device.control[200] == static_cast<uint>(wakes.producers * wakes.each));
}
