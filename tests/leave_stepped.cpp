// A launch leaves while producers publish and ask whether it has left: every order of the device's accesses to memory
// and the producers' steps. No slot stays behind without a producer that knows that the next launch is needed, and a
// launch that says that it has left runs nothing more.
#include <boost/test/unit_test.hpp>

#include <optional>
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

enum class Step { reserve, commit, commit_shutdown, look, stop };

// One order of all steps; launches follow each other as the runtime has them.
class Run {
public:
    Run(Choices& choices, std::vector<Step> steps, std::uint64_t start, ulong idle_timeout)
        : choices_(choices), steps_(std::move(steps)), memory_(capacity), ring_(memory_.ring(capacity, start)),
          idle_timeout_(idle_timeout) {
        running = this;
        before_access = [this] { let_others(); };
    }
    ~Run() {
        before_access = [] {};
        running = nullptr;
    }

    void run() {
        launch();
        // Those that have not come to it yet find the launch gone.
        while (next_ != steps_.size()) step();
        while (ran_ != newest_) launch();
        BOOST_REQUIRE(ring_.completed() == ring_.reserved());
        BOOST_REQUIRE(wrong_ == 0u);
    }
    std::uint32_t launches() const { return ran_; }

    // A slot's effect, by sr_custom.
    void execute() {
        ++executed_;
        wrong_ += inside(ring_).wake_needed(ran_);  // a launch that has left runs nothing
    }

private:
    void let_others() {
        // What a launch leaves behind when it says that it is gone is what the host may take.
        wrong_ += inside(ring_).wake_needed(ran_) && ring_.completed() - inside(ring_).claimed() != 0;
        if (++accesses_ > 200) throw std::runtime_error("a launch that does not leave");
        // A launch that polls for ever waits for nobody: in the end they come.
        const std::size_t patience = idle_timeout_ == ~ulong{0} ? 24 : 60;
        while (next_ != steps_.size() && (accesses_ > patience || choices_.choose(2) == 1)) step();
    }
    void step() {
        switch (steps_[next_++]) {
            case Step::reserve: open_.emplace(*ring_.reserve(1)); break;
            case Step::commit:
            case Step::commit_shutdown:
                open_->put(steps_[next_ - 1] == Step::commit ? slot(custom_opcode<0x100>()) : shutdown());
                open_.reset();
                break;
            case Step::look:  // as the runtime's wake_needed and step do
                if (inside(ring_).wake_needed(newest_)) ++newest_;
                break;
            case Step::stop:
                inside(ring_).word32(SR_RING_STOP).store(newest_);
                idle_timeout_ = 0;  // of the launches that come
                ++newest_;          // the host starts the next, whichever step asks
                break;
        }
    }
    void launch() {
        ++ran_;
        device_.drain(ring_, ran_, idle_timeout_);
        wrong_ += !inside(ring_).wake_needed(ran_) || ring_.completed() - inside(ring_).claimed() != 0;
        accesses_ = 0;
    }

    Choices& choices_;
    std::vector<Step> steps_;
    RingMemory memory_;
    Ring ring_;
    ulong idle_timeout_;
    std::size_t next_ = 0, accesses_ = 0, executed_ = 0, wrong_ = 0;
    std::uint32_t ran_ = 0, newest_ = 1;
    std::optional<Ring::Reservation> open_;
    NativeMemory device_;
};

void every_order(const std::vector<Step>& steps, std::uint64_t start, ulong idle_timeout = 0) {
    Choices choices;
    std::size_t orders = 0, once = 0, again = 0;
    do {
        Run run(choices, steps, start, idle_timeout);
        run.run();
        ++orders;
        ++(run.launches() == 1 ? once : again);
    } while (choices.next());
    BOOST_TEST(orders > 20u);
    BOOST_TEST(again > 0u);
    BOOST_TEST_MESSAGE(orders << " orders, " << once << " of one launch");
}

}  // namespace

static uint sr_custom(uint, const uint*, const sr_memory*, ulong*) {
    running->execute();
    return SR_CODE_OK;
}

BOOST_AUTO_TEST_CASE(one_producer) {
    for (const std::uint64_t start : hard_starts(capacity))
        every_order({Step::reserve, Step::commit, Step::look}, start);
    every_order({Step::reserve, Step::commit, Step::look}, 0, 2 * SR_GLANCES);
}

BOOST_AUTO_TEST_CASE(two_that_publish_one_after_the_other) {
    every_order({Step::reserve, Step::commit, Step::look, Step::reserve, Step::commit, Step::look}, 0);
    // The first asks late.
    every_order({Step::reserve, Step::commit, Step::reserve, Step::commit, Step::look, Step::look},
                (std::uint64_t{1} << 32) - 1);
}

// A launch that would poll for ever hears STOP wherever it is, also behind a publish.
BOOST_AUTO_TEST_CASE(one_that_is_told_to_leave) {
    every_order({Step::stop}, 0, ~ulong{0});
    every_order({Step::reserve, Step::commit, Step::look, Step::stop}, 0, ~ulong{0});
    every_order({Step::stop, Step::reserve, Step::commit, Step::look}, ~std::uint64_t{0}, ~ulong{0});
}

// It takes LEFT back for the slot behind a SHUTDOWN, and the host, which saw LEFT, has counted on.
BOOST_AUTO_TEST_CASE(one_that_is_told_to_leave_by_the_number_of_the_next) {
    every_order({Step::reserve, Step::commit_shutdown, Step::reserve, Step::commit, Step::look, Step::stop}, 0,
                ~ulong{0});
}

// While there is work it looks at STOP and at the clock now and then: behind 8 slots that may be slow.
BOOST_AUTO_TEST_CASE(a_busy_one_that_is_told_to_leave_or_has_had_its_time) {
    for (const bool told : {true, false}) {
        RingMemory memory(64);
        const Ring ring = memory.ring(64);
        for (int i = 0; i < 40; ++i) BOOST_REQUIRE(ring.publish(*packed({inner(nop())})).has_value());
        if (told) inside(ring).word32(SR_RING_STOP).store(3);
        NativeMemory().drain(ring, 3, ~ulong{0}, told ? ~ulong{0} : 1);
        BOOST_TEST(ring.completed() == 8u);
        BOOST_TEST(inside(ring).wake_needed(3));
    }
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
