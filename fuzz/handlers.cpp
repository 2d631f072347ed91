// Target handlers: registers two custom operations, one with a hostile name, opcode, buffers and source, before or
// behind a good one, and assembles the device's program of them. Oracle: what the rules forbid is refused with its
// error; and around whatever is accepted a preprocessor of the reference's own, which knows nothing of the library's
// and has the dialects of several compilers, finds at the good operation's first character, and where slipring's own
// text goes on: no comment, literal, directive, #if or bracket open, and no macro defined or undefined but those that
// were so before. tests/preprocessed.cpp asks a real preprocessor.
#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "../lib/device/handlers.hpp"
#include "../lib/runtime/options.hpp"
#include "fields.hpp"

using namespace fuzz;
using slipring::CustomOp;
using slipring::Errc;

// Stand-ins for the device code, which the program is assembled around.
namespace slipring::embedded {
const char* const prelude = "typedef unsigned int uint;\n";
const char* const kernels = "/*kernels*/ __kernel void slipring_run(void) { SR_BUFFERS }\n";
}  // namespace slipring::embedded

namespace {

constexpr const char* fragments[] = {"uint good(sr_args a) { return 1u; }\n",
                                     "/*",
                                     "*/",
                                     "//",
                                     "\"",
                                     "'",
                                     "\\",
                                     "\\\n",
                                     "\n",
                                     "\r",
                                     " ",
                                     "{",
                                     "}",
                                     "(",
                                     ")",
                                     "[",
                                     "]",
                                     ";",
                                     "#if 0\n",
                                     "#if 1\n",
                                     "#ifdef X\n",
                                     "#else\n",
                                     "#elif X\n",
                                     "#endif\n",
                                     "#define X 1\n",
                                     "#define SCALE 9\n",
                                     "#define OPEN {\n",
                                     "#define CLOSE }\n",
                                     "#define PASTE(a, b) a##b\n",
                                     "#define value 7\n",
                                     "#define SR_CODE_OK 9\n",
                                     "#define return\n",
                                     "#undef SR_MAX_ARGS\n",
                                     "#undef SCALE\n",
                                     "#undef uint\n",
                                     "#define ",
                                     "#undef ",
                                     "#",
                                     "##",
                                     "#pragma unroll\n",
                                     "#pragma pack(1)\n",
                                     "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n",
                                     "#pragma OPENCL EXTENSION cl_khr_fp64 : disable\n",
                                     "_Pragma(\"pack(1)\")",
                                     "#include <x>\n",
                                     "#line 7 \"good\"\n",
                                     "?"
                                     "?/",
                                     "?"
                                     "?=",
                                     "\n\r",
                                     "\xC2\xA0",
                                     "\\u00A0",
                                     "#if __has_include(</*>)\n",
                                     "<%",
                                     "%>",
                                     "%:",
                                     "X",
                                     "SCALE",
                                     "good",
                                     "uint x =",
                                     "static",
                                     "\\\"",
                                     "/",
                                     "*",
                                     "#error x\n",
                                     "R\"(",
                                     "1'",
                                     "\\ \n",
                                     "%:define X 1\n"};

// What is a name is the compiler's business from there on: a keyword, another function's name.
constexpr const char* names[] = {"hostile", "_",      "while", "sr_custom", "a9",  "good",
                                 "",        "9lives", "a b",   "a\"",       "x;}", "a\n"};
constexpr std::size_t first_bad_name = 5;

constexpr std::uint32_t fragment_[] = {0, 1, 2, 5, 10, 11, 12, 18, 23, 24, 25, 30, 33, 40, 45, 50, 55};
constexpr std::uint32_t place_[] = {0, 0, 0, 1};
constexpr std::uint32_t name_[] = {0, 0, 0, 0, 0, 1, 3, 5, 6, 7, 11};
constexpr std::uint32_t opcode_[] = {8, 8, 8, 9, 7, 0x100, 0xFFEF, 0xFFF0, SR_OP_HIGH_BIT, SR_OP_PACKED_SLOT};
constexpr std::uint32_t buffers_[] = {0, 0, 1, 16, 17};
constexpr std::uint32_t size_[] = {1, 64, 0, 0x80000000, ~0u};

}  // namespace

constexpr Field head[] = {place_, name_, opcode_, buffers_, size_};
// A piece of the source: a fragment, or up to four bytes.
constexpr Field record[] = {near::choice, fragment_, near::anything};
const Format format{head, record, 32};

namespace {

const std::string good_source =
    "/*good*/\n#define SCALE 3u\nuint good(sr_args a, const sr_buffers* b, ulong* result) {\n"
    "    *result = a.word[0] * SCALE;\n    return SR_CODE_OK;\n}\n";

// ---- the reference's preprocessor ---------------------------------------------------------------------------------

// What a compiler knows where a text has got to.
struct Situation {
    bool in_comment = false, in_literal = false, in_directive = false;
    int groups = 0, brackets = 0;
    bool closed_too_much = false, other_directive = false;
    std::map<std::string, std::string> macros;  // defined or undefined: by which #define or #undef
};

// Compilers differ: what is accepted must be clean to all of them. `strict` is C11 to the letter: trigraphs, and a
// backslash joins lines where the newline follows at once. The others know neither, but raw strings, and numbers with
// quotes in them. All know digraphs.
enum class Dialect { strict, lax };

std::string without_trigraphs(std::string_view text) {
    constexpr std::string_view third = "=/'()!<>-", meant = "#\\^[]|{}~";
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool marks = text.substr(i).starts_with("??") && i + 2 < text.size();
        const std::size_t which = marks ? third.find(text[i + 2]) : third.npos;
        out += which == third.npos ? text[i] : meant[which];
        if (which != third.npos) i += 2;
    }
    return out;
}

std::string splice(std::string_view text, Dialect dialect) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r') {
            if (i + 1 == text.size() || text[i + 1] != '\n') out += '\n';
            continue;
        }
        out += text[i];
        if (text[i] != '\n') continue;
        std::size_t back = out.size() - 1;
        const char* const blanks = dialect == Dialect::strict ? "" : " \t\v\f";
        while (back > 0 && std::strchr(blanks, out[back - 1]) != nullptr) --back;
        if (back == 0 || out[back - 1] != '\\') continue;
        out.resize(back - 1);
        if (i + 1 < text.size() && text[i + 1] == '\r') ++i;  // clang: one newline, whichever comes first
    }
    return out;
}

std::string first_word(std::string_view text) {
    std::size_t begin = 0, end = 0;
    while (begin < text.size() && std::isspace(static_cast<unsigned char>(text[begin]))) ++begin;
    for (end = begin; end < text.size(); ++end)
        if (!std::isalnum(static_cast<unsigned char>(text[end])) && text[end] != '_' && text[end] != '$' &&
            static_cast<unsigned char>(text[end]) < 128)
            break;
    return std::string(text.substr(begin, end - begin));
}

// One directive without its '#', comments replaced by a blank.
void direct(Situation& now, const std::string& line, std::map<std::string, std::vector<std::string>>& pushed) {
    const std::string what = first_word(line);
    const std::string rest = line.substr(line.find(what) + what.size());
    if (what.starts_with("if")) ++now.groups;
    else if (what == "endif") --now.groups;
    else if (what == "define" || what == "undef") now.macros[first_word(rest)] = what + rest;
    else if (what == "pragma" && first_word(rest).ends_with("_macro")) {
        const std::size_t quote = rest.find('"') + 1;
        const std::string macro = rest.substr(quote, rest.find('"', quote) - quote);
        auto& stack = pushed[macro];
        if (first_word(rest) == "push_macro") stack.push_back(now.macros[macro]);
        else if (!stack.empty()) {
            now.macros[macro] = stack.back();
            stack.pop_back();
        }
    } else if (what != "line" && !what.starts_with("el") && !what.empty() && what != "error" && what != "warning" &&
               !(what == "pragma" && (first_word(rest) == "unroll" || rest.find("enable") != rest.npos)))
        now.other_directive = true;
    if (now.groups < 0) now.closed_too_much = true;
}

// What stands right before `at`: a number, or a word that makes the string behind it a raw one.
bool goes_on(std::string_view text, std::size_t at) {
    std::size_t begin = at;
    const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    while (begin > 0 && in_word(text[begin - 1])) --begin;
    const std::string_view word = text.substr(begin, at - begin);
    if (text[at] == '"') return word == "R" || word == "LR" || word == "uR" || word == "UR" || word == "u8R";
    return !word.empty() && std::isdigit(static_cast<unsigned char>(word[0])) && at + 1 < text.size() &&
           in_word(text[at + 1]);
}
std::string raw_end(std::string_view mark) { return ")" + std::string(mark) + '"'; }

Situation preprocess(std::string_view text, Dialect dialect) {
    Situation now;
    std::map<std::string, std::vector<std::string>> pushed;
    std::string line;
    bool fresh = true;  // nothing but blanks on this line so far
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '/' && i + 1 < text.size() && text[i + 1] == '/') {
            while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
            now.in_comment = i + 1 == text.size();
        } else if (c == '/' && i + 1 < text.size() && text[i + 1] == '*') {
            const std::size_t end = text.find("*/", i + 2);
            now.in_comment = end == text.npos;
            if (now.in_comment) break;
            i = end + 1;
            line += ' ';
        } else if (dialect == Dialect::lax && (c == '"' || c == '\'') && goes_on(text, i)) {
            // A quote inside a number, of which the rest are letters; or a raw string, which ends at its own mark.
            if (c == '\'') continue;
            const std::size_t open = text.find('(', i);
            const std::string mark = raw_end(text.substr(i + 1, open - i - 1));
            const std::size_t end = open == text.npos ? open : text.find(mark, open);
            now.in_literal = end == text.npos;
            if (now.in_literal) break;
            i = text.find('"', end);
            fresh = false;
        } else if (c == '"' || c == '\'') {
            const std::size_t begin = i++;
            while (i < text.size() && text[i] != c && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
            now.in_literal = i >= text.size() || text[i] == '\n';
            if (now.in_literal) break;
            if (now.in_directive) line += text.substr(begin, i + 1 - begin);
            fresh = false;
        } else if (c == '\n') {
            if (now.in_directive) direct(now, line, pushed);
            now.in_directive = false;
            fresh = true;
        } else if ((c == '#' || text.substr(i).starts_with("%:")) && fresh && !now.in_directive) {
            if (c == '%') ++i;
            now.in_directive = true;
            line.clear();
        } else if (c == '<' && now.in_directive && line.ends_with("__has_include(")) {
            while (i + 1 < text.size() && text[i] != '>' && text[i + 1] != '\n') ++i;
        } else if (static_cast<unsigned char>(c) >= 0x80) {  // blanks, to clang
        } else if (text.substr(i).starts_with("\\u00A0")) {
            i += 5;
        } else {
            if (now.in_directive) line += c;
            else if (const std::string_view two = text.substr(i, 2); two == "<%" || two == "<:") ++now.brackets, ++i;
            else if (two == "%>" || two == ":>") --now.brackets, ++i;
            else if (std::strchr("([{", c) != nullptr && c != '\0') ++now.brackets;
            else if (std::strchr(")]}", c) != nullptr && c != '\0') --now.brackets;
            if (!now.in_directive && now.brackets < 0) now.closed_too_much = true;
            if (std::strchr(" \t\v\f", c) == nullptr) fresh = false;
        }
    }
    return now;
}

// Up to `mark`, nothing is open, and no macro is what it was not.
void check_clean(const std::string& program, const char* mark, Dialect dialect) {
    const std::size_t at = program.find(mark);
    FUZZ_CHECK(at != program.npos);
    const Situation now = preprocess(std::string_view(program).substr(0, at), dialect);
    FUZZ_CHECK(!now.in_comment && !now.in_literal && !now.in_directive);
    FUZZ_CHECK(now.groups == 0 && now.brackets == 0 && !now.closed_too_much && !now.other_directive);
    for (const auto& [macro, what] : now.macros) {
        const bool own = macro == "SR_BUFFERS" || macro == "SR_BUFFER_PARAMETERS";
        FUZZ_CHECK(own || what.empty());
    }
}

// ---- the rules that are no grammar --------------------------------------------------------------------------------

bool opcode_is_allowed(std::uint32_t op) {
    return !(op <= 7 || (op >= 0xFFF0 && op <= 0xFFFF) || op >= 0x80000000) && op != 0x100;
}

}  // namespace

void run(Input& in) {
    const bool behind = in.word() % 2 == 1;
    const std::size_t which = in.word() % std::size(names);
    CustomOp hostile{.opcode = in.word(), .name = names[which]};
    // It works so often on one buffer.
    const std::uint32_t count = in.word() % 20, bytes = in.word();
    hostile.buffers.assign(count, "shared");
    while (in.more() && hostile.source.size() < 1000) {
        const std::uint32_t kind = in.word(), fragment = in.word(), raw = in.word();
        if (kind % 8 == 7) hostile.source.append(reinterpret_cast<const char*>(&raw), 1 + fragment % 4);
        else hostile.source += fragments[fragment % std::size(fragments)];
    }
    const CustomOp good{.opcode = 0x100, .name = "good", .source = good_source};
    slipring::Options options{};
    options.ops = behind ? std::vector{good, hostile} : std::vector{hostile, good};
    if (count != 0) options.buffers = {{.name = "shared", .bytes = bytes}};
    const bool good_buffers = count == 0 || bytes != 0;

    const auto allowed = slipring::check(options);
    if (!allowed) {
        const Errc code = allowed.error().code;
        FUZZ_CHECK(!allowed.error().detail.empty());
        // The buffers first; of the operations the first that is wrong is told, and of it the opcode first.
        if (!good_buffers) {
            FUZZ_CHECK(code == Errc::bad_options);
        } else if (hostile.opcode != 0x100) {
            const bool namesake = behind && hostile.name == good.name;  // of the good one, which comes first
            const bool reserved = !opcode_is_allowed(hostile.opcode) && !namesake;
            const bool named = which < first_bad_name || hostile.name == good.name;
            const bool crowded = count > 16 && named && !namesake;
            FUZZ_CHECK(code == (reserved  ? Errc::reserved_opcode
                                : crowded ? Errc::too_many_buffers
                                          : Errc::bad_options));
        } else if (behind) {
            FUZZ_CHECK(code == Errc::duplicate_opcode);
        } else {
            FUZZ_CHECK(code != Errc::reserved_opcode);
        }
    } else {
        FUZZ_CHECK(opcode_is_allowed(hostile.opcode) && which < first_bad_name);
        FUZZ_CHECK(count <= 16 && good_buffers);
        FUZZ_CHECK(hostile.source.find('\0') == std::string::npos);
        const std::string source = slipring::program_source(options.ops, options.buffers);
        for (const Dialect dialect : {Dialect::strict, Dialect::lax}) {
            const bool strict = dialect == Dialect::strict;
            const std::string program = splice(strict ? without_trigraphs(source) : source, dialect);
            FUZZ_CHECK(program.find(good_source) != program.npos);
            for (const char* const mark : {"/*good*/\n#define", "static uint sr_custom(", "/*kernels*/"})
                check_clean(program, mark, dialect);
        }
        return;
    }
    // Refused on its own account: without the hostile one the good one is accepted.
    options.ops = {good};
    options.buffers.clear();
    FUZZ_CHECK(slipring::check(options).has_value());
    // And a harmless source is refused for nothing but the rules above.
    hostile.source = "uint hostile(void) { return 0u; }\n";
    options.ops = {good, hostile};
    if (count != 0) options.buffers = {{.name = "shared", .bytes = bytes}};
    const bool fine = opcode_is_allowed(hostile.opcode) && which < first_bad_name && count <= 16 && good_buffers;
    FUZZ_CHECK(slipring::check(options).has_value() == fine);
}
