// A cache of pages in device memory, filled from host memory by windows: the page that is required now, and those
// that will probably follow. The pages that are required are those that a real program read: see prefetch_trace.hpp.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <slipring/runtime.hpp>

#include "prefetch_cache.hpp"
#include "prefetch_ops.hpp"
#include "prefetch_trace.hpp"
#include "prefetch_windows.hpp"

namespace {

using namespace slipring;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t frames = 128;

void print_times(const char* what, std::vector<double>& us) {
    std::ranges::sort(us);
    if (!us.empty())
        std::fprintf(stderr, "%s: p50 %.2f us, p99 %.2f us\n", what, us[us.size() / 2], us[us.size() * 99 / 100]);
}

}  // namespace

int main() {
    constexpr std::uint64_t store_bytes = std::uint64_t{prefetch::distinct_pages} * prefetch::page_bytes;
    auto runtime = Runtime::open({.ops = {prefetch::fetching, prefetch::using_page},
                                  .buffers = {{.name = "store", .bytes = store_bytes},
                                              {.name = "cache",
                                               .bytes = std::uint64_t{frames} * prefetch::page_bytes,
                                               .place = BufferSpec::Place::device}}});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    const auto checksums = prefetch::write_pages(runtime->buffer("store"));

    prefetch::Cache cache(prefetch::distinct_pages, frames);
    prefetch::Windows windows(*runtime, frames);
    unsigned hits = 0, wrong = 0;
    std::vector<double> stalls, misses;
    for (const std::uint32_t page : prefetch::trace) {
        const auto begin = Clock::now();
        const prefetch::Step step = cache.require(page);
        if (const auto there = windows.bring(step); !there)
            return std::fprintf(stderr, "%s\n", message(there.error()).data()), 1;
        const double us = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
        stalls.push_back(us);
        if (step.is_hit) ++hits;
        else misses.push_back(us);

        const auto used = windows.use(step.required.frame);
        if (!used) return std::fprintf(stderr, "%s\n", message(used.error()).data()), 1;
        if (!used->ok() || used->value != checksums[page]) ++wrong;
    }

    const std::size_t accesses = stalls.size();
    std::printf("%zu accesses to %u pages, a cache of %u frames\n", accesses, prefetch::distinct_pages, frames);
    std::printf("%u hits, %.1f %%\n", hits, 100.0 * hits / static_cast<double>(accesses));
    std::printf("%u wrong pages\n", wrong);
    print_times("stall of an access", stalls);
    print_times("a page that was not there", misses);
    return wrong == 0 ? 0 : 1;
}
