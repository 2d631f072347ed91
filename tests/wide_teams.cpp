// The wide drain with teams, natively: two sub-groups of 32 lanes run a slot together, beside the sub-groups that run
// a slot a lane. All on one thread, stepped from a seed.
#include <boost/test/unit_test.hpp>

#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "ended.hpp"
#include "team_lanes.hpp"

namespace {

// A host that publishes slots of all kinds, looks at how each ended, and starts launch after launch.
class Host {
public:
    Host(std::uint32_t capacity, uint seed) : device_(capacity, start_of(seed)), choice_(seed), seed_(seed) {
        if (seed % 4 == 1) device_.set_sched(0xFFFFFFF0u);
        launch();
    }

    void run(uint slots) {
        for (uint published = 0; published < slots;) {
            if (device_.machine->ended()) launch();
            look();
            const uint n = publish(draw());
            published += n;
            if (n == 0) device_.steps(1 + draw() % 16);
            if (draw() % 5 == 0) device_.steps(draw() % 60);
            if (draw() % 61 == 0) stop();
        }
        device_.word32(SR_RING_STOP) = number_ - 1;
        while (device_.ring.completed() != device_.ring.reserved()) {
            BOOST_REQUIRE(device_.eventually([&] { return complete() || device_.machine->ended(); }) ||
                          device_.machine->ended());
            if (device_.machine->ended()) launch();
        }
        stop();
    }
    void check() {
        look();
        BOOST_TEST(expected_.empty());
        BOOST_TEST(wrong_ == 0u);
        BOOST_TEST(teams_wrong + teams_of_one == 0u);
        BOOST_TEST(!device_.claimed_too_many);
        BOOST_TEST(device_.word32(SR_RING_FAULTS) == faults_);
        BOOST_TEST(device_.control[200] == added_);
        BOOST_TEST(device_.control[SR_CONTROL_EPOCH] == fences_.size());
        BOOST_TEST(team_slots_ran == device_.team_positions.size());
        for (const uint ran : lanes_ran) BOOST_REQUIRE((ran == 0 || ran == team_lanes));
        check_order();
    }

private:
    struct Expected {
        std::uint64_t position;
        uint code, value;  // value: of what ended well
    };

    static std::uint64_t start_of(uint seed) {
        const std::uint64_t starts[] = {-std::uint64_t{5}, 0, (std::uint64_t{1} << 32) - 7};
        return starts[seed % 3];
    }
    uint draw() { return (choice_ = choice_ * 1664525u + 1013904223u) >> 8; }
    bool complete() const { return device_.ring.completed() == device_.ring.reserved(); }

    void launch() {
        const ulong idle_timeout = seed_ % 3 == 0 ? 50 : for_ever, max_time = seed_ % 5 == 0 ? 400 : for_ever;
        const uint subgroups = 2 + draw() % 4, teams = 1 + draw() % 3;
        ++number_;
        device_.launch(number_, subgroups, teams, idle_timeout, seed_ + number_, max_time);
    }
    void stop() {
        device_.word32(SR_RING_STOP) = number_;
        BOOST_REQUIRE(device_.end());
        BOOST_REQUIRE(device_.word32(SR_RING_LEFT) == number_);
        BOOST_REQUIRE(device_.sched[SR_SCHED_TEAM_ASKED] == device_.sched[SR_SCHED_TEAM_QUEUED]);
        for (uint word = SR_SCHED_ARRIVED; word <= SR_SCHED_LEFT; word += 32) BOOST_REQUIRE(device_.sched[word] == 0);
    }

    // How the slots ended whose places may be taken again.
    void look() {
        for (; !expected_.empty(); expected_.pop_front()) {
            const Expected& next = expected_.front();
            if (next.position - device_.ring.completed() < device_.capacity) return;
            wrong_ += code_of(device_.ring, next.position) != next.code;
            wrong_ += next.code == 0 && result_of(device_.ring, next.position) != next.value;
        }
    }

    // Slots of one kind, one or more; how many of them there was room for.
    uint publish(uint what) {
        const Quiet quiet = what % 3 == 0 ? Quiet::yes : Quiet::no;
        const uint kind = what / 4 % 32;
        if (kind < 7) return add(says(said_), quiet, {0, 0, 1, 0, false});
        if (kind < 15) return add(team_says(said_), quiet, {0, team_value(said_), 1, 0, true});
        if (kind < 18) return add(atomic_add(1, 200), Quiet::yes, {0, 0, 0, 1, false});
        if (kind == 18) return add(batch_fence(1, 9), Quiet::yes, {0, 0, 0, 0, false}, true);
        if (kind == 19) {
            const auto both = packed({inner(atomic_add(1, 200)), inner(batch_fence(1, 9))});
            return add(*both, Quiet::yes, {0, 0, 0, 1, false}, true);
        }
        if (kind == 20) {
            const auto inside = packed({inner(atomic_add(1, 200)), InnerOp{0xFE, {}}, inner(atomic_add(1, 200))});
            return add(*inside, quiet, {SR_CODE_NO_TEAM | 1 << 8, 0, 0, 1, false});
        }
        if (kind == 21) return add(slot(custom_opcode<0x100>(), {66}), quiet, {66, 0, 0, 0, false});
        if (kind == 22) return add(print(1, 2, 3), Quiet::yes, {0, 0, 0, 0, false});
        if (kind < 26) {
            const uint lanes[] = {0, 1, 31, 32, 62, 63};
            const Slot faults = team_faults(said_, lanes[what / 128 % 6], 70, 71);
            return add(faults, quiet, {70, 0, 1, 0, true});
        }
        if (kind < 28) return add_window(quiet, kind == 26);
        return add_many(quiet, what / 128 % 70);
    }
    // What one slot comes to.
    struct Effect {
        uint code, value, says, adds;
        bool for_team;
    };
    void count(std::uint64_t position, Quiet quiet, const Effect& effect) {
        if (quiet == Quiet::no) expected_.push_back({position, effect.code, effect.value});
        if (effect.for_team) device_.team_positions.push_back(position);
        faults_ += effect.code != 0 ? 1 : 0;
        said_ += effect.says;
        added_ += effect.adds;
    }
    uint add(const Slot& slot, Quiet quiet, const Effect& effect, bool fences = false) {
        const auto position = device_.ring.publish(slot, quiet);
        if (!position) return 0;
        count(*position, quiet, effect);
        if (fences) fences_.push_back(said_);
        return 1;
    }
    uint add_window(Quiet quiet, bool for_team) {
        const std::array<std::uint32_t, 1> first{said_}, second{said_ + 1};
        const Payload entries[] = {first, second};
        const Window window{
            .ticket = 5, .opcode = for_team ? custom_opcode<0x200>() : custom_opcode<0x101>(), .required = entries};
        const auto position = device_.ring.publish(window, quiet);
        if (!position) return 0;
        for (uint i = 0; i < 2; ++i)
            count(*position + i, quiet, {0, for_team ? team_value(said_) : 0, 1, 0, for_team});
        return 2;
    }
    // More than the poller looks at together, and a team slot somewhere among them.
    uint add_many(Quiet quiet, uint n) {
        std::vector<Slot> batch;
        for (uint i = 0; i <= n; ++i) batch.push_back(i == n / 2 ? team_says(said_ + i) : says(said_ + i));
        const auto position = device_.ring.publish(std::span(std::as_const(batch)), quiet);
        if (!position) return 0;
        for (uint i = 0; i <= n; ++i)
            count(*position + i, quiet, {0, i == n / 2 ? team_value(said_) : 0, 1, 0, i == n / 2});
        return n + 1;
    }

    // Between two fences in any order, and none of another piece; each once.
    void check_order() {
        BOOST_REQUIRE(order.size() == said_);
        std::vector<bool> seen(said_);
        uint piece = 0;
        for (uint i = 0; i < said_; ++i) {
            while (piece < fences_.size() && fences_[piece] <= i) ++piece;
            const uint from = piece == 0 ? 0 : fences_[piece - 1];
            const uint to = piece < fences_.size() ? fences_[piece] : said_;
            BOOST_REQUIRE((order[i] >= from && order[i] < to));
            BOOST_REQUIRE(!seen[order[i]]);
            seen[order[i]] = true;
        }
    }

    Device device_;
    uint choice_, seed_, number_ = 0;
    std::deque<Expected> expected_;
    std::vector<uint> fences_;  // 1 + what was said last in front of each
    uint said_ = 0, added_ = 0, faults_ = 0, wrong_ = 0;
};

// Unoptimised, as under AddressSanitizer, steps take many times as long. Starts and capacities find most.
#ifdef __OPTIMIZE__
constexpr uint schedules = 12, laps = 2;
#else
constexpr uint schedules = 2, laps = 1;
#endif

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_the_schedule_each_slot_runs_once_where_fences_let_it) {
    for (const std::uint32_t capacity : {2u, 4u, 64u, 256u})
        for (uint seed = 1; seed <= schedules; ++seed)
            BOOST_TEST_CONTEXT("capacity " << capacity << ", seed " << seed) {
                Host host(capacity, seed);
                host.run(capacity < 64 ? 50 * laps : capacity * laps);
                host.check();
            }
}
