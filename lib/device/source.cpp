#include "source.hpp"

#include <algorithm>
#include <span>

#include <slipring/abi.h>

namespace slipring {
namespace {

constexpr std::string_view blanks = " \t\v\f\r";

bool in_name(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// ---- pieces -------------------------------------------------------------------------------------------------------

struct Piece {
    enum Kind { end, newline, word, literal, punctuator, bad } kind;
    std::string_view text{};  // of a bad one: what is wrong
};

// Blanks and comments are passed over; a newline is a piece.
class Reader {
public:
    // Joins lines that end in a backslash, as compilers do before all else.
    explicit Reader(std::string_view source) {
        for (std::size_t at = 0; at < source.size(); ++at) {
            const std::size_t next = source[at] == '\\' ? source.find_first_not_of(blanks, at + 1) : source.npos;
            if (next != source.npos && source[next] == '\n') {
                joints_.push_back(text_.size());
                at = next;
            } else {
                text_ += source[at];
            }
        }
    }
    Reader(const Reader&) = delete;  // pieces point into it

    Piece next() {
        for (;; at_ = std::min(at_, text_.size())) {
            begin_ = at_;
            if (begins_with("//")) {
                at_ = text_.find('\n', at_);
            } else if (begins_with("/*")) {
                at_ = text_.find("*/", at_ + 2);
                if (at_ == text_.npos) return {Piece::bad, "a comment that does not end"};
                at_ = at_ == text_.npos ? at_ : at_ + 2;
            } else if (at_ < text_.size() && blanks.contains(text_[at_])) {
                ++at_;
            } else {
                break;
            }
        }
        if (at_ == text_.size()) return {Piece::end};
        const char c = text_[at_++];
        if (c == '\n') return {Piece::newline};
        if (c == '"' || c == '\'') return literal(c);
        return in_name(c) ? word() : punctuator(c);
    }

    // Where the last piece began.
    std::size_t line() const {
        const auto newlines = std::ranges::count(std::string_view(text_).substr(0, begin_), '\n');
        const auto joints = std::ranges::count_if(joints_, [this](std::size_t at) { return at <= begin_; });
        return static_cast<std::size_t>(1 + newlines + joints);
    }

private:
    std::string_view text() const { return std::string_view(text_).substr(begin_, at_ - begin_); }
    bool begins_with(std::string_view what) const { return std::string_view(text_).substr(begin_).starts_with(what); }

    Piece literal(char quote) {
        for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
            if (text_[at_] == quote) return ++at_, Piece{Piece::literal, text()};
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        }
        return {Piece::bad, "a literal that does not end"};
    }

    // A name or a number.
    Piece word() {
        while (at_ < text_.size() && in_name(text_[at_])) ++at_;
        // What follows these is a pragma, or a file's name, in which // is no comment.
        if (text() == "_Pragma" || text() == "__pragma" || text().starts_with("__has_"))
            return {Piece::bad, "a word that reads what follows in its own way"};
        // PoCL 3.1 compiles it, and then runs no custom operation of the program, even where the call is never
        // reached.
        if (text() == "printf") return {Piece::bad, "printf, with which some devices run no handler at all"};
        // To some a raw string, which ends elsewhere, and a number that goes on behind the quote.
        const char quote = at_ < text_.size() ? text_[at_] : ' ';
        if (quote == '"' && text().ends_with('R')) return {Piece::bad, "a raw string"};
        if (quote == '\'' && text()[0] >= '0' && text()[0] <= '9') return {Piece::bad, "a quote in a number"};
        return {Piece::word, text()};
    }

    Piece punctuator(char c) {
        // To compilers that know them, others are letters, or blanks.
        constexpr std::string_view known = "!#%&()*+,-./:;<=>?[]^{|}~";
        if (!known.contains(c)) return {Piece::bad, "a character that C lacks"};
        for (const char* const digraph : {"<%", "%>", "<:", ":>", "%:"})
            if (begins_with(digraph)) return {Piece::bad, "a digraph"};
        if (begins_with("##")) return {Piece::bad, "words pasted together"};  // to one of those above
        return {Piece::punctuator, text()};
    }

    std::string text_;
    std::vector<std::size_t> joints_;  // where lines were joined
    std::size_t begin_ = 0, at_ = 0;
};

// ---- rules --------------------------------------------------------------------------------------------------------

// Each returns what is wrong; empty: nothing.
class Checker {
public:
    explicit Checker(Reader& in) : in_(in) {}

    std::string_view source() {
        for (bool line_begins = true;;) {
            const Piece piece = in_.next();
            if (piece.kind == Piece::bad) return piece.text;
            if (piece.kind == Piece::end) break;
            const bool is_directive = line_begins && piece.text == "#";
            line_begins = is_directive || piece.kind == Piece::newline;
            if (const auto wrong = is_directive ? directive() : bracket(piece.text); !wrong.empty()) return wrong;
        }
        if (groups_ != 0) return "an #if that does not end";
        return open_.empty() ? "" : "a bracket that does not close";
    }

    std::vector<std::string> macros() && { return std::move(macros_); }

private:
    // An open one is an error to every compiler, but at a line that is not the handler's.
    std::string_view bracket(std::string_view piece) {
        constexpr std::string_view opening = "([{", closing = ")]}";
        if (piece.size() != 1) return "";
        if (const auto i = opening.find(piece); i != opening.npos) open_ += closing[i];
        if (!closing.contains(piece)) return "";
        if (!open_.ends_with(piece)) return "a bracket that closes nothing";
        open_.pop_back();
        return "";
    }

    // One line, its newline included.
    std::string_view directive() {
        std::vector<std::string_view> words;
        for (Piece piece = in_.next(); piece.kind != Piece::newline && piece.kind != Piece::end; piece = in_.next()) {
            if (piece.kind == Piece::bad) return piece.text;
            words.push_back(piece.text);
        }
        if (words.empty()) return "";
        const std::string_view name = words[0];
        const auto rest = std::span(words).subspan(1);
        if (name == "if" || name == "ifdef" || name == "ifndef") return ++groups_, "";
        if (name == "endif") return groups_ == 0 ? "an #endif without an #if" : (--groups_, "");
        if (name == "define" || name == "undef") return macro(rest);
        if (name == "pragma") return pragma(rest);
        if (name == "else" || name.starts_with("elif") || name == "error" || name == "warning") return "";
        return "a directive that reaches beyond the source";
    }

    std::string_view macro(std::span<const std::string_view> words) {
        if (words.empty() || !is_identifier(words[0])) return "a macro without a name";
        if (words[0].starts_with("__")) return "a macro of the compiler's";
        if (std::ranges::find(macros_, words[0]) == macros_.end()) macros_.emplace_back(words[0]);
        return "";
    }

    static std::string_view pragma(std::span<const std::string_view> words) {
        const bool unrolls = !words.empty() && words[0] == "unroll";
        const bool enables =
            words.size() == 5 && words[0] == "OPENCL" && words[1] == "EXTENSION" && words[4] == "enable";
        return unrolls || enables ? "" : "a pragma that reaches beyond the source";
    }

    Reader& in_;
    std::string open_;        // the closing brackets to come
    std::size_t groups_ = 0;  // #if without their #endif
    std::vector<std::string> macros_;
};

// What compilers read each in its own way wherever it stands, in a comment too; empty: nothing.
std::string_view unportable(std::string_view rest) {
    if (rest[0] == '\0') return "a byte of value zero";
    if (rest[0] == '\r' && !rest.starts_with("\r\n")) return "a carriage return alone";
    if (rest[0] == '\\' && rest.find_first_not_of(" \t\v\f\r\n", 1) == rest.npos) return "a backslash at the end";
    if (rest[0] == '\\') {  // to some two lines, to others one
        const std::size_t next = rest.find_first_not_of(" \t\v\f", 1);
        if (next != 1 && (rest[next] == '\n' || rest[next] == '\r')) return "a backslash with blanks behind it";
    }
    constexpr std::string_view third = "=/'()!<>-";
    if (rest.starts_with("??") && rest.size() > 2 && third.contains(rest[2])) return "a trigraph";
    return "";
}

}  // namespace

bool is_identifier(std::string_view name) noexcept {
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, in_name);
}

std::expected<std::vector<std::string>, SourceError> macros_of(std::string_view source) {
    for (std::size_t at = 0, line = 1; at < source.size(); line += source[at++] == '\n' ? 1 : 0)
        if (const auto wrong = unportable(source.substr(at)); !wrong.empty())
            return std::unexpected(SourceError{line, wrong});
    Reader in(source);
    Checker check(in);
    if (const auto wrong = check.source(); !wrong.empty()) return std::unexpected(SourceError{in.line(), wrong});
    return std::move(check).macros();
}

}  // namespace slipring
