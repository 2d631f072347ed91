#include "source.hpp"

#include <algorithm>

#include <slipring/abi.h>

namespace slipring {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

// A digit, a letter, or a byte of a longer character.
bool in_name(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}

// A carriage return ends a line, as a line feed does; both together are one.
std::size_t newline_at(std::string_view text, std::size_t at) {
    if (at >= text.size()) return 0;
    if (text[at] == '\r') return at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
    return text[at] == '\n' ? 1 : 0;
}

}  // namespace

bool is_identifier(std::string_view name) noexcept {
    const auto letter = [](char c) { return in_name(c) && c != '$' && static_cast<unsigned char>(c) < 0x80; };
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, letter);
}

std::expected<SourceReader, SourceError> SourceReader::open(std::string_view source) {
    SourceReader made;
    std::size_t line = 1;
    for (std::size_t at = 0; at < source.size();) {
        if (source[at] == '\0') return std::unexpected(SourceError{line, "a byte of value zero"});
        if (source.substr(at).starts_with("??") && at + 2 < source.size() &&
            std::string_view("=/'()!<>-").contains(source[at + 2]))
            return std::unexpected(SourceError{line, "a trigraph"});
        if (source[at] == '\\') {  // and blanks, at the end of a line: compilers join it with the next
            std::size_t end = at + 1;
            while (end < source.size() && is_blank(source[end])) ++end;
            if (end == source.size()) return std::unexpected(SourceError{line, "a backslash at the end"});
            if (const std::size_t n = newline_at(source, end); n != 0) {
                at = end + n;
                ++line;
                continue;
            }
        }
        const std::size_t n = newline_at(source, at);
        made.text_ += n != 0 ? '\n' : source[at];
        made.line_.push_back(line);
        at += n != 0 ? n : 1;
        line += n != 0 ? 1 : 0;
    }
    made.line_.push_back(line);
    return made;
}

std::expected<Piece, SourceError> SourceReader::next() {
    for (;;) {
        while (is_blank(peek())) ++at_;
        const auto comment = skip_comment();
        if (!comment) return std::unexpected(comment.error());
        if (!*comment) break;
    }
    begin_ = at_;
    if (at_ == text_.size()) return Piece::end;
    const char c = text_[at_++];
    if (c == '\n') return Piece::newline;
    if (c == '"' || c == '\'') return literal();
    if (in_name(c)) {
        while (in_name(peek())) ++at_;
        return Piece::name;
    }
    // Another spelling of a bracket or of '#': one character too many for whoever counts brackets.
    for (const std::string_view other : {"<%", "%>", "<:", ":>", "%:"})
        if (c == other[0] && peek() == other[1]) return std::unexpected(SourceError{line(), "a digraph"});
    if (c == '#' && peek() == '#') ++at_;
    return Piece::punctuator;
}

// True if there was one. A line's ends before its newline.
std::expected<bool, SourceError> SourceReader::skip_comment() {
    if (peek() != '/' || (peek(1) != '/' && peek(1) != '*')) return false;
    begin_ = at_;
    const std::size_t end = peek(1) == '/' ? text_.find('\n', at_) : text_.find("*/", at_ + 2);
    if (peek(1) == '/') {
        at_ = end == text_.npos ? text_.size() : end;
        return true;
    }
    if (SR_BUG(80, false, end == text_.npos)) return std::unexpected(SourceError{line(), "a comment that does not end"});
    at_ = end == text_.npos ? text_.size() : end + 2;
    return true;
}

std::expected<Piece, SourceError> SourceReader::literal() {
    const char quote = text_[begin_];
    for (; at_ < text_.size() && peek() != '\n'; ++at_) {
        if (peek() == '\\' && at_ + 1 < text_.size()) ++at_;
        else if (peek() == quote) return ++at_, Piece::other;
    }
    return std::unexpected(SourceError{line(), "a literal that does not end"});
}

}  // namespace slipring
