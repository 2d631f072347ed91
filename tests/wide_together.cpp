// What lanes do together that one lane could do alone, natively: long copies by teams, and the PRINTFs of a chunk.
#include <boost/test/unit_test.hpp>

#include <numeric>
#include <utility>
#include <vector>

#include "ended.hpp"
#include "team_lanes.hpp"

namespace {

void publish(Device& device, std::span<const Slot> slots) { BOOST_REQUIRE(device.ring.publish(slots).has_value()); }
void finish(Device& device) {
    BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
    BOOST_REQUIRE(device.end());
    BOOST_TEST(device.ring.completed() == device.ring.reserved());
}
uint to_teams(const Device& device) { return device.sched[SR_SCHED_TEAM_QUEUED]; }

struct Copy {
    uint source, destination, words;
};
// Behind 12 slots for one lane, which is more than the poller runs itself.
std::vector<Slot> behind_others(const Slot& slot) {
    std::vector<Slot> slots(12, nop());
    slots.push_back(slot);
    return slots;
}

// A record as it stands in the log: its arguments, and the slot's position.
using Record = std::array<uint, SR_LOG_RECORD_WORDS>;
std::vector<Record> records(const Device& device) {
    std::vector<Record> out(std::min(device.log[SR_LOG_WRITTEN / 4], 64u));
    for (uint i = 0; i < out.size(); ++i)
        std::copy_n(&device.log[SR_LOG_RECORDS / 4 + i * SR_LOG_RECORD_WORDS], SR_LOG_RECORD_WORDS, out[i].begin());
    return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_team_does_a_long_copy_as_memmove) {
    const Copy copies[] = {{200, 1300, SR_LONG_COPY + 1},
                           {200, 201, 3000},
                           {201, 200, 3000},
                           {160, 160, 2000},
                           {300, 1000, 2500},
                           {1000, 300, 2500},
                           {0, 160, 3936},
                           {1, 1061, 3035}};
    FOR_EACH_SEED {
        Device device(64);
        std::iota(device.control.begin() + SR_OBSERVABLE_BASE, device.control.end(), 1000u * seed);
        std::vector<uint> expected = device.control;
        device.launch(1, 2 + seed % 3, 1 + seed % 2, for_ever, seed);
        for (const Copy& copy : copies) {
            const auto from = expected.begin() + copy.source;
            const std::vector<uint> moved(from, from + copy.words);
            std::ranges::copy(moved, expected.begin() + copy.destination);
            publish(device, behind_others(memcpy_words(copy.source, copy.destination, copy.words)));
            BOOST_REQUIRE(device.eventually([&] { return device.ring.completed() == device.ring.reserved(); }));
            BOOST_TEST(result_of(device.ring, device.ring.reserved() - 1) == copy.words);
            BOOST_TEST((device.control == expected));
        }
        BOOST_TEST(to_teams(device) == std::size(copies));
        finish(device);
    }
}

BOOST_AUTO_TEST_CASE(a_lane_does_a_short_copy_and_one_team_a_wrong_one) {
    FOR_EACH_SEED {
        Device device(64);
        device.launch(1, 3, 1, for_ever, seed);
        const std::array<std::uint32_t, 3> all{0, 160, SR_LONG_COPY + 1};
        const Payload entries[] = {all};
        publish(device, behind_others(memcpy_words(200, 1300, SR_LONG_COPY)));
        BOOST_REQUIRE(device.eventually([&] { return device.ring.completed() == device.ring.reserved(); }));
        BOOST_TEST(to_teams(device) == 0u);
        const std::uint64_t wrong = device.ring.reserved();
        publish(device, std::array{memcpy_words(200, 1300, 2797), memcpy_words(0, 159, 2000),
                                   memcpy_words(4000, 200, 0xFFFFFFFF)});
        BOOST_REQUIRE(
            device.ring.publish(Window{.ticket = 1, .opcode = Op::memcpy_words, .required = entries}).has_value());
        finish(device);
        BOOST_TEST(to_teams(device) == 4u);
        for (uint i = 0; i < 3; ++i) BOOST_TEST(code_of(device.ring, wrong + i) == SR_CODE_OUT_OF_RANGE);
        BOOST_TEST(code_of(device.ring, wrong + 3) == SR_CODE_OK);
        BOOST_TEST(device.word32(SR_RING_FAULTS) == 3u);
    }
}

// Where a launch has no teams, a sub-group does it.
BOOST_AUTO_TEST_CASE(without_teams_a_subgroup_does_a_long_copy) {
    Device device(64);
    std::iota(device.control.begin() + SR_OBSERVABLE_BASE, device.control.end(), 7u);
    const std::vector<uint> moved(device.control.begin() + 200, device.control.begin() + 2200);
    device.launch(1, 3, 0, for_ever, 1);
    publish(device, behind_others(memcpy_words(200, 201, 2000)));
    finish(device);
    BOOST_TEST(to_teams(device) == 0u);
    BOOST_TEST(std::equal(moved.begin(), moved.end(), device.control.begin() + 201));
}

BOOST_AUTO_TEST_CASE(what_a_chunk_prints_is_in_order_and_its_drops_are_counted) {
    FOR_EACH_SEED {
        Device device(256);
        device.log[SR_LOG_WRITTEN / 4] = device.log[SR_LOG_CONSUMED / 4] = 128u - 3;  // so records wrap
        std::vector<Slot> slots;
        uint prints = 0;
        for (uint i = 0; i < 128; ++i) slots.push_back(i % 3 == 0 ? nop() : print(prints++, i, i + 1));
        publish(device, slots);
        device.launch(1, 3, 0, for_ever, seed);
        finish(device);
        const uint dropped = device.log[SR_LOG_DROPPED / 4];
        BOOST_TEST(device.log[SR_LOG_WRITTEN / 4] == 128u - 3 + 64);
        BOOST_TEST(dropped == prints - 64);
        std::vector<bool> seen(prints);
        std::uint64_t results = 0;
        uint last_of_chunk[4] = {};
        for (uint number = 125; number < 125 + 64; ++number) {
            const uint* const record = &device.log[SR_LOG_RECORDS / 4 + number % 64 * SR_LOG_RECORD_WORDS];
            const uint position = record[3];
            BOOST_REQUIRE(position < 128u);
            BOOST_TEST(record[1] == position);
            BOOST_TEST(record[2] == position + 1);
            BOOST_REQUIRE(!seen[record[0]]);
            seen[record[0]] = true;
            BOOST_TEST(last_of_chunk[position / 32] <= position);
            last_of_chunk[position / 32] = position;
            BOOST_TEST(result_of(device.ring, position) == 1u);
        }
        for (uint i = 0; i < 128; ++i) results += i % 3 != 0 ? result_of(device.ring, i) : 0;
        BOOST_TEST(results == 64u);
        BOOST_TEST(device.sched[SR_SCHED_PRINTING] == 0u);
    }
}

// A record is in the log when its slot has finished; and a PRINTF that is wrong has none.
BOOST_AUTO_TEST_CASE(what_has_finished_is_in_the_log) {
    FOR_EACH_SEED {
        Device device(64);
        std::vector<Slot> slots;
        for (uint i = 0; i < 40; ++i) slots.push_back(print(i, 0, 0));
        publish(device, slots);
        device.slot_word(5, SR_WORD_PRIORITY) = 5;  // there is no such priority
        device.launch(1, 2 + seed % 3, 0, for_ever, seed);
        for (uint finished = 0; finished < 40;) {
            device.step();
            finished = 0;
            for (uint i = 0; i < 40; ++i) finished += device.is_done(i) || device.ring.state(i) == State::fault;
            BOOST_REQUIRE(finished <= device.log[SR_LOG_WRITTEN / 4] + 1);
        }
        BOOST_TEST(device.log[SR_LOG_WRITTEN / 4] == 39u);
        BOOST_TEST((device.ring.state(5) == State::fault));
        for (const Record& record : records(device)) BOOST_TEST(record[0] == record[3]);
        finish(device);
    }
}
