// The wide drain with sub-groups of 32 lanes, natively: what only a warp has, entries of many slots, looks ahead and
// turns. All on one thread, stepped from a seed.
#include <boost/test/unit_test.hpp>

#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "ended.hpp"
#include "given_slots.hpp"
#include "lanes_device.hpp"

// The retirer is often left out for long: rings of all sizes go round.
BOOST_AUTO_TEST_CASE(whatever_the_schedule_a_fence_orders_what_is_before_and_behind_it) {
    for (const std::uint32_t capacity : {2u, 4u, 8u, 64u, 256u}) {
        for (uint seed = 1; seed <= schedules; ++seed) {
            BOOST_TEST_CONTEXT("capacity " << capacity << ", seed " << seed) {
                const std::uint64_t starts[] = {-std::uint64_t{5}, 0, (std::uint64_t{1} << 32) - 7};
                const std::uint64_t start = starts[seed % 3];
                Device device(capacity, start);
                device.launch(1, 2 + seed % 4, for_ever, seed);
                const uint slots = capacity < 64 ? 100 : 3 * capacity;
                std::vector<uint> fences;  // 1 + what was said last in front of each
                uint said = 0, added = 0, faults = 0, choice = seed;
                for (uint i = 0; i < slots;) {
                    choice = choice * 1664525u + 1013904223u;
                    const bool brief = seed % 4 == 0 && i % 16 != 0;  // the poller runs those
                    const uint what = brief ? 150 : choice >> 24;
                    const Slot next = what < 120   ? says(said)
                                      : what < 200 ? atomic_add(1, 200)
                                      : what < 215 ? batch_fence(1, i)
                                      : what < 230 ? *packed({inner(atomic_add(1, 200)), inner(batch_fence(1, i))})
                                      : what < 240 ? print(1, i, i)
                                                   : store_u32(1, 2);
                    if (!device.ring.publish(next, what % 2 == 0 ? Quiet::yes : Quiet::no)) {
                        device.steps(1 + choice % 16);
                        BOOST_REQUIRE(!device.machine->ended());
                        continue;
                    }
                    ++i;
                    if (what < 120) ++said;
                    else if (what < 200 || (what >= 215 && what < 230)) ++added;
                    else if (what >= 240) ++faults;
                    if (what >= 200 && what < 230) fences.push_back(said);
                    if (choice % 7 == 0) device.steps(choice % 50);
                }
                BOOST_REQUIRE(device.eventually([&] { return device.ring.publish(shutdown()).has_value(); }));
                BOOST_REQUIRE(device.end());
                BOOST_TEST(device.ring.completed() == device.ring.reserved());
                BOOST_TEST(device.word32(SR_RING_LEFT) == 1u);
                BOOST_TEST(device.control[200] == added);
                BOOST_TEST(device.word32(SR_RING_FAULTS) == faults);
                BOOST_TEST(device.control[SR_CONTROL_EPOCH] == fences.size());
                BOOST_REQUIRE(order.size() == said);
                // Between two fences in any order, and none of another piece.
                uint piece = 0;
                for (uint i = 0; i < said; ++i) {
                    while (piece < fences.size() && fences[piece] <= i) ++piece;
                    const uint from = piece == 0 ? 0 : fences[piece - 1],
                               to = piece < fences.size() ? fences[piece] : said;
                    BOOST_REQUIRE((order[i] >= from && order[i] < to));
                }
            }
        }
    }
}

// At each step, while slots that were given back are published anew.
BOOST_AUTO_TEST_CASE(no_lane_changes_a_slot) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            const std::uint64_t starts[] = {-std::uint64_t{5}, 0, (std::uint64_t{1} << 32) - 7};
            Device device(128, starts[seed % 3]);
            GivenSlots given(device.ring);
            uint published = 0, changed = 0, steps = 0;
            const auto publish = [&](const Slot& slot, Quiet quiet = Quiet::no) {
                const auto position = device.ring.publish(slot, quiet);
                if (position) given.take(*position);
                return position.has_value();
            };
            const auto step = [&] {
                BOOST_REQUIRE((!device.machine->ended() && ++steps < patience));
                device.machine->step();
                changed += given.stand() ? 0 : 1;
            };
            device.launch(1, 2 + seed % 4, for_ever, seed);
            while (published < 600) {
                const Slot mixed[] = {says(published),
                                      *packed({inner(atomic_add(1, 200))}),
                                      store_u32(1, 2),
                                      atomic_add(1, 200),
                                      batch_fence(1, published),
                                      print(1, 2, 3),
                                      memcpy_words(300, 2000, 1500),
                                      slot(custom_opcode<0x100>(), {64})};
                const uint what = published / 40 % 2 == 0 ? 3 : published % 8;  // brief ones alone, for the poller
                if (publish(mixed[what], published % 3 == 0 ? Quiet::no : Quiet::yes)) ++published;
                else step();
                if (published % 50 == 0) step();
            }
            while (!publish(shutdown())) step();
            while (!device.machine->ended()) step();
            BOOST_TEST(changed == 0u);
            BOOST_TEST(device.ring.completed() == device.ring.reserved());
        }
    }
}

BOOST_AUTO_TEST_CASE(much_work_is_spread_over_all_workers) {
    Device device(256);
    for (uint i = 0; i < 256; ++i) BOOST_REQUIRE(device.ring.publish(says(i)).has_value());
    device.launch(1, 5, 0, 3);
    BOOST_REQUIRE(device.end());
    BOOST_TEST(order.size() == 256u);
    BOOST_TEST(std::popcount(subgroups_seen) > 1);
    BOOST_TEST((subgroups_seen & 1) == 0u);  // not the retirer
}

// An entry with a hole is scanned when the hole is filled, and no slow slot of it delays others from then on.
BOOST_AUTO_TEST_CASE(an_entry_whose_hole_is_filled_late_opens_the_gate) {
    for (uint seed = 1; seed <= 8; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(256);
            for (uint i = 0; i < 20; ++i) BOOST_REQUIRE(device.ring.publish(says(i)).has_value());
            auto hole = device.ring.reserve(1);
            BOOST_REQUIRE(hole.has_value());
            BOOST_REQUIRE(device.ring.publish(stays(0)).has_value());
            for (uint i = 22; i < 64; ++i) BOOST_REQUIRE(device.ring.publish(says(i)).has_value());
            device.launch(1, 4, for_ever, seed);
            BOOST_REQUIRE(device.eventually([&] { return order.size() == 20; }));
            hole->put(says(20));
            hole->commit();
            BOOST_REQUIRE(device.eventually([&] { return held_back == 1; }));
            BOOST_TEST(device.eventually([&] { return device.is_done(63); }));
            BOOST_TEST(device.ring.completed() <= 21u);
            let_go = 1;
            BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
            BOOST_REQUIRE(device.end());
            BOOST_TEST(device.ring.completed() == 65u);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_entry_whose_barrier_has_run_opens_the_gate) {
    Device device(256);
    BOOST_REQUIRE(device.ring.publish(batch_fence(1, 1)).has_value());
    BOOST_REQUIRE(device.ring.publish(stays(0)).has_value());
    for (uint i = 2; i < 64; ++i) BOOST_REQUIRE(device.ring.publish(says(i)).has_value());
    device.launch(1, 4, for_ever, 1);
    BOOST_REQUIRE(device.eventually([&] { return held_back == 1; }));
    BOOST_TEST(device.eventually([&] { return device.is_done(63); }));
    let_go = 1;
    BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
    BOOST_REQUIRE(device.end());
}

// COMPLETED is the host's only sign of life: slow slots of one entry that wait for each other do not add up. What
// runs side by side with a slow one ends with it.
BOOST_AUTO_TEST_CASE(what_is_completed_moves_inside_an_entry) {
    for (uint seed = 1; seed <= 8; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(16);
            BOOST_REQUIRE(device.ring.publish(nop()).has_value());
            std::vector<Slot> batch;
            for (uint k = 0; k < 4; ++k) {
                batch.push_back(k == 2 ? print(1, 2, 3) : nop());
                batch.push_back(stays(k));
                batch.push_back(k % 2 == 0 ? batch_fence(1, k) : *packed({inner(batch_fence(1, k))}));
            }
            BOOST_REQUIRE(device.ring.publish(std::span(std::as_const(batch))).has_value());
            device.launch(1, 3 + seed % 3, for_ever, seed);
            for (uint k = 0; k < 4; ++k) {
                BOOST_REQUIRE(device.eventually([&] { return (held_back >> k & 1) == 1; }));
                BOOST_TEST(device.eventually([&] { return device.ring.completed() >= (k == 0 ? 0 : 1 + 3 * k); }));
                BOOST_TEST(device.ring.completed() <= 2 + 3 * k);
                // And what is behind it is given back: the ring takes as many more.
                BOOST_TEST(device.ring.publish(std::vector<Slot>(3, atomic_add(1, 200))).has_value());
                let_go |= 1u << k;
            }
            BOOST_REQUIRE(device.eventually([&] { return device.ring.publish(shutdown()).has_value(); }));
            BOOST_REQUIRE(device.end());
            BOOST_TEST(device.ring.completed() == device.ring.reserved());
            BOOST_TEST(device.control[200] == 12u);
            BOOST_TEST(device.control[SR_CONTROL_EPOCH] == 4u);
        }
    }
}

// A producer is between two of its steps. What is in front of its slot has finished, part of it in the same chunk and
// before the chunk in front: the host sees so, and does not take the device for dead.
BOOST_AUTO_TEST_CASE(a_hole_hides_nothing_that_is_in_front_of_it) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(256);
            BOOST_REQUIRE(device.ring.publish(stays(0)).has_value());
            for (uint i = 1; i < 40; ++i) BOOST_REQUIRE(device.ring.publish(says(i)).has_value());
            auto hole = device.ring.reserve(1);
            BOOST_REQUIRE(hole.has_value());
            hole->put(says(40));
            for (uint i = 41; i < 110; ++i) BOOST_REQUIRE(device.ring.publish(says(i)).has_value());
            device.launch(1, 5, for_ever, seed);
            BOOST_REQUIRE(device.eventually([] { return order.size() >= 8; }));
            device.steps(2000);
            BOOST_TEST(device.ring.completed() == 0u);
            let_go = 1;
            BOOST_TEST(device.eventually([&] { return device.ring.completed() == 40; }));
            hole->commit();
            BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
            BOOST_REQUIRE(device.end());
            BOOST_TEST(device.ring.completed() == 111u);
        }
    }
}

// A long copy is done by all lanes, and means the same: overlapping either way, in a window, and where it is refused.
BOOST_AUTO_TEST_CASE(a_long_copy_moves_as_memmove_does) {
    constexpr uint base = SR_OBSERVABLE_BASE, end = 8192;
    uint seed = 0;
    for (const uint words : {1023u, 1024u, 1025u, 1536u, 1537u, 4000u}) {
        for (const auto& [from, to] : {std::pair{base, base + 1},
                                       {base + 1, base},
                                       {0u, base + 100},
                                       {base + 700, base},
                                       {base + 3, base + 900},
                                       {base, end - words},
                                       {base, end - words + 1},
                                       {base, base - 1}}) {
            for (const bool window : {false, true}) {
                BOOST_TEST_CONTEXT(words << " words from " << from << " to " << to
                                         << (window ? " in a window" : "")) {
                    Device device(16);
                    for (uint i = 0; i < end; ++i) device.control[i] = i < base ? 0 : i * 7;
                    std::vector<uint> expected = device.control;
                    const bool refused = to < base || to + words > end;
                    if (!refused) std::memmove(&expected[to], &device.control[from], words * sizeof(uint));
                    BOOST_REQUIRE(device.ring.publish(nop()).has_value());
                    const std::array<std::uint32_t, 3> args{from, to, words};
                    const Payload entries[] = {args};
                    const Window one{.ticket = 1, .opcode = Op::memcpy_words, .required = entries};
                    const Slot alone = memcpy_words(from, to, words);
                    BOOST_REQUIRE((window ? device.ring.publish(one) : device.ring.publish(alone)).has_value());
                    device.launch(1, 3, 0, ++seed);
                    BOOST_REQUIRE(device.end());
                    const std::uint32_t code = refused ? SR_CODE_OUT_OF_RANGE : SR_CODE_OK;
                    BOOST_TEST(code_of(device.ring, 1) == code);
                    BOOST_TEST(result_of(device.ring, 1) == (refused ? 0 : words));
                    BOOST_TEST(device.word32(SR_RING_FAULTS) == (refused ? 1u : 0u));
                    for (const uint own : {SR_CONTROL_FAULTS, SR_CONTROL_LEFT}) expected[own] = device.control[own];
                    BOOST_TEST((device.control == expected));
                }
            }
        }
    }
}

// What is claimed is not left to the next launch, nor to the next device.
BOOST_AUTO_TEST_CASE(nothing_slow_is_claimed_while_no_worker_waits) {
    Device device(256);
    for (uint i = 0; i < 128; ++i)
        BOOST_REQUIRE(device.ring.publish(i % 32 == 5 ? stays(i / 32) : nop()).has_value());
    device.launch(1, 4, for_ever, 1);
    BOOST_REQUIRE(device.eventually([&] { return std::popcount(held_back) == 2; }));  // both workers
    device.steps(2000);
    const std::uint64_t claimed = inside(device.ring).claimed();
    BOOST_TEST(claimed == 128u);  // of whole entries one more for each
    for (uint i = 0; i < 3; ++i) BOOST_REQUIRE(device.ring.publish(says(i)).has_value());
    device.steps(2000);
    BOOST_TEST(inside(device.ring).claimed() == claimed);
    let_go = ~0u;
    BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
    BOOST_REQUIRE(device.end());
    BOOST_TEST(order.size() == 3u);
    BOOST_TEST(device.ring.completed() == 132u);
}

// It is said once a launch has had half of its time, if there is work then or later. The clock counts the retirer's
// rounds.
BOOST_AUTO_TEST_CASE(a_launch_with_work_asks_for_its_successor_after_half_of_its_time) {
    enum class Work { none, early, late, always };
    for (uint seed = 1; seed <= schedules; ++seed) {
        uint all = 0;  // steps of a launch
        for (const Work work : {Work::none, Work::early, Work::late, Work::always}) {
            BOOST_TEST_CONTEXT("work " << static_cast<int>(work) << ", seed " << seed) {
                Device device(64);
                device.launch(1, 3, for_ever, seed, 3000);
                bool wanted = false, put = false;
                uint steps = 0, wanted_at = 0;
                for (; !device.machine->ended() && steps < patience; ++steps) {
                    const bool now = work == Work::always || (!put && work == Work::early && steps == 10) ||
                                     (!put && work == Work::late && steps > all / 4 * 3);
                    if (now) put = device.ring.publish(atomic_add(1, 200)).has_value() || put;
                    device.machine->step();
                    if (!wanted && inside(device.ring).wants_successor(1)) {
                        wanted = true;
                        wanted_at = steps;
                    }
                }
                BOOST_REQUIRE(device.machine->ended());
                all = steps;
                BOOST_TEST(wanted == (work == Work::late || work == Work::always));
                if (work == Work::always) BOOST_TEST((steps / 4 < wanted_at && wanted_at < steps / 4 * 3));
                BOOST_TEST(inside(device.ring).has_left(1));
                BOOST_TEST(device.control[SR_CONTROL_LEFT] == 1u);  // for want of time, not of work
            }
        }
    }
}

// Whether a slot is late, its lane alone decides: the others of its chunk run. What is late has no effect.
BOOST_AUTO_TEST_CASE(a_late_slot_has_no_effect_whichever_lane_has_it) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        for (const uint slots : {1u, 3u, 8u, 40u, 200u}) {
            BOOST_TEST_CONTEXT(slots << " slots, seed " << seed) {
                Device device(256);
                // An earlier launch's clock, long ago: the whole range lies between.
                device.sched[SR_SCHED_NOW] = 0x8000;
                std::atomic_ref(*reinterpret_cast<uint*>(device.memory.data() + SR_RING_NOW)).store(0x10005);
                std::vector<Slot> batch;
                uint said = 0, late = 0, added = 0, epochs = 0;
                for (uint i = 0; i < slots; ++i) {
                    const bool is_late = (i * 7 + seed) % 3 == 0;
                    const uint kind = (i + seed) % 5;
                    const Slot made = kind == 0   ? says(is_late ? 1000 : said)
                                      : kind == 1 ? batch_fence(1, i)
                                      : kind == 2 ? print(1, i, i)
                                      : kind == 3 ? memcpy_words(300, 2000, 1500)
                                                  : atomic_add(1, 200);
                    batch.push_back(made.by(Deadline::of_wire(is_late ? 5 : 6)));
                    late += is_late ? 1 : 0;
                    said += kind == 0 && !is_late ? 1 : 0;
                    epochs += kind == 1 && !is_late ? 1 : 0;
                    added += kind == 4 && !is_late ? 1 : 0;
                }
                const auto first = device.ring.publish(std::span<const Slot>(batch));
                BOOST_REQUIRE(first.has_value());
                device.launch(1, 2 + seed % 4, 0, seed);
                BOOST_REQUIRE(device.end());
                BOOST_TEST(device.ring.completed() == slots);
                for (uint i = 0; i < slots; ++i)
                    BOOST_TEST(code_of(device.ring, i) == ((i * 7 + seed) % 3 == 0 ? SR_CODE_DEADLINE : SR_CODE_OK));
                BOOST_TEST(device.word32(SR_RING_FAULTS) == late);
                BOOST_TEST(order.size() == said);
                BOOST_TEST(device.control[200] == added);
                BOOST_TEST(device.control[SR_CONTROL_EPOCH] == epochs);
            }
        }
    }
}
