// Teams of two sub-groups over five levels, natively, stepped from a seed: each slot of a team operation runs once,
// by all lanes, and what waits for a team holds up no other ring.
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "stepped.hpp"

#define SR_TEAMS 1
#include "wide_levels.hpp"

namespace {

constexpr uint team_lanes = 64, max_teams = 3;

std::vector<uint> lanes_ran;     // of each slot of a team operation, by its number
std::vector<uint> said;          // by slots of one lane
uint held_back = 0, let_go = 0;  // teams that have begun 0x202, and whether they may end

struct Device : SteppedLevels {
    std::array<std::array<uint, SR_BOARD_WORDS>, max_teams> boards{};
    std::array<std::array<uint, team_lanes>, max_teams> locals{};

    explicit Device(std::uint32_t capacity = 64, std::uint64_t start = 0) : SteppedLevels(capacity, start) {
        lanes_ran.clear();
        said.clear();
        held_back = let_go = 0;
    }
    void launch(uint number, uint subgroups, uint teams, ulong idle_timeout, uint seed) {
        begin(number, idle_timeout);
        machine.reset();
        const auto kernel = [this, subgroups, teams](uint subgroup) {
            if (subgroup < subgroups) return drain(subgroup, subgroups, teams);
            const uint group = (subgroup - subgroups) / 2, lane = (subgroup - subgroups) % 2 * 32 + sr_lane();
            const sr_team team{lane, team_lanes, reinterpret_cast<uchar*>(locals[group].data()), team_lanes * 4};
            sr_drain_team(own.data(), &words, &bounds, sched.data(), subgroups, teams, &team, boards[group].data());
        };
        machine = std::make_unique<lanes::Machine>(subgroups + 2 * teams, kernel, seed, lanes::Groups{subgroups, 2});
    }
};

#ifdef __OPTIMIZE__
constexpr uint schedules = 12;
#else
constexpr uint schedules = 3;
#endif

}  // namespace

// 0x101 says its first argument.
static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong*) {
    if (opcode != 0x101) return SR_CODE_UNKNOWN_OPCODE;
    said.push_back(args[0]);
    return SR_CODE_OK;
}
static int sr_is_team(uint opcode) { return opcode == 0x200 || opcode == 0x202; }
// 0x200 counts its lanes under its first argument; 0x202 stays first until it is let go.
static uint sr_custom_team(uint opcode, const uint* args, const sr_memory*, const sr_team* team, ulong* value) {
    if (opcode == 0x202) {
        held_back += team->lane == 0;
        while (let_go == 0) sr_nap();
    }
    if (lanes_ran.size() <= args[0]) lanes_ran.resize(args[0] + 1);
    ++lanes_ran[args[0]];
    *value = team->width;
    return SR_CODE_OK;
}

BOOST_AUTO_TEST_CASE(every_team_slot_of_every_level_runs_once_by_all_lanes) {
    for (const std::uint32_t capacity : {2u, 16u}) {
        for (uint seed = 1; seed <= schedules; ++seed) {
            BOOST_TEST_CONTEXT("capacity " << capacity << ", seed " << seed) {
                Device device(capacity, seed % 2 == 0 ? 0 : -std::uint64_t{5});
                const uint subgroups = 2 + seed % 3, teams = 1 + seed % max_teams;
                device.launch(1, subgroups, teams, for_ever, seed);
                uint choice = seed, by_team = 0, by_lane = 0;
                for (uint i = 0; i < 150;) {
                    choice = choice * 1664525u + 1013904223u;
                    const uint level = choice >> 8 & 7;
                    for (uint k = 0; k < choice % 5; ++k) device.machine->step();
                    if (level >= SR_LEVELS) continue;
                    const uint what = choice >> 24;
                    const Slot next = what < 110   ? slot(custom_opcode<0x200>(), {by_team})
                                      : what < 240 ? slot(custom_opcode<0x101>(), {by_lane})
                                                   : batch_fence(1, i);
                    if (!device.rings[level].publish(next)) {
                        device.machine->step();
                        continue;
                    }
                    ++i;
                    if (what < 110) ++by_team;
                    else if (what < 240) ++by_lane;
                }
                BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
                device.stop(1);
                BOOST_REQUIRE(device.end());
                BOOST_TEST(device.left() == 1u);
                BOOST_TEST(said.size() == by_lane);
                BOOST_TEST(lanes_ran == std::vector<uint>(by_team, team_lanes), boost::test_tools::per_element());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_team_holds_up_no_other_ring) {
    for (uint seed = 1; seed <= schedules; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Device device;
            device.launch(1, 3, 1, for_ever, seed);
            BOOST_REQUIRE(device.rings[1].publish(slot(custom_opcode<0x202>(), {0})).has_value());
            BOOST_REQUIRE(device.eventually([] { return held_back == 1; }));
            BOOST_REQUIRE(device.rings[0].publish(slot(custom_opcode<0x200>(), {1})).has_value());
            for (uint i = 0; i < 20; ++i)
                BOOST_REQUIRE(device.rings[3].publish(slot(custom_opcode<0x101>(), {i})).has_value());
            BOOST_REQUIRE(device.eventually([] { return said.size() == 20; }));
            BOOST_TEST(device.rings[0].completed() != device.rings[0].reserved());
            let_go = 1;
            BOOST_REQUIRE(device.eventually([&] { return device.is_complete(); }));
            BOOST_TEST(lanes_ran == std::vector<uint>(2, team_lanes), boost::test_tools::per_element());
            device.stop(1);
            BOOST_REQUIRE(device.end());
        }
    }
}
