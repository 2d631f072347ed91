#include "handlers.hpp"

#include <algorithm>
#include <optional>

#include "source.hpp"

namespace slipring {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

// ---- checking -------------------------------------------------------------------------------------------------------

using Checked = std::expected<void, SourceError>;

// Brackets that are open, and the #if groups around them. A branch may close only what it has opened.
class Nesting {
public:
    // `at` is '(', ')', '[', ... or anything else. Null if it fits, else what is wrong.
    const char* piece(std::string_view at) {
        constexpr std::string_view opening = "([{", closing = ")]}";
        if (at.size() != 1) return nullptr;
        if (const auto i = opening.find(at[0]); i != opening.npos) open_ += closing[i];
        if (!closing.contains(at[0])) return nullptr;
        const std::size_t outside = branches_.empty() ? 0 : branches_.back();
        if (SR_BUG(81, false, open_.size() == outside || open_.back() != at[0])) return unbalanced;
        if (open_.size() > outside) open_.pop_back();
        return nullptr;
    }
    void begin_group() { branches_.push_back(open_.size()); }
    const char* end_branch() const {
        if (branches_.empty()) return "an #else or #endif without an #if";
        return open_.size() == branches_.back() ? nullptr : unbalanced;
    }
    void end_group() { branches_.pop_back(); }
    const char* end() const {
        if (SR_BUG(83, false, !branches_.empty())) return "an #if that does not end";
        return open_.empty() ? nullptr : unbalanced;
    }

private:
    static constexpr const char* unbalanced = "unbalanced brackets";
    std::string open_;                  // the closing brackets to come
    std::vector<std::size_t> branches_;  // how many were open where the group began
};

class Checker {
public:
    explicit Checker(SourceReader& in) : in_(in) {}

    // On success, the macros that the source defines or undefines.
    std::expected<std::vector<std::string>, SourceError> run() {
        bool line_begins = true;
        for (;;) {
            const auto piece = in_.next();
            if (!piece) return std::unexpected(piece.error());
            if (*piece == Piece::end) break;
            if (line_begins && *piece == Piece::punctuator && in_.text() == "#") {
                if (auto ok = directive(); !ok) return std::unexpected(ok.error());
                continue;  // and at its newline
            }
            line_begins = *piece == Piece::newline;
            if (*piece == Piece::name && (in_.text() == "_Pragma" || in_.text() == "__pragma"))
                return fail("a pragma in a line of code");
            if (*piece == Piece::punctuator)
                if (const char* const wrong = nesting_.piece(in_.text())) return fail(wrong);
        }
        if (const char* const wrong = nesting_.end()) return fail(wrong);
        return macros_;
    }

private:
    std::unexpected<SourceError> fail(const char* what) const { return std::unexpected(SourceError{in_.line(), what}); }

    // The pieces of the directive's line, up to its end, the newline included.
    std::expected<std::vector<std::string>, SourceError> rest_of_line() {
        std::vector<std::string> pieces;
        for (;;) {
            const auto piece = in_.next();
            if (!piece) return std::unexpected(piece.error());
            if (*piece == Piece::end || *piece == Piece::newline) return pieces;
            pieces.emplace_back(in_.text());
        }
    }

    Checked directive() {
        const std::size_t line = in_.line();
        const auto pieces = rest_of_line();
        if (!pieces) return std::unexpected(pieces.error());
        if (const char* const wrong = effect(*pieces)) return std::unexpected(SourceError{line, wrong});
        return {};
    }

    // Null if the directive has no effect beyond the source, or one that is undone behind it; else what is wrong.
    const char* effect(std::span<const std::string> pieces) {
        if (pieces.empty()) return nullptr;
        const std::string& name = pieces[0];
        if (name == "if" || name == "ifdef" || name == "ifndef") return nesting_.begin_group(), nullptr;
        if (name == "else" || name.starts_with("elif")) return nesting_.end_branch();
        if (name == "endif") {
            if (const char* const wrong = nesting_.end_branch()) return wrong;
            return nesting_.end_group(), nullptr;
        }
        if (name == "define" || name == "undef") return macro(pieces.subspan(1));
        if (name == "pragma") return pragma(pieces.subspan(1));
        if (name == "error" || name == "warning") return nullptr;
        return "a directive that reaches beyond the source";
    }

    const char* macro(std::span<const std::string> pieces) {
        if (pieces.empty() || !is_identifier(pieces[0])) return "a macro without a name";
        const std::string& name = pieces[0];
        for (const char* const own : {"sr_", "SR_", "__", "slipring"})
            if (name.starts_with(own)) return "a macro whose name is slipring's or the compiler's";
        Nesting body;
        for (const std::string& piece : pieces) {
            if (piece == "##") return "a macro that pastes";  // brackets, perhaps
            if (piece == "_Pragma" || piece == "__pragma") return "a pragma in a macro";
            if (const char* const wrong = body.piece(piece)) return wrong;
        }
        if (const char* const wrong = body.end()) return wrong;
        if (std::ranges::find(macros_, name) == macros_.end()) macros_.push_back(name);
        return nullptr;
    }

    static const char* pragma(std::span<const std::string> pieces) {
        if (!pieces.empty() && pieces[0] == "unroll") return nullptr;
        const bool extension = pieces.size() == 5 && pieces[0] == "OPENCL" && pieces[1] == "EXTENSION" &&
                               pieces[3] == ":" && pieces[4] == "enable";
        return extension ? nullptr : "a pragma that reaches beyond the source";
    }

    SourceReader& in_;
    Nesting nesting_;
    std::vector<std::string> macros_;
};

std::expected<std::vector<std::string>, SourceError> macros_of(std::string_view source) {
    auto in = SourceReader::open(source);
    if (!in) return std::unexpected(in.error());
    return Checker(*in).run();
}

// ---- assembling -----------------------------------------------------------------------------------------------------

// A handler and what undoes its macros. A declaration that it leaves open ends here: an empty one more is none.
std::string guarded(const CustomOp& op) {
    std::string before, after = "\n;\n";
    const auto macros = macros_of(op.source);
    for (const std::string& name : macros.value_or(std::vector<std::string>{})) {
        if (SR_BUG(82, true, false)) continue;
        before += "#pragma push_macro(\"" + name + "\")\n";
        after += "#undef " + name + "\n#pragma pop_macro(\"" + name + "\")\n";
    }
    return before + line_mark(op.name) + op.source + after;
}

// The kernels' buffer parameters, and the statements that gather them, one sr_buffers an operation.
std::string buffer_macros(std::span<const CustomOp> ops) {
    std::string parameters = "#define SR_BUFFER_PARAMETERS ";
    std::string gather = "#define SR_BUFFERS sr_buffers buffers[" + text(ops.empty() ? 1 : ops.size()) + "];";
    std::size_t parameter = 0;
    for (std::size_t i = 0; i < ops.size(); ++i) {
        const std::string own = " buffers[" + text(i) + "].";
        gather += own + "count = " + text(ops[i].buffers.size()) + "u;";
        for (std::size_t k = 0; k < ops[i].buffers.size(); ++k, ++parameter) {
            const std::string name = "sr_b" + text(parameter);
            parameters += ", __global uchar* " + name;
            gather += own + "at[" + text(k) + "] = " + name + ";";
            gather += own + "bytes[" + text(k) + "] = " + text(ops[i].buffers[k].bytes) + "ul;";
        }
    }
    return parameters + "\n" + gather + "\n";
}

// sr_custom: one case an operation.
std::string dispatch(std::span<const CustomOp> ops) {
    std::string out =
        "static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, uint* value) {\n"
        "sr_args a;\nfor (uint i = 0; i < SR_MAX_ARGS; ++i) a.word[i] = args[i];\nswitch (opcode) {\n";
    for (std::size_t i = 0; i < ops.size(); ++i)
        out += "case " + text(ops[i].opcode) + "u: return " + ops[i].name + "(a, memory->buffers + " + text(i) +
               ", value);\n";
    return out + "default: return SR_CODE_UNKNOWN_OPCODE;\n}\n}\n";
}

}  // namespace

std::string line_mark(const std::string& name) { return "#line 1 \"" + name + "\"\n"; }

std::expected<void, Error> check_source(const CustomOp& op) {
    const auto macros = macros_of(op.source);
    if (macros) return {};
    return std::unexpected(
        Error{Errc::bad_options, op.name + ", line " + text(macros.error().line) + ": " + macros.error().what});
}

std::string program_source(std::span<const CustomOp> ops) {
    std::string source = embedded::prelude;
    for (const CustomOp& op : ops) source += guarded(op);
    source += line_mark("slipring") + dispatch(ops) + buffer_macros(ops);
    return source + embedded::kernels;
}

}  // namespace slipring
