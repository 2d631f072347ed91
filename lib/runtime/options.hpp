#pragma once

#include <expected>

#include <slipring/error.hpp>
#include <slipring/options.hpp>

namespace slipring {

// Errors: bad_options, bad_capacity, reserved_opcode, duplicate_opcode.
std::expected<void, Error> check(const Options& options);
// The same of one declaration. Errors: bad_tenant, unknown_buffer.
std::expected<void, Error> check(const Tenant& tenant, const Options& options);

// Of checked options: shortens every duration that is for ever to ten years, so that it can be converted to
// nanoseconds, and added to a few others and to now.
void bound_durations(Options& options) noexcept;

}  // namespace slipring
