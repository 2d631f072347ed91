// The wide drain over five levels, natively, with sub-groups of 32 lanes, stepped from a seed: each slot runs once,
// the slots of a level keep their fences, and the levels are served in their order.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "stepped.hpp"

#define SR_CHUNKS_BESIDE 2u
#include "wide_levels.hpp"

namespace {

std::vector<uint> order;         // what 0x101 said
uint held_back = 0, let_go = 0;  // how many of 0x102 have begun, and whether they may end

struct Device : SteppedLevels {
    explicit Device(std::uint32_t capacity = 64, std::uint64_t start = 0) : SteppedLevels(capacity, start) {
        order.clear();
        held_back = let_go = 0;
    }
    ulong claimed(uint level) const { return inside(rings[level]).word64(SR_RING_CLAIMED).load(); }
    // Steps until the level has had another claim: of how many slots, or none in time.
    ulong next_claim(uint level) {
        const ulong before = claimed(level);
        return eventually([&] { return claimed(level) != before; }) ? claimed(level) - before : 0;
    }
    // Publishes a lone slot at the highest level, and steps until it is claimed: how many claims another level has
    // had by then.
    uint claims_beside_trip(uint level) {
        uint claims = 0;
        ulong at = claimed(level);
        BOOST_REQUIRE(rings[0].publish(store_u32(7, 200)).has_value());
        BOOST_REQUIRE(eventually([&] {
            claims += claimed(level) != at ? 1u : 0u;
            at = claimed(level);
            return claimed(0) == rings[0].reserved();
        }));
        return claims;
    }
    void launch(uint number, uint subgroups, ulong idle_timeout, uint seed) {
        begin(number, idle_timeout);
        machine.reset();
        const auto kernel = [this, subgroups](uint subgroup) { drain(subgroup, subgroups); };
        machine = std::make_unique<lanes::Machine>(subgroups, kernel, seed);
    }
};

Slot says(uint what) { return slot(custom_opcode<0x101>(), {what}); }
Slot stays() { return slot(custom_opcode<0x102>(), {0}); }

#ifdef __OPTIMIZE__
constexpr uint schedules = 60;
#else
constexpr uint schedules = 4;
#endif

}  // namespace

// 0x101 says that it runs: its first argument. 0x102 stays until it is let go.
static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong*) {
    if (opcode == 0x101) return order.push_back(args[0]), SR_CODE_OK;
    if (opcode == 0x102) {
        ++held_back;
        while (let_go == 0) sr_nap();
        return SR_CODE_OK;
    }
    return SR_CODE_UNKNOWN_OPCODE;
}

// Producers at every level, rings that go round, launches that leave when they find nothing and are started again.
BOOST_AUTO_TEST_CASE(every_slot_of_every_level_runs_once_and_fences_order_its_own) {
    for (const std::uint32_t capacity : {2u, 8u, 64u}) {
        for (uint seed = 1; seed <= schedules; ++seed) {
            BOOST_TEST_CONTEXT("capacity " << capacity << ", seed " << seed) {
                const std::uint64_t starts[] = {-std::uint64_t{5}, 0, (std::uint64_t{1} << 32) - 7};
                Device device(capacity, starts[seed % 3]);
                uint launch = 1, choice = seed, added = 0;
                device.launch(launch, 2 + seed % 5, seed % 2 == 0 ? 0 : for_ever, seed);
                std::array<uint, SR_LEVELS> said{};
                std::array<std::vector<uint>, SR_LEVELS> fences;
                for (uint i = 0; i < 6 * capacity + 100;) {
                    choice = choice * 1664525u + 1013904223u;
                    const uint level = choice >> 8 & 7, what = choice >> 24;
                    if (device.machine->ended()) device.launch(++launch, 2 + seed % 5, 0, choice);
                    device.steps(choice % 5);
                    if (level >= SR_LEVELS) continue;
                    const Slot next = what < 120   ? says(level << 24 | said[level])
                                      : what < 235 ? atomic_add(1, 200)
                                                   : batch_fence(1, i);
                    if (!device.rings[level].publish(next, what % 2 == 0 ? Quiet::yes : Quiet::no)) {
                        device.steps(1 + choice % 16);
                        continue;
                    }
                    ++i;
                    if (what < 120) ++said[level];
                    else if (what < 235) ++added;
                    else fences[level].push_back(said[level]);
                }
                for (uint tries = 0; !device.is_complete() && tries < 20; ++tries) {
                    if (device.machine->ended()) device.launch(++launch, 2 + seed % 5, 0, choice + tries);
                    static_cast<void>(
                        device.eventually([&] { return device.is_complete() || device.machine->ended(); }));
                }
                BOOST_REQUIRE(device.is_complete());
                if (!device.machine->ended()) device.stop(launch);
                BOOST_REQUIRE(device.end());
                BOOST_TEST(device.left() == launch);
                BOOST_TEST(device.control[200] == added);
                std::size_t fenced = 0;
                for (const std::vector<uint>& of_level : fences) fenced += of_level.size();
                BOOST_TEST(device.control[SR_CONTROL_EPOCH] == fenced);
                std::array<uint, SR_LEVELS> seen{};
                std::array<std::size_t, SR_LEVELS> piece{};
                for (const uint one : order) {
                    const uint level = one >> 24, number = one & 0xFFFFFF;
                    const std::vector<uint>& of_level = fences[level];
                    while (piece[level] < of_level.size() && of_level[piece[level]] <= seen[level]) ++piece[level];
                    const uint from = piece[level] == 0 ? 0 : of_level[piece[level] - 1];
                    const uint to = piece[level] < of_level.size() ? of_level[piece[level]] : said[level];
                    BOOST_REQUIRE((number >= from && number < to));
                    ++seen[level];
                }
                for (uint level = 0; level < SR_LEVELS; ++level) BOOST_TEST(seen[level] == said[level]);
            }
        }
    }
}

// With one worker, which takes one chunk at a time: a slot that comes at a higher level passes all that wait below,
// and a level below has its turn.
BOOST_AUTO_TEST_CASE(a_higher_level_passes_what_waits_and_a_lower_one_has_its_turn) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device;
            device.launch(1, 3, for_ever, seed);
            BOOST_REQUIRE(device.rings[2].publish(stays()).has_value());
            BOOST_REQUIRE(device.eventually([] { return held_back == 1; }));
            for (uint i = 0; i < 40; ++i)
                for (const uint level : {4u, 3u, 1u})
                    BOOST_REQUIRE(device.rings[level].publish(says(level)).has_value());
            device.steps(2000);
            BOOST_TEST(order.empty());  // a handler's slots wait for a worker, and there is none
            BOOST_REQUIRE(device.rings[0].publish(says(0)).has_value());
            device.steps(500);
            let_go = 1;
            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            BOOST_REQUIRE(order.size() == 121u);
            const auto place = [](uint level) { return std::ranges::find(order, level) - order.begin(); };
            BOOST_TEST(place(0) <= 1);  // but for a level whose turn it is
            BOOST_TEST(place(1) < place(3));
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}

// The poller runs brief slots itself while every worker is busy, also when it is the turn of a level that waits for a
// worker.
BOOST_AUTO_TEST_CASE(a_brief_slot_waits_for_no_worker) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device;
            device.launch(1, 4, for_ever, seed);
            for (uint i = 1; i <= 2; ++i) {  // one for each worker
                BOOST_REQUIRE(device.rings[4].publish(stays()).has_value());
                BOOST_REQUIRE(device.eventually([i] { return held_back == i; }));
            }
            for (uint i = 0; i < 64; ++i) BOOST_REQUIRE(device.rings[4].publish(says(i)).has_value());
            device.steps(2000);
            for (uint i = 0; i < 2 * SR_LOWER_EVERY; ++i) {
                const auto critical = device.rings[0].publish(store_u32(7, 200));
                BOOST_REQUIRE(critical.has_value());
                BOOST_REQUIRE(device.eventually([&] { return device.rings[0].state(*critical) == State::done; }));
            }
            BOOST_TEST(order.empty());
            let_go = 1;
            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            BOOST_TEST(order.size() == 64u);
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}

// A level that has many slots leaves the last worker to the highest one, where there are eight.
BOOST_AUTO_TEST_CASE(one_worker_in_eight_is_the_highest_levels) {
    Device device(256);
    device.launch(1, 10, for_ever, 3);
    for (uint i = 0; i < 300; ++i) BOOST_REQUIRE(device.rings[4].publish(stays()).has_value());
    device.steps(20'000);
    BOOST_TEST(held_back >= 7u);
    BOOST_REQUIRE(device.rings[0].publish(says(1)).has_value());
    BOOST_REQUIRE(device.eventually([] { return order.size() == 1; }));
    let_go = 1;
    BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
    device.stop(1);
    BOOST_REQUIRE(device.end());
    BOOST_TEST(held_back == 300u);
}

// What a claim takes is bounded while a higher level has slots, and is not when it had none for long.
BOOST_AUTO_TEST_CASE(beside_a_higher_level_a_claim_is_small) {
    for (uint seed = 1; seed <= schedules / 4; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(1024);
            device.launch(1, 10, for_ever, seed);
            device.steps(4000);  // all workers wait
            const std::vector<Slot> many(1024, store_u32(1, 200));
            BOOST_REQUIRE(device.rings[4].publish(many, Quiet::yes).has_value());
            ulong most = 0;
            while (device.claimed(4) < device.rings[4].reserved()) {
                const ulong n = device.next_claim(4);
                BOOST_REQUIRE(n > 0);
                most = std::max(most, n);
            }
            BOOST_TEST(most > 32 * SR_CHUNKS_BESIDE);

            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            device.steps(4000);
            BOOST_REQUIRE(device.rings[0].publish(store_u32(7, 200)).has_value());
            BOOST_REQUIRE(device.next_claim(0) == 1);
            BOOST_REQUIRE(device.rings[4].publish(many, Quiet::yes).has_value());
            for (uint i = 0; i < 4; ++i) {
                const ulong n = device.next_claim(4);
                BOOST_TEST((n > 0 && n <= 32 * SR_CHUNKS_BESIDE));
            }
            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}

// A producer whose every slot is there at the next look leaves a lower level more than its turns.
BOOST_AUTO_TEST_CASE(behind_lone_slots_a_lower_level_has_claims) {
    for (uint seed = 1; seed <= schedules / 4; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(4096);
            device.launch(1, 10, for_ever, seed);
            device.steps(4000);
            const std::vector<Slot> many(4096, store_u32(1, 200));
            BOOST_REQUIRE(device.rings[4].publish(many, Quiet::yes).has_value());
            BOOST_REQUIRE(device.rings[4].publish(many, Quiet::yes).has_value());
            constexpr uint trips = 24;
            uint claims = 0;
            for (uint i = 0; i < trips; ++i) claims += device.claims_beside_trip(4);
            BOOST_TEST(claims >= trips / 4);
            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}

// A ring that was cut stands still, though the launch goes on for another one: nothing behind the cut is run.
BOOST_AUTO_TEST_CASE(behind_a_cut_nothing_runs_while_another_ring_goes_on) {
    for (uint seed = 1; seed <= 20 * schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(128);
            device.launch(1, 7, for_ever, seed);
            BOOST_REQUIRE(device.rings[1].publish(stays()).has_value());
            BOOST_REQUIRE(device.eventually([&] { return held_back == 1; }));
            const Ring& ring = device.rings[3];
            const ulong start = ring.reserved();
            const std::vector<Slot> many(75, atomic_add(1, 200));
            BOOST_REQUIRE(ring.publish(std::span(many).first(20)).has_value());
            auto hole = ring.reserve(1);
            BOOST_REQUIRE(hole.has_value());
            if (seed % 2 == 0) device.stop(1);
            device.steps(seed / 2 % 64);
            BOOST_REQUIRE(ring.publish(many).has_value());
            device.steps(seed / 2 % 64);
            device.stop(1);
            device.steps(3000);
            let_go = 1;
            BOOST_REQUIRE(device.end());
            const ulong completed = ring.completed() - start;
            BOOST_TEST(completed <= 20u);
            BOOST_TEST(device.control[200] == completed);
            hole->put(many[0]);
            hole->commit();
            device.launch(2, 7, 0, seed);
            BOOST_REQUIRE(device.end());
            BOOST_TEST(device.is_complete());
            BOOST_TEST(device.control[200] == 96u);
        }
    }
}

// Nor does it take a turn away: each lower level that waits is served once in SR_LOWER_EVERY claims, or a few later
// where no worker was free.
BOOST_AUTO_TEST_CASE(a_claim_behind_a_lone_slot_takes_no_turn_away) {
    for (uint seed = 1; seed <= schedules / 4; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(4096);
            device.launch(1, 10, for_ever, seed);
            device.steps(4000);
            const std::vector<Slot> many(4096, store_u32(1, 200));
            for (const uint level : {1u, 4u})
                BOOST_REQUIRE(device.rings[level].publish(many, Quiet::yes).has_value());
            std::array<ulong, SR_LEVELS> at{};
            uint claims = 0, most = 0;
            for (uint i = 0; i < 40; ++i) {
                const std::vector<Slot> trip(i % 7 == 0 ? 2 : 1, store_u32(7, 200));
                BOOST_REQUIRE(device.rings[0].publish(trip).has_value());
                BOOST_REQUIRE(device.eventually([&] {
                    for (const uint level : {0u, 1u, 4u}) {
                        if (device.claimed(level) == at[level]) continue;
                        at[level] = device.claimed(level);
                        claims = level == 4 ? 0 : claims + 1;
                        most = std::max(most, claims);
                    }
                    return device.claimed(0) == device.rings[0].reserved();
                }));
                if (device.rings[1].reserved() - device.claimed(1) < 1000 && i < 30)
                    static_cast<void>(device.rings[1].publish(std::span(many).first(1000), Quiet::yes));
            }
            BOOST_TEST(most < SR_LOWER_EVERY + SR_LOWER_EVERY / 2);
            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}

// Nor promoted lookahead its place, in front of its window's level.
BOOST_AUTO_TEST_CASE(a_claim_behind_a_lone_slot_passes_no_promoted_lookahead) {
    for (uint seed = 1; seed <= schedules / 4; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(4096);
            device.launch(1, 10, for_ever, seed);
            device.steps(4000);
            const std::vector<Slot> many(4096, store_u32(1, 200));
            BOOST_REQUIRE(device.rings[2].publish(many, Quiet::yes).has_value());
            BOOST_REQUIRE(device.next_claim(2) > 0);
            for (uint i = 0; i < 3; ++i) BOOST_REQUIRE(device.rings[4].publish(store_u32(7, 200)).has_value());
            inside(device.rings[SR_LOOKAHEAD]).promote(device.rings[4].reserved(), SR_LEAD);
            uint claims = 0;
            for (uint i = 0; i < 12 && device.claimed(4) != device.rings[4].reserved(); ++i)
                claims += device.claims_beside_trip(2);
            BOOST_TEST(device.claimed(4) == device.rings[4].reserved());
            BOOST_TEST(claims <= 2u);  // of a look before, or in a turn
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}

// Lookahead that was promoted runs in front of its window's level.
BOOST_AUTO_TEST_CASE(promoted_lookahead_passes_its_windows_level) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device;
            device.launch(1, 3, for_ever, seed);
            BOOST_REQUIRE(device.rings[1].publish(stays()).has_value());
            BOOST_REQUIRE(device.eventually([] { return held_back == 1; }));
            for (uint i = 0; i < 3; ++i) BOOST_REQUIRE(device.rings[4].publish(says(4)).has_value());
            for (uint i = 0; i < 3; ++i) BOOST_REQUIRE(device.rings[2].publish(says(2)).has_value());
            inside(device.rings[SR_LOOKAHEAD]).promote(device.rings[4].reserved(), SR_LEAD);
            device.steps(2000);
            let_go = 1;
            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            BOOST_REQUIRE(order.size() == 6u);
            BOOST_TEST(order[0] == 4u);
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}

// Given up, a launch runs nothing more, at any level.
BOOST_AUTO_TEST_CASE(a_revoked_launch_claims_nothing_more) {
    Device device;
    device.launch(1, 4, for_ever, 5);
    device.steps(500);
    inside(device.rings[SR_LEAD]).word32(SR_RING_REVOKED).store(1);
    device.steps(5000);
    for (Ring& ring : device.rings) BOOST_REQUIRE(ring.publish(says(1)).has_value());
    BOOST_REQUIRE(device.end());
    BOOST_TEST(order.empty());
    for (const Ring& ring : device.rings) BOOST_TEST(ring.completed() == ring.reserved() - 1);
}
