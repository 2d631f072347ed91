// The custom operations' sources, and slipring's own text around them. Text alone: no OpenCL.
#pragma once

#include <expected>
#include <span>
#include <string>

#include <slipring/runtime.hpp>

namespace slipring {

// Embedded text of cl/; cl/meson.build says which file is where.
namespace embedded {
extern const char* const prelude;
extern const char* const kernels;
}  // namespace embedded

// Whether a source stands for itself, so that no text behind it means anything else than without it. It is refused, with
// its name, the line and a reason, if it does not close what it opens (comments, literals, brackets, #if; brackets also in
// each branch of an #if and in each macro), if it has directives with effects beyond it, or touches macros of slipring's.
// What the compiler refuses is left to the compiler.
// Errors: bad_options.
std::expected<void, Error> check_source(const CustomOp& op);

// The whole source of a runtime's program: prelude, handlers, the cases that call them, kernels. All sources are checked.
std::string program_source(std::span<const CustomOp> ops);

// What tells a compiler, and the reader of its log, where a handler's own lines begin.
std::string line_mark(const std::string& name);

}  // namespace slipring
