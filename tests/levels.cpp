// The drain on one work-item over several levels, natively: which slot is next, and how a launch leaves three rings.
#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "choices.hpp"
#include "ring_memory.hpp"

#define SR_LEVELS 3u
#define SR_LEAD 1u
#define SR_LOWER_EVERY 8u
#define SR_LOOKAHEAD 2u
#include "stepped_device.hpp"

#include "no_teams.hpp"

#include "native_memory.hpp"

using namespace slipring;

namespace {

constexpr Priority levels[] = {Priority::high, Priority::normal, Priority::idle};
constexpr std::uint32_t capacity = 64;
constexpr std::uint32_t turn = SR_LOWER_EVERY / (SR_LEVELS - 1);  // claims from one lower level's turn to the next

std::function<void(std::uint32_t value)> executed = [](std::uint32_t) {};

// Three rings, the highest level's first, each at positions of its own.
struct Levels {
    explicit Levels(std::uint32_t slots = capacity) {
        std::uint64_t start = 0;
        for (const Priority level : levels) {
            memory.emplace_back(slots);
            const std::span<std::byte> bytes = memory.back().bytes();
            const std::size_t shared = *Ring::shared_bytes(slots);
            const RingParts parts{
                .shared = bytes.first(shared), .producers = bytes.subspan(shared), .window = {}, .level = level};
            rings.push_back(*Ring::create(parts, slots, start));
            start = start == 0 ? (std::uint64_t{1} << 32) - 3 : std::uint64_t{0} - 5;
        }
    }

    // A slot that calls `executed`.
    std::uint64_t publish(std::size_t level, std::uint32_t value, Quiet quiet = Quiet::no) {
        return *rings[level].publish(slot(custom_opcode<0x100>(), {value}), quiet);
    }

    void launch(uint number, ulong idle_timeout = 0, ulong max_time = ~ulong{0}) {
        std::array<sr_ring, SR_RINGS> own{};
        for (std::size_t i = 0; i < SR_LEVELS; ++i) {
            const uint log2 = static_cast<uint>(std::countr_zero(rings[i].capacity()));
            own[i] =
                sr_ring_of(reinterpret_cast<uchar*>(inside(rings[i]).base()), rings[i].capacity() - 1, log2, log2);
        }
        const sr_memory view = words.view();
        sr_bounds bounds{};
        bounds.launch = number;
        bounds.idle_timeout = idle_timeout;
        bounds.max_time = max_time;
        sr_drain_serial(own.data(), &view, &bounds);
    }

    RingInside lead() const { return inside(rings[SR_LEAD]); }
    bool complete() const {
        for (const Ring& ring : rings)
            if (ring.completed() != ring.reserved()) return false;
        return true;
    }

    std::vector<RingMemory> memory{};
    std::vector<Ring> rings{};
    NativeMemory words{};
};

// What one launch runs, in its order, with what the slots themselves publish.
std::vector<std::uint32_t> order_of(Levels& device, const std::function<void(std::uint32_t)>& then = {}) {
    std::vector<std::uint32_t> order;
    executed = [&](std::uint32_t value) {
        order.push_back(value);
        if (then) then(value);
    };
    device.launch(1);
    executed = [](std::uint32_t) {};
    return order;
}

}  // namespace

static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong* value) {
    if (opcode != 0x100) return SR_CODE_UNKNOWN_OPCODE;
    executed(args[0]);
    *value = args[0];
    return SR_CODE_OK;
}

BOOST_AUTO_TEST_CASE(the_highest_level_that_waits_is_next) {
    Levels device;
    for (std::uint32_t i = 0; i < 2; ++i)
        for (std::size_t level = SR_LEVELS; level-- > 0;)
            device.publish(level, static_cast<std::uint32_t>(10 * level) + i);
    const std::vector<std::uint32_t> expected{0, 1, 10, 11, 20, 21};
    BOOST_TEST(order_of(device) == expected, boost::test_tools::per_element());
    BOOST_TEST(device.complete());
    for (const Ring& ring : device.rings) {
        const std::uint64_t last = ring.reserved() - 1;
        BOOST_TEST((ring.completion(last)->state == State::done));
        BOOST_TEST((ring.completion(last)->result % 10) == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_slot_that_comes_while_lower_ones_run_is_next) {
    Levels device;
    for (std::uint32_t i = 0; i < 10; ++i) device.publish(2, 20 + i);
    const auto order = order_of(device, [&](std::uint32_t value) {
        if (value == 21) device.publish(0, 0);
    });
    BOOST_REQUIRE(order.size() == 11u);
    BOOST_TEST(order[1] == 21u);
    BOOST_TEST(order[2] == 0u);
}

// Each slot of the highest level publishes the next, so that one always waits there.
BOOST_AUTO_TEST_CASE(each_lower_level_is_served_once_in_so_many_claims) {
    Levels device;
    for (std::uint32_t i = 0; i < 20; ++i) {
        device.publish(1, 10);
        device.publish(2, 20);
    }
    device.publish(0, 0);
    std::uint32_t left = 8 * SR_LOWER_EVERY;
    const auto order = order_of(device, [&](std::uint32_t value) {
        if (value == 0 && left-- != 0) device.publish(0, 0);
    });
    std::array<std::uint32_t, 3> since{};
    std::array<std::uint32_t, 3> served{};
    for (std::size_t i = 0; i < 8 * SR_LOWER_EVERY; ++i) {
        for (std::uint32_t& claims : since) ++claims;
        since[order[i] / 10] = 0;
        ++served[order[i] / 10];
        BOOST_REQUIRE(since[1] <= SR_LOWER_EVERY);
        BOOST_REQUIRE(since[2] <= SR_LOWER_EVERY);
    }
    BOOST_TEST(served[1] == 8u);  // and no oftener than that
    BOOST_TEST(served[2] == 8u);
    BOOST_TEST(device.complete());
}

// A turn without a slot of that level is not kept for later, nor does it cost the highest level a claim.
BOOST_AUTO_TEST_CASE(a_turn_that_no_lower_level_needs_is_the_highest_levels) {
    Levels device;
    for (std::uint32_t i = 0; i < 4 * turn; ++i) device.publish(0, 0);
    const auto order = order_of(device, [&, run = 0u](std::uint32_t value) mutable {
        if (value == 0 && ++run == 2 * turn + 1)
            for (std::uint32_t i = 0; i < 3; ++i) device.publish(1, 10);
    });
    BOOST_REQUIRE(order.size() == 4 * turn + 3);
    std::uint32_t early = 0;
    for (std::size_t i = 0; i < 4 * turn; ++i) early += order[i] == 10;
    BOOST_TEST(early == 1u);
}

// Two levels take turns, and none comes to the end of what it may run before it tells.
BOOST_AUTO_TEST_CASE(a_launch_whose_levels_alternate_leaves_when_its_time_is_up) {
    Levels device;
    device.publish(1, 10);
    std::uint32_t run = 0;
    bool told = true;
    executed = [&](std::uint32_t value) {
        if (++run > 4096) return;
        const std::size_t here = value / 10, other = here == 1 ? 2 : 1;
        if (run > 2) told = told && device.rings[other].completed() == device.rings[other].reserved();
        device.publish(other, static_cast<std::uint32_t>(10 * other), Quiet::yes);
    };
    device.launch(1, ~ulong{0}, 1000);
    executed = [](std::uint32_t) {};
    BOOST_TEST(run < 2048u);
    BOOST_TEST(run > 4u);
    BOOST_TEST(told);  // a level that is left for another has told COMPLETED
    BOOST_TEST(device.lead().has_left(1));
    BOOST_TEST((device.words.control[SR_CONTROL_LEFT] & SR_LEFT_IDLE) == 0u);
}

BOOST_AUTO_TEST_CASE(faults_of_every_level_are_counted_in_the_lead) {
    Levels device;
    for (std::size_t level = 0; level < SR_LEVELS; ++level)
        BOOST_REQUIRE(device.rings[level].publish(store_u32(1, 2)).has_value());
    device.launch(1);
    BOOST_TEST(device.words.control[SR_CONTROL_FAULTS] == 3u);
    BOOST_TEST(device.lead().word32(SR_RING_FAULTS).load() == 3u);
    for (const Ring& ring : device.rings)
        BOOST_TEST((ring.completion(ring.reserved() - 1)->code == Code::out_of_range));
}

BOOST_AUTO_TEST_CASE(a_kernel_whose_rings_were_revoked_runs_no_level) {
    Levels device;
    for (std::size_t level = 0; level < SR_LEVELS; ++level) {
        device.publish(level, 0);
        device.publish(level, 0);
    }
    const auto order = order_of(device, [&](std::uint32_t) { device.lead().word32(SR_RING_REVOKED).store(1); });
    BOOST_TEST(order.size() == 1u);
    BOOST_TEST(inside(device.rings[0]).claimed() == device.rings[0].completed());
    for (std::size_t level = 1; level < SR_LEVELS; ++level)
        BOOST_TEST(inside(device.rings[level]).claimed() + 2 == device.rings[level].reserved());
}

BOOST_AUTO_TEST_CASE(shutdown_ends_a_launch_when_no_level_has_more) {
    Levels device;
    BOOST_REQUIRE(device.rings[0].publish(shutdown()).has_value());
    device.publish(2, 20);
    BOOST_TEST(order_of(device).size() == 1u);
    BOOST_TEST(device.complete());
    BOOST_REQUIRE(device.rings[0].publish(shutdown()).has_value());
    device.launch(2, ~ulong{0});
    BOOST_TEST(device.lead().has_left(2));
}

// What a slot says of its priority is the producer's word; whose ring it lies in is not.
BOOST_AUTO_TEST_CASE(the_ring_says_the_level_whatever_the_slot_says) {
    Levels device;
    const std::uint64_t low = device.publish(2, 20), high = device.publish(0, 0);
    BOOST_TEST(inside(device.rings[2]).word(low, SR_WORD_PRIORITY) == SR_PRIORITY_IDLE);
    BOOST_TEST(inside(device.rings[0]).word(high, SR_WORD_PRIORITY) == SR_PRIORITY_HIGH);
    inside(device.rings[2]).slot(low)[SR_WORD_PRIORITY] = SR_PRIORITY_CRITICAL;
    inside(device.rings[0]).slot(high)[SR_WORD_PRIORITY] = SR_PRIORITY_IDLE;
    const std::vector<std::uint32_t> expected{0, 20};
    BOOST_TEST(order_of(device) == expected, boost::test_tools::per_element());
}

// The lowest ring's positions wrap at 2^64 in the middle of these.
BOOST_AUTO_TEST_CASE(promoted_slots_go_in_front_of_a_level) {
    Levels device;
    for (std::uint32_t i = 0; i < 8; ++i) device.publish(2, 20 + i);
    for (std::size_t level : {0u, 1u}) device.publish(level, static_cast<std::uint32_t>(10 * level));
    const RingInside idle = inside(device.rings[2]);
    const std::uint64_t first = device.rings[2].completed();
    BOOST_TEST(!idle.promoted().has_value());
    idle.promote(first + 2, 1);
    BOOST_REQUIRE(idle.promoted().has_value());
    const std::vector<std::uint32_t> expected{0, 20, 21, 10, 22, 23, 24, 25, 26, 27};
    BOOST_TEST(order_of(device) == expected, boost::test_tools::per_element());
    BOOST_TEST(!idle.promoted().has_value());
}

// To the highest level, past the wrap, while that one publishes itself again and again.
BOOST_AUTO_TEST_CASE(a_promotion_while_a_launch_runs_is_seen_before_the_next_slot) {
    Levels device;
    for (std::uint32_t i = 0; i < 8; ++i) device.publish(2, 20 + i);
    device.publish(0, 0);
    const std::uint64_t first = device.rings[2].completed();
    const auto order = order_of(device, [&, left = 6u](std::uint32_t value) mutable {
        if (value == 0 && left-- == 6) inside(device.rings[2]).promote(first + 7, 0);
        if (value == 0 && left != 0) device.publish(0, 0);
    });
    const std::vector<std::uint32_t> begin{0, 20, 21, 22, 23, 24, 25, 26, 0};
    BOOST_REQUIRE(order.size() == 14u);
    for (std::size_t i = 0; i < begin.size(); ++i) BOOST_TEST(order[i] == begin[i]);
    BOOST_TEST(device.complete());
}

BOOST_AUTO_TEST_CASE(of_two_promotions_the_later_end_and_the_higher_level_hold) {
    Levels device;
    for (std::uint32_t i = 0; i < 8; ++i) device.publish(2, 20 + i);
    const RingInside idle = inside(device.rings[2]);
    const std::uint64_t first = device.rings[2].completed();
    const auto is = [&idle](std::uint64_t end, std::uint32_t level) {
        const auto promoted = idle.promoted();
        BOOST_REQUIRE(promoted.has_value());
        BOOST_TEST(promoted->end == end % (std::uint64_t{1} << 61));
        BOOST_TEST(promoted->level == level);
    };
    idle.promote(first + 6, 1);
    is(first + 6, 1);
    idle.promote(first + 3, 0);  // on this side of the wrap and on that
    is(first + 6, 0);
    idle.promote(first + 8, 1);
    is(first + 8, 0);
    order_of(device);
    BOOST_TEST(!idle.promoted().has_value());
    device.publish(2, 20);
    idle.promote(first + 9, 1);  // those before it count no more
    is(first + 9, 1);
}

// Whoever can write the ring's memory can write any word there.
BOOST_AUTO_TEST_CASE(a_level_that_there_is_not_promotes_nothing) {
    Levels device;
    for (std::size_t level = SR_LEVELS; level-- > 0;) device.publish(level, static_cast<std::uint32_t>(10 * level));
    inside(device.rings[2]).promote(device.rings[2].reserved(), 7);
    const std::vector<std::uint32_t> expected{0, 10, 20};
    BOOST_TEST(order_of(device) == expected, boost::test_tools::per_element());
    BOOST_TEST(device.complete());
}

// ---- leaving -----------------------------------------------------------------------------------------------------

// A launch leaves while producers publish at two levels and ask whether it has left: every order of the device's
// accesses to memory and their steps. No slot stays behind that no launch will run.
BOOST_AUTO_TEST_CASE(a_launch_that_leaves_looks_at_every_level) {
    enum class Step { publish_high, publish_idle, look };
    const std::vector<std::vector<Step>> all = {
        {Step::publish_high, Step::look},
        {Step::publish_idle, Step::look},
        {Step::publish_idle, Step::look, Step::publish_high, Step::look},
        {Step::publish_high, Step::publish_idle, Step::look, Step::look},
    };
    for (const auto& steps : all) {
        Choices choices;
        std::uint32_t orders = 0, taken_back = 0;
        do {
            Levels device(4);
            std::size_t next = 0;
            std::uint32_t newest = 1, ran = 0, accesses = 0;
            const auto step = [&] {
                switch (steps[next++]) {
                    case Step::publish_high: static_cast<void>(device.rings[0].publish(nop())); break;
                    case Step::publish_idle: static_cast<void>(device.rings[2].publish(nop())); break;
                    case Step::look:
                        if (device.lead().wake_needed(newest)) ++newest;
                        break;
                }
            };
            before_access = [&] {
                if (++accesses > 300) throw std::runtime_error("a launch that does not leave");
                while (next != steps.size() && choices.choose(2) == 1) step();
            };
            while (ran != newest) {
                accesses = 0;
                device.launch(++ran);
                if (next == steps.size()) continue;
                while (next != steps.size()) step();
            }
            before_access = [] {};
            BOOST_REQUIRE(device.complete());
            taken_back += ran == 1;
            ++orders;
        } while (choices.next());
        BOOST_TEST(orders > 100u);
        BOOST_TEST(taken_back > 0u);
    }
}
