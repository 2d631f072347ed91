#include <array>
#include <optional>
#include <thread>

#include <slipring/runtime.hpp>

#include "bench.hpp"

namespace slipring::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr unsigned batch = 32;
constexpr unsigned spins_before_wait = 1u << 20;
constexpr std::chrono::seconds patience{10};  // for a ticket, before the device counts as stuck
constexpr std::size_t warm_up = 50;
constexpr std::size_t fewest_samples = 20;  // a turn, however long they take
constexpr std::size_t most_samples = 20000;  // a turn

struct Meter {
    Runtime runtime;
    Seconds turn;
    std::optional<Errc> failed{};
    std::vector<double> round_trips{}, launches{};
    std::vector<double> quiet{}, results{}, launch_rates{};

    bool ok() const { return !failed; }

    // Until every slot of the ticket is terminal; spins, so that what is measured is the ring and not the waiting.
    void finish(const Ticket& ticket) {
        for (unsigned spin = 0; spin < spins_before_wait; ++spin)
            if (runtime.poll(ticket)) return;
        if (auto done = runtime.wait(ticket, patience); !done) failed = done.error();
    }

    // One slot there and back, many times. The first ones, which start the kernel, are not counted.
    void round_trip_turn() {
        const auto end = Clock::now() + turn;
        for (std::size_t i = 0; ok() && i < warm_up + most_samples; ++i) {
            const Slot slot = store_u32(static_cast<std::uint32_t>(i), SR_OBSERVABLE_BASE);
            const auto begin = Clock::now();
            if (begin >= end && i >= warm_up + fewest_samples) return;
            const auto ticket = runtime.publish(slot);
            if (!ticket) failed = ticket.error();
            else finish(*ticket);
            const std::chrono::duration<double, std::micro> took = Clock::now() - begin;
            if (i >= warm_up) round_trips.push_back(took.count());
        }
    }

    // The same slot by a launch of its own. The persistent kernel is given the time to leave first.
    void launch_turn() {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const auto start = Clock::now();
        const std::size_t before = launches.size();
        for (auto begin = start; ok() && (begin < start + turn || launches.size() < before + fewest_samples);
             begin = Clock::now()) {
            const Slot slot = store_u32(static_cast<std::uint32_t>(launches.size()), SR_OBSERVABLE_BASE);
            if (auto ran = runtime.launch(slot); !ran) failed = ran.error();
            launches.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
        }
        const Seconds took = Clock::now() - start;
        launch_rates.push_back(static_cast<double>(launches.size() - before) / took.count());
    }

    // One producer makes and publishes batches and yields when the ring is full; the turn ends with its last slot.
    double throughput_turn(Quiet quietness) {
        const auto start = Clock::now();
        std::array<Slot, batch> slots;
        std::uint32_t made = 0;
        std::uint64_t published = 0;
        Ticket last;
        while (ok() && (published / batch % 16 != 0 || Clock::now() < start + turn)) {
            for (Slot& slot : slots) slot = store_u32(made++, SR_OBSERVABLE_BASE);
            auto ticket = runtime.publish(slots, quietness);
            for (const auto stuck = Clock::now() + patience; !ticket && ticket.error() == Errc::ring_full;) {
                std::this_thread::yield();
                ticket = runtime.publish(slots, quietness);
                if (!ticket && Clock::now() > stuck) break;
            }
            if (!ticket) {
                failed = ticket.error();
            } else {
                last = *ticket;
                published += batch;
            }
        }
        if (ok()) finish(last);
        const Seconds took = Clock::now() - start;
        return static_cast<double>(published) / took.count();
    }
};

double clock_ns() {
    std::vector<double> samples;
    for (int i = 0; i < 1000; ++i) {
        const auto begin = Clock::now();
        for (int k = 0; k < 16; ++k) (void)Clock::now();
        samples.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / 17);
    }
    return median(std::move(samples));
}

}  // namespace

std::expected<DeviceNumbers, Error> measure_device(const std::string& device, Seconds time) {
    auto runtime = Runtime::open({.device = device});
    if (!runtime) return std::unexpected(runtime.error());

    constexpr int rounds = 9;
    Meter meter{.runtime = std::move(*runtime), .turn = time / (4 * rounds)};
    for (int round = 0; meter.ok() && round < rounds; ++round) {
        meter.round_trip_turn();
        meter.quiet.push_back(meter.throughput_turn(Quiet::yes));
        meter.results.push_back(meter.throughput_turn(Quiet::no));
        meter.launch_turn();
    }
    if (!meter.ok()) return std::unexpected(Error{*meter.failed, "while measuring"});

    return DeviceNumbers{.info = meter.runtime.device(),
                         .clock_ns = clock_ns(),
                         .round_trip_us = percentiles(std::move(meter.round_trips)),
                         .launch_us = percentiles(std::move(meter.launches)),
                         .batch = batch,
                         .quiet_slots_per_s = median(std::move(meter.quiet)),
                         .result_slots_per_s = median(std::move(meter.results)),
                         .launches_per_s = median(std::move(meter.launch_rates))};
}

}  // namespace slipring::bench
