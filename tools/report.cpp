#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

using nlohmann::ordered_json;

Percentiles percentiles(std::vector<double> sample) {
    if (sample.empty()) return {};
    std::ranges::sort(sample);
    const auto at = [&sample](double share) {
        const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sample.size())));
        return sample[std::clamp<std::size_t>(rank, 1, sample.size()) - 1];
    };
    return {at(0.5), at(0.9), at(0.99), at(0.999)};
}

ordered_json to_json(const Percentiles& p) {
    return {{"p50", p.p50}, {"p90", p.p90}, {"p99", p.p99}, {"p999", p.p999}};
}

// ---- for a person ---------------------------------------------------------------------------------------------

namespace {

constexpr std::size_t max_listed = 5;

std::string shorten(const std::string& pattern) {
    std::string shown;
    for (const char c : pattern.substr(0, 40)) shown += static_cast<unsigned char>(c) < 32 || c == 127 ? '?' : c;
    return pattern.size() > 40 ? shown + "..." : shown;
}

void print_most_frequent(const ScanReport& r) {
    std::vector<std::size_t> order(r.patterns.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::size_t listed = std::min(order.size(), max_listed);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(listed);
    std::ranges::partial_sort(order, end, [&r](std::size_t a, std::size_t b) {
        return r.counts[a] != r.counts[b] ? r.counts[a] > r.counts[b] : a < b;
    });
    for (auto i = order.begin(); i != end && r.counts[*i] != 0; ++i)
        std::printf("  %12llu  %s\n", static_cast<unsigned long long>(r.counts[*i]), shorten(r.patterns[*i]).c_str());
}

void print_both_ways(const char* what, const RingOrLaunch& r) {
    std::printf("  %-30s ring %10.2f us   launch %10.2f us   %7.1f times\n", what, r.ring_us, r.launch_us, r.ratio());
}

void print_comparison(const Comparison& c) {
    std::printf("through the ring, or with a kernel launch each; one at a time, medians of the round trip:\n");
    print_both_ways("a tiny task (a store)", c.task);
    if (c.chunks != 0) {
        print_both_ways("a chunk of this text", c.chunk);
        std::printf("and in all:\n");
        print_both_ways((std::to_string(c.chunks) + " chunks, as one window").c_str(), c.all_chunks);
    }
    std::printf("  %zu tiny tasks, %zu chunks of %llu bytes together; results %s\n", c.tasks, c.chunks,
                static_cast<unsigned long long>(c.bytes), c.same ? "the same both ways" : "DIFFER");
}

}  // namespace

void print_text(const ScanReport& r) {
    const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
    const auto found = r.counts.size() - static_cast<std::size_t>(std::ranges::count(r.counts, 0u));
    std::printf("%llu matches; %zu of %zu patterns occur\n", number(r.totals.matches), found, r.patterns.size());
    print_most_frequent(r);
    std::printf("%llu files, %.2f MB in %.3f s: %.1f MB/s\n", number(r.totals.files),
                static_cast<double>(r.totals.bytes) / 1e6, r.seconds, r.bytes_per_s() / 1e6);
    std::printf("%llu slots on %s (%s), %u threads reading\n", number(r.totals.slots), r.device.c_str(),
                r.mode.c_str(), r.readers);
    std::printf(
        "window round trip, from its publishing until the host saw its last slot end:\n"
        "  p50 %.0f us   p90 %.0f us   p99 %.0f us   p99.9 %.0f us\n",
        r.window_us.p50, r.window_us.p90, r.window_us.p99, r.window_us.p999);
    if (r.errors != 0) std::printf("%llu could not be read\n", number(r.errors));
    if (r.verified) {
        const Verification& v = *r.verified;
        std::printf("verify: %s; the host counts %llu matches in %.2f MB, in %.3f s\n",
                    v.same ? "the same" : "DIFFERENT", number(v.matches), static_cast<double>(v.bytes) / 1e6,
                    v.seconds);
    }
    if (r.compared) print_comparison(*r.compared);
}

// ---- JSON -----------------------------------------------------------------------------------------------------

namespace {

ordered_json to_json(const RingOrLaunch& r) {
    return {{"ring_us", r.ring_us}, {"launch_us", r.launch_us}, {"ratio", r.ratio()}};
}

// Patterns are bytes, and JSON is UTF-8. One that is not UTF-8 is given in hexadecimal, under another key: two
// patterns never look the same.
ordered_json named(const std::string& pattern) {
    try {
        static_cast<void>(ordered_json(pattern).dump());
        return {{"pattern", pattern}};
    } catch (const ordered_json::type_error&) {
        std::string hex;
        for (const char c : pattern) {
            char two[3];
            std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            hex += two;
        }
        return {{"pattern_hex", hex}};
    }
}

}  // namespace

void print_json(const ScanReport& r) {
    ordered_json out = {
        {"device", r.device},
        {"residency", r.mode},
        {"matches", r.totals.matches},
        {"files", r.totals.files},
        {"bytes", r.totals.bytes},
        {"seconds", r.seconds},
        {"bytes_per_s", r.bytes_per_s()},
        {"slots", r.totals.slots},
        {"windows", r.totals.slots},  // of one slot each
        {"readers", r.readers},
        {"window_round_trip_us", to_json(r.window_us)},
        {"errors", r.errors},
        {"patterns", ordered_json::array()},
    };
    for (std::size_t i = 0; i < r.patterns.size(); ++i) {
        ordered_json one = named(r.patterns[i]);
        one["matches"] = r.counts[i];
        out["patterns"].push_back(std::move(one));
    }
    if (r.verified)
        out["verify"] = {{"same", r.verified->same},
                         {"matches", r.verified->matches},
                         {"bytes", r.verified->bytes},
                         {"seconds", r.verified->seconds}};
    if (r.compared)
        out["compare"] = {{"chunks", r.compared->chunks},
                          {"bytes", r.compared->bytes},
                          {"tasks", r.compared->tasks},
                          {"same", r.compared->same},
                          {"chunk", to_json(r.compared->chunk)},
                          {"task", to_json(r.compared->task)},
                          {"all_chunks", to_json(r.compared->all_chunks)}};
    // A device's name that is no UTF-8 gets replacement characters.
    std::printf("%s\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace).c_str());
}

// ---- progress -------------------------------------------------------------------------------------------------

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1), begin_(Clock::now()), last_(begin_) {}

Progress::~Progress() { wipe(); }

void Progress::show(const Totals& totals) {
    if (!terminal_) return;
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    shown_ = true;
    const double mb = static_cast<double>(totals.bytes) / 1e6;
    std::fprintf(stderr, "\r%llu files, %.1f MB, %.0f MB/s, %llu matches\x1b[K",
                 static_cast<unsigned long long>(totals.files), mb,
                 mb / std::chrono::duration<double>(now - begin_).count(),
                 static_cast<unsigned long long>(totals.matches));
}

void Progress::wipe() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(shown_, false)) std::fputs("\r\x1b[K", stderr);
}

void Progress::complain(const std::string& text) {
    wipe();
    std::fprintf(stderr, "slipring: %s\n", text.c_str());
}
