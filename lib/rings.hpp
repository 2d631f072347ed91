// A runtime's rings: the program's own, one for each level that is open, and one for each tenant.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <slipring/priority.hpp>
#include <slipring/ring.hpp>

#include "ring_inside.hpp"

namespace slipring {

// Rings have numbers: the program's own that of their level, the tenants' those behind.
class RingNumbers {
public:
    static constexpr std::size_t tenants = SR_PRIORITY_IDLE + 1, max = tenants + SR_MAX_TENANTS;

    // `row`: the tenant's in the device's table, from 1; 0: none.
    static constexpr std::size_t of_row(Priority level, std::uint32_t row) noexcept {
        return row == 0 ? static_cast<std::size_t>(level) : tenants + row - 1;
    }
    // Of a level's ring, if it is the program's own, or of a tenant's; `max` if there is none.
    std::size_t find(Priority level, std::uint32_t tenant) const noexcept {
        const auto own = static_cast<std::size_t>(level);
        if (tenant == 0) return own < tenants && is_open_[own] ? own : max;
        std::size_t number = tenants;
        while (number < max && tenant_[number] != tenant) ++number;
        return number;
    }
    bool is_open(std::size_t number) const noexcept { return number < max && is_open_[number]; }
    std::uint32_t tenant_of(std::size_t number) const noexcept { return tenant_[number]; }
    Priority level_of(std::size_t number) const noexcept { return level_[number]; }

    void open(std::size_t number, Priority level, std::uint32_t tenant) noexcept {
        is_open_[number] = true;
        level_[number] = level;
        tenant_[number] = tenant;
    }

private:
    std::array<bool, max> is_open_{};
    std::array<Priority, max> level_{};
    std::array<std::uint32_t, max> tenant_{};
};

class Rings {
public:
    static constexpr std::size_t max = RingNumbers::max;

    // Null if there is none.
    const Ring* at(std::size_t number) const noexcept {
        return numbers_.is_open(number) ? &*rings_[number] : nullptr;
    }
    const Ring* find(Priority level) const noexcept {
        const auto own = static_cast<std::size_t>(level);
        return own < RingNumbers::tenants && rings_[own] ? &*rings_[own] : nullptr;
    }
    const Ring* find(Priority level, std::uint32_t tenant) const noexcept {
        return tenant == 0 ? find(level) : at(numbers_.find(level, tenant));
    }
    // The program's ring of NORMAL, which is always there.
    const Ring& lead() const noexcept { return *rings_[SR_PRIORITY_NORMAL]; }
    const RingNumbers& numbers() const noexcept { return numbers_; }

    void open(Priority level, std::uint32_t tenant, std::uint32_t row, const Ring& ring) noexcept {
        const std::size_t number = RingNumbers::of_row(level, row);
        numbers_.open(number, level, tenant);
        rings_[number] = ring;
        end_ = std::max(end_, number + 1);
    }

    // Calls visit(number, ring) for each: the program's, the highest level first, then the tenants'.
    template <class Visit>
    void each(const Visit& visit) const {
        for (std::size_t number = 0; number < end_; ++number)
            if (rings_[number]) visit(number, *rings_[number]);
    }
    template <class Holds>
    bool any(const Holds& holds) const {
        bool found = false;
        each([&](std::size_t number, const Ring& ring) { found = found || holds(number, ring); });
        return found;
    }

    // Slots, of all rings.
    std::uint64_t capacity() const noexcept {
        std::uint64_t sum = 0;
        each([&sum](std::size_t, const Ring& ring) { sum += ring.capacity(); });
        return sum;
    }
    // How many slots have finished, of all rings.
    std::uint64_t completed() const noexcept {
        std::uint64_t sum = 0;
        each([&sum](std::size_t, const Ring& ring) { sum += ring.completed(); });
        return sum;
    }
    // A slot is published and has not finished.
    bool has_work() const noexcept {
        return any([](std::size_t, const Ring& ring) { return inside(ring).has_work(); });
    }

    // And the consumer can see it.
    bool consumer_has_work() const noexcept {
        return any([](std::size_t, const Ring& ring) { return inside(ring).consumer_has_work(); });
    }

private:
    std::array<std::optional<Ring>, max> rings_{};
    std::size_t end_ = 0;  // of the numbers of those that are there
    RingNumbers numbers_{};
};

}  // namespace slipring
