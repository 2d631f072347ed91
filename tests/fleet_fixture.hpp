// What the tests of the fleet share: two runtimes on whatever device there is, and rings that stand still on demand.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include <slipring/fleet.hpp>

#include "patience.hpp"
#include "runtime_fixture.hpp"

namespace slipring {

inline Fleet open_two(ExecutionMode mode, Options options = {}) {
    options = patient(std::move(options));
    options.mode = mode;
    auto fleet = Fleet::open({options, options});
    BOOST_REQUIRE_MESSAGE(fleet.has_value(), (fleet ? "" : fleet.error().text()));
    BOOST_REQUIRE(fleet->size() == 2u);
    for (std::size_t i = 0; i < 2; ++i) BOOST_REQUIRE(fleet->runtime(i).device().mode == mode);
    return std::move(*fleet);
}

// Loads member i with `slots` slots that do not end before the reservation is committed: what is published behind
// them stands still, and every load is exactly known.
inline Ring::Reservation hold(Fleet& fleet, std::size_t i, std::uint64_t slots) {
    auto reserved = fleet.runtime(i).ring().reserve(slots);
    BOOST_REQUIRE(reserved.has_value());
    return std::move(*reserved);
}

inline void let_go(Fleet& fleet, std::size_t i, Ring::Reservation& held) {
    held.commit();
    fleet.runtime(i).wake();
}

// So that g++ does not take it for an initializer list of slots.
inline std::expected<FleetTicket, Errc> publish(Fleet& fleet, const std::vector<Slot>& batch) {
    return fleet.publish(std::span<const Slot>(batch));
}

inline bool finishes(Fleet& fleet, const auto& ticket) {
    return fleet.wait(ticket, std::chrono::minutes(1)).has_value();
}

// A live slot ends before its ring's completed position says so: until that does, too.
inline bool comes_to_rest(Fleet& fleet) {
    return eventually([&] {
        bool rests = true;
        for (std::size_t i = 0; i < fleet.size(); ++i) {
            if (fleet.outstanding(i) != 0) fleet.runtime(i).wake();
            rests = rests && fleet.outstanding(i) == 0;
        }
        return rests;
    });
}

// Control word `index`, of all members together.
inline std::uint32_t sum(Fleet& fleet, std::uint32_t index) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < fleet.size(); ++i) sum += control(fleet.runtime(i), index);
    return sum;
}

}  // namespace slipring
