#include "compare.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <vector>

#include "report.hpp"

using slipring::Errc;
using slipring::Payload;
using slipring::Slot;

namespace {

constexpr std::size_t max_chunks = 200;
constexpr std::size_t tiny_tasks = 200;
constexpr std::uint32_t word = SR_OBSERVABLE_BASE;  // where the tiny task stores

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

struct Timed {
    std::vector<double> us;
    std::vector<std::uint64_t> values;  // result values; a fault is `fault`
};

constexpr std::uint64_t fault = ~std::uint64_t{0};
std::uint64_t value_of(const slipring::Result& result) { return result.ok() ? result.value : fault; }

// One slot, its completion, the next slot.
std::expected<Timed, Errc> by_ring(slipring::Runtime& runtime, const std::vector<Slot>& slots) {
    Timed timed;
    for (const Slot& slot : slots) {
        const Clock::time_point begin = Clock::now();
        const auto ticket = runtime.publish(slot);
        if (!ticket) return std::unexpected(ticket.error());
        if (auto done = runtime.wait(*ticket, patience); !done) return std::unexpected(done.error());
        timed.us.push_back(us_since(begin));
        const auto result = runtime.result(*ticket);
        if (!result) return std::unexpected(result.error());
        timed.values.push_back(value_of(*result));
    }
    return timed;
}

std::expected<Timed, Errc> by_launch(slipring::Runtime& runtime, const std::vector<Slot>& slots) {
    Timed timed;
    for (const Slot& slot : slots) {
        const Clock::time_point begin = Clock::now();
        const auto result = runtime.launch(slot);
        timed.us.push_back(us_since(begin));
        if (!result) return std::unexpected(result.error());
        timed.values.push_back(value_of(*result));
    }
    return timed;
}

// All chunks as one window; how long until the last has ended.
std::expected<double, Errc> by_window(slipring::Runtime& runtime, std::span<const Chunk> chunks) {
    const std::vector<Payload> payloads(chunks.begin(), chunks.end());
    const Clock::time_point begin = Clock::now();
    const auto ticket = runtime.publish(slipring::Window{.opcode = Scanner::opcode, .required = payloads});
    if (!ticket) return std::unexpected(ticket.error());
    if (auto done = runtime.wait(*ticket, patience); !done) return std::unexpected(done.error());
    return us_since(begin);
}

// Fills in the medians; false if a way failed.
std::expected<void, Errc> both_ways(slipring::Runtime& runtime, const std::vector<Slot>& slots, RingOrLaunch& medians,
                                    double& launch_sum, bool& same) {
    // The first times of each way are those of a kernel that starts: they go with the rest, a median does not care.
    const auto ring = by_ring(runtime, slots);
    if (!ring) return std::unexpected(ring.error());
    const auto launch = by_launch(runtime, slots);
    if (!launch) return std::unexpected(launch.error());
    medians = {percentiles(ring->us).p50, percentiles(launch->us).p50};
    launch_sum = 0;
    for (const double us : launch->us) launch_sum += us;
    same = same && ring->values == launch->values && std::ranges::find(ring->values, fault) == ring->values.end();
    return {};
}

std::expected<Comparison, Errc> measure(Scanner& scanner) {
    slipring::Runtime& runtime = scanner.runtime();
    const std::span<const Chunk> all = scanner.recent_chunks();
    const std::span<const Chunk> chunks = all.first(std::min(all.size(), max_chunks));
    Comparison made{.chunks = chunks.size(), .tasks = tiny_tasks};
    std::vector<Slot> scans;
    for (const Chunk& chunk : chunks) {
        made.bytes += chunk[1];
        scans.push_back(slipring::slot(Scanner::opcode, {chunk[0], chunk[1], chunk[2], chunk[3]}));
    }
    const std::vector<Slot> stores(tiny_tasks, slipring::store_u32(7, word));

    double launches_us = 0;
    if (auto ok = both_ways(runtime, stores, made.task, launches_us, made.same); !ok)
        return std::unexpected(ok.error());
    if (auto ok = both_ways(runtime, scans, made.chunk, launches_us, made.same); !ok)
        return std::unexpected(ok.error());
    const auto window = by_window(runtime, chunks);
    if (!window) return std::unexpected(window.error());
    made.all_chunks = {*window, launches_us};
    return made;
}

}  // namespace

std::expected<Comparison, std::string> compare(Scanner& scanner) {
    const auto made = measure(scanner);
    if (!made) return std::unexpected("the comparison failed: " + std::string(slipring::message(made.error())));
    return *made;
}
