// A launch leaves while producers publish and ask whether it has left: every order of the device's accesses to memory
// and the producers' steps. No slot stays behind without a producer that knows that the next launch is needed, and a
// launch that says that it has left runs nothing more.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "choices.hpp"
#include "ring_memory.hpp"
#include "stepped_device.hpp"

#include "no_teams.hpp"

#include "native_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 4;

class Run;
Run* running = nullptr;

enum class Step { reserve, commit, commit_brief, commit_shutdown, copy, look, stop };

// How launches are to be.
struct Bounds {
    ulong idle_timeout = 0, max_time = ~ulong{0};
    std::uint32_t queued = 1;  // launches that the host has queued before the first one begins
    bool window = false;       // where they find a slot once a step has copied it, the oldest first
    bool copy_late = false;    // no sooner than in a launch that nobody asks to leave
};

// One order of all steps; launches follow each other as the runtime has them.
class Run {
public:
    Run(Choices& choices, std::vector<Step> steps, std::uint64_t start, Bounds bounds)
        : choices_(choices), steps_(std::move(steps)), memory_(capacity), ring_(memory_.ring(capacity, start)),
          bounds_(bounds), copied_(start) {
        running = this;
        before_access = [this] { let_others(); };
    }
    ~Run() {
        before_access = [] {};
        running = nullptr;
    }

    void run() {
        while (ran_ != bounds_.queued) launch();
        // Those that have not come to it yet find the launch gone; or the next one, which waits for a copy then.
        while (next_ != steps_.size())
            if (bounds_.window && ran_ != newest_ && choices_.choose(2) == 1) launch();
            else step();
        while (ran_ != newest_) launch();
        BOOST_REQUIRE(ring_.completed() == ring_.reserved());
        BOOST_REQUIRE(executed_ == static_cast<std::size_t>(std::ranges::count(steps_, Step::commit)));
        BOOST_REQUIRE(wrong_ == 0u);
    }
    std::uint32_t launches() const { return ran_; }
    std::uint32_t successors() const { return successors_; }

    // A slot's effect, by sr_custom.
    void execute() {
        ++executed_;
        // A launch that has left runs nothing, whether it told the host or the next launch.
        wrong_ += inside(ring_).has_left(ran_) || (device_.control[SR_CONTROL_LEFT] & SR_LAUNCH_MASK) == ran_;
    }

private:
    void let_others() {
        // What a launch leaves behind when it says that it is gone is what the host may take.
        wrong_ += inside(ring_).has_left(ran_) && ring_.completed() - inside(ring_).claimed() != 0;
        if (++accesses_ > 200) throw std::runtime_error("a launch that does not leave");
        // A launch that polls for ever waits for nobody: in the end they come.
        const std::size_t patience = bounds_.idle_timeout == ~ulong{0} || bounds_.window ? 24 : 60;
        while (may_step() && (accesses_ > patience || choices_.choose(2) == 1)) step();
    }
    bool may_step() const {
        return next_ != steps_.size() && (steps_[next_] != Step::copy || !bounds_.copy_late || ran_ > asked_);
    }
    void step() {
        switch (steps_[next_++]) {
            case Step::reserve: open_.emplace(*ring_.reserve(1)); break;
            case Step::commit:
            case Step::commit_brief:
            case Step::commit_shutdown:
                if (!open_) open_.emplace(*ring_.reserve(1));
                open_->put(steps_[next_ - 1] == Step::commit         ? slot(custom_opcode<0x100>())
                           : steps_[next_ - 1] == Step::commit_brief ? nop()
                                                                     : shutdown());
                open_.reset();
                break;
            case Step::copy:
                std::memcpy(window_.bytes().data() + copied_ % capacity * SR_SLOT_BYTES, inside(ring_).slot(copied_),
                            SR_SLOT_BYTES);
                ++copied_;
                break;
            case Step::look:  // as the runtime's wake_needed and step do
                if (inside(ring_).wants_successor(newest_)) ++successors_;
                if (inside(ring_).wake_needed(newest_)) ++newest_;
                break;
            case Step::stop:
                inside(ring_).word32(SR_RING_STOP).store(asked_ = newest_);
                bounds_.idle_timeout = 0;  // of the launches that come
                ++newest_;                 // the host starts the next, whichever step asks
                break;
        }
    }
    void launch() {
        if (++ran_ > 20) throw std::runtime_error("launches without end");
        device_.drain(ring_, ran_, bounds_.idle_timeout, bounds_.max_time,
                      bounds_.window ? window_.bytes() : std::span<std::byte>{});
        wrong_ += !inside(ring_).has_left(ran_) || ring_.completed() - inside(ring_).claimed() != 0;
        // Its end is told. One that found nothing more to do needs no such help.
        const bool idled = (device_.control[SR_CONTROL_LEFT] & SR_LEFT_IDLE) != 0;
        if (!idled && ran_ == newest_ && ring_.completed() != ring_.tail()) ++newest_;
        accesses_ = 0;
    }

    Choices& choices_;
    std::vector<Step> steps_;
    RingMemory memory_;
    Ring ring_;
    Bounds bounds_;
    RingMemory window_{capacity};
    std::uint64_t copied_;
    std::size_t next_ = 0, accesses_ = 0, executed_ = 0, wrong_ = 0;
    std::uint32_t ran_ = 0, newest_ = bounds_.queued, asked_ = 0, successors_ = 0;
    std::optional<Ring::Reservation> open_;
    NativeMemory device_;
};

// In how many orders a launch was queued behind one that runs.
std::size_t every_order(const std::vector<Step>& steps, std::uint64_t start, Bounds bounds = {}) {
    Choices choices;
    std::size_t orders = 0, once = 0, again = 0, successors = 0;
    do {
        Run run(choices, steps, start, bounds);
        run.run();
        ++orders;
        ++(run.launches() == 1 ? once : again);
        successors += run.successors() != 0;
    } while (choices.next());
    BOOST_TEST(orders > 20u);
    BOOST_TEST(again > 0u);
    BOOST_TEST_MESSAGE(orders << " orders, " << once << " of one launch");
    return successors;
}

}  // namespace

static uint sr_custom(uint, const uint*, const sr_memory*, ulong*) {
    running->execute();
    return SR_CODE_OK;
}

BOOST_AUTO_TEST_CASE(one_producer) {
    for (const std::uint64_t start : hard_starts(capacity))
        every_order({Step::reserve, Step::commit, Step::look}, start);
    every_order({Step::reserve, Step::commit, Step::look}, 0, {.idle_timeout = 2 * SR_GLANCES});
}

BOOST_AUTO_TEST_CASE(two_that_publish_one_after_the_other) {
    every_order({Step::reserve, Step::commit, Step::look, Step::reserve, Step::commit, Step::look}, 0);
    // The first asks late.
    every_order({Step::reserve, Step::commit, Step::reserve, Step::commit, Step::look, Step::look},
                (std::uint64_t{1} << 32) - 1);
}

// A launch that would poll for ever hears STOP wherever it is, also behind a publish.
BOOST_AUTO_TEST_CASE(one_that_is_told_to_leave) {
    every_order({Step::stop}, 0, {.idle_timeout = ~ulong{0}});
    every_order({Step::reserve, Step::commit, Step::look, Step::stop}, 0, {.idle_timeout = ~ulong{0}});
    every_order({Step::stop, Step::reserve, Step::commit, Step::look}, ~std::uint64_t{0},
                {.idle_timeout = ~ulong{0}});
}

// It takes LEFT back for the slot behind a SHUTDOWN, and the host, which saw LEFT, has counted on.
BOOST_AUTO_TEST_CASE(one_that_is_told_to_leave_by_the_number_of_the_next) {
    every_order({Step::reserve, Step::commit_shutdown, Step::reserve, Step::commit, Step::look, Step::stop}, 0,
                {.idle_timeout = ~ulong{0}});
}

// W: the launch reads the slots in a window. A producer is stopped between a slot and its copy; or the copy is on its
// way over the bus still when the producer has looked at LEFT.
BOOST_AUTO_TEST_CASE(one_whose_copies_come_behind_the_slots) {
    using enum Step;
    for (const std::uint64_t start : hard_starts(capacity)) {
        every_order({commit, copy, look}, start, {.window = true});
        every_order({commit, look, copy}, start, {.window = true});
    }
    every_order({commit, commit, look, copy, copy}, 0, {.window = true});
    every_order({commit, look, copy}, 0, {.queued = 2, .window = true});
}

// The launch is asked to leave meanwhile: it leaves without the copy, and the next one runs the slot.
BOOST_AUTO_TEST_CASE(one_that_is_told_to_leave_before_a_copy) {
    using enum Step;
    for (const ulong idle_timeout : {ulong{0}, ~ulong{0}})
        for (const bool copy_late : {false, true}) {
            const Bounds bounds{.idle_timeout = idle_timeout, .window = true, .copy_late = copy_late};
            every_order({commit, stop, copy, look}, 0, bounds);
            every_order({commit, look, stop, copy}, ~std::uint64_t{0}, bounds);
            every_order({stop, commit, copy, look}, 0, bounds);
            every_order({commit, stop, stop, copy}, 0, bounds);
        }
    every_order({commit, copy, commit, stop, copy}, 0, {.window = true});
}

// While there is work it looks at STOP and at the clock now and then: behind 8 slots that may be slow.
BOOST_AUTO_TEST_CASE(a_busy_one_that_is_told_to_leave_or_has_had_its_time) {
    for (const bool told : {true, false}) {
        RingMemory memory(64);
        const Ring ring = memory.ring(64);
        for (int i = 0; i < 40; ++i) BOOST_REQUIRE(ring.publish(*packed({inner(nop())})).has_value());
        if (told) inside(ring).word32(SR_RING_STOP).store(3);
        NativeMemory device;
        device.control[SR_CONTROL_LEFT] = 2;
        device.drain(ring, 3, ~ulong{0}, told ? ~ulong{0} : 1);
        BOOST_TEST(ring.completed() == 8u);
        BOOST_TEST(inside(ring).has_left(3));
    }
}

// The host queues a launch behind one that runs. It finds what was published for it, wherever the launch before is.
BOOST_AUTO_TEST_CASE(one_that_asks_for_its_successor) {
    const std::vector<Step> steps{Step::reserve, Step::commit_brief, Step::look,
                                  Step::reserve, Step::commit,       Step::look};
    BOOST_TEST(every_order(steps, 0, {.idle_timeout = 2 * SR_GLANCES, .max_time = 2 * SR_GLANCES}) > 0u);
    BOOST_TEST(every_order(steps, 0, {.idle_timeout = ~ulong{0}, .max_time = SR_GLANCES + 1}) > 0u);
    BOOST_TEST(every_order(steps, 0) == 0u);
}

// It leaves, since the one before it had idled, while a producer publishes.
BOOST_AUTO_TEST_CASE(a_successor_that_leaves_at_once) {
    for (const std::uint64_t start : hard_starts(capacity))
        every_order({Step::reserve, Step::commit, Step::look}, start, {.queued = 2});
    every_order({Step::reserve, Step::commit, Step::look}, 0, {.queued = 3});
}

namespace {

// Up to 64 slots, and what LEFT said before each access of a launch.
struct Seen {
    RingMemory memory{64};
    Ring ring = memory.ring(64);
    NativeMemory device;
    std::size_t accesses = 0;
    std::uint32_t launch = 0;
    std::optional<std::uint64_t> wanted_at;  // COMPLETED when it first asked for its successor
    std::function<void()> step = [] {};

    void publish(int slots) {
        for (int i = 0; i < slots; ++i) BOOST_REQUIRE(ring.publish(*packed({inner(nop())})).has_value());
    }
    void run(ulong idle_timeout, ulong max_time) {
        accesses = 0;
        ++launch;
        wanted_at.reset();
        before_access = [&] {
            if (++accesses > 5000) throw std::runtime_error("a launch that does not leave");
            if (inside(ring).wants_successor(launch) && !wanted_at) wanted_at = ring.completed();
            step();
        };
        device.drain(ring, launch, idle_timeout, max_time);
        before_access = [] {};
    }
};

}  // namespace

// The clock counts 256 behind 8 slots that may be slow, and else the looks at an empty slot.
BOOST_AUTO_TEST_CASE(a_launch_with_work_asks_for_its_successor_after_half_of_its_time) {
    Seen busy;
    busy.publish(60);
    busy.run(~ulong{0}, 1024);
    BOOST_TEST(busy.ring.completed() == 32u);
    BOOST_REQUIRE(busy.wanted_at.has_value());
    BOOST_TEST(*busy.wanted_at == 16u);
    BOOST_TEST(inside(busy.ring).has_left(1));
    busy.run(64, 64 * 1024);  // whatever the one before asked
    BOOST_TEST(!busy.wanted_at.has_value());

    Seen idle;
    idle.run(~ulong{0}, 1024);
    BOOST_TEST(!idle.wanted_at.has_value());

    // At a look of its first half, and of its second.
    for (const bool late : {false, true}) {
        Seen one;
        one.step = [&] {
            if (one.accesses == (late ? 900u : 100u)) BOOST_REQUIRE(one.ring.publish(nop()).has_value());
        };
        one.run(~ulong{0}, 1024);
        BOOST_TEST(one.ring.completed() == 1u);
        BOOST_TEST(one.wanted_at.has_value() == late);
        BOOST_TEST(inside(one.ring).has_left(1));
    }
}

BOOST_AUTO_TEST_CASE(the_successor_of_an_idle_launch_leaves_at_once_unless_there_is_work) {
    Seen seen;
    seen.run(64, ~ulong{0});
    for (int again = 0; again < 3; ++again) {
        seen.run(~ulong{0}, ~ulong{0});
        BOOST_TEST(inside(seen.ring).has_left(seen.launch));
        BOOST_TEST(seen.accesses < 16u);
    }
    // It finds a slot, and idles behind it as long as any; then the next one leaves at once again.
    seen.publish(1);
    seen.run(320, ~ulong{0});
    BOOST_TEST(seen.ring.completed() == 1u);
    BOOST_TEST(seen.accesses > 320u);
    seen.run(~ulong{0}, ~ulong{0});
    BOOST_TEST(seen.accesses < 16u);
}

BOOST_AUTO_TEST_CASE(the_successor_of_a_busy_launch_idles_as_long_as_any) {
    Seen seen;
    seen.publish(8);
    seen.run(~ulong{0}, 1);
    BOOST_REQUIRE(seen.ring.completed() == 8u);
    seen.run(320, ~ulong{0});
    BOOST_TEST(seen.accesses > 320u);
    BOOST_TEST(inside(seen.ring).has_left(2));
}

BOOST_AUTO_TEST_CASE(a_launch_whose_predecessor_did_not_leave_runs_nothing) {
    for (const std::uint32_t launch : {1u, 3u, 4u, 0x40000002u}) {  // 2 has its predecessor
        Seen seen;
        seen.run(0, ~ulong{0});
        seen.publish(1);
        seen.device.drain(seen.ring, launch, 0);
        BOOST_TEST(seen.ring.completed() == 0u);
        BOOST_TEST(inside(seen.ring).claimed() == 0u);
        BOOST_TEST(inside(seen.ring).has_left(1));
    }
    // The one behind the last number is 0 again.
    Seen seen;
    seen.device.control[SR_CONTROL_LEFT] = SR_LAUNCH_MASK | SR_LEFT_IDLE;
    seen.publish(1);
    seen.device.drain(seen.ring, 0, 0);
    BOOST_TEST(seen.ring.completed() == 1u);
    seen.publish(1);
    seen.device.drain(seen.ring, 1, 0);
    BOOST_TEST(seen.ring.completed() == 2u);
}

// How long an empty ring is looked at: for `idle_timeout` looks after the last slot, and no longer than to the next
// look at the clock. Without a clock the device counts its looks.
BOOST_AUTO_TEST_CASE(it_idles_for_as_long_as_it_is_told) {
    for (const std::size_t idle_timeout : {0u, 1u, 15u, 16u, 17u, 32u, 100u})
        for (const std::size_t publish_at : {0u, 1u, 9u, 90u}) {
            RingMemory memory(4);
            const Ring ring = memory.ring(4);
            std::size_t accesses = 0, since = 0;
            before_access = [&] {
                ++accesses;
                ++since;
                if (accesses == publish_at) static_cast<void>(ring.publish(nop()));
                if (ring.completed() == 0 && ring.reserved() == 1) since = 0;
            };
            NativeMemory().drain(ring, 1, idle_timeout);
            before_access = [] {};
            const bool ran = ring.completed() == 1;
            BOOST_TEST(ran == (publish_at != 0 && publish_at <= accesses - (ran ? since : 0)));
            // Looks at the slot, some at STOP and its like in between, and few accesses to end the slot and to leave.
            BOOST_TEST(since >= idle_timeout);
            BOOST_TEST(since <= (idle_timeout + SR_GLANCES) * 5 / 4 + 8);
        }
}
