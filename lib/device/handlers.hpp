// The custom operations' sources, and slipring's own text around them. Text alone: no OpenCL.
#pragma once

#include <expected>
#include <span>
#include <string>

#include <slipring/options.hpp>

#include "places.hpp"

namespace slipring {

// Embedded text of cl/; cl/meson.build says which file is where.
namespace embedded {
extern const char* const prelude;
extern const char* const kernels;
}  // namespace embedded

// Whether a source stands for itself, by the rules of source.hpp. An error's detail has its name, the line and the
// reason.
// Errors: bad_options.
std::expected<void, Error> check_source(const CustomOp& op);

// The whole source of a runtime's program: prelude, handlers, the cases that call them, kernels. check_source accepts
// each handler, and each name of a buffer is one of `buffers`. Of one ring or none the text says nothing.
std::string program_source(std::span<const CustomOp> ops, std::span<const BufferSpec> buffers,
                           std::span<const RingPlace> rings = {}, std::uint32_t lower_every = 1);

// What tells a compiler, and the reader of its log, where a handler's own lines begin.
std::string line_mark(const std::string& name);

}  // namespace slipring
