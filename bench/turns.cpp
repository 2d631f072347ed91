// The figures that every version has had, so that versions compare: see DeviceNumbers.
#include <array>
#include <thread>

#include "drive.hpp"

namespace slipring::bench {
namespace {

constexpr unsigned batch = 32;
constexpr int rounds = 9;
constexpr int kinds = 5;
constexpr std::size_t warm_up = 50;
constexpr std::size_t fewest_samples = 20;      // a turn, however long they take
constexpr std::size_t wanted_samples = 12'000;  // a turn, if they take no more than four times its share
constexpr std::size_t max_samples = 40'000;     // a turn

struct Meter {
    Runtime& runtime;
    Seconds turn;
    Done done{};
    std::vector<double> round_trips{}, with_result{}, launches{};
    std::vector<double> quiet{}, results{}, launch_rates{};

    bool ok() const { return done.has_value(); }

    void fail(Errc code) { done = std::unexpected(code); }

    // One slot there and back, many times. The first ones, which start the kernel, are not counted.
    void round_trip_turn(bool read_result, std::vector<double>& samples) {
        const auto start = Clock::now();
        for (std::size_t i = 0; ok() && i < warm_up + max_samples; ++i) {
            const Slot slot = store_u32(static_cast<std::uint32_t>(i), SR_OBSERVABLE_BASE);
            const auto begin = Clock::now();
            const double turns = (begin - start) / turn;
            if (turns >= 1 && i >= warm_up + (turns < 4 ? wanted_samples : fewest_samples)) return;
            const auto ticket = runtime.publish(slot);
            if (!ticket) fail(ticket.error());
            else done = finish(runtime, *ticket);
            if (ok() && read_result) {
                const auto result = runtime.result(*ticket);
                if (!result) fail(result.error());
            }
            const Micros took = Clock::now() - begin;
            if (i >= warm_up) samples.push_back(took.count());
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
            if (auto ran = runtime.launch(slot); !ran) fail(ran.error());
            launches.push_back(Micros(Clock::now() - begin).count());
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
            const auto ticket = publish(runtime, std::span<const Slot>(slots), quietness);
            if (!ticket) {
                fail(ticket.error());
            } else {
                last = *ticket;
                published += batch;
            }
        }
        if (ok()) done = finish(runtime, last);
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

Done measure_turns(Runtime& runtime, Seconds time, DeviceNumbers& to) {
    Meter meter{.runtime = runtime, .turn = time / (kinds * rounds)};
    for (int round = 0; meter.ok() && round < rounds; ++round) {
        meter.round_trip_turn(false, meter.round_trips);
        meter.round_trip_turn(true, meter.with_result);
        meter.quiet.push_back(meter.throughput_turn(Quiet::yes));
        meter.results.push_back(meter.throughput_turn(Quiet::no));
        meter.launch_turn();
    }
    if (!meter.ok()) return meter.done;

    to.capacity = runtime.ring().capacity();
    to.clock_ns = clock_ns();
    to.round_trip_us = percentiles(std::move(meter.round_trips));
    to.with_result_us = percentiles(std::move(meter.with_result));
    to.launch_us = percentiles(std::move(meter.launches));
    to.batch = batch;
    to.quiet_slots_per_s = median(std::move(meter.quiet));
    to.result_slots_per_s = median(std::move(meter.results));
    to.launches_per_s = median(std::move(meter.launch_rates));
    return {};
}

}  // namespace slipring::bench
