// Teams and what is in their way: fences, launches that leave, a ring that is revoked, a writer that is hostile.
#include <boost/test/unit_test.hpp>

#include <bit>
#include <utility>
#include <vector>

#include "ended.hpp"
#include "team_lanes.hpp"

namespace {

void publish(Device& device, const Slot& slot, uint times = 1) {
    for (uint i = 0; i < times; ++i) BOOST_REQUIRE(device.ring.publish(slot).has_value());
}
void finish(Device& device) {
    publish(device, shutdown());
    BOOST_REQUIRE(device.end());
    BOOST_TEST(device.ring.completed() == device.ring.reserved());
    BOOST_TEST(!device.claimed_too_many);
    BOOST_TEST(teams_wrong == 0u);
}

}  // namespace

BOOST_AUTO_TEST_CASE(no_more_are_claimed_than_teams_wait_and_the_rest_is_left) {
    FOR_EACH_SEED {
        Device device(64);
        for (uint i = 0; i < 5; ++i) publish(device, team_stays(i, i));
        publish(device, says(5));
        device.launch(1, 2 + seed % 3, 2, for_ever, seed);
        BOOST_REQUIRE(device.eventually([] { return std::popcount(held_back) == 2; }));
        device.steps(3000);
        BOOST_TEST((std::popcount(held_back) == 2 && device.claimed() == 2));
        device.word32(SR_RING_STOP) = 1;
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_CLOSED] != 0; }));
        device.steps(1000);
        BOOST_TEST(!device.machine->ended());
        let_go = ~0u;
        BOOST_REQUIRE(device.end());
        BOOST_TEST(device.word32(SR_RING_LEFT) == 1u);
        BOOST_TEST(
            (team_slots_ran == 2 && device.ring.completed() == 2 && device.claimed() == 2 && order.size() == 2));
        device.launch(2, 4, 1, for_ever, seed);
        finish(device);
        BOOST_TEST((order.size() == 6 && team_slots_ran == 5));
    }
}

// As few slots as are no whole chunk are claimed when a worker waits, like slow ones anywhere.
BOOST_AUTO_TEST_CASE(less_than_a_chunk_is_claimed_when_a_worker_waits) {
    FOR_EACH_SEED {
        Device device(64);
        device.launch(1, 4, 1, for_ever, seed);
        for (const uint bit : {0u, 1u}) {
            publish(device, stays(bit));
            BOOST_REQUIRE(device.eventually([&] { return (held_back >> bit & 1) == 1; }));
        }
        for (uint i = 0; i < 44; ++i) publish(device, i == 12 ? team_says(i) : says(i));  // there are more behind
        device.steps(3000);
        BOOST_TEST(device.claimed() == 2u);
        let_go = ~0u;
        finish(device);
        BOOST_TEST(order.size() == 44u);
    }
}

// What the last one to leave still finds, one lane runs; but for a team's.
BOOST_AUTO_TEST_CASE(what_came_while_a_launch_left_runs_up_to_a_team_slot) {
    FOR_EACH_SEED {
        Device device(16);
        device.launch(1, 3, 2, 0, seed);
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_FINISHED] != 0; }));
        publish(device, says(0));
        publish(device, team_says(1));
        publish(device, says(2));
        BOOST_REQUIRE(device.end());
        BOOST_TEST(device.word32(SR_RING_LEFT) == 1u);
        BOOST_TEST((device.ring.completed() == 1 && order == std::vector<uint>{0} && team_slots_ran == 0));
        device.launch(2, 3, 2, for_ever, seed);
        finish(device);
        BOOST_TEST((order.size() == 3 && team_slots_ran == 1 && teams_of_one == 0));
    }
}

BOOST_AUTO_TEST_CASE(where_no_poller_begins_one_lane_is_the_team) {
    FOR_EACH_SEED {
        Device device(16);
        publish(device, team_says(7));
        publish(device, *packed({InnerOp{0xFE, {}}}));
        publish(device, team_says(8));
        alone_after = 10;
        device.launch(1, 3, 2, 0, seed);
        device.machine->hold(1u << 1);
        BOOST_REQUIRE(device.end());
        alone_after = 1u << 30;
        BOOST_TEST((order == std::vector<uint>{7, 8}));
        BOOST_TEST((teams_of_one == 2 && teams_wrong == 0));
        BOOST_TEST((result_of(device.ring, 0) == 7 && code_of(device.ring, 0) == 0));
        BOOST_TEST(code_of(device.ring, 1) == SR_CODE_NO_TEAM);
        BOOST_TEST(device.word32(SR_RING_FAULTS) == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_fence_waits_for_a_team_and_a_team_for_a_fence) {
    FOR_EACH_SEED {
        Device device(64);
        publish(device, team_stays(0, 0));
        publish(device, batch_fence(1, 9));
        publish(device, team_says(1));
        publish(device, says(2));
        device.launch(1, 3 + seed % 3, 2, for_ever, seed);
        BOOST_REQUIRE(device.eventually([] { return held_back == 1; }));
        device.steps(3000);
        BOOST_TEST((order.empty() && lanes_ran.empty() && device.control[SR_CONTROL_EPOCH] == 0));
        let_go = 1;
        finish(device);
        BOOST_TEST((order.size() == 3 && order.front() == 0 && device.control[SR_CONTROL_EPOCH] == 1));
    }
}

// A slow handler delays no team behind it, and a slow team no handler.
BOOST_AUTO_TEST_CASE(a_slow_slot_delays_nothing_behind_it) {
    FOR_EACH_SEED {
        Device device(64);
        publish(device, stays(0));
        publish(device, team_stays(0, 1));
        publish(device, team_says(1));
        publish(device, says(2));
        device.launch(1, 4, 2, for_ever, seed);
        BOOST_TEST(device.eventually([&] { return device.is_done(2) && device.is_done(3); }));
        BOOST_TEST(device.ring.completed() == 0u);
        let_go = ~0u;
        finish(device);
    }
}

BOOST_AUTO_TEST_CASE(a_ring_that_is_revoked_runs_nothing_more) {
    FOR_EACH_SEED {
        Device device(64);
        publish(device, team_stays(0, 0));
        publish(device, batch_fence(1, 9));
        publish(device, team_says(1));  // claimed, and waits for the fence
        publish(device, team_says(2));
        publish(device, says(3));
        device.launch(1, 3 + seed % 3, 2, for_ever, seed);
        BOOST_REQUIRE(device.eventually([&] { return held_back == 1 && device.claimed() == 3; }));
        device.word32(SR_RING_REVOKED) = 1;
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_LEAVE] == SR_LEAVE_REVOKED; }));
        let_go = ~0u;
        BOOST_REQUIRE(device.end());
        BOOST_TEST((order == std::vector<uint>{0} && lanes_ran.size() == 1));
        BOOST_TEST(device.claimed() == 3u);
        device.launch(2, 3, 2, 0, seed);
        BOOST_REQUIRE(device.end());
        BOOST_TEST((order.size() == 1 && device.claimed() == 3));
    }
}

// A slot that was handed to a team, which reads it when the ring is revoked already.
BOOST_AUTO_TEST_CASE(a_team_that_reads_late_runs_nothing_of_a_revoked_ring) {
    FOR_EACH_SEED {
        Device device(16);
        device.launch(1, 3, 1, for_ever, seed);
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_TEAM_ASKED] == 1; }));
        device.machine->hold(1u << 3);
        publish(device, team_says(0));
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_TEAM_QUEUED] == 1; }));
        device.word32(SR_RING_REVOKED) = 1;
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_LEAVE] == SR_LEAVE_REVOKED; }));
        device.machine->hold(0);
        BOOST_REQUIRE(device.end());
        BOOST_TEST((lanes_ran.empty() && device.claimed() == 1 && device.ring.completed() == 0));
    }
}

// Wherever the launch stands: a team has run a slot with all its lanes or with none, and only what was claimed.
BOOST_AUTO_TEST_CASE(a_team_runs_all_of_a_slot_or_nothing_whenever_the_ring_is_revoked) {
    for (uint seed = 1; seed <= 10 * seeds; ++seed) BOOST_TEST_CONTEXT("seed " << seed) {
            Device device(256);
            for (uint i = 0; i < 120; ++i)
                publish(device, i % 3 == 0 ? team_says(i) : i % 10 == 7 ? batch_fence(1, i) : says(i));
            device.launch(1, 3 + seed % 3, 1 + seed % 3, for_ever, seed);
            device.steps(97 * seed);
            device.word32(SR_RING_REVOKED) = 1;
            BOOST_REQUIRE(device.end());
            for (const uint ran : lanes_ran) BOOST_TEST((ran == 0 || ran == team_lanes));
            for (const uint what : order) BOOST_TEST(what < device.claimed());
            const std::size_t said = order.size();
            device.launch(2, 3, 2, 0, seed);
            BOOST_REQUIRE(device.end());
            BOOST_TEST(order.size() == said);
        }
}

// The poller looks at each slot, so that nothing is claimed before it is published.
BOOST_AUTO_TEST_CASE(no_chunk_has_a_hole) {
    FOR_EACH_SEED {
        Device device(256);
        for (uint i = 0; i < 20; ++i) publish(device, says(i));
        auto hole = device.ring.reserve(1);
        BOOST_REQUIRE(hole.has_value());
        for (uint i = 21; i < 128; ++i) publish(device, says(i));
        device.launch(1, 4, 1, for_ever, seed);
        BOOST_REQUIRE(device.eventually([] { return order.size() == 20; }));
        device.steps(2000);
        BOOST_TEST((order.size() == 20 && device.claimed() == 20));
        hole->put(says(20));
        hole->commit();
        finish(device);
        BOOST_TEST(order.size() == 128u);
        BOOST_TEST(std::popcount(subgroups_seen) == 2);
    }
}

// Items lie in a table that goes round: one that a slow team has not read yet is not written over.
BOOST_AUTO_TEST_CASE(a_team_that_reads_late_gets_its_own_slot) {
    FOR_EACH_SEED {
        Device device(512);
        if (seed % 2 == 0) device.set_sched(0xFFFFFF80u);
        device.launch(1, 3, 2, for_ever, seed);
        const uint asked = device.sched[SR_SCHED_TEAM_ASKED];
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_TEAM_ASKED] == asked + 1; }));
        const uint late = device.machine->subgroup();  // the first sub-group of the team that asked first
        BOOST_REQUIRE((late == 3 || late == 5));
        device.machine->hold(1u << late);
        publish(device, team_says(0));
        publish(device, atomic_add(1, 200));
        for (uint i = 1; i < 300; ++i) publish(device, team_says(i));
        device.steps(20'000);
        BOOST_TEST(
            (team_slots_ran == 0 && device.control[200] == 0));  // I1: the chunk is not issued before it is read
        device.machine->hold(0);
        finish(device);
        BOOST_TEST(team_slots_ran == 300u);
        BOOST_TEST(device.control[200] == 1u);
        for (uint i = 0; i < 300; ++i) BOOST_TEST(result_of(device.ring, i == 0 ? 0 : i + 1) == team_value(i));
    }
}

// A writer changes a slot that was claimed: only a lane of many meets a team slot then.
BOOST_AUTO_TEST_CASE(a_lane_of_many_that_meets_a_team_slot_ends_it) {
    FOR_EACH_SEED {
        Device device(64);
        for (uint i = 0; i < 4; ++i) publish(device, says(i));
        device.launch(1, 3, 1, for_ever, seed);
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_ASKED] == 1; }));
        device.machine->hold(1u << 2);  // the worker
        BOOST_REQUIRE(device.eventually([&] { return device.claimed() == 4; }));
        device.slot_word(1, SR_WORD_OPCODE) = 0x200;
        device.machine->hold(0);
        finish(device);
        BOOST_TEST((order == std::vector<uint>{0, 2, 3} && lanes_ran.empty()));
        BOOST_TEST(code_of(device.ring, 1) == SR_CODE_NO_TEAM);
        BOOST_TEST(device.word32(SR_RING_FAULTS) == 1u);
    }
}

// Or it takes one back. The launch leaves in front of it, and no team has run anything behind.
BOOST_AUTO_TEST_CASE(a_team_waits_behind_a_slot_that_was_taken_back) {
    FOR_EACH_SEED {
        Device device(64);
        for (uint i = 0; i < 4; ++i) publish(device, says(i));
        publish(device, team_says(4));
        device.launch(1, 3, 1, for_ever, seed);
        BOOST_REQUIRE(device.eventually([&] { return device.sched[SR_SCHED_ASKED] == 1; }));
        device.machine->hold(1u << 2);
        BOOST_REQUIRE(device.eventually([&] { return device.claimed() == 5; }));
        const uint state = std::exchange(device.slot_word(2, SR_WORD_STATE), 0);
        device.machine->hold(0);
        BOOST_REQUIRE(device.eventually([] { return order.size() == 2; }));
        device.steps(1000);
        device.word32(SR_RING_STOP) = 1;
        BOOST_REQUIRE(device.end());
        BOOST_TEST((device.ring.completed() == 2 && order.size() == 2 && team_slots_ran == 0));
        device.slot_word(2, SR_WORD_STATE) = state;
        device.launch(2, 3, 2, for_ever, seed);
        finish(device);
        BOOST_TEST((order.size() == 5 && team_slots_ran == 1));
    }
}
