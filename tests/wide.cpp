// The wide drain, natively: each sub-group a thread, as the consumer of a real ring. Run under ThreadSanitizer, which
// sees sub-groups and producers alike.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <slipring/ring.hpp>

// How often the retirer looks for a poller before it goes on alone: a thread may be late.
static unsigned alone_after = 1u << 30;
#define SR_ALONE_AFTER alone_after
#include "../lib/ring_inside.hpp"
#include "lost_wakes.hpp"
#include "patience.hpp"
#include "shim.hpp"

// 0x100 returns its first argument as its code. 0x102 says that it has begun, and stays until it is let go.
static std::atomic<uint> held_back{0};
static std::atomic<bool> let_go{false};
static uint sr_custom(uint opcode, const uint* args, const sr_memory*, uint*) {
    if (opcode == 0x102) {
        ++held_back;
        eventually([] { return let_go.load(); });
        return SR_CODE_OK;
    }
    return opcode == 0x100 ? sr_handler_code(args[0]) : SR_CODE_UNKNOWN_OPCODE;
}

namespace {

using namespace slipring;

constexpr ulong for_ever = ~ulong{0};

// A launch of `sub-groups` threads, the roles in the order of their arrival.
struct Device {
    static constexpr std::uint32_t most_capacity = 64;
    const std::uint32_t capacity;
    alignas(SR_RING_ALIGN) std::array<std::byte, SR_RING_SLOTS + most_capacity * SR_SLOT_BYTES> memory{};
    std::vector<uint> control = std::vector<uint>(256);
    uint log_records = 4;
    std::vector<uint> log = std::vector<uint>(SR_LOG_RECORDS / 4 + 64 * SR_LOG_RECORD_WORDS);
    std::vector<uint> sched = std::vector<uint>(SR_SCHED_WORDS(capacity));
    SeenRing ring;

    explicit Device(std::uint64_t start = 0, std::uint32_t slots = most_capacity)
        : capacity(slots), ring(*SeenRing::create(memory, capacity, start)) {}

    // What a launch is given.
    struct Given {
        sr_ring ring;
        sr_memory memory;
        sr_bounds bounds;
    };
    Given give(uint number, ulong idle_timeout, ulong max_time, ulong first) {
        return {
            {reinterpret_cast<uchar*>(memory.data()), capacity - 1, static_cast<uint>(std::countr_zero(capacity))},
            {control.data(), 256, nullptr, 0, log.data(), log_records - 1, nullptr, 0},
            {number, first, idle_timeout, max_time, 0}};
    }

    // `first`, if it is given: what the host took for COMPLETED when it asked for the launch.
    void launch(uint number, uint subgroups, ulong idle_timeout, ulong max_time = for_ever,
                std::optional<ulong> first = {}) {
        const Given given = give(number, idle_timeout, max_time, first.value_or(ring.completed()));
        std::vector<std::thread> threads;
        for (uint i = 0; i < subgroups; ++i) {
            threads.emplace_back([&] {
                const uint subgroup = sr_add_device(sched.data() + SR_SCHED_ARRIVED, 1);
                sr_drain_wide(&given.ring, &given.memory, &given.bounds, sched.data(), subgroup, subgroups);
            });
        }
        for (std::thread& subgroup : threads) subgroup.join();
    }
    void revoke() { std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_REVOKED)).store(1); }
    uint word(uint index) { return sr_load_acquire(control.data() + index); }
    bool is_done(std::uint64_t position) { return ring.state(position) == State::done; }
    uint faults() { return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_FAULTS)).load(); }
    uint left() { return std::atomic_ref(*reinterpret_cast<uint*>(memory.data() + SR_RING_LEFT)).load(); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_slot_ends_whatever_the_number_of_units) {
    for (const uint subgroups : {2u, 3u, 5u}) {
        for (const std::uint64_t start : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 2, -std::uint64_t{2}}) {
            BOOST_TEST_CONTEXT(subgroups << " subgroups from " << start) {
                Device device(start);
                const Slot batch[] = {store_u32(5, 200), store_u32(5, 2), slot(custom_opcode<0x100>(), {64, 1}),
                                      slot(custom_opcode<0x101>()),
                                      slot(custom_opcode<0x100>(), {SR_CODE_CANCELLED})};
                const auto first = device.ring.publish(std::span(batch));
                BOOST_REQUIRE(first.has_value());
                device.launch(1, subgroups, 0);
                BOOST_TEST(device.left() == 1u);
                BOOST_TEST(device.ring.completed() == start + 5);
                BOOST_TEST(inside(device.ring).claimed() == start + 5);
                const std::array<std::uint32_t, 5> states{SR_STATE_DONE, SR_STATE_FAULT, SR_STATE_FAULT,
                                                          SR_STATE_FAULT, SR_STATE_FAULT};
                for (std::uint32_t i = 0; i < 5; ++i)
                    BOOST_TEST(inside(device.ring).state_word(*first + i) ==
                               inside(device.ring).tagged(*first + i, states[i]));
                BOOST_TEST(device.ring.word(*first, SR_WORD_RESULT) == 5u);
                BOOST_TEST(device.control[SR_CONTROL_FAULTS] == 4u);
                BOOST_TEST(device.faults() == 4u);
                BOOST_TEST(device.control[200] == 5u);
            }
        }
    }
}

// I4: an entry's flag stands where that of an entry a lap later will, and in a small ring the lap is short.
BOOST_AUTO_TEST_CASE(small_rings_go_round_many_times) {
    for (const std::uint32_t capacity : {2u, 4u, 8u}) {
        for (const uint subgroups : {2u, 4u}) {
            BOOST_TEST_CONTEXT(subgroups << " subgroups, " << capacity << " slots") {
                Device device(0, capacity);
                std::atomic<bool> left{false};
                std::thread kernel([&] {
                    device.launch(1, subgroups, for_ever);
                    left = true;
                });
                const auto publish = [&](const Slot& slot) {
                    return eventually([&] { return device.ring.publish(slot).has_value(); });
                };
                constexpr uint rounds = 4, brief = 120;  // which the poller runs, and which wait for no gate
                for (uint round = 0; round < rounds; ++round) {
                    for (uint i = 0; i < brief; ++i) BOOST_REQUIRE(publish(atomic_add(1, 200)));
                    BOOST_REQUIRE(publish(*packed({inner(atomic_add(1, 201))})));  // a worker's, behind the gate
                    BOOST_REQUIRE(publish(batch_fence(1, round)));
                }
                BOOST_REQUIRE(publish(shutdown()));
                BOOST_REQUIRE(eventually([&] { return left.load(); }));
                kernel.join();
                BOOST_TEST(device.ring.completed() == device.ring.tail());
                BOOST_TEST((device.control[200] == rounds * brief && device.control[201] == rounds));
            }
        }
    }
}

// Each of these is true with any number of sub-groups; a slow slot takes one of two workers.
BOOST_AUTO_TEST_CASE(a_slow_slot_delays_a_fence_and_what_is_behind_it_and_nothing_else) {
    for (const uint subgroups : {4u, 6u}) {
        Device device;
        held_back = 0;
        let_go = false;
        std::thread kernel([&] { device.launch(1, subgroups, for_ever); });
        const auto slow = device.ring.publish(slot(custom_opcode<0x102>()));
        const auto before = device.ring.publish(std::vector<Slot>(12, atomic_add(1, 200)));
        const auto quiet = device.ring.publish(std::vector<Slot>(3, atomic_add(1, 201)), Quiet::yes);
        const auto fence = device.ring.publish(batch_fence(1, 9));
        const auto behind = device.ring.publish(std::vector<Slot>(12, atomic_add(1, 202)));
        BOOST_REQUIRE((slow && before && quiet && fence && behind));
        BOOST_TEST(
            eventually([&] { return held_back.load() == 1 && device.word(200) == 12 && device.word(201) == 3; }));
        BOOST_TEST(eventually([&] { return device.is_done(*before + 11); }));
        for (int i = 0; i < 100; ++i) std::this_thread::yield();
        BOOST_TEST(!device.is_done(*fence));
        BOOST_TEST(device.word(202) == 0u);
        BOOST_TEST(device.word(SR_CONTROL_EPOCH) == 0u);
        BOOST_TEST(device.ring.completed() == *slow);
        let_go = true;
        const Slot last[] = {shutdown(), atomic_add(1, 203)};
        BOOST_REQUIRE(device.ring.publish(std::span(last)).has_value());
        kernel.join();
        if (device.ring.completed() != device.ring.tail()) device.launch(2, subgroups, 0);
        BOOST_TEST(device.word(202) == 12u);
        BOOST_TEST(device.word(203) == 1u);
        BOOST_TEST(device.word(SR_CONTROL_EPOCH) == 1u);
        BOOST_TEST(device.ring.word(*fence, SR_WORD_RESULT) == 1u);
        BOOST_TEST(device.ring.completed() == device.ring.tail());
    }
}

// Each fence looks at what the slots before it added up to: a packed slot that copies the sum, fenced on both sides.
BOOST_AUTO_TEST_CASE(a_fence_orders_whatever_the_number_of_units) {
    for (const uint subgroups : {2u, 3u, 5u}) {
        Device device;
        std::thread kernel([&] { device.launch(1, subgroups, for_ever); });
        constexpr std::uint32_t rounds = 8;
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            std::vector<Slot> batch(8, atomic_add(1, 200));
            batch[3] = *packed({inner(atomic_add(1, 200)), inner(atomic_add(5, 201))});
            batch.push_back(batch_fence(9, round));
            batch.push_back(load_u32(200, 50));  // control word 210
            batch.push_back(batch_fence(11, round));
            const auto first =
                device.ring.publish(std::span(std::as_const(batch)), round % 2 == 0 ? Quiet::yes : Quiet::no);
            BOOST_REQUIRE(first.has_value());
            BOOST_REQUIRE(eventually([&] { return device.ring.is_complete(*first + batch.size()); }));
            BOOST_TEST(device.word(210) == 8 * round);
            BOOST_TEST(device.word(201) == 5 * round);
            BOOST_TEST(device.word(SR_CONTROL_EPOCH) == 2 * round);
            BOOST_TEST(device.word(SR_CONTROL_FENCE_TAG) == round);
        }
        BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
        kernel.join();
        BOOST_TEST(device.left() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(many_units_print_without_losing_a_record_and_count_drops) {
    for (const uint records : {64u, 4u}) {
        Device device;
        device.log_records = records;
        std::vector<Slot> batch;
        for (std::uint32_t i = 0; i < 50; ++i) batch.push_back(i % 5 == 4 ? atomic_add(1, 200) : print(7, i, i + 1));
        BOOST_REQUIRE(device.ring.publish(std::span(std::as_const(batch))).has_value());
        device.launch(1, 6, 0);
        const uint written = device.log[SR_LOG_WRITTEN / 4];
        BOOST_TEST(written == std::min(40u, records));
        BOOST_TEST(device.log[SR_LOG_DROPPED / 4] == 40 - written);
        std::set<uint> positions;
        for (uint i = 0; i < written; ++i) {
            const uint* const record = &device.log[SR_LOG_RECORDS / 4 + i * SR_LOG_RECORD_WORDS];
            positions.insert(record[3]);
            BOOST_TEST((record[0] == 7 && record[1] == record[3] && record[2] == record[3] + 1));
        }
        BOOST_TEST(positions.size() == written);
        uint told = 0;
        for (std::uint32_t i = 0; i < 50; ++i)
            if (i % 5 != 4) told += device.ring.word(i, SR_WORD_RESULT);
        BOOST_TEST(told == written);
    }
}

// Whoever sees that slots are complete sees their faults, from one launch to the next.
BOOST_AUTO_TEST_CASE(faults_are_counted_before_their_slots_are_complete) {
    for (const uint subgroups : {2u, 3u, 5u}) {
        Device device;
        uint faults = 0;
        for (uint number = 1; number <= 3; ++number) {
            std::thread kernel([&] { device.launch(number, subgroups, for_ever); });
            for (uint round = 0; round < 30; ++round) {
                const Slot batch[] = {atomic_add(1, 200), store_u32(1, round % 3 == 0 ? 200 : 2),
                                      slot(custom_opcode<0x100>(), {round % 2 == 0 ? 0u : 64u})};
                const auto first = device.ring.publish(std::span(batch), round % 2 == 0 ? Quiet::yes : Quiet::no);
                BOOST_REQUIRE(first.has_value());
                faults += (round % 3 == 0 ? 0u : 1u) + (round % 2 == 0 ? 0u : 1u);
                BOOST_REQUIRE(eventually([&] { return device.ring.is_complete(*first + 3); }));
                BOOST_TEST(device.faults() == faults);
            }
            BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
            kernel.join();
        }
        BOOST_TEST(device.faults() == device.control[SR_CONTROL_FAULTS]);
    }
}

BOOST_AUTO_TEST_CASE(a_window_means_the_same_with_many_units) {
    Device device;
    const std::array<std::array<std::uint32_t, 2>, 3> args{{{1, 200}, {2, 201}, {64, 0}}};
    const std::array<Payload, 3> entries{args[0], args[1], args[2]};
    const Window adds{.ticket = 5,
                      .opcode = Op::atomic_add,
                      .required = std::span(entries).first(1),
                      .lookahead = std::span(entries).subspan(1, 1)};
    const Window custom{.ticket = 6, .opcode = custom_opcode<0x100>(), .required = std::span(entries).subspan(2)};
    BOOST_REQUIRE((device.ring.publish(adds) && device.ring.publish(custom)));
    device.launch(1, 4, 0);
    BOOST_TEST((device.control[200] == 1 && device.control[201] == 2));
    BOOST_TEST(device.ring.word(2, SR_WORD_CODE) == 64u);
}

// A producer that is stopped between its reservation and its publishing.
BOOST_AUTO_TEST_CASE(behind_a_hole_nothing_runs_until_it_is_filled) {
    for (const uint subgroups : {2u, 3u, 5u}) {
        Device device;
        BOOST_REQUIRE(device.ring.publish(std::vector<Slot>(3, atomic_add(1, 200))).has_value());
        auto hole = device.ring.reserve(2);
        BOOST_REQUIRE((hole && device.ring.publish(std::vector<Slot>(9, atomic_add(1, 202))).has_value()));
        for (uint number = 1; number <= 3; ++number) {
            device.launch(number, subgroups, 0);
            BOOST_TEST(device.left() == number);
            BOOST_TEST(device.ring.completed() == 3u);
            BOOST_TEST((device.control[200] == 3 && device.control[202] == 0));
        }
        hole->put(atomic_add(1, 201));
        hole->commit();
        device.launch(4, subgroups, 0);
        BOOST_TEST(device.ring.completed() == 14u);
        BOOST_TEST((device.control[200] == 3 && device.control[201] == 1 && device.control[202] == 9));
    }
}

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
    const sr_wide wide{&given.ring, &given.memory, &given.bounds, sched, 0, subgroups - 2};
    sr_cas_device(sched + SR_SCHED_STAGE, 0, SR_STAGE_POLLED);
    std::vector<std::thread> others;
    for (const uint subgroup : {0u, 2u, 3u})
        others.emplace_back(
            [&, subgroup] { sr_drain_wide(&given.ring, &given.memory, &given.bounds, sched, subgroup, subgroups); });

    sr_poller own{};
    sr_claim(&wide, &own, 3, 1);
    sr_queue(&wide, 0, 0, 0, 3, 1);
    BOOST_TEST(eventually([&] { return device.ring.is_complete(1); }));
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    BOOST_TEST(device.word(202) == 0u);  // I1
    sr_store_device(sched + SR_SCHED_LEAVE, SR_LEAVE_BUSY);
    sr_store_device(sched + SR_SCHED_CLOSED, 4);
    if (sr_add_device(sched + SR_SCHED_LEFT, 1) + 1 == subgroups) sr_close(&wide);
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
    alone_after = 10;
    BOOST_REQUIRE(device.ring.publish(std::vector<Slot>(9, atomic_add(1, 200))).has_value());
    const Device::Given given = device.give(1, 0, for_ever, 0);
    for (uint subgroup = 0; subgroup < 3; ++subgroup)
        sr_drain_wide(&given.ring, &given.memory, &given.bounds, device.sched.data(), subgroup, 3);
    alone_after = 1u << 30;
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
    for (const auto& [number, stop] : {std::pair{7u, 7u}, {7u, 8u}, {~0u, 1u}}) {
        Device device;
        std::atomic_ref(*reinterpret_cast<uint*>(device.memory.data() + SR_RING_STOP)).store(stop);
        std::thread kernel([&] { device.launch(number, 3, for_ever); });
        const bool heard = eventually([&] { return device.left() == number; });
        if (!heard) static_cast<void>(device.ring.publish(shutdown()));
        kernel.join();
        BOOST_TEST(heard);
        device.launch(stop + 1, 3, 200);  // not asked: leaves for want of work
        BOOST_TEST(device.left() == stop + 1);
    }
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
