// The levels of a runtime that are open, and where the ring of each lies in the memory that host and device share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <slipring/options.hpp>
#include <slipring/priority.hpp>

namespace slipring {

struct Level {
    Priority priority;
    std::uint32_t capacity, completions;
    std::size_t shared_at;  // bytes, in the memory of all rings' shared parts
    std::size_t window_at;  // and in the window, if there is one
};

// The highest first. NORMAL's ring, the lead, is the first in memory, since its words LEFT, STOP and REVOKED are the
// runtime's: see SR_LEAD in cl/types.h. The options were checked.
std::vector<Level> levels_of(const Options& options);

// What all of them take, in bytes.
std::size_t shared_bytes(const std::vector<Level>& levels);
std::size_t window_bytes(const std::vector<Level>& levels);

// The slots that Options has for each level, 0 if it is not open.
std::uint32_t capacity_of(const Options& options, Priority level) noexcept;

inline constexpr Priority every_level[] = {Priority::critical, Priority::high, Priority::normal, Priority::low,
                                           Priority::idle};

}  // namespace slipring
