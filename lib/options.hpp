#pragma once

#include <expected>

#include <slipring/runtime.hpp>

namespace slipring {

// Errors: bad_options, bad_capacity, reserved_opcode, duplicate_opcode.
std::expected<void, Error> check(const Options& options);

}  // namespace slipring
