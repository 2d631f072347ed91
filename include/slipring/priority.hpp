// The levels of a runtime. Each has a ring of its own, if Options::levels opened it; NORMAL's is always there.
#pragma once

#include <cstdint>
#include <string_view>

#include <slipring/abi.h>
#include <slipring/api.hpp>

namespace slipring {

// The highest first. The values are those of the wire (abi.h).
enum class Priority : std::uint32_t {
    critical = SR_PRIORITY_CRITICAL,
    high = SR_PRIORITY_HIGH,
    normal = SR_PRIORITY_NORMAL,
    low = SR_PRIORITY_LOW,
    idle = SR_PRIORITY_IDLE,
};

// "critical", ...; "none" for any other value.
constexpr std::string_view name(Priority level) noexcept {
    switch (level) {
        case Priority::critical: return "critical";
        case Priority::high: return "high";
        case Priority::normal: return "normal";
        case Priority::low: return "low";
        case Priority::idle: return "idle";
    }
    return "none";
}

}  // namespace slipring
