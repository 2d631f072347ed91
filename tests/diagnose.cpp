// Who is stuck: what a runtime says of a device that does not answer.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

Diagnosis diagnosis_of(const Runtime& runtime) {
    auto diagnosis = runtime.diagnose();
    BOOST_REQUIRE(diagnosis.has_value());
    return std::move(*diagnosis);
}

// What runs at a level, of one operation.
std::vector<std::uint64_t> running(const Diagnosis::Level& level, const std::string& operation) {
    std::vector<std::uint64_t> out;
    for (const Diagnosis::Running& slot : level.running)
        if (slot.operation == operation) out.push_back(slot.position);
    return out;
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void let_go(Runtime& runtime) {
    if (runtime.device().mode == ExecutionMode::persistent) word(runtime.buffer("release")).store(1);
}

}  // namespace

BOOST_DATA_TEST_CASE(before_the_first_launch_nothing_runs, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const Diagnosis now = diagnosis_of(runtime);
    BOOST_TEST((now.launches == 0u && !now.runs && now.silence == 0ns));
    BOOST_REQUIRE(now.levels.size() == 1u);
    const Diagnosis::Level& level = now.levels[0];
    BOOST_TEST((level.level == Priority::normal && level.reserved == 0u && level.running.empty() && !level.is_held));
    BOOST_TEST(says(now.text(), "no launch yet"));
}

BOOST_DATA_TEST_CASE(once_all_has_finished_nothing_runs, data::make(modes), mode) {
    Runtime runtime = open(mode);
    run(runtime, store_u32(1, 200));
    run(runtime, store_u32(1, 201));
    const Diagnosis now = diagnosis_of(runtime);
    BOOST_TEST(now.launches >= 1u);
    BOOST_TEST((now.launched > 0ns && now.launched < 5min));
    const Diagnosis::Level& level = now.levels.at(0);
    BOOST_TEST(level.running.empty());
    BOOST_TEST((level.published == 2u && level.reserved == 2u));
    BOOST_TEST(eventually([&] { return diagnosis_of(runtime).levels[0].completed == 2u; }));
    BOOST_TEST(eventually([&] { return !diagnosis_of(runtime).runs; }));  // it idles, and leaves
}

BOOST_DATA_TEST_CASE(a_slot_that_stalls_is_named_with_what_waits_behind_it, data::make(modes), mode) {
    Options options = lossy();
    options.hang_timeout = 1min;
    Runtime runtime = open(mode, options);
    run(runtime, nop());
    const Ticket stalled = publish_stall(runtime);
    const std::vector<Slot> behind(5, batch_fence(1, 1));
    const auto waiting = runtime.publish(behind);
    BOOST_REQUIRE(waiting.has_value());
    const Diagnosis now = diagnosis_of(runtime);
    BOOST_TEST(now.runs);
    const Diagnosis::Level& level = now.levels.at(0);
    BOOST_TEST((running(level, "stall") == std::vector{stalled.first}));
    BOOST_TEST(level.running[0].opcode == stall.value());
    BOOST_TEST(!level.running[0].quiet);
    BOOST_TEST((level.completed <= stalled.first && level.begun > stalled.first));
    BOOST_TEST((level.published == waiting->end() && level.reserved == waiting->end()));
    BOOST_TEST(says(now.text(), "position 1 runs stall (0x100)"));
    let_go(runtime);
    BOOST_REQUIRE(runtime.wait(*waiting, 1min).has_value());
    BOOST_TEST(diagnosis_of(runtime).levels.at(0).running.empty());
}

// Others ask all the time, while slots run.
BOOST_DATA_TEST_CASE(asking_disturbs_nobody, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 64});
    std::atomic<bool> ends{false};
    std::atomic<std::uint64_t> asked{0};
    std::uint64_t impossible = 0;
    std::thread asker([&] {
        for (; !ends.load(); ++asked) {
            const auto now = runtime.diagnose();
            if (!now || now->levels.size() != 1) ++impossible;
            else {
                const Diagnosis::Level& of = now->levels[0];
                impossible += of.completed > of.begun || of.begun > of.published || of.published > of.reserved;
            }
            std::this_thread::yield();
        }
    });
    BOOST_REQUIRE(eventually([&] { return asked.load() != 0; }));
    for (int i = 0; i < 300; ++i) run(runtime, atomic_add(1, 200));
    ends = true;
    asker.join();
    BOOST_TEST(control(runtime, 200) == 300u);
    BOOST_TEST(impossible == 0u);
}

BOOST_AUTO_TEST_CASE(a_producer_that_died_in_a_reservation_is_named) {
    Runtime runtime = open(ExecutionMode::persistent);
    run(runtime, nop());
    const Ring ring = runtime.ring();
    auto reservation = ring.reserve(2);
    BOOST_REQUIRE(reservation.has_value());
    BOOST_REQUIRE(runtime.publish(nop()).has_value());
    BOOST_TEST(diagnosis_of(runtime).levels.at(0).is_held);
    std::this_thread::sleep_for(20ms);
    const Diagnosis now = diagnosis_of(runtime);
    const Diagnosis::Level& level = now.levels.at(0);
    BOOST_TEST((level.is_held && level.held_for >= 20ms && level.published == 1u && level.reserved == 4u));
    BOOST_TEST(says(now.text(), "position 1 was reserved"));
    reservation->commit();
    runtime.wake();
    BOOST_TEST(eventually([&] { return !diagnosis_of(runtime).levels.at(0).is_held; }));
}

BOOST_AUTO_TEST_CASE(each_open_level_is_there_and_says_its_own) {
    Options options = lossy();
    options.shape = {1, 1};
    options.levels = {.critical = 64, .idle = 64};
    options.hang_timeout = 1min;
    Runtime runtime = open(ExecutionMode::persistent, options);
    const Ticket stalled = publish_stall(runtime, stall_on(runtime), Priority::idle);
    BOOST_REQUIRE(runtime.publish(nop(), Quiet::yes, Priority::critical).has_value());
    const Diagnosis now = diagnosis_of(runtime);
    BOOST_REQUIRE(now.levels.size() == 3u);
    BOOST_TEST((now.levels[0].level == Priority::critical && now.levels[2].level == Priority::idle));
    BOOST_TEST((now.levels[0].published == 1u && now.levels[0].begun == 0u && now.levels[0].running.empty()));
    BOOST_TEST((running(now.levels[2], "stall") == std::vector{stalled.first}));
    BOOST_TEST(says(now.text(), "critical: 0 finished, 0 begun, 1 published"));
    let_go(runtime);
    BOOST_REQUIRE(runtime.wait(stalled, 1min).has_value());
}

// What on_error is told; and it can be asked as well, before recover().
BOOST_DATA_TEST_CASE(a_lost_device_says_what_it_was_at, data::make(modes), mode) {
    std::mutex lock;
    std::string told;
    Options options = lossy();
    options.on_error = [&](const Error& error) {
        const std::scoped_lock held(lock);
        told = error.detail;
    };
    Runtime runtime = open(mode, options);
    const auto release = runtime.buffer("release");
    run(runtime, nop());
    const Ticket stalled = publish_stall(runtime);
    is_lost(runtime, stalled);
    const Diagnosis now = diagnosis_of(runtime);
    BOOST_TEST(now.silence > options.hang_timeout);
    BOOST_TEST((running(now.levels.at(0), "stall") == std::vector{stalled.first}));
    BOOST_TEST(eventually([&] {
        const std::scoped_lock held(lock);
        return !told.empty();
    }));
    BOOST_TEST_INFO(told);
    BOOST_TEST((says(told, "no progress within hang_timeout") && says(told, "position 1 runs stall (0x100)")));
    const auto recovered = runtime.recover();
    BOOST_REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().text()));
    run(runtime, nop());
    BOOST_TEST(diagnosis_of(runtime).levels.at(0).running.empty());
    BOOST_TEST(diagnosis_of(runtime).silence < options.hang_timeout);
    if (mode == ExecutionMode::persistent) word(release).store(1);  // the lost one may end
}
