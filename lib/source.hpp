// A reader of OpenCL C, as far as it takes to see where things begin and end: lines are spliced, comments and literals
// are single pieces, directives are told from code.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace slipring {

// Letters, digits and underscores, no digit first.
bool is_identifier(std::string_view name) noexcept;

// What is wrong with a source, and where.
struct SourceError {
    std::size_t line;
    const char* what;
};

enum class Piece { end, newline, name, punctuator, other };

class SourceReader {
public:
    // Errors: bytes or sequences that compilers read in different ways.
    static std::expected<SourceReader, SourceError> open(std::string_view source);

    // The next piece of code; white space and comments are passed over, a newline is a piece.
    // Errors: a comment or a literal that does not end.
    std::expected<Piece, SourceError> next();

    std::string_view text() const noexcept { return std::string_view(text_).substr(begin_, at_ - begin_); }
    std::size_t line() const noexcept { return line_[begin_]; }

private:
    char peek(std::size_t ahead = 0) const noexcept { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
    std::expected<bool, SourceError> skip_comment();
    std::expected<Piece, SourceError> literal();

    std::string text_;               // spliced
    std::vector<std::size_t> line_;  // of each character, and of the end
    std::size_t begin_ = 0, at_ = 0;
};

}  // namespace slipring
