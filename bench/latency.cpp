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

std::expected<Loaded, Errc> measure_at(Runtime& runtime, At at, const Rate& peak, unsigned percent, Seconds time) {
    // Batches of 512 and more are sent in pieces: a long batch is a burst, and the pace is what is asked for.
    const unsigned batch = std::min(peak.shape.batch, 256u);
    const double each = peak.slots_per_s * percent / 100 / peak.shape.producers;
    std::vector<std::unique_ptr<Load>> loads;
    for (unsigned i = 0; percent != 0 && i < peak.shape.producers; ++i)
        loads.push_back(std::make_unique<Load>(runtime, at.load, batch, each));
    const auto published = [&] {
        std::uint64_t sum = 0;
        for (const auto& load : loads) sum += load->published();
        return static_cast<double>(sum);
    };

    std::vector<double> samples;
    Done done = probe(runtime, at.probe, time / 10, samples);  // threads start, caches fill
    samples.clear();
    const auto begin = Clock::now();
    const double before = published();
    if (done) done = probe(runtime, at.probe, time * 0.9, samples);
    const Seconds took = Clock::now() - begin;
    const double rate = (published() - before) / took.count();

    for (const auto& load : loads) load->join();
    for (const auto& load : loads)
        if (load->failed) return std::unexpected(*load->failed);
    if (!done) return std::unexpected(done.error());
    return Loaded{percent, runtime.ring(at.probe)->capacity(), rate, percentiles(std::move(samples))};
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
    constexpr At at{Priority::critical, Priority::idle};
    Rate peak = peak_beside_probe(to);
    auto alone = measure_at(runtime, at, peak, 0, time / 4);
    if (!alone) return std::unexpected(alone.error());
    to.critical.push_back(std::move(*alone));
    // All that the level takes: of a rate without levels it has at most some part. The others are parts of that.
    auto full = measure_at(runtime, at, peak, 100, time / 4);
    if (!full) return std::unexpected(full.error());
    peak.slots_per_s = full->slots_per_s;
    for (const unsigned percent : {50u, 90u}) {
        auto loaded = measure_at(runtime, at, peak, percent, time / 4);
        if (!loaded) return std::unexpected(loaded.error());
        to.critical.push_back(std::move(*loaded));
    }
    to.critical.push_back(std::move(*full));
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
