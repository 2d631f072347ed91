// What the probe reports, what can be forced, and how a forced choice that cannot be had fails.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../lib/wide_store.hpp"
#include "runtime_fixture.hpp"

using namespace slipring;

namespace {

bool is(std::string_view wanted, const DeviceInfo& info) { return wanted == "auto" || info.name == wanted; }

// The device that the tests run on, as it serves by itself.
DeviceInfo usual() {
    const auto runtime = Runtime::open({.device = test_device()});
    BOOST_REQUIRE_MESSAGE(runtime.has_value(), (runtime ? "" : runtime.error().text()));
    return runtime->device();
}

void check_report(const DeviceInfo& info) {
    BOOST_TEST_CONTEXT(info.name << ", " << info.why) {
        BOOST_TEST(!info.why.empty());
        if (info.mode == ExecutionMode::none) return;
        BOOST_REQUIRE(!info.attempts.empty());
        for (const Attempt& attempt : info.attempts) {
            BOOST_TEST((attempt.memory != SharedMemory::none));
            BOOST_TEST(!attempt.outcome.empty());
            BOOST_TEST(info.why.find(attempt.outcome) != std::string::npos);
            BOOST_TEST(attempt.took.count() >= 0);
        }
        if (info.mode == ExecutionMode::persistent) {
            const Attempt& last = info.attempts.back();  // the first that answers is used
            BOOST_TEST(last.answered);
            BOOST_TEST((last.memory == info.memory));
            BOOST_TEST(last.took.count() > 0);
            BOOST_TEST(info.probe_round_trip_us > 0);
        } else {
            BOOST_TEST((info.memory == SharedMemory::mirrored));
        }
        BOOST_TEST(info.shape.groups >= 1u);
        BOOST_TEST(info.shape.lanes >= 1u);
    }
}

std::expected<Runtime, Error> forced(std::optional<ExecutionMode> mode, std::optional<SharedMemory> memory) {
    return Runtime::open({.device = test_device(), .mode = mode, .memory = memory});
}

LaunchShape shape_of(LaunchShape wanted) {
    auto runtime = Runtime::open({.device = test_device(), .shape = wanted});
    BOOST_REQUIRE_MESSAGE(runtime.has_value(), (runtime ? "" : runtime.error().text()));
    BOOST_TEST(run(*runtime, store_u32(3, 160)).value == 3u);
    return runtime->device().shape;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_device_says_what_was_tried) {
    const auto found = devices();
    BOOST_REQUIRE(found.has_value());
    for (const DeviceInfo& info : *found) check_report(info);
    const DeviceInfo info = usual();
    check_report(info);
    const auto same = [&](const DeviceInfo& one) { return is(info.name, one); };
    BOOST_TEST(std::ranges::any_of(*found, same));
}

BOOST_AUTO_TEST_CASE(relaunch_can_be_had_everywhere) {
    for (const auto& [mode, memory] :
         {std::pair<std::optional<ExecutionMode>, std::optional<SharedMemory>>{ExecutionMode::per_launch, {}},
          {{}, SharedMemory::mirrored},
          {ExecutionMode::per_launch, SharedMemory::mirrored}}) {
        auto runtime = forced(mode, memory);
        BOOST_REQUIRE_MESSAGE(runtime.has_value(), (runtime ? "" : runtime.error().text()));
        BOOST_TEST((runtime->device().mode == ExecutionMode::per_launch));
        BOOST_TEST((runtime->device().memory == SharedMemory::mirrored));
        BOOST_TEST(!runtime->device().why.empty());
        BOOST_TEST(run(*runtime, store_u32(3, 160)).value == 3u);
    }
}

BOOST_AUTO_TEST_CASE(a_live_memory_is_had_or_refused_with_the_report) {
    const DeviceInfo info = usual();
    for (const SharedMemory memory : {SharedMemory::svm, SharedMemory::nv_host}) {
        for (const std::optional<ExecutionMode> mode :
             {std::optional<ExecutionMode>(), std::optional(ExecutionMode::persistent)}) {
            auto runtime = forced(mode, memory);
            if (runtime) {
                check_report(runtime->device());
                BOOST_TEST((runtime->device().memory == memory));
                BOOST_TEST((runtime->device().mode == ExecutionMode::persistent));
                BOOST_TEST(runtime->device().attempts.size() == 1u);
                BOOST_TEST(run(*runtime, store_u32(3, 160)).value == 3u);
            } else {
                BOOST_TEST((info.memory != memory));
                BOOST_TEST(runtime.error().code == Errc::no_device);
                BOOST_TEST(runtime.error().detail.find(info.name) != std::string::npos);
                BOOST_TEST(runtime.error().detail.find(name(memory)) != std::string::npos);
            }
        }
    }
    const auto live = forced(ExecutionMode::persistent, {});
    BOOST_TEST(live.has_value() == (info.mode == ExecutionMode::persistent));
}

// SLIPRING_TEST_BUS_WINDOW: there is one, if the processor can fill it.
BOOST_AUTO_TEST_CASE(a_bus_window_is_had_or_refused_with_the_reason) {
    auto runtime = forced({}, SharedMemory::bus_window);
    const bool expected = std::getenv("SLIPRING_TEST_BUS_WINDOW") != nullptr && widest_store() != WideStore::none;
    BOOST_TEST((runtime.has_value() || !expected), (runtime ? "" : runtime.error().text()));
    if (!runtime) {
        BOOST_TEST(runtime.error().code == Errc::no_device);
        const std::string& why = runtime.error().detail;
        BOOST_TEST_MESSAGE(why);
        const bool says = why.find(message(Errc::no_window)) != std::string::npos ||
                          why.find("does not offer bus_window") != std::string::npos;
        BOOST_TEST((says || usual().mode != ExecutionMode::persistent));
        return;
    }
    check_report(runtime->device());
    BOOST_TEST((runtime->device().memory == SharedMemory::bus_window));
    BOOST_TEST((runtime->device().mode == ExecutionMode::persistent));
    BOOST_TEST(runtime->device().attempts.size() >= 2u);  // the memory beside it first
    for (std::uint32_t i = 1; i <= 3; ++i) BOOST_TEST(run(*runtime, atomic_add(1, 160)).value == i - 1);
}

BOOST_AUTO_TEST_CASE(what_contradicts_itself_is_refused) {
    const auto code = [](std::optional<ExecutionMode> mode, std::optional<SharedMemory> memory) {
        return forced(mode, memory).error().code;
    };
    BOOST_TEST(code(ExecutionMode::none, {}) == Errc::bad_options);
    BOOST_TEST(code({}, SharedMemory::none) == Errc::bad_options);
    BOOST_TEST(code(ExecutionMode::persistent, SharedMemory::mirrored) == Errc::bad_options);
    BOOST_TEST(code(ExecutionMode::per_launch, SharedMemory::svm) == Errc::bad_options);
    BOOST_TEST(code(ExecutionMode::per_launch, SharedMemory::bus_window) == Errc::bad_options);
}

BOOST_AUTO_TEST_CASE(a_shape_is_chosen_taken_or_cut_to_the_device) {
    const DeviceInfo info = usual();
    BOOST_TEST((shape_of({}) == info.shape));
    BOOST_TEST((shape_of({1, 1}) == LaunchShape{1, 1}));
    const LaunchShape three = shape_of({3, 1});
    BOOST_TEST(three.groups == std::min(3u, info.compute_units));
    if (info.is_cpu) BOOST_TEST(three.lanes == 1u);
    BOOST_TEST(shape_of({4096, 1}).groups == info.compute_units);
    BOOST_TEST(shape_of({1, 1024}).lanes >= 1u);

    for (const LaunchShape shape : {LaunchShape{100000, 1}, LaunchShape{1, 100000}}) {
        const auto refused = Runtime::open({.device = test_device(), .shape = shape});
        BOOST_REQUIRE(!refused.has_value());
        BOOST_TEST(refused.error().code == Errc::bad_options);
        BOOST_TEST(!refused.error().detail.empty());
    }
}
