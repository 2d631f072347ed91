// Latency where something else goes on: other producers' load, a kernel that has left.
#include <algorithm>
#include <atomic>
#include <thread>

#include "drive.hpp"

namespace slipring::bench {
namespace {

constexpr std::size_t fewest_samples = 20;
constexpr std::size_t max_samples = 400'000;

// ---- loaded ------------------------------------------------------------------------------------------------------

// Publishes quiet batches at a pace of its own until told to stop.
class Load {
public:
    Load(Runtime& runtime, Priority level, unsigned batch, double slots_per_s)
        : thread_([&runtime, this, level, slots_per_s, slots = stores(batch)](const std::stop_token& stop) {
              run(runtime, level, slots, slots_per_s, stop);
          }) {}

    // After a stop: how many slots, and what went wrong.
    std::uint64_t join() {
        thread_.request_stop();
        thread_.join();
        return published_;
    }
    std::uint64_t published() const { return published_.load(std::memory_order_relaxed); }
    std::optional<Errc> failed{};

private:
    void run(Runtime& runtime, Priority level, std::span<const Slot> slots, double slots_per_s,
             const std::stop_token& stop) {
        const double batch = static_cast<double>(slots.size());
        const double max_debt = batch + slots_per_s * 0.001;  // what a pause has cost is not made up for in a burst
        auto last = Clock::now();
        double due = 0;
        while (!stop.stop_requested()) {
            const auto now = Clock::now();
            due = std::min(max_debt, due + Seconds(now - last).count() * slots_per_s);
            last = now;
            if (due < batch) {
                std::this_thread::yield();
                continue;
            }
            if (const auto ticket = runtime.publish(slots, Quiet::yes, level)) {
                due -= batch;
                published_.fetch_add(slots.size(), std::memory_order_relaxed);
            } else if (ticket.error() == Errc::ring_full) {
                std::this_thread::yield();
            } else {
                failed = ticket.error();
                return;
            }
        }
    }

    std::atomic<std::uint64_t> published_{0};
    std::jthread thread_;
};

// The threads of a rate's shape, which together publish so many slots a second at a level.
class Loads {
public:
    Loads(Runtime& runtime, Priority level, const Shape& shape, double slots_per_s) {
        // Batches of 512 and more are sent in pieces: a long batch is a burst, and the pace is what is asked for.
        const unsigned batch = std::min(shape.batch, 256u);
        for (unsigned i = 0; slots_per_s > 0 && i < shape.producers; ++i)
            loads_.push_back(std::make_unique<Load>(runtime, level, batch, slots_per_s / shape.producers));
    }
    double published() const {
        std::uint64_t sum = 0;
        for (const auto& load : loads_) sum += load->published();
        return static_cast<double>(sum);
    }
    Done join() {
        for (const auto& load : loads_) load->join();
        for (const auto& load : loads_)
            if (load->failed) return std::unexpected(*load->failed);
        return {};
    }

private:
    std::vector<std::unique_ptr<Load>> loads_{};
};

// One slot there and back with its result, again and again.
Done probe(Runtime& runtime, Priority level, Seconds time, std::vector<double>& samples) {
    const auto end = Clock::now() + time;
    for (auto begin = Clock::now(); samples.size() < max_samples && (begin < end || samples.size() < fewest_samples);
         begin = Clock::now()) {
        const auto ticket = publish(runtime, store_u32(1, SR_OBSERVABLE_BASE), Quiet::no, level);
        if (!ticket) return std::unexpected(ticket.error());
        if (auto done = finish(runtime, *ticket); !done) return done;
        const auto result = runtime.result(*ticket);
        if (!result && result.error() != Errc::result_expired) return std::unexpected(result.error());
        samples.push_back(Micros(Clock::now() - begin).count());
    }
    return {};
}

// Where what is measured and what loads the device are published.
struct At {
    Priority probe, load;
};

// At so many percent of `peak`.
std::expected<Loaded, Errc> measure_at(Runtime& runtime, At at, const Rate& peak, unsigned percent, Seconds time) {
    Loads loads(runtime, at.load, peak.shape, peak.slots_per_s * percent / 100);
    std::vector<double> samples;
    Done done = probe(runtime, at.probe, time / 10, samples);  // threads start, caches fill
    samples.clear();
    const auto begin = Clock::now();
    const double before = loads.published();
    if (done) done = probe(runtime, at.probe, time * 0.9, samples);
    const Seconds took = Clock::now() - begin;
    const double rate = (loads.published() - before) / took.count();

    if (const Done joined = loads.join(); !joined) return std::unexpected(joined.error());
    if (!done) return std::unexpected(done.error());
    return Loaded{percent, runtime.ring(at.probe)->capacity(), rate, percentiles(std::move(samples))};
}

// What a level takes when nothing else goes on, from threads that are asked for more than that. If none of them ran
// in the time, on a busy machine, it takes longer.
std::expected<Rate, Errc> peak_of(Runtime& runtime, Priority level, Rate rate, Seconds time) {
    Loads loads(runtime, level, rate.shape, 2 * rate.slots_per_s);
    std::this_thread::sleep_for(time / 10);
    const auto begin = Clock::now();
    const double before = loads.published();
    do {
        std::this_thread::sleep_for(time * 0.9);
    } while (loads.published() == before && Clock::now() - begin < patience);
    rate.slots_per_s = (loads.published() - before) / Seconds(Clock::now() - begin).count();
    if (const Done joined = loads.join(); !joined) return std::unexpected(joined.error());
    return rate;
}

// Of quiet slots, with as many producers as leave a core for the probe, and one for a device that is a CPU.
Rate peak_beside_probe(const DeviceNumbers& of) {
    const unsigned threads = std::thread::hardware_concurrency();
    const unsigned taken = of.info.is_cpu ? 2 : 1;
    const unsigned most = threads > taken ? threads - taken : 1;
    Rate peak;
    for (const Rate& each : of.rates)
        if (each.want == Want::quiet && each.shape.producers <= most && each.slots_per_s > peak.slots_per_s)
            peak = each;
    return peak;
}

}  // namespace

Done measure_loaded(Runtime& runtime, Seconds time, DeviceNumbers& to) {
    const Rate peak = peak_beside_probe(to);
    for (const unsigned percent : {10u, 50u, 90u}) {
        auto loaded = measure_at(runtime, {Priority::normal, Priority::normal}, peak, percent, time / 3);
        if (!loaded) return std::unexpected(loaded.error());
        to.loaded.push_back(std::move(*loaded));
    }
    return {};
}

Done measure_levels(Runtime& runtime, Seconds time, DeviceNumbers& to) {
    const auto peak = peak_of(runtime, Priority::idle, peak_beside_probe(to), time / 4);
    if (!peak) return std::unexpected(peak.error());
    to.idle_slots_per_s = peak->slots_per_s;
    for (const unsigned percent : {0u, 50u, 90u}) {
        auto loaded = measure_at(runtime, {Priority::critical, Priority::idle}, *peak, percent, time / 4);
        if (!loaded) return std::unexpected(loaded.error());
        to.critical.push_back(std::move(*loaded));
    }
    return {};
}

Done measure_wake_up(Runtime& runtime, Seconds time, DeviceNumbers& to) {
    // Twice the default idle_timeout, longer if that was not enough: the number of launches says whether the kernel
    // had left.
    std::chrono::milliseconds rest(to.info.is_cpu ? 3 : 8);
    constexpr std::chrono::milliseconds longest_rest(50);
    const bool counts_launches = to.info.mode == ExecutionMode::persistent;
    const auto end = Clock::now() + time;
    std::vector<double> samples;
    for (unsigned tries = 0; tries < fewest_samples || Clock::now() < end; ++tries) {
        std::this_thread::sleep_for(rest);
        const std::uint64_t launches = runtime.stats().launches;
        const auto begin = Clock::now();
        const auto ticket = publish(runtime, store_u32(tries, SR_OBSERVABLE_BASE), Quiet::no);
        if (!ticket) return std::unexpected(ticket.error());
        if (auto done = finish(runtime, *ticket); !done) return done;
        const Micros took = Clock::now() - begin;
        if (!counts_launches || runtime.stats().launches != launches) samples.push_back(took.count());
        else rest = std::min(longest_rest, rest * 3 / 2);
    }
    to.wake_up_us = percentiles(std::move(samples));
    return {};
}

}  // namespace slipring::bench
