// The wide drain, natively: what a launch of many sub-groups runs, in which order, and what it says of it. Run under
// ThreadSanitizer, which sees sub-groups and producers alike.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "../lib/ring_inside.hpp"
#include "ended.hpp"
#include "given_slots.hpp"
#include "wide_fixture.hpp"

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
                const std::array<State, 5> states{State::done, State::fault, State::fault, State::fault,
                                                  State::fault};
                for (std::uint32_t i = 0; i < 5; ++i) BOOST_TEST((device.ring.state(*first + i) == states[i]));
                BOOST_TEST(result_of(device.ring, *first) == 5u);
                BOOST_TEST(device.control[SR_CONTROL_FAULTS] == 4u);
                BOOST_TEST(device.faults() == 4u);
                BOOST_TEST(device.control[200] == 5u);
            }
        }
    }
}

// I4: a chunk's flag stands where that of a chunk a generation later will, and in a small ring that is soon.
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

// However a slot is run: by the poller, by a worker, or behind the gate.
BOOST_AUTO_TEST_CASE(no_sub_group_changes_a_slot) {
    for (const uint subgroups : {2u, 4u}) {
        for (const std::uint64_t start : {std::uint64_t{0}, -std::uint64_t{2}}) {
            BOOST_TEST_CONTEXT(subgroups << " subgroups from " << start) {
                Device device(start, 16);
                GivenSlots given(device.ring);
                std::atomic<bool> left{false};
                std::thread kernel([&] {
                    device.launch(1, subgroups, for_ever);
                    left = true;
                });
                const auto publish = [&](const Slot& slot, Quiet quiet) {
                    return eventually([&] {
                        const auto position = device.ring.publish(slot, quiet);
                        if (position) given.take(*position);
                        return position.has_value();
                    });
                };
                uint changed = 0;
                for (uint i = 0; i < 63; ++i) {
                    const Slot mixed[] = {atomic_add(1, 200),
                                          *packed({inner(atomic_add(1, 200))}),
                                          store_u32(1, 2),
                                          slot(custom_opcode<0x100>(), {64}),
                                          batch_fence(1, i),
                                          nop(),
                                          slot(custom_opcode<0x101>())};
                    BOOST_REQUIRE(publish(mixed[i % 7], i % 2 == 0 ? Quiet::yes : Quiet::no));
                    changed += given.stand() ? 0 : 1;
                }
                BOOST_REQUIRE(publish(shutdown(), Quiet::no));
                BOOST_REQUIRE(eventually([&] { return left.load(); }));
                kernel.join();
                BOOST_TEST(changed == 0u);
                BOOST_TEST(given.stand());
                BOOST_TEST(device.ring.completed() == start + 64);
                BOOST_TEST(device.control[200] == 18u);
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
        BOOST_TEST(result_of(device.ring, *fence) == 1u);
        BOOST_TEST(device.ring.completed() == device.ring.tail());
    }
}

// One that is late, say: it ends by itself, as with one work-item.
BOOST_AUTO_TEST_CASE(a_shutdown_that_does_not_run_stops_nothing) {
    for (const uint subgroups : {2u, 4u}) {
        Device device;
        inside(device.ring).word32(SR_RING_NOW).store(100);
        std::atomic<bool> left{false};
        std::thread kernel([&] {
            device.launch(1, subgroups, for_ever);
            left = true;
        });
        const auto late = device.ring.publish(shutdown().by(Deadline::of_wire(50)));
        BOOST_REQUIRE(late.has_value());
        BOOST_REQUIRE(eventually([&] { return device.ring.state(*late) == State::cancelled; }));
        for (uint i = 1; i <= 20 && !left; ++i) {
            BOOST_REQUIRE(device.ring.publish(atomic_add(1, 200)).has_value());
            BOOST_TEST(eventually([&] { return left || device.word(200) == i; }));
        }
        BOOST_TEST(!left);
        BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
        kernel.join();
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
        std::uint64_t told = 0;
        for (std::uint32_t i = 0; i < 50; ++i)
            if (i % 5 != 4) told += result_of(device.ring, i);
        BOOST_TEST(told == written);
    }
}

// A reader that sees slots complete sees their faults, from one launch to the next.
BOOST_AUTO_TEST_CASE(faults_are_counted_before_their_slots_are_complete) {
    for (const uint subgroups : {2u, 3u, 5u}) {
        Device device;
        uint faults = 0;
        for (uint number = 1; number <= 3; ++number) {
            device.follow(number);
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
    BOOST_TEST(code_of(device.ring, 2) == 64u);
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
