// What the tests of lost devices share: a runtime that soon gives its device up, a slot that stalls, and an end that
// waits for all that still stalls.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include "../lib/ring_inside.hpp"
#include "meant_to_leak.hpp"
#include "patience.hpp"
#include "runtime_fixture.hpp"
#include "stalling.hpp"

namespace slipring {

using namespace std::chrono_literals;

// A stalled kernel keeps its threads of PoCL's to itself; the next one needs others. Before the first call to OpenCL.
[[maybe_unused]] static const int threads =
    setenv("POCL_MAX_PTHREAD_COUNT", "32", 1) + setenv("POCL_CPU_MAX_CU_COUNT", "32", 1);

constexpr auto tally = custom_opcode<0x101>();

// Counts where it is run, in a buffer of the device's that outlives the runtime's interest in it.
inline const CustomOp counting{.opcode = 0x101,
                               .name = "tally",
                               .source = R"(
uint tally(sr_args a, const sr_buffers* b, ulong* result) {
    *result = sr_atomic_add((__global uint*)b->at[0], 1u);
    return SR_CODE_OK;
}
)",
                               .buffers = {"tallies"}};

inline Options lossy(std::atomic<int>* reports = nullptr) {
    return {.ops = {stalling, counting},
            .buffers = {release_word, {.name = "tallies", .bytes = 4, .use = BufferSpec::Use::output}},
            .hang_timeout = 400ms,
            .on_error = [reports](const Error& error) {
                BOOST_TEST_MESSAGE(error.text());
                if (reports != nullptr) ++*reports;
            }};
}

inline bool elsewhere = false;  // what stalls, stalls on no CPU

inline Slot stall_on(const Runtime& runtime) {
    elsewhere = elsewhere || !runtime.device().is_cpu;
    return stall_slot(runtime.device());
}

// The same in the shape 1 x 1. One lane alone turns faster than many: in per_launch mode on a GPU four times as
// often.
inline Slot stall_alone_on(const Runtime& runtime) {
    const DeviceInfo& device = runtime.device();
    if (device.mode == ExecutionMode::persistent || device.is_cpu) return stall_on(runtime);
    elsewhere = true;
    return slot(stall, {8'000});
}

// Publishes a slot that stalls, and waits until it is the only one that a launch has claimed or been given. A thread
// that is just inside may start that launch, and not publish().
inline Ticket publish_stall(Runtime& runtime, const Slot& stalling_slot, Priority level = Priority::normal) {
    const std::uint64_t launches = runtime.stats().launches;
    const auto ticket = runtime.publish(stalling_slot, Quiet::no, level);
    BOOST_REQUIRE(ticket.has_value());
    if (runtime.device().mode == ExecutionMode::persistent) {
        const Ring* const ring = ticket->tenant != 0 ? runtime.ring_of(ticket->tenant) : runtime.ring(level);
        BOOST_REQUIRE(eventually([&] { return inside(*ring).claimed() == ticket->end(); }));
    } else {
        BOOST_REQUIRE(eventually([&] { return runtime.stats().launches != launches; }));
        // A launch is counted first. cancel() waits until it has been queued, and leaves what it has taken along.
        BOOST_REQUIRE(runtime.cancel(*ticket) == 0u);
    }
    return *ticket;
}
inline Ticket publish_stall(Runtime& runtime) { return publish_stall(runtime, stall_on(runtime)); }

inline void is_lost(Runtime& runtime, const Ticket& ticket) {
    const auto waited = runtime.wait(ticket, 1min);
    BOOST_REQUIRE(!waited.has_value());
    BOOST_REQUIRE(waited.error() == Errc::device_lost);
}

// Waits until nothing stalls any more. On a CPU what stalls is a thread of ours that never sleeps: all has ended when
// none but this one runs, several looks in a row. Seconds later all has ended by its count, and on another device
// time is all there is to go by.
inline void let_them_end() {
    // A thread's state follows its name, which ends with the last ')'. One that ends meanwhile cannot be read.
    const auto others_run = [] {
        const std::string self = std::to_string(gettid());
        std::error_code error;
        for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
            std::string line;
            std::getline(std::ifstream(thread.path() / "stat"), line);
            const std::size_t name_end = std::min(line.rfind(')'), line.size());
            if (thread.path().filename() != self && line.substr(name_end).starts_with(") R")) return true;
        }
        return static_cast<bool>(error);
    };
    if (elsewhere) std::this_thread::sleep_for(4s);
    const auto end = std::chrono::steady_clock::now() + 30s;
    for (int quiet = 0; quiet < 10 && std::chrono::steady_clock::now() < end; others_run() ? quiet = 0 : ++quiet)
        std::this_thread::sleep_for(20ms);
}

// What still stalls when the process ends would run in memory that goes with it.
struct LetThemEnd {
    ~LetThemEnd() { let_them_end(); }
};
BOOST_TEST_GLOBAL_FIXTURE(LetThemEnd);

}  // namespace slipring
