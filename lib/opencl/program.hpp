// From device code and custom operations to a built program.
#pragma once

#include <expected>
#include <span>
#include <string>

#include <slipring/runtime.hpp>

#include "cl.hpp"

namespace slipring {

// Embedded text of cl/; cl/meson.build says which file is where.
namespace embedded {
extern const char* const prelude;
extern const char* const kernels;
extern const char* const probe;
}  // namespace embedded

// The whole source of a runtime's program: prelude, handlers, the cases that call them, kernels.
std::string program_source(std::span<const CustomOp> ops);

// Errors: build_failed, whose detail names the handler and line that the log complains of, if any, and the log.
std::expected<cl::Program, Error> build(const cl::Context& context, const cl::Device& device,
                                        const std::string& source, std::span<const CustomOp> ops);

}  // namespace slipring
