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

// How the device code is built for a device.
struct BuildFor {
    bool wide = false;    // a launch drains wide, or else serially
    bool teams = false;   // groups of a launch are teams of several lanes
    bool window = false;  // slots are read in the bus window
};
// Errors: build_failed, whose detail names the handler and line that the log complains of, if any, and the log.
std::expected<cl::Program, Error> build(const cl::Context& context, const cl::Device& device,
                                        const std::string& source, std::span<const CustomOp> ops, BuildFor what = {});

}  // namespace slipring
