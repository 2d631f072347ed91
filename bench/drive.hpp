// What the measurements of a device share: how a slot is published and waited for without any loop going on for ever.
// And the parts themselves, a file each; each fills its own fields.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <slipring/runtime.hpp>

#include "bench.hpp"

namespace slipring::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using Micros = std::chrono::duration<double, std::micro>;
using Done = std::expected<void, Errc>;

constexpr std::chrono::seconds patience{10};  // for a slot, before the device counts as stuck

// Slots that store, each to the next of 1024 control words.
inline std::vector<Slot> stores(unsigned count) {
    std::vector<Slot> slots;
    slots.reserve(count);
    for (unsigned i = 0; i < count; ++i) slots.push_back(store_u32(i, SR_OBSERVABLE_BASE + 1 + i % 1024));
    return slots;
}

// Until every slot of the ticket is terminal; spins, so that what is measured is the ring and not the waiting.
inline Done finish(Runtime& runtime, const Ticket& ticket) {
    constexpr unsigned spins = 1u << 20;
    for (unsigned spin = 0; spin < spins; ++spin)
        if (runtime.poll(ticket)) return {};
    return runtime.wait(ticket, patience);
}

// A full ring is waited for: with a spinning kernel on the same cores yielding is what helps.
template <class Work>
std::expected<Ticket, Errc> publish(Runtime& runtime, const Work& work, Quiet quiet,
                                    Priority level = Priority::normal) {
    auto ticket = runtime.publish(work, quiet, level);
    if (ticket || ticket.error() != Errc::ring_full) return ticket;
    const auto stuck = Clock::now() + patience;
    do {
        std::this_thread::yield();
        ticket = runtime.publish(work, quiet, level);
    } while (!ticket && ticket.error() == Errc::ring_full && Clock::now() < stuck);
    return ticket;
}

// turns.cpp: round trips, launches, and one producer's throughput, in turns on a ring of the default size.
Done measure_turns(Runtime& runtime, Seconds time, DeviceNumbers& to);
// rates.cpp
Done measure_rates(Runtime& runtime, Seconds time, DeviceNumbers& to);
// latency.cpp; the first two want the rates, and the second one a runtime with the levels CRITICAL and IDLE
Done measure_loaded(Runtime& runtime, Seconds time, DeviceNumbers& to);
Done measure_levels(Runtime& runtime, Seconds time, DeviceNumbers& to);
Done measure_wake_up(Runtime& runtime, Seconds time, DeviceNumbers& to);
// pauses.cpp. `runtime` has the max_launch_time that `to` says.
Done measure_pauses(Runtime& runtime, Seconds time, DeviceNumbers& to);
Done measure_observed_pauses(Runtime& runtime, Seconds time, DeviceNumbers& to);
// Whether each thread of that measurement has a core of its own, and so has a device that is a CPU.
bool can_observe_pauses(const DeviceInfo& info, unsigned cores);
// capacities.cpp: opens its own runtimes
std::expected<void, Error> measure_capacities(const Options& base, Seconds time, DeviceNumbers& to);
// limits.cpp: plain OpenCL, on the device that `info` describes
std::expected<Limits, Error> measure_limits(const DeviceInfo& info, Seconds time);

}  // namespace slipring::bench
