// How Boost.Test prints states, codes and places.
#pragma once

#include <optional>
#include <ostream>

#include <slipring/options.hpp>
#include <slipring/state.hpp>

namespace slipring {

inline std::ostream& operator<<(std::ostream& to, State state) { return to << state_name(state); }
inline std::ostream& operator<<(std::ostream& to, Code code) {
    return to << code_name(code) << " (" << static_cast<std::uint32_t>(code) << ')';
}
inline std::ostream& operator<<(std::ostream& to, const std::optional<State>& state) {
    return state ? to << *state : to << "of another generation";
}

inline std::ostream& operator<<(std::ostream& to, BufferSpec::Place place) {
    return to << (place == BufferSpec::Place::shared ? "shared" : "device");
}

}  // namespace slipring
