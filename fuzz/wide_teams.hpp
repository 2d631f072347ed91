// The teams of target wide: what each has for itself, and what may be claimed for them.
#pragma once

#include <algorithm>
#include <span>

#include "../cl/wide/layout.h"
#include "../tests/lanes.hpp"
#include "device.hpp"
#include "guarded.hpp"
#include "handler_args.h"

namespace fuzz {

class Teams {
public:
    static constexpr std::uint32_t subgroups_of_one = lanes_of_a_team / lanes::of_a_subgroup;

    // As launches long ago have left the teams' words. `old`: how many slots teams have had.
    static void set_sched(std::span<uint> sched, std::uint32_t capacity, uint old) noexcept {
        sched[SR_SCHED_TEAM_QUEUED] = sched[SR_SCHED_TEAM_ASKED] = old;
        for (uint k = 1; old != 0 && k <= SR_TEAM_ITEMS; ++k)
            sched[SR_SCHED_TEAM_ITEMS(capacity) + (old - k) % SR_TEAM_ITEMS * SR_TEAM_ITEM_WORDS] = old - k + 1;
    }

    // A launch with so many begins, which have asked for so many slots. What is in local memory is not known.
    void begin(uint teams, uint asked) noexcept {
        teams_ = teams;
        asked_before_ = asked;
        claimed_ = 0;
        for (uint team = 0; team <= teams; ++team) {
            local_[team] = local_memory(team).take(lanes_of_a_team);
            std::fill(local_[team].begin(), local_[team].end(), 0x5A5A5A5A);
            board_[team] = board_memory(team).take(device_board_words);
            std::fill(board_[team].begin(), board_[team].end(), 0x5A5A5A5A);
        }
    }
    uint count() const noexcept { return teams_; }
    uint subgroups() const noexcept { return teams_ * subgroups_of_one; }

    // What a lane of the teams' `subgroup` is given.
    sr_team of_lane(uint subgroup, uint lane) const noexcept {
        return {subgroup % subgroups_of_one * lanes::of_a_subgroup + lane, lanes_of_a_team,
                local_of(subgroup / subgroups_of_one), lanes_of_a_team * 4};
    }
    uint* board_of(uint subgroup) const noexcept { return board_[subgroup / subgroups_of_one].data(); }
    // Of the launch that goes on alone.
    uchar* local_of_one() const noexcept { return local_of(teams_); }

    // So many slots of theirs are claimed: no more than teams have asked for.
    void claim(uint slots, std::span<const uint> sched) noexcept {
        claimed_ += slots;
        FUZZ_CHECK(claimed_ <= sched[SR_SCHED_TEAM_ASKED] - asked_before_);
    }
    void check(std::span<const uint> sched) const noexcept {
        FUZZ_CHECK(static_cast<int>(sched[SR_SCHED_TEAM_QUEUED] - sched[SR_SCHED_TEAM_ASKED]) <= 0);
    }

private:
    static constexpr std::size_t max_board_words = 64;

    static Guarded<uint, lanes_of_a_team>& local_memory(uint team) noexcept {
        static Guarded<uint, lanes_of_a_team> memory[max_teams + 1];
        return memory[team];
    }
    static Guarded<uint, max_board_words>& board_memory(uint team) noexcept {
        static Guarded<uint, max_board_words> memory[max_teams + 1];
        return memory[team];
    }
    uchar* local_of(uint team) const noexcept { return reinterpret_cast<uchar*>(local_[team].data()); }

    uint teams_ = 0, asked_before_ = 0, claimed_ = 0;
    std::span<uint> local_[max_teams + 1], board_[max_teams + 1];
};

}  // namespace fuzz
