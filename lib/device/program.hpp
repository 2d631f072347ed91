// From device code and custom operations to a built program.
#pragma once

#include <expected>
#include <span>
#include <string>

#include <slipring/options.hpp>

#include "cl.hpp"

namespace slipring {

// The device code of the probe, embedded; see handlers.hpp for the rest of it.
namespace embedded {
extern const char* const probe;
}  // namespace embedded

// `teams`: groups of a launch are teams of several lanes.
// Errors: build_failed, whose detail names the handler and line that the log complains of, if any, and the log.
std::expected<cl::Program, Error> build(const cl::Context& context, const cl::Device& device,
                                        const std::string& source, std::span<const CustomOp> ops, bool teams = false);

}  // namespace slipring
