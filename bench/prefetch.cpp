// Pages from host memory into a cache in device memory, as a real program's run requires them: by windows, and by
// clEnqueueWriteBuffer. The cache replaces and looks ahead in the same way in both, so they copy the same pages.
#include <iterator>

#include "../examples/prefetch_ops.hpp"
#include "../examples/prefetch_trace.hpp"
#include "drive.hpp"
#include "pages.hpp"

namespace slipring::bench {
namespace {

constexpr std::uint32_t frames = 128;
constexpr std::size_t all_accesses = std::size(prefetch::trace), fewest_accesses = 64;

// All runs of one way.
struct Runs {
    std::vector<double> stalls_us{}, misses_us{};
    Seconds took{0};
    std::uint64_t wrong = 0;

    PageNumbers numbers() const {
        double stalled_us = 0;
        for (const double us : stalls_us) stalled_us += us;
        const auto accesses = static_cast<double>(stalls_us.size());
        return {.hit_rate = 1 - static_cast<double>(misses_us.size()) / accesses,
                .stall_us = percentiles(stalls_us),
                .stall_share = stalled_us / Micros(took).count(),
                .page_us = percentiles(misses_us),
                .accesses_per_s = accesses / took.count(),
                .wrong = wrong};
    }
};

// The first accesses of the trace, from an empty cache.
std::expected<void, Error> run(Pages& pages, const std::vector<std::uint32_t>& checksums, std::size_t accesses,
                               Runs& to) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a kernel of slipring's leaves
    if (auto cleared = pages.clear(); !cleared) return cleared;
    prefetch::Cache cache(prefetch::distinct_pages, frames);
    const auto start = Clock::now();
    for (std::size_t i = 0; i < accesses; ++i) {
        const auto begin = Clock::now();
        const prefetch::Step step = cache.require(prefetch::trace[i]);
        if (auto brought = pages.bring(step); !brought) return brought;
        const double us = Micros(Clock::now() - begin).count();
        to.stalls_us.push_back(us);
        if (!step.is_hit) to.misses_us.push_back(us);

        const auto sum = pages.use(step);
        if (!sum) return std::unexpected(sum.error());
        if (*sum != checksums[step.required.page]) ++to.wrong;
    }
    to.took += Clock::now() - start;
    return {};
}

}  // namespace

std::expected<Prefetch, Error> measure_prefetch(const Options& base, Seconds time) {
    Prefetch to{.pages = prefetch::distinct_pages,
                .frames = frames,
                .page_bytes = prefetch::page_bytes,
                .lookahead = prefetch::Cache::lookahead};
    std::vector<std::uint32_t> checksums;
    auto by_window = pages_by_window(base, frames, to.info, checksums);
    if (!by_window) return std::unexpected(by_window.error());
    auto by_write = pages_by_write(to.info, frames);
    if (!by_write) return std::unexpected(by_write.error());

    const auto in_turn = [&](std::size_t accesses, Runs& windows, Runs& writes) -> std::expected<void, Error> {
        if (auto ok = run(**by_window, checksums, accesses, windows); !ok) return ok;
        return run(**by_write, checksums, accesses, writes);
    };
    // A few accesses say for how many of them there is time twice.
    Runs first, second;
    if (auto ok = in_turn(fewest_accesses, first, second); !ok) return std::unexpected(ok.error());
    const double fit = fewest_accesses * (time / 2 / (first.took + second.took));
    const auto accesses = static_cast<std::size_t>(
        std::clamp(fit, static_cast<double>(fewest_accesses), static_cast<double>(all_accesses)));
    to.accesses = static_cast<std::uint32_t>(accesses);

    Runs windows, writes;
    const auto start = Clock::now();
    for (unsigned turns = 1;; ++turns) {
        if (auto ok = in_turn(accesses, windows, writes); !ok) return std::unexpected(ok.error());
        const Seconds took = Clock::now() - start;
        if (took + took / turns > time) break;  // another would take as long
    }
    to.windows = windows.numbers();
    to.windows.capacity = (*by_window)->capacity();
    to.writes = writes.numbers();
    to.writes.capacity = (*by_write)->capacity();
    return to;
}

}  // namespace slipring::bench
