// A slot of no ring, which a team runs in a launch of its own while nothing else runs: sr_run_alone.
#pragma once

#include "wide_slots.hpp"
#include "wide_teams.hpp"

namespace fuzz {

// It has the words of the ring's first slot for itself.
inline void run_alone(Slots& slots, Teams& teams, std::span<const uint, 16> given, uint seed) noexcept {
    static Guarded<uint, 16> memory_of_slot;
    const std::span<uint> slot = memory_of_slot.take(16);
    std::copy(given.begin(), given.end(), slot.begin());
    slot[SR_WORD_STATE] = SR_STATE_PUBLISHED;
    // The log is as full as the order of what ran before has made it.
    if (slot[1] == SR_OP_PRINTF || slot[1] == SR_OP_PACKED_SLOT) slot[1] = op_team_writes;
    const sr_outcome expected = slots.add_alone(slot.data());

    teams.begin(1, 0);
    sr_memory memory = slots.of_device(nullptr);
    memory.ringless = 1;
    sr_outcome got{~0u, 0, 0};
    lanes::Machine machine(
        Teams::subgroups_of_one,
        [&](uint subgroup) {
            const sr_team team = teams.of_lane(subgroup, lanes::Machine::current()->lane());
            sr_outcome out;
            device_run_alone_lane(slot.data(), &memory, &team, teams.board_of(subgroup), &out);
            if (team.lane == 0) got = out;
        },
        seed, lanes::Groups{0, Teams::subgroups_of_one});
    for (uint steps = 0; !machine.ended(); ++steps) {
        FUZZ_CHECK(steps < 100'000);
        machine.step();
    }
    FUZZ_CHECK(got.code == expected.code && got.inner == expected.inner && got.value == expected.value);
    slots.check_alone();
}

}  // namespace fuzz
