// When silence makes a device lost, by a clock of the test's.
#include <boost/test/unit_test.hpp>

#include "../lib/runtime/watch.hpp"

using namespace slipring;
using namespace std::chrono_literals;

namespace {

struct Looks {
    Watch watch;
    Watch::Clock::time_point now{1h};

    bool after(std::chrono::nanoseconds time, std::uint64_t completed, bool has_work = true) {
        now += time;
        return watch.look(completed, [has_work] { return has_work; }, 400ms, now);
    }
    // Looks each `step` for `time`; true if it was lost meanwhile.
    bool each(std::chrono::milliseconds step, std::chrono::milliseconds time, std::uint64_t completed,
              bool has_work = true) {
        for (auto looked = 0ms; looked < time; looked += step)
            if (after(step, completed, has_work)) return true;
        return false;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(silence_with_work_is_a_death_after_the_deadline_and_not_before) {
    Looks looks;
    BOOST_TEST(!looks.after(0ns, 7));  // progress
    BOOST_TEST(!looks.after(0ns, 7));
    BOOST_TEST(!looks.each(10ms, 400ms, 7));
    BOOST_TEST(looks.after(1ns, 7));
}

BOOST_AUTO_TEST_CASE(progress_begins_anew) {
    Looks looks;
    for (std::uint64_t completed = 0; completed < 20; ++completed) {
        BOOST_TEST(!looks.each(10ms, 400ms, completed));
    }
    BOOST_TEST(looks.each(10ms, 420ms, 19));
}

// A process that was stopped, a debugger, a machine that slept: nobody looked, and the device did not run either.
BOOST_AUTO_TEST_CASE(a_long_time_without_a_look_is_little_silence) {
    Looks looks;
    BOOST_TEST(!looks.after(0ns, 7));
    BOOST_TEST(!looks.after(0ns, 7));
    BOOST_TEST(!looks.after(1h, 7));
    BOOST_TEST(!looks.after(24h, 7));
    BOOST_TEST(!looks.each(10ms, 200ms, 7));  // 400 ms in all
    BOOST_TEST(looks.after(1h, 7));
}

BOOST_AUTO_TEST_CASE(without_work_it_owes_nothing) {
    Looks looks;
    BOOST_TEST(!looks.each(10ms, 10s, 7, false));
    // Nor is the time before the work any of its silence.
    BOOST_TEST(!looks.after(90ms, 7));
    BOOST_TEST(!looks.each(10ms, 400ms, 7));
    BOOST_TEST(looks.after(10ms, 7));
}

BOOST_AUTO_TEST_CASE(a_clock_that_stands_still_or_goes_back_adds_nothing) {
    Looks looks;
    for (int i = 0; i < 1000; ++i) BOOST_TEST(!looks.after(i % 2 == 0 ? -1ms : 0ns, 7));
}
