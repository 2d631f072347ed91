// The wide drain, natively: launches that leave, that are stopped or given up, and those that come after them. Run
// under ThreadSanitizer, which sees sub-groups and producers alike.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "../lib/ring_inside.hpp"
#include "wide_fixture.hpp"

namespace {
// Of the sub-groups, one after the other, none sees a poller: the last one to go drains alone.
void launch_alone(Device& device, uint number, uint subgroups, ulong idle_timeout, ulong max_time = for_ever) {
    alone_after = 10;
    const Device::Given given = device.give(number, idle_timeout, max_time, device.ring.completed());
    for (uint subgroup = 0; subgroup < subgroups; ++subgroup)
        sr_drain_wide(&given.ring, &given.memory, &given.bounds, device.sched.data(), subgroup, subgroups, 0);
    alone_after = 1u << 30;
}
}  // namespace

// A poller that looks at some slots only may claim one that is not published yet. Here the test is the poller: it
// claims three slots of which the second is missing.
BOOST_AUTO_TEST_CASE(a_launch_that_leaves_is_cut_in_front_of_a_claimed_hole) {
    constexpr uint subgroups = 4;
    Device device;
    BOOST_REQUIRE(device.ring.publish(atomic_add(1, 200)).has_value());
    auto hole = device.ring.reserve(1);
    BOOST_REQUIRE((hole && device.ring.publish(atomic_add(1, 202)).has_value()));
    uint* const sched = device.sched.data();
    const Device::Given given = device.give(1, for_ever, for_ever, 0);
    const sr_wides wides = sr_wides_of(&given.ring, &given.memory, &given.bounds, sched, subgroups - 2, 0);
    sr_cas_device(sched + SR_SCHED_STAGE, 0, SR_STAGE_POLLED);
    std::vector<std::thread> others;
    for (const uint subgroup : {0u, 2u, 3u})
        others.emplace_back([&, subgroup] {
            sr_drain_wide(&given.ring, &given.memory, &given.bounds, sched, subgroup, subgroups, 0);
        });

    sr_front own = sr_front_of(0);
    sr_claim(wides.of, &own, 3, 1);
    sr_queue(wides.of, 0, &own, 0, 0, 3, 1);
    BOOST_TEST(eventually([&] { return device.ring.is_complete(1); }));
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    BOOST_TEST(device.word(202) == 0u);  // I1
    sr_store_device(sched + SR_SCHED_LEAVE, SR_LEAVE_BUSY);
    sr_store_device(sched + SR_SCHED_CLOSED, 4);
    if (sr_add_device(sched + SR_SCHED_LEFT, 1) + 1 == subgroups) sr_close(&wides);
    for (std::thread& other : others) other.join();
    BOOST_TEST(device.left() == 1u);
    BOOST_TEST(device.ring.completed() == 1u);
    BOOST_TEST((device.control[200] == 1 && device.control[202] == 0));

    hole->put(atomic_add(1, 201));
    hole->commit();
    device.launch(2, subgroups, 0);
    BOOST_TEST(device.ring.completed() == 3u);
    BOOST_TEST((device.control[200] == 1 && device.control[201] == 1 && device.control[202] == 1));
}

// Where no other sub-group begins, one goes on alone.
BOOST_AUTO_TEST_CASE(a_unit_without_others_does_it_alone) {
    Device device;
    BOOST_REQUIRE(device.ring.publish(std::vector<Slot>(9, atomic_add(1, 200))).has_value());
    launch_alone(device, 1, 3, 0);
    BOOST_TEST(device.control[200] == 9u);
    BOOST_TEST(device.ring.completed() == 9u);
    BOOST_TEST(device.left() == 1u);
    BOOST_REQUIRE(device.ring.publish(std::vector<Slot>(9, atomic_add(1, 200))).has_value());
    device.launch(2, 3, 0);
    BOOST_TEST(device.control[200] == 18u);
}

// A launch that takes LEFT back goes on while the next one is enqueued already: the host's idea of where that one
// begins is an old one. A quiet slot looks as if it had never run.
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

// The host may have numbered the next launches when this one took LEFT back. STOP stands when they have left.
BOOST_AUTO_TEST_CASE(stop_for_a_newer_launch_ends_this_one_too) {
    for (const auto& [number, stop] : {std::pair{7u, 7u}, {7u, 8u}, {SR_LAUNCH_MASK, 1u}}) {
        Device device;
        device.follow(number);
        std::atomic_ref(*reinterpret_cast<uint*>(device.memory.data() + SR_RING_STOP)).store(stop);
        std::thread kernel([&] { device.launch(number, 3, for_ever); });
        const bool heard = eventually([&] { return device.left() == number; });
        if (!heard) static_cast<void>(device.ring.publish(shutdown()));
        kernel.join();
        BOOST_TEST(heard);
        device.follow(stop + 1);
        device.launch(stop + 1, 3, 200);  // not asked: leaves for want of work
        BOOST_TEST(device.left() == stop + 1);
    }
}

// What runs a launch beside the test, and ends it whatever happens.
namespace {
struct Beside {
    Device& device;
    std::atomic<bool> ended{false};
    std::thread kernel;
    Beside(Device& of, uint number, uint subgroups, ulong idle_timeout)
        : device(of), kernel([this, number, subgroups, idle_timeout] {
              device.launch(number, subgroups, idle_timeout);
              ended = true;
          }) {}
    ~Beside() {
        while (!ended.load() && !device.ring.publish(shutdown())) std::this_thread::yield();
        kernel.join();
    }
    bool ends() {
        return eventually([this] { return ended.load(); });
    }
};
}  // namespace

// No kernel stays behind one that idled, whether its sub-groups are together or one is alone. With work it stays.
BOOST_AUTO_TEST_CASE(the_successor_of_an_idle_launch_leaves_at_once_unless_there_is_work) {
    for (const uint subgroups : {2u, 3u, 5u}) {
        Device device;
        device.launch(1, subgroups, 10);
        BOOST_TEST(device.control[SR_CONTROL_LEFT] == (1u | SR_LEFT_IDLE));
        for (const uint number : {2u, 3u}) {
            Beside kernel(device, number, subgroups, for_ever);
            BOOST_TEST(kernel.ends());
            BOOST_TEST(device.left() == number);
        }
        const auto first = device.ring.publish(atomic_add(1, 200));
        BOOST_REQUIRE(first.has_value());
        {
            Beside kernel(device, 4, subgroups, for_ever);
            BOOST_TEST(eventually([&] { return device.ring.is_complete(*first + 1); }));
            for (int i = 0; i < 1000; ++i) std::this_thread::yield();
            BOOST_TEST(!kernel.ended.load());
            const auto second = device.ring.publish(atomic_add(1, 200));
            BOOST_TEST(eventually([&] { return device.ring.is_complete(*second + 1); }));
        }
        BOOST_TEST(device.left() == 4u);
        BOOST_TEST(device.control[200] == 2u);
    }
    Device device;
    device.launch(1, 3, 10);
    launch_alone(device, 2, 3, for_ever, 100'000);
    BOOST_TEST(device.control[SR_CONTROL_LEFT] == (2u | SR_LEFT_IDLE));  // and not because its time was up
}

BOOST_AUTO_TEST_CASE(the_successor_of_a_busy_launch_stays) {
    Device device;
    device.follow(2);
    Beside kernel(device, 2, 3, for_ever);
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    BOOST_TEST(!kernel.ended.load());
    const auto first = device.ring.publish(atomic_add(1, 200));
    BOOST_TEST(eventually([&] { return device.ring.is_complete(*first + 1); }));
}

// The scheduler state may be in any order then.
BOOST_AUTO_TEST_CASE(a_launch_whose_predecessor_did_not_leave_runs_nothing) {
    Device device;
    device.launch(1, 3, 10);
    BOOST_REQUIRE(device.ring.publish(std::vector<Slot>(9, atomic_add(1, 200))).has_value());
    for (uint word = SR_SCHED_CLAIMED; word <= SR_SCHED_LEFT; word += 32) device.sched[word] = 7;
    const std::vector<uint> before = device.sched;
    for (const uint number : {1u, 3u, 4u}) {
        const Device::Given given = device.give(number, 0, for_ever, 0);
        for (uint subgroup = 0; subgroup < 3; ++subgroup)
            sr_drain_wide(&given.ring, &given.memory, &given.bounds, device.sched.data(), subgroup, 3, 0);
    }
    BOOST_TEST((device.sched == before));
    BOOST_TEST(device.left() == 1u);
    BOOST_TEST(device.ring.completed() == 0u);
    BOOST_TEST(device.control[200] == 0u);
}

// A kernel that was given up, and comes back, wherever it stood: a handler that was stuck, and others behind its
// gate, a barrier, a hole or an empty ring.
BOOST_AUTO_TEST_CASE(a_kernel_whose_ring_was_revoked_runs_nothing_more) {
    for (const uint subgroups : {2u, 3u, 5u}) {
        for (int behind = 0; behind < 6; ++behind) {
            BOOST_TEST_CONTEXT(subgroups << " subgroups, case " << behind) {
                Device device;
                held_back = 0;
                let_go = false;
                std::atomic<bool> ended{false};
                std::thread kernel([&] {
                    device.launch(1, subgroups, for_ever);
                    ended = true;
                });
                const auto publish = [&](const Slot& slot) { BOOST_REQUIRE(device.ring.publish(slot).has_value()); };
                std::optional<SeenRing::Reservation> hole;
                publish(atomic_add(1, 200));
                if (behind > 0) publish(slot(custom_opcode<0x102>()));
                if (behind == 2) publish(batch_fence(1, 9));
                if (behind == 3) publish(*packed({inner(batch_fence(1, 9)), inner(atomic_add(1, 201))}));
                if (behind == 4) hole.emplace(*device.ring.reserve(1));
                if (behind == 5) publish(shutdown());
                if (behind > 1) publish(*packed({inner(atomic_add(1, 201))}));
                BOOST_TEST(
                    eventually([&] { return device.word(200) == 1 && (behind == 0 || held_back.load() == 1); }));
                for (int i = 0; i < 10; ++i) std::this_thread::yield();  // others wait meanwhile
                device.revoke();
                BOOST_TEST(eventually([&] {  // the retirer looked
                    return ended.load() || sr_load_device(device.sched.data() + SR_SCHED_LEAVE) == SR_LEAVE_REVOKED;
                }));
                let_go = true;
                BOOST_REQUIRE(eventually([&] { return ended.load(); }));
                kernel.join();
                BOOST_TEST(device.word(SR_CONTROL_EPOCH) == 0u);
                BOOST_TEST(device.word(201) == 0u);
                const std::uint64_t claimed = inside(device.ring).claimed();
                const auto later = device.ring.publish(atomic_add(1, 202));  // and a launch that was enqueued already
                BOOST_REQUIRE(later.has_value());
                device.launch(2, subgroups, 0);
                BOOST_TEST(device.word(202) == 0u);
                BOOST_TEST(inside(device.ring).claimed() == claimed);
                launch_alone(device, 3, subgroups, 0);  // which begins at COMPLETED, and takes no claim back
                BOOST_TEST(device.word(202) == 0u);
                BOOST_TEST(inside(device.ring).claimed() == claimed);
            }
        }
    }
}

// Launches that leave all the time, by idling or after a short max_time.
BOOST_AUTO_TEST_CASE(nothing_is_lost_while_launches_come_and_go) {
    Device device;
    constexpr Wakes wakes{.producers = 2, .each = 250, .wait_every = 5};
    const auto launch = [&](uint n) {
        device.launch(n, 2 + n % 3, n % 4 * 10, n % 2 == 0 ? for_ever : 100);
        return device.ring.completed() != device.ring.tail();
    };
    const auto publish = [&](int p, int i) -> std::expected<std::uint64_t, Errc> {
        const Slot slots[] = {atomic_add(1, 200), i % 7 == 0 ? batch_fence(1, 9) : atomic_add(1, 201),
                              atomic_add(1, 202)};
        const auto count = static_cast<std::size_t>(1 + (i + p) % 3);
        const auto first = device.ring.publish(std::span(slots, count), i % 2 == 0 ? Quiet::yes : Quiet::no);
        return first ? std::expected<std::uint64_t, Errc>(*first + count) : first;
    };
    const std::uint32_t launches = lose_no_wake(device.ring, wakes, launch, publish);
    BOOST_TEST(launches > 1u);  // it did leave and come back
    BOOST_TEST(device.ring.completed() == device.ring.reserved());
    BOOST_TEST(device.control[200] == static_cast<uint>(wakes.producers * wakes.each));
}
