// Reads a custom operation's source as far as it takes to know that it ends where it ends.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace slipring {

// Letters, digits and underscores, no digit first.
bool is_identifier(std::string_view name) noexcept;

struct SourceError {
    std::size_t line;
    std::string_view what;  // of static storage
};

// The names of the macros that the source defines or undefines, each once. With those put back, text behind the
// source means what it means without it. Names of functions and types are the compiler's to compare.
// Errors: a comment, literal, bracket or #if that does not end; a directive or pragma with effects beyond the source,
// or what might become one; what not all compilers read alike.
std::expected<std::vector<std::string>, SourceError> macros_of(std::string_view source);

}  // namespace slipring
