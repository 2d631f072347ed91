// How long nothing ends where a launch follows another under load: as the thread that publishes sees it, and as an
// observer does. Of all gaps between two changes of `completed`, as many of the longest count as there were
// relaunches: no relaunch can have cost more, though something else may have.
#include <algorithm>
#include <functional>
#include <optional>
#include <thread>

#include "drive.hpp"

namespace slipring::bench {
namespace {

std::vector<Slot> batch_for(const DeviceInfo& info) { return stores(info.is_cpu ? 32 : 256); }

// The longest of very many.
class Longest {
public:
    void add(double value) {
        if (heap_.size() == keep) {
            if (value <= heap_.front()) return;
            std::ranges::pop_heap(heap_, std::greater{});
            heap_.pop_back();
        }
        heap_.push_back(value);
        std::ranges::push_heap(heap_, std::greater{});
    }

    std::vector<double> take(std::size_t n) {
        std::ranges::sort(heap_, std::greater{});
        heap_.resize(std::min(n, heap_.size()));
        return std::move(heap_);
    }

private:
    static constexpr std::size_t keep = 100'000;
    std::vector<double> heap_{};  // the least first
};

// Keeps the ring full until told to stop. Its calls of publish start the next launch.
class Filler {
public:
    Filler(Runtime& runtime, std::span<const Slot> slots)
        : thread_([this, &runtime, slots](const std::stop_token& stop) {
              while (!stop.stop_requested()) {
                  const auto ticket = runtime.publish(slots, Quiet::yes);
                  if (ticket) {
                      last = *ticket;
                  } else if (ticket.error() == Errc::ring_full) {
                      std::this_thread::yield();
                  } else {
                      failed = ticket.error();
                      return;
                  }
              }
          }) {}

    void join() {
        thread_.request_stop();
        thread_.join();
    }

    // After join.
    std::optional<Ticket> last{};
    std::optional<Errc> failed{};

private:
    std::jthread thread_;
};

constexpr unsigned fillers = 2;

}  // namespace

// One thread keeps the ring full and watches what has ended, so a gap may hold the call that enqueues the next
// launch.
Done measure_pauses(Runtime& runtime, Seconds time, DeviceNumbers& to) {
    const std::vector<Slot> slots = batch_for(to.info);
    auto last = publish(runtime, std::span<const Slot>(slots), Quiet::yes);
    if (!last) return std::unexpected(last.error());
    if (auto done = finish(runtime, *last); !done) return done;

    to.pause_capacity = runtime.ring().capacity();
    Longest gaps;
    const std::uint64_t launches = runtime.stats().launches;
    std::uint64_t seen = runtime.ring().completed();
    const auto begin = Clock::now();
    for (auto now = begin, changed = begin; now < begin + time || !runtime.poll(*last); now = Clock::now()) {
        if (now < begin + time) {
            if (auto ticket = runtime.publish(slots, Quiet::yes)) last = ticket;
            else if (ticket.error() != Errc::ring_full) return std::unexpected(ticket.error());
        } else if (now > begin + time + patience) {
            return std::unexpected(Errc::timed_out);
        }
        (void)runtime.poll(*last);  // which brings back a kernel that has left: no other call does
        if (const std::uint64_t completed = runtime.ring().completed(); completed != seen) {
            gaps.add(Micros(now - changed).count());
            seen = completed;
            changed = now;
        }
    }
    to.pause_us = percentiles(gaps.take(runtime.stats().launches - launches));
    return {};
}

bool can_observe_pauses(const DeviceInfo& info, unsigned cores) { return cores >= fillers + (info.is_cpu ? 2 : 1); }

// This thread publishes nothing and enqueues nothing: it looks at `completed` alone. Two others keep the ring full.
// One of them enqueues the next launch, and the other goes on meanwhile: otherwise a device that is faster than one
// producer would run out of slots, and that would count as a pause.
Done measure_observed_pauses(Runtime& runtime, Seconds time, DeviceNumbers& to) {
    const std::vector<Slot> slots = batch_for(to.info);
    const auto first = publish(runtime, std::span<const Slot>(slots), Quiet::yes);
    if (!first) return std::unexpected(first.error());
    if (auto done = finish(runtime, *first); !done) return done;

    Longest gaps;
    const std::uint64_t launches = runtime.stats().launches;
    std::vector<std::unique_ptr<Filler>> threads;
    threads.reserve(fillers);
    for (unsigned i = 0; i < fillers; ++i) threads.push_back(std::make_unique<Filler>(runtime, slots));
    std::uint64_t seen = runtime.ring().completed();
    std::optional<Clock::time_point> changed;  // unset until the first slots end: threads start before
    const auto end = Clock::now() + time;
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
        const std::uint64_t completed = runtime.ring().completed();
        if (completed == seen) continue;
        if (changed) gaps.add(Micros(now - *changed).count());
        seen = completed;
        changed = now;
    }
    const std::uint64_t relaunches = runtime.stats().launches - launches;
    for (const auto& each : threads) each->join();
    for (const auto& each : threads) {
        if (each->failed) return std::unexpected(*each->failed);
        if (!each->last) continue;
        if (auto done = finish(runtime, *each->last); !done) return done;
    }
    to.observed_pause_us = percentiles(gaps.take(relaunches));
    return {};
}

}  // namespace slipring::bench
