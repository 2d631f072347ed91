#include "levels.hpp"

#include <slipring/ring_view.hpp>

namespace slipring {
namespace {

std::size_t shared_bytes_of(const Level& level) { return *RingView::shared_bytes(level.capacity, level.completions); }

}  // namespace

std::uint32_t capacity_of(const Options& options, Priority level) noexcept {
    switch (level) {
        case Priority::critical: return options.levels.critical;
        case Priority::high: return options.levels.high;
        case Priority::normal: return options.capacity;
        case Priority::low: return options.levels.low;
        case Priority::idle: return options.levels.idle;
    }
    return 0;
}

std::vector<Level> levels_of(const Options& options) {
    const Level lead{Priority::normal, options.capacity, options.completions, 0, 0};
    std::size_t shared = shared_bytes_of(lead), window = RingView::window_bytes(lead.capacity);
    std::vector<Level> levels;
    for (const Priority priority : every_level) {
        const std::uint32_t capacity = capacity_of(options, priority);
        if (capacity == 0) continue;
        if (priority == Priority::normal) {
            levels.push_back(lead);
            continue;
        }
        levels.push_back({priority, capacity, capacity, shared, window});
        shared += shared_bytes_of(levels.back());
        window += RingView::window_bytes(capacity);
    }
    return levels;
}

std::size_t shared_bytes(const std::vector<Level>& levels) {
    std::size_t bytes = 0;
    for (const Level& level : levels) bytes += shared_bytes_of(level);
    return bytes;
}

std::size_t window_bytes(const std::vector<Level>& levels) {
    std::size_t bytes = 0;
    for (const Level& level : levels) bytes += RingView::window_bytes(level.capacity);
    return bytes;
}

}  // namespace slipring
