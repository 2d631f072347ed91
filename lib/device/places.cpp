#include "places.hpp"

#include <slipring/ring_view.hpp>

namespace slipring {
namespace {

std::size_t shared_bytes_of(const RingPlace& place) {
    return *RingView::shared_bytes(place.capacity, place.completions);
}

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

std::vector<RingPlace> places_of(const Options& options) {
    const RingPlace lead{Priority::normal, 0, 0, 1, options.capacity, options.completions, 0, 0};
    std::size_t shared = shared_bytes_of(lead), window = RingView::window_bytes(lead.capacity);
    std::vector<RingPlace> places;
    const auto add = [&](Priority level, std::uint32_t tenant, std::uint32_t row, std::uint32_t weight,
                         std::uint32_t capacity) {
        places.push_back({level, tenant, row, weight, capacity, capacity, shared, window});
        shared += shared_bytes_of(places.back());
        window += RingView::window_bytes(capacity);
    };
    for (const Priority level : every_level) {
        if (level == Priority::normal) places.push_back(lead);
        else if (const std::uint32_t capacity = capacity_of(options, level); capacity != 0)
            add(level, 0, 0, 1, capacity);
        std::uint32_t row = 0;
        for (const Tenant& tenant : options.tenants)
            if (++row; tenant.level == level) add(level, tenant.id, row, tenant.weight, tenant.quota);
    }
    return places;
}

std::size_t shared_bytes(const std::vector<RingPlace>& places) {
    std::size_t bytes = 0;
    for (const RingPlace& place : places) bytes += shared_bytes_of(place);
    return bytes;
}

std::size_t window_bytes(const std::vector<RingPlace>& places) {
    std::size_t bytes = 0;
    for (const RingPlace& place : places) bytes += RingView::window_bytes(place.capacity);
    return bytes;
}

}  // namespace slipring
