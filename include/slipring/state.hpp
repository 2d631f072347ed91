// The states of a slot, and the codes that say why a slot faulted. The values are those of the wire (abi.h).
#pragma once

#include <cstdint>
#include <string_view>

#include <slipring/abi.h>
#include <slipring/api.hpp>

namespace slipring {

// done, fault and cancelled are terminal: every slot finishes in one of them, once.
enum class State : std::uint32_t {
    empty = SR_STATE_EMPTY,
    published = SR_STATE_PUBLISHED,
    claimed = SR_STATE_CLAIMED,
    done = SR_STATE_DONE,
    wait_io = SR_STATE_WAIT_IO,
    yield = SR_STATE_YIELD,
    requeue = SR_STATE_REQUEUE,
    fault = SR_STATE_FAULT,
    cancelled = SR_STATE_CANCELLED,
};

constexpr bool is_terminal(State state) noexcept {
    return state == State::done || state == State::fault || state == State::cancelled;
}

// Why a slot faulted. A custom operation has codes of its own, custom_code(0) to custom_code(191).
enum class Code : std::uint32_t {
    ok = SR_CODE_OK,
    unknown_opcode = SR_CODE_UNKNOWN_OPCODE,
    bad_argument = SR_CODE_BAD_ARGUMENT,
    out_of_range = SR_CODE_OUT_OF_RANGE,
    denied = SR_CODE_DENIED,
    cancelled = SR_CODE_CANCELLED,
    deadline = SR_CODE_DEADLINE,
    device_lost = SR_CODE_DEVICE_LOST,
    no_team = SR_CODE_NO_TEAM,
};

// What a handler returned as SR_CODE_FIRST_CUSTOM + n.
constexpr Code custom_code(std::uint32_t n) noexcept { return Code{SR_CODE_FIRST_CUSTOM + n}; }

// "done", "fault", ...; "ok", "unknown opcode", ... Any value has a name.
SLIPRING_API std::string_view state_name(State state) noexcept;
SLIPRING_API std::string_view code_name(Code code) noexcept;

}  // namespace slipring
