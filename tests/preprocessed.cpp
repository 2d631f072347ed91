// Custom operations' sources, put in front of real preprocessors: whatever the rules accept, of thousands of sources
// made of pieces that go wrong, ends where it ends. Behind each stands a line of names; if a comment, a literal, a
// directive, an #if or a macro of the source reached it, it would not come out as it does in front of them all.
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "../lib/device/handlers.hpp"
#include "../lib/device/source.hpp"
#include "random.hpp"

using namespace slipring;

// Stand-ins for the device code, which program_source puts around the operations.
namespace slipring::embedded {
const char* const prelude = "";
const char* const kernels = "";
}  // namespace slipring::embedded

namespace {

constexpr std::string_view pieces[] = {"uint h;\n",
                                       "\n",
                                       "\r\n",
                                       " ",
                                       "\t",
                                       "\v",
                                       "\f",
                                       "/*",
                                       "*/",
                                       "//",
                                       "/",
                                       "*",
                                       "\"",
                                       "'",
                                       "\\",
                                       "\\\n",
                                       "\\\r\n",
                                       "\\ \n",
                                       "\\\t\r\n",
                                       "{",
                                       "}",
                                       "(",
                                       ")",
                                       "[",
                                       "]",
                                       ";",
                                       "X",
                                       "SCALE",
                                       "OPEN",
                                       "#",
                                       "##",
                                       "%:",
                                       "%:%:",
                                       "<%",
                                       "%>",
                                       "<:",
                                       ":>",
                                       "%",
                                       ":",
                                       "?"
                                       "?=",
                                       "?"
                                       "?/",
                                       "?"
                                       "?/\n",
                                       "?"
                                       "?(",
                                       "?"
                                       "?",
                                       "#if 0\n",
                                       "#if 1\n",
                                       "#ifdef X\n",
                                       "#ifndef X\n",
                                       "#else\n",
                                       "#elif X\n",
                                       "#elifdef X\n",
                                       "#endif\n",
                                       "#define X 1\n",
                                       "#define SCALE 9\n",
                                       "#define OPEN {\n",
                                       "#define uint\n",
                                       "#define X(a) a\n",
                                       "#define X(a...) #a\n",
                                       "#define X \"",
                                       "#define X '",
                                       "#define SR_CODE_OK 7\n",
                                       "#undef SR_MAX_ARGS\n",
                                       "#undef SCALE\n",
                                       "#define ",
                                       "#undef ",
                                       "# define X 2 /*\n",
                                       "# /**/ define X 2\n",
                                       "#pragma unroll\n",
                                       "#pragma unroll /*\n",
                                       "#pragma OPENCL EXTENSION x : enable\n",
                                       "#pragma GCC poison SCALE\n",
                                       "#pragma push_macro(\"X\")\n",
                                       "#pragma pop_macro(\"X\")\n",
                                       "#pragma ",
                                       "_Pragma(\"GCC poison SCALE\")",
                                       "_Pragma(\"push_macro(\\\"X\\\")\")",
                                       "__pragma(x)",
                                       "#include <x>\n",
                                       "#include_next <x>\n",
                                       "#import <x>\n",
                                       "#embed <x>\n",
                                       "#line 7\n",
                                       "#ident \"x\"\n",
                                       "#assert x(y)\n",
                                       "#warning x\n",
                                       "#error x\n",
                                       "#define defined X\n",
                                       "#if __has_include(</*>)\n",
                                       "__has_embed(</*>)",
                                       "R\"(",
                                       "LR\"(",
                                       "u8R\"x(",
                                       ")\"",
                                       ")x\"",
                                       "u8\"",
                                       "L'",
                                       "u'",
                                       "1'",
                                       "0x1'a",
                                       "1'0'0",
                                       "1e+",
                                       "'0'",
                                       "'\"'",
                                       "\"'\"",
                                       "\\\"",
                                       "\\'",
                                       "\\u0022",
                                       "\\u00A0",
                                       "\xC2\xA0",
                                       "\xEF\xBB\xBF",
                                       "$",
                                       "@",
                                       "%:define SCALE 9\n",
                                       "%:undef SCALE\n",
                                       "%:if 0\n",
                                       "%:endif\n",
                                       "define SCALE 9\n",
                                       "if 0\n",
                                       "endif\n",
                                       "include <x>\n",
                                       "pragma GCC poison SCALE\n",
                                       "`",
                                       "\r",
                                       "import x;\n",
                                       "export module x;\n",
                                       "__VA_OPT__",
                                       "__COUNTER__",
                                       "sr_custom",
                                       "return",
                                       "\x1A",
                                       "\x7F"};

const std::string before = "#define SR_CODE_OK 0u\n#define SR_MAX_ARGS 12u\n#undef X\n#undef SCALE\n";
std::string names(std::size_t number) {
    return "sr_probe_" + std::to_string(number) + " uint X SCALE OPEN SR_CODE_OK SR_MAX_ARGS return";
}

// Sources of up to three pieces, all of them; and longer ones by chance.
std::vector<std::string> accepted() {
    std::vector<std::string> sources;
    const auto add = [&](const std::string& source) {
        if (macros_of(source)) sources.push_back(source);
    };
    for (const auto a : pieces) {
        add(std::string(a));
        for (const auto b : pieces) add(std::string(a).append(b));
    }
    Random random(20);
    for (int i = 0; i < 30000; ++i) {
        std::string source;
        for (std::uint32_t n = 3 + random.below(6); n > 0; --n) source += pieces[random.below(std::size(pieces))];
        add(source);
    }
    return sources;
}

// What the compiler's preprocessor makes of the text, with `options`.
std::string preprocessed(const std::string& text, const std::string& options) {
    const std::string name = "preprocessed." + std::to_string(getpid()) + ".c";
    const std::string file = std::filesystem::temp_directory_path() / name;
    std::ofstream(file, std::ios::binary) << text;
    const std::string command = SR_COMPILER " -E -P -w " + options + " " + file + " 2>/dev/null";
    std::string out;
    if (std::FILE* const pipe = popen(command.c_str(), "r")) {
        char bytes[65536];
        while (const std::size_t n = std::fread(bytes, 1, sizeof bytes, pipe)) out.append(bytes, n);
        pclose(pipe);
    }
    std::remove(file.c_str());
    return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_accepted_ends_where_it_ends) {
    const std::vector<std::string> sources = accepted();
    BOOST_TEST(sources.size() > 1000u);
    std::string text = before + names(0) + "\n";
    for (std::size_t i = 0; i < sources.size(); ++i) {
        const CustomOp op{.opcode = 8, .name = "h", .source = sources[i]};
        // Without the operation's dispatch, which is the same for all.
        const std::string program = program_source(std::span(&op, 1), {});
        const std::size_t end = program.find("#line 1 \"slipring\"");
        BOOST_REQUIRE(end != std::string::npos);
        text += program.substr(0, end) + names(i + 1) + "\n";
    }
    for (const char* const options : {"-x c -std=c99", "-x c -std=gnu17", "-x c -std=gnu2x", SR_OPENCL}) {
        if (*options == '\0') continue;
        const std::string out = preprocessed(text, options);
        // The rest of the line, from `at` on, behind line i's own name; nothing if there is no such line.
        const auto line = [&](std::size_t i, std::size_t& at) -> std::string {
            const std::string mark = "sr_probe_" + std::to_string(i) + " ";
            const std::size_t found = out.find(mark, at);
            if (found == out.npos) return {};
            at = found + mark.size();
            return out.substr(at, out.find('\n', at) - at);
        };
        std::size_t at = 0, wrong = 0;
        const std::string expected = line(0, at);
        BOOST_REQUIRE_MESSAGE(expected.ends_with("return"), options << ": " << out.substr(0, 200));
        for (std::size_t i = 1; i <= sources.size() && wrong < 3; ++i) {
            const bool same = line(i, at) == expected;
            BOOST_TEST(same, options << " reads on behind this one:\n" << sources[i - 1] << "\n----");
            wrong += !same;
        }
    }
}
