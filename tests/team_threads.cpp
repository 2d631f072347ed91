// How a team runs a slot (cl/team.h), natively: each lane is a thread, and the barrier a real one. Run under
// ThreadSanitizer, which sees what lanes tell each other in local memory without a barrier between.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <barrier>
#include <bit>
#include <functional>
#include <memory>
#include <numeric>
#include <ostream>
#include <thread>
#include <vector>

#include <slipring/descriptor.hpp>

// The lanes' barriers; how many each lane has been at says whether all were at the same ones.
static void at_barrier(unsigned lane);
#define SR_TEAM_BARRIER(team) at_barrier((team)->lane)

#include "shim.hpp"

#include "team.h"

namespace {

using namespace slipring;

// A work-group of as many threads. A lane that has returned holds up no other at its barriers.
class Group {
public:
    explicit Group(uint width)
        : width_(width), barrier_(width), barriers_(width), local_(std::make_unique<uint[]>(width)) {}

    // lane(team) in each thread. False if some lane was at other barriers than another.
    bool run(const std::function<void(const sr_team&)>& lane) {
        current_ = this;
        std::vector<std::thread> threads;
        for (uint i = 0; i < width_; ++i)
            threads.emplace_back([this, i, &lane] {
                lane({i, width_, reinterpret_cast<uchar*>(local_.get()), width_ * 4});
                barrier_.arrive_and_drop();
            });
        for (std::thread& thread : threads) thread.join();
        current_ = nullptr;
        for (const uint count : barriers_)
            if (count != barriers_.front()) return false;
        return true;
    }
    void meet(uint lane) {
        ++barriers_[lane];
        barrier_.arrive_and_wait();
    }
    static Group* current() { return current_; }

private:
    static inline Group* current_ = nullptr;
    uint width_;
    std::barrier<> barrier_;
    std::vector<uint> barriers_;  // of each lane, which alone writes its own
    std::unique_ptr<uint[]> local_;
};

constexpr uint widths[] = {1, 2, 7, 16};

}  // namespace

static void at_barrier(unsigned lane) { Group::current()->meet(lane); }

static std::atomic<uint> handled{0};
static uint sr_custom(uint, const uint* args, const sr_memory*, ulong* value) {
    ++handled;
    *value = args[0];
    return sr_handler_code(args[1]);
}
static int sr_is_team(uint opcode) { return opcode >= 0x200 && opcode <= 0x202; }

// 0x200: the sum of first argument + lane, a tree in local memory. 0x201: lanes whose bits are set in the first
// argument fault, each with a code of its own; second argument: and those of 8 more with a code that none may have.
// 0x202: the lane that the first argument names misses a barrier.
static uint sr_custom_team(uint opcode, const uint* args, const sr_memory*, const sr_team* team, ulong* value) {
    uint* const sums = reinterpret_cast<uint*>(team->local_memory);
    *value = 1000 + team->lane;
    if (opcode == 0x201) {
        if ((args[1] >> team->lane & 1) != 0) return sr_handler_code(SR_CODE_DENIED);
        return (args[0] >> team->lane & 1) != 0 ? sr_handler_code(SR_CODE_FIRST_CUSTOM + team->lane) : SR_CODE_OK;
    }
    if (opcode == 0x202 && args[0] == team->lane) return sr_handler_code(77);
    sums[team->lane] = args[0] + team->lane;
    sr_team_barrier(team);
    for (uint n = team->width; n > 1; n = (n + 1) / 2) {
        const uint half = (n + 1) / 2;
        if (team->lane + half < n) sums[team->lane] += sums[team->lane + half];
        sr_team_barrier(team);
    }
    if (team->lane == 0) *value = sums[0];
    return SR_CODE_OK;
}

namespace {

struct Ended {
    uint code;
    ulong value;
    bool operator==(const Ended&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Ended& ended) {
    return out << "code " << ended.code << ", value " << ended.value;
}

// Slots one after the other, as a team of a wide launch runs them: what the leader posts for the next one, no lane
// still reads of the last.
std::vector<Ended> run(uint width, const std::vector<Words>& slots, const sr_memory& memory = {}) {
    std::vector<Ended> out;
    std::array<uint, SR_BOARD_WORDS> board{};
    Group group(width);
    BOOST_TEST(group.run([&](const sr_team& team) {
        for (Words slot : slots) {
            if (team.lane == 0) sr_post_slot(board.data(), slot.data(), &memory);
            sr_team_barrier(&team);
            uint copy[SR_COPY_WORDS];
            sr_take_slot(board.data(), copy, &memory);
            const sr_outcome outcome = sr_run_as_team(copy, &memory, &team, board.data());
            if (team.lane == 0) out.push_back({outcome.code, outcome.value});
        }
    }));
    return out;
}
Ended run_alone(uint width, const Words& slot, const sr_memory& memory = {}) {
    Ended out{};
    std::array<uint, SR_BOARD_WORDS> board{};
    Group group(width);
    BOOST_TEST(group.run([&](const sr_team& team) {
        const sr_outcome outcome = sr_run_alone(slot.data(), &memory, &team, board.data());
        if (team.lane == 0) out = {outcome.code, outcome.value};
    }));
    return out;
}

uint sum(uint width, uint base) { return width * base + width * (width - 1) / 2; }
Words reduces(uint base) { return slot(custom_opcode<0x200>(), {base}).words(); }
Words faults(uint lanes, uint denied = 0) { return slot(custom_opcode<0x201>(), {lanes, denied}).words(); }

}  // namespace

BOOST_AUTO_TEST_CASE(the_result_is_lane_0s) {
    for (const uint width : widths) BOOST_TEST_CONTEXT("width " << width) {
            std::vector<Words> slots;
            for (uint i = 0; i < 50; ++i) slots.push_back(reduces(i));
            const std::vector<Ended> ended = run(width, slots);
            BOOST_REQUIRE(ended.size() == 50u);
            for (uint i = 0; i < 50; ++i) BOOST_TEST(ended[i] == (Ended{0, sum(width, i)}));
        }
}

BOOST_AUTO_TEST_CASE(the_code_is_that_of_the_lowest_lane_that_has_one) {
    for (const uint width : widths) BOOST_TEST_CONTEXT("width " << width) {
            std::vector<Words> slots;
            std::vector<Ended> expected;
            for (uint i = 0; i < 60; ++i) {
                const uint lanes = i * 2654435761u, denied = i % 5 == 0 ? lanes >> 16 : 0;
                const uint both = (lanes | denied) & ((1u << width) - 1);
                const uint lowest = both == 0 ? 0 : static_cast<uint>(std::countr_zero(both));
                const uint code = both == 0                     ? SR_CODE_OK
                                  : (denied >> lowest & 1) != 0 ? SR_CODE_BAD_ARGUMENT
                                                                : SR_CODE_FIRST_CUSTOM + lowest;
                slots.push_back(faults(lanes, denied));
                expected.push_back({code, 1000});
                slots.push_back(reduces(i));  // a fault ends with its slot
                expected.push_back({0, sum(width, i)});
            }
            BOOST_TEST(run(width, slots) == expected, boost::test_tools::per_element());
        }
}

BOOST_AUTO_TEST_CASE(what_is_not_well_formed_faults_before_it_runs) {
    Words bad = reduces(1);
    bad[SR_WORD_PRIORITY] = SR_PRIORITY_IDLE + 1;
    for (const uint width : widths) {
        const std::vector<Ended> ended = run(width, {bad, reduces(2)});
        BOOST_TEST(ended[0] == (Ended{SR_CODE_BAD_ARGUMENT, 0}));
        BOOST_TEST(ended[1] == (Ended{0, sum(width, 2)}));
    }
}

// The clock is read by the leader alone, however often it ticks meanwhile.
BOOST_AUTO_TEST_CASE(a_late_slot_is_run_by_no_lane) {
    uint now = 0;
    sr_memory memory{};
    memory.now = &now;
    Words soon = reduces(3), late = reduces(4);
    soon[SR_WORD_PRIORITY] |= 0x7FFFu << SR_DEADLINE_SHIFT;
    late[SR_WORD_PRIORITY] |= 0xFFFFu << SR_DEADLINE_SHIFT;
    for (const uint width : widths) {
        const std::vector<Ended> ended = run(width, {soon, late, reduces(5)}, memory);
        BOOST_TEST(ended[0] == (Ended{0, sum(width, 3)}));
        BOOST_TEST(ended[1] == (Ended{SR_CODE_DEADLINE, 0}));
        BOOST_TEST(ended[2] == (Ended{0, sum(width, 5)}));
        BOOST_TEST(run_alone(width, soon, memory) == (Ended{0, sum(width, 3)}));
        BOOST_TEST(run_alone(width, late, memory) == (Ended{SR_CODE_DEADLINE, 0}));
    }
}

BOOST_AUTO_TEST_CASE(a_windows_entry_is_run_without_ticket_and_class) {
    Words entry = slot(custom_opcode<0x200>(), {99, SR_CLASS_LOOKAHEAD, 3}).words();
    entry[SR_WORD_PRIORITY] |= SR_FLAG_WINDOWED;
    for (const uint width : widths) BOOST_TEST(run(width, {entry})[0] == (Ended{0, sum(width, 3)}));
}

// In a launch of its own: a team operation by all lanes, else by one.
BOOST_AUTO_TEST_CASE(a_slot_that_runs_alone_has_a_team_if_it_is_a_teams) {
    for (const uint width : widths) {
        BOOST_TEST(run_alone(width, reduces(5)) == (Ended{0, sum(width, 5)}));
        BOOST_TEST(run_alone(width, faults(~0u << (width - 1))) == (Ended{SR_CODE_FIRST_CUSTOM + width - 1, 1000}));
        BOOST_TEST(run_alone(width, slot(custom_opcode<0x100>(), {8, 66}).words()) == (Ended{66, 8}));
        BOOST_TEST(run_alone(width, slot(custom_opcode<0x300>(), {8}).words()) == (Ended{0, 8}));
        BOOST_TEST(handled.exchange(0) == 2u);
    }
}

BOOST_AUTO_TEST_CASE(all_lanes_do_a_long_copy_as_memmove) {
    struct Copy {
        uint source, destination, words;
    };
    const Copy copies[] = {
        {200, 201, 3000}, {201, 200, 3000}, {300, 1700, 2000}, {1700, 300, 2000}, {160, 160, 1025}};
    for (const uint width : widths) BOOST_TEST_CONTEXT("width " << width) {
            std::vector<uint> control(4096);
            std::iota(control.begin(), control.end(), 1u);
            std::vector<uint> expected = control;
            std::vector<Words> slots;
            for (const Copy& copy : copies) {
                const auto from = expected.begin() + copy.source;
                const std::vector<uint> moved(from, from + copy.words);
                std::ranges::copy(moved, expected.begin() + copy.destination);
                slots.push_back(memcpy_words(copy.source, copy.destination, copy.words).words());
            }
            slots.push_back(memcpy_words(1097, 200, 3000).words());
            sr_memory memory{};
            memory.control = control.data();
            memory.control_words = static_cast<uint>(control.size());
            const std::vector<Ended> ended = run(width, slots, memory);
            for (std::size_t i = 0; i < std::size(copies); ++i) BOOST_TEST(ended[i] == (Ended{0, copies[i].words}));
            BOOST_TEST(ended.back() == (Ended{SR_CODE_OUT_OF_RANGE, 0}));
            BOOST_TEST((control == expected));
            BOOST_TEST(run_alone(width, slots[2], memory) == (Ended{0, 2000}));
        }
}

// What halts a device, the harness only tells.
BOOST_AUTO_TEST_CASE(a_lane_that_misses_a_barrier_is_told) {
    for (const uint width : {2u, 7u, 16u})
        for (const uint lane : {0u, 1u, width - 1}) {
            const Words diverges = slot(custom_opcode<0x202>(), {lane}).words();
            std::array<uint, SR_BOARD_WORDS> board{};
            const sr_memory memory{};
            Group group(width);
            BOOST_TEST(!group.run([&](const sr_team& team) {
                static_cast<void>(sr_run_alone(diverges.data(), &memory, &team, board.data()));
            }));
        }
}
