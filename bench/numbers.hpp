// Medians and percentiles.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace slipring::bench {

// The value below which `share` (0 .. 1) of the sorted samples lie; 0 of none.
inline double quantile(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    const double last = static_cast<double>(sorted.size() - 1);
    return sorted[static_cast<std::size_t>(std::lround(share * last))];
}

inline double median(std::vector<double> samples) {
    std::ranges::sort(samples);
    return quantile(samples, 0.5);
}

struct Percentiles {
    double p50 = 0;
    double p90 = 0;
    double p99 = 0;
    double p999 = 0;
    std::size_t samples = 0;
};

inline Percentiles percentiles(std::vector<double> samples) {
    std::ranges::sort(samples);
    return {quantile(samples, 0.5), quantile(samples, 0.9), quantile(samples, 0.99), quantile(samples, 0.999),
            samples.size()};
}

}  // namespace slipring::bench
