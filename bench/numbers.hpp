// Medians, percentiles, and the curve of a distribution.
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
    double p9999 = 0;
    std::size_t samples = 0;
    // For plots: entry k is the quantile 1 - 10^(-k / curve_steps), so that every nine is as wide as the one before.
    // It ends where fewer than ten samples would be left.
    std::vector<double> curve{};
    static constexpr int curve_steps = 20;
};

inline Percentiles percentiles(std::vector<double> samples) {
    std::ranges::sort(samples);
    Percentiles p{quantile(samples, 0.5),   quantile(samples, 0.9),    quantile(samples, 0.99),
                  quantile(samples, 0.999), quantile(samples, 0.9999), samples.size()};
    for (int k = 0;; ++k) {
        const double rest = std::pow(10.0, -static_cast<double>(k) / Percentiles::curve_steps);
        if (rest * static_cast<double>(samples.size()) < 10) break;
        p.curve.push_back(quantile(samples, 1 - rest));
    }
    return p;
}

}  // namespace slipring::bench
