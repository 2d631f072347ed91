// A runtime's rings, one for each level that is open.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>

#include <slipring/priority.hpp>
#include <slipring/ring.hpp>

namespace slipring {

class Rings {
public:
    // Null if the level is not open, and for a value that is no level.
    const Ring* find(Priority level) const noexcept {
        const auto index = static_cast<std::uint32_t>(level);
        return index < rings_.size() && rings_[index] ? &*rings_[index] : nullptr;
    }
    // NORMAL's, which is always there.
    const Ring& lead() const noexcept { return *rings_[SR_PRIORITY_NORMAL]; }

    void open(Priority level, const Ring& ring) noexcept { rings_[static_cast<std::uint32_t>(level)] = ring; }

    // Calls visit(level, ring) for each that is open, the highest first.
    template <class Visit>
    void each(const Visit& visit) const {
        for (std::uint32_t level = 0; level < rings_.size(); ++level)
            if (rings_[level]) visit(Priority{level}, *rings_[level]);
    }
    template <class Holds>
    bool any(const Holds& holds) const {
        bool found = false;
        each([&](Priority, const Ring& ring) { found = found || holds(ring); });
        return found;
    }

    // How many slots have finished, of all levels.
    std::uint64_t completed() const noexcept {
        std::uint64_t sum = 0;
        each([&sum](Priority, const Ring& ring) { sum += ring.completed(); });
        return sum;
    }
    // A slot is published and has not finished.
    bool has_work() const noexcept {
        return any([](const Ring& ring) { return ring.completed() != ring.tail(); });
    }

private:
    std::array<std::optional<Ring>, SR_PRIORITY_IDLE + 1> rings_{};
};

}  // namespace slipring
