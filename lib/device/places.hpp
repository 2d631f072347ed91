// A runtime's rings, and where each lies in the memory that host and device share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <slipring/options.hpp>
#include <slipring/priority.hpp>

namespace slipring {

// The ring of a level that is open, or of a tenant.
struct RingPlace {
    Priority level;
    std::uint32_t tenant;  // whose; 0: the program's own
    std::uint32_t row;     // the tenant's in the device's table, from 1; 0: none
    std::uint32_t weight;  // the tenant's; 1: the program's
    std::uint32_t capacity, completions;
    std::size_t shared_at;  // bytes, in the memory of all rings' shared parts
    std::size_t window_at;  // and in the window, if there is one

    constexpr bool is_lead() const noexcept { return level == Priority::normal && row == 0; }
    constexpr bool is_lookaheads() const noexcept { return level == Priority::idle && row == 0; }
};

// In the device's order: the highest level first, and of one level the program's ring in front of the tenants'.
// NORMAL's, the lead, is the first in memory, since its words LEFT, STOP and REVOKED are the runtime's: see SR_LEAD
// in cl/types.h. The options were checked.
std::vector<RingPlace> places_of(const Options& options);

// What all of them take, in bytes.
std::size_t shared_bytes(const std::vector<RingPlace>& places);
std::size_t window_bytes(const std::vector<RingPlace>& places);

// The slots that Options has for each level, 0 if it is not open.
std::uint32_t capacity_of(const Options& options, Priority level) noexcept;

inline constexpr Priority every_level[] = {Priority::critical, Priority::high, Priority::normal, Priority::low,
                                           Priority::idle};

}  // namespace slipring
