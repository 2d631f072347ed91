// Tenants in wide launches, natively, stepped from a seed: what each may do, what share each has, and that one who
// writes over its own slots holds up no other.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "wide_tenants.hpp"

namespace {

#ifdef __OPTIMIZE__
constexpr uint schedules = 16, few = 6;
#else
constexpr uint schedules = 3, few = 1;
#endif

struct Random {
    std::uint64_t state;
    uint operator()(uint below) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        return static_cast<uint>(state >> 32) % below;
    }
};

// A slot of the ring's, and how it ends.
struct Case {
    Slot slot;
    Code code;
};

Case any_case(uint ring, uint what, Random& random) {
    const uint own = words_of[ring] + 1, foreign = words_of[(ring + 1) % SR_RINGS] + 1;
    const bool is_tenant = tenant_of[ring] != 0;
    const Code denied = is_tenant ? Code::denied : Code::ok;
    switch (random(12)) {
        case 0: return {says(ring, what), Code::ok};
        case 1: return {team_says(ring, what), Code::ok};
        case 2: return {atomic_add(1, own), Code::ok};
        case 3: return {atomic_add(1, foreign + 1), denied};
        case 4: return {memcpy_words(own + 10, own + 500, 40), Code::ok};
        case 5: return {memcpy_words(2000, 4000, SR_LONG_COPY + 1), denied};  // by a team; of the program's words
        case 6: return {batch_fence(1, what), denied};
        case 7: return {print(1, 2, 3), denied};
        case 8: return {*packed({inner(nop()), inner(batch_fence(1, what))}), denied};
        case 9: return {slot(custom_opcode<0x103>(), {0}), is_tenant ? Code::denied : Code::unknown_opcode};
        case 10: return {is_tenant ? slipring::shutdown() : nop(), denied};
        default: return {load_u32(own, own - SR_OBSERVABLE_BASE), Code::ok};
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_slot_ends_as_its_tenants_rights_say) {
    for (const std::uint32_t capacity : {2u, 16u, 128u}) {
        for (uint seed = 1; seed <= schedules; ++seed) {
            BOOST_TEST_CONTEXT("capacity " << capacity << ", seed " << seed) {
                const std::uint64_t starts[] = {0, -std::uint64_t{5}, (std::uint64_t{1} << 32) - 7};
                Tenants tenants(capacity, starts[seed % 3]);
                const uint subgroups = 2 + seed % 4, teams = seed / 2 % 3;
                tenants.launch(1, subgroups, teams, for_ever, seed);
                Random random{seed * 0x9E3779B97F4A7C15u};
                std::vector<uint> expected;
                for (uint round = 0; round < 8; ++round) {
                    std::array<std::vector<Case>, SR_RINGS> cases;
                    for (uint n = random(4 * capacity) + 1; n > 0; --n) {
                        const uint ring = random(SR_RINGS);
                        if (cases[ring].size() == capacity) continue;
                        const auto what = static_cast<uint>(expected.size());
                        Case one = any_case(ring, what, random);
                        if (teams == 0 && one.slot.opcode() == 0x200) one.code = Code::no_team;
                        const bool is_said = one.slot.opcode() == 0x101 || one.slot.opcode() == 0x200;
                        if (is_said && one.code == Code::ok) expected.push_back(what);
                        BOOST_REQUIRE(tenants.publish(ring, one.slot));
                        cases[ring].push_back(one);
                        for (uint steps = random(6); steps > 0; --steps) tenants.machine->step();
                    }
                    BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(); }));
                    for (uint ring = 0; ring < SR_RINGS; ++ring)
                        for (std::size_t i = 0; i < cases[ring].size(); ++i) {
                            const auto position = tenants.rings[ring].reserved() - cases[ring].size() + i;
                            BOOST_TEST((tenants.code(ring, position) == cases[ring][i].code));
                        }
                }
                BOOST_REQUIRE(tenants.end());
                std::ranges::sort(said);
                BOOST_TEST(said == expected);
                BOOST_TEST(!wrong_tenant);
            }
        }
    }
}

// A slot that names another tenant, or none, is denied, whoever runs it: the poller, a worker or a team.
BOOST_AUTO_TEST_CASE(a_slot_is_its_rings_tenants) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Tenants tenants(64);
            for (uint ring = 0; ring < SR_RINGS; ++ring)
                for (const uint other : {1u, 2u, 3u})
                    for (const Slot& slot : {nop(), says(ring, 1), team_says(ring, 1)})
                        BOOST_REQUIRE(tenants.rings[ring]
                                          .publish(slot.for_tenant(id_of[(ring + other) % SR_RINGS]))
                                          .has_value());
            tenants.launch(1, 2 + seed % 4, seed / 2 % 3, for_ever, seed);
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(); }));
            BOOST_REQUIRE(tenants.end());
            for (uint ring = 0; ring < SR_RINGS; ++ring) {
                const std::uint64_t end = tenants.rings[ring].reserved();
                for (std::uint64_t at = end - 9; at != end; ++at)
                    BOOST_TEST((tenants.code(ring, at) == Code::denied));
            }
            BOOST_TEST(said.empty());
        }
    }
}
// Nor does a poller run a lone one.
BOOST_AUTO_TEST_CASE(a_lone_slot_is_its_rings_tenants) {
    for (const uint ring : {0u, 1u, 2u}) {
        Tenants tenants(64);
        tenants.launch(1, 3, 0, for_ever, ring + 1);
        for (const uint whose : {ring, ring + 1, ring, 3u}) {
            const auto at = tenants.rings[ring].publish(nop().for_tenant(id_of[whose]));
            BOOST_REQUIRE(at.has_value());
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(); }));
            BOOST_TEST((tenants.code(ring, *at) == (whose == ring ? Code::ok : Code::denied)));
        }
        BOOST_REQUIRE(tenants.end());
    }
}

// A poller guesses what lies between slots of the program's; in a tenant's ring it claims up to the first that is not
// published, however many are behind.
BOOST_AUTO_TEST_CASE(in_a_tenants_ring_nothing_is_guessed) {
    for (const uint before : {0u, 64u}) {
        for (uint seed = 1; seed <= few; ++seed) {
            BOOST_TEST_CONTEXT(before << " in front, seed " << seed) {
                Tenants tenants(512);
                const std::uint64_t first = tenants.rings[2].reserved();
                tenants.launch(1, 6, 0, for_ever, seed);
                for (uint i = 0; i < 512; ++i) {
                    const uint off = i - before;  // modulo 2^32
                    if (i >= before && off >= 8 && off % 32 != 0 && off % 32 != 31) continue;
                    uint* const slot = inside(tenants.rings[2]).slot(first + i);
                    slot[SR_WORD_TENANT] = id_of[2];
                    std::atomic_ref(*slot).store(sr_awaited(&tenants.own[2], first + i));
                }
                BOOST_REQUIRE(tenants.eventually([&] { return tenants.claimed(2) == first + before + 8; }));
                for (uint i = 0; i < 20'000; ++i) tenants.machine->step();
                BOOST_TEST(tenants.claimed(2) == first + before + 8);
                BOOST_REQUIRE(tenants.end());
            }
        }
    }
}

// All have slots waiting, of lanes or of teams: as long as that is so, weights share the chunks out. And each slot
// runs once.
BOOST_AUTO_TEST_CASE(weights_share_out_chunks) {
    for (const bool by_team : {false, true}) {
        for (uint seed = 1; seed <= few; ++seed) {
            BOOST_TEST_CONTEXT("by team " << by_team << ", seed " << seed) {
                constexpr uint weights[SR_RINGS] = {1, 1, 1, 3};
                const uint slots_a_chunk = by_team ? 1 : 32, capacity = by_team ? 256 : 8192;
                Tenants tenants(capacity);
                for (uint ring = 1; ring < SR_RINGS; ++ring) {
                    tenants.declare(ring, weights[ring]);
                    for (uint i = 0; i < capacity; ++i) {
                        const uint what = ring * capacity + i;
                        BOOST_REQUIRE(tenants.publish(ring, by_team ? team_says(ring, what) : says(ring, what)));
                    }
                }
                tenants.launch(1, 4 + seed, by_team ? 1 : 0, for_ever, seed);
                const auto begun = [&](uint ring) {
                    const ulong slots = tenants.claimed(ring) - 5 * ring;
                    return static_cast<double>(slots) / slots_a_chunk;
                };
                BOOST_REQUIRE(tenants.eventually([&] { return begun(1) + begun(2) + begun(3) >= 320; }));
                const double all = begun(1) + begun(2) + begun(3);
                for (uint ring = 1; ring < SR_RINGS; ++ring)
                    BOOST_TEST(begun(ring) == all * weights[ring] / 5, boost::test_tools::tolerance(0.1));
                BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(); }));
                BOOST_REQUIRE(tenants.end());
                std::ranges::sort(said);
                BOOST_REQUIRE(said.size() == 3 * capacity);
                for (uint i = 0; i < said.size(); ++i) BOOST_REQUIRE(said[i] == capacity + i);
            }
        }
    }
}

// Two tenants have slots for the only team, a third one bulk for lanes: it changes nothing for these two.
BOOST_AUTO_TEST_CASE(bulk_of_lanes_takes_no_share_of_a_teams) {
    for (uint seed = 1; seed <= few; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            constexpr uint capacity = 256;
            Tenants tenants(capacity);
            for (uint i = 0; i < capacity; ++i)
                for (const uint ring : {1u, 3u}) BOOST_REQUIRE(tenants.publish(ring, team_says(ring, i)));
            tenants.launch(1, 4, 1, for_ever, seed);
            ulong bulk = 0;
            const auto begun = [&](uint ring) { return tenants.claimed(ring) - 5 * ring; };
            BOOST_REQUIRE(tenants.eventually([&] {
                while (tenants.publish(2, atomic_add(1, words_of[2]))) ++bulk;
                return begun(1) + begun(3) >= 96;
            }));
            BOOST_TEST(begun(2) > 0u);
            BOOST_TEST(begun(1) >= 44u);
            BOOST_TEST(begun(3) >= 44u);
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(); }));
            BOOST_REQUIRE(tenants.end());
            BOOST_TEST(tenants.control[words_of[2]] == bulk);
        }
    }
}

// Nor the other way round, where there is always a team that waits, and a slot for it.
BOOST_AUTO_TEST_CASE(slots_for_teams_hold_up_none_of_lanes) {
    for (uint seed = 1; seed <= few; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Tenants tenants(512);
            for (uint i = 0; i < 512; ++i) BOOST_REQUIRE(tenants.publish(3, says(3, i)));
            tenants.launch(1, 4, 2, for_ever, seed);
            BOOST_REQUIRE(tenants.eventually([&] {
                static_cast<void>(tenants.publish(2, team_says(2, 1000)));
                return tenants.is_complete(3);
            }));
            BOOST_TEST(std::ranges::count(said, 1000u) <= 200);
            BOOST_REQUIRE(tenants.end());
        }
    }
}

// One waits for a worker, and there is none: what a poller runs by itself goes on, also at the same level.
BOOST_AUTO_TEST_CASE(slots_that_wait_for_a_worker_hold_up_no_brief_ones) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Tenants tenants(64);
            BOOST_REQUIRE(tenants.publish(2, stays()));
            tenants.launch(1, 3, 0, for_ever, seed);
            BOOST_REQUIRE(tenants.eventually([] { return held_back == 1; }));
            BOOST_REQUIRE(tenants.publish(2, stays()));
            for (uint i = 0; i < 100; ++i) {
                BOOST_REQUIRE(tenants.publish(3, atomic_add(1, words_of[3])));
                BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(3); }));
            }
            BOOST_TEST(held_back == 1u);
            BOOST_TEST(!tenants.is_complete(2));
            let_go = 1;
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(2); }));
            BOOST_REQUIRE(tenants.end());
        }
    }
}

// A tenant's fence, which is denied, holds no worker until what is in front of it has ended.
BOOST_AUTO_TEST_CASE(a_tenants_fence_waits_for_nothing) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Tenants tenants(64);
            BOOST_REQUIRE(tenants.publish(2, stays()));
            tenants.launch(1, 4, 0, for_ever, seed);  // two workers
            BOOST_REQUIRE(tenants.eventually([] { return held_back == 1; }));
            BOOST_REQUIRE(tenants.publish(2, batch_fence(1, 1)));
            BOOST_REQUIRE(tenants.publish(3, says(3, 1)));
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(3); }));
            let_go = 1;
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(2); }));
            BOOST_TEST((tenants.code(2, tenants.rings[2].reserved() - 1) == Code::denied));
            BOOST_REQUIRE(tenants.end());
        }
    }
}

// One that was empty for long is owed little for that.
BOOST_AUTO_TEST_CASE(a_ring_that_was_empty_is_owed_a_few_chunks) {
    for (uint seed = 1; seed <= few; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Tenants tenants(8192);
            tenants.launch(1, 6, 0, for_ever, seed);
            for (uint i = 0; i < 256 * 32; ++i) BOOST_REQUIRE(tenants.publish(2, nop()));
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(); }));
            const ulong before = tenants.claimed(2), first = tenants.claimed(3);
            for (uint i = 0; i < 8192; ++i)
                for (const uint ring : {2u, 3u}) BOOST_REQUIRE(tenants.publish(ring, nop()));
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.claimed(3) - first >= 192ul * 32; }));
            BOOST_TEST(tenants.claimed(2) - before >= (192 - SR_SHARE_CREDIT - 40) * 32ul);
            BOOST_REQUIRE(tenants.end());
        }
    }
}

// A claim of a single slot counts as a chunk: a tenant that always has one makes none with bulk wait for as many
// looks as that has slots.
BOOST_AUTO_TEST_CASE(single_slots_hold_up_no_bulk) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Tenants tenants(2048);
            for (uint i = 0; i < 2048; ++i) BOOST_REQUIRE(tenants.publish(2, says(2, i)));
            tenants.launch(1, 6, 0, for_ever, seed);
            uint single = 0;
            BOOST_REQUIRE(tenants.eventually([&] {
                if (tenants.is_complete(3) && tenants.publish(3, nop())) ++single;
                return tenants.is_complete(2);
            }));
            BOOST_TEST(single > 0u);
            BOOST_TEST(single <= 2048u / 32 + 2 * SR_SHARE_CREDIT);
            BOOST_REQUIRE(tenants.end());
            for (uint i = 0; i < 2048; ++i) BOOST_REQUIRE(std::ranges::count(said, i) == 1);
        }
    }
}

// What a worker finds taken back ends as denied; what was published beside it runs.
BOOST_AUTO_TEST_CASE(a_slot_that_is_taken_back_is_denied) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Tenants tenants(64);
            const auto hostile = inside(tenants.rings[2]);
            BOOST_REQUIRE(tenants.rings[1].publish(stays()).has_value());  // holds the only worker
            tenants.launch(1, 3, 0, for_ever, seed);
            BOOST_REQUIRE(tenants.eventually([] { return held_back == 1; }));
            for (uint i = 0; i < 40; ++i) BOOST_REQUIRE(tenants.publish(2, says(2, i)));
            // The worker is let go, asks, and its chunk is claimed; before it looks the slot is taken back.
            let_go = 1;
            const std::uint64_t first = tenants.rings[2].reserved() - 40;
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.claimed(2) != first; }));
            const std::uint64_t at = first + seed % 32;
            std::atomic_ref(*hostile.slot(at)).store(0);
            BOOST_REQUIRE(tenants.eventually([&] { return tenants.is_complete(2); }));
            for (std::uint64_t i = first; i < first + 40; ++i)
                BOOST_TEST((tenants.code(2, i) == (i != at ? Code::ok : Code::denied)));
            BOOST_TEST(said.size() == 39u);
            BOOST_REQUIRE(tenants.end());
        }
    }
}

// A tenant writes over its slots: states of this lap and of the next ones, operations, arguments. The others' slots
// run as if it were not there, its ring never has more chunks than flags, and the launch leaves when it is asked to.
BOOST_AUTO_TEST_CASE(a_tenant_that_writes_over_its_slots_holds_up_no_other) {
    uint bounded = 0;
    for (const std::uint32_t capacity : {2u, 16u, 64u}) {
        for (uint seed = 1; seed <= schedules; ++seed) {
            BOOST_TEST_CONTEXT("capacity " << capacity << ", seed " << seed) {
                Tenants tenants(capacity, seed % 2 == 0 ? 0 : -std::uint64_t{9});
                const auto hostile = inside(tenants.rings[2]);
                Random random{seed * 0x9E3779B97F4A7C15u + capacity};
                uint launch = 1, added = 0, most = 0;
                tenants.launch(launch, 3 + seed % 4, seed / 2 % 3, for_ever, seed);
                const uint* const sched = tenants.sched.data() + 2 * SR_SCHED_WORDS(capacity);  // of ring 2
                for (uint i = 0; i < 4000; ++i) {
                    for (std::uint64_t at = tenants.claimed(2), n = random(4) == 0 ? capacity : 0; n > 0; --n, ++at)
                        std::atomic_ref(*hostile.slot(at)).store(sr_awaited(&tenants.own[2], at));
                    const std::uint64_t around = tenants.claimed(2) + random(2 * capacity);
                    const uint index = random(2) == 0 ? SR_WORD_STATE : random(SR_SLOT_WORDS);
                    const uint next = sr_awaited(&tenants.own[2], around + random(2) * capacity);
                    const uint likely[] = {
                        random(~0u),  id_of[2],       id_of[3],     words_of[2], words_of[3], SR_OP_BATCH_FENCE,
                        SR_OP_PRINTF, SR_OP_SHUTDOWN, SR_OP_MEMCPY, 0x101,       0x200,       1};
                    const uint value = index == SR_WORD_STATE && random(8) != 0 ? next : likely[random(12)];
                    std::atomic_ref(*(hostile.slot(around) + index)).store(value);
                    if (random(16) == 0) static_cast<void>(tenants.publish(2, says(2, 0)));
                    for (const uint ring : {0u, 1u, 3u})
                        if (random(32) == 0 && tenants.publish(ring, atomic_add(1, words_of[ring]))) ++added;
                    for (uint steps = random(80); steps > 0 && !tenants.machine->ended(); --steps) {
                        tenants.machine->step();
                        most = std::max(most, sched[SR_SCHED_CLAIMED] - sched[SR_SCHED_RETIRED]);
                    }
                    if (random(64) == 0) tenants.declare(2, 1 + random(9));
                    if (random(64) == 0) tenants.machine->hold(random(2));  // the retirer
                    if (random(400) == 0) {
                        tenants.machine->hold(0);
                        BOOST_REQUIRE(tenants.end());
                        tenants.launch(++launch, 3 + seed % 4, seed / 2 % 3, for_ever, random(~0u));
                    }
                }
                tenants.machine->hold(0);
                BOOST_REQUIRE(tenants.eventually(
                    [&] { return tenants.is_complete(0) && tenants.is_complete(1) && tenants.is_complete(3); }));
                BOOST_REQUIRE(tenants.end());
                BOOST_TEST(most <= capacity);
                bounded += most == capacity ? 1 : 0;
                BOOST_TEST(tenants.control[SR_CONTROL_EPOCH] == 0u);
                BOOST_TEST(tenants.log[SR_LOG_WRITTEN / 4] + tenants.log[SR_LOG_DROPPED / 4] == 0u);
                BOOST_TEST(tenants.control[words_of[0]] + tenants.control[words_of[1]] +
                               tenants.control[words_of[3]] ==
                           added);
                for (const uint ring : {0u, 1u, 3u})
                    for (uint word = 1; word < own_words; ++word)
                        BOOST_REQUIRE(tenants.control[words_of[ring] + word] == 0u);
            }
        }
    }
    BOOST_TEST(bounded > 0u);  // often it is the bound that holds
}
