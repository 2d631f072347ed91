// Custom operations' sources: what is refused says which line and why. That nothing accepted reaches beyond itself:
// fuzz/handlers.cpp.
#include <boost/test/unit_test.hpp>

#include <string>

#include "../lib/handlers.hpp"

using namespace slipring;

namespace {

void refuses(const std::string& source, const std::string& line_and_reason) {
    const auto checked = check_source({.opcode = 8, .name = "h", .source = source});
    BOOST_REQUIRE_MESSAGE(!checked, "accepted: " << source);
    BOOST_TEST(checked.error().detail == "h, line " + line_and_reason);
    BOOST_TEST((checked.error().code == Errc::bad_options));
}

void accepts(const std::string& source) {
    const auto checked = check_source({.opcode = 8, .name = "h", .source = source});
    BOOST_TEST(checked.has_value(), source << ": " << (checked ? "" : checked.error().detail));
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_source_opens_it_closes) {
    refuses("uint h() {\n/* for ever", "2: a comment that does not end");
    refuses("\n\nconst char* a = \"b;\n", "3: a literal that does not end");
    refuses("uint h() {\n  if (1) {\n}\n", "4: unbalanced brackets");
    refuses("uint h() { } }", "1: unbalanced brackets");
    refuses("uint h(] { }", "1: unbalanced brackets");
    refuses("#if 1\nuint h() { }", "2: an #if that does not end");
    refuses("#endif\n", "1: an #else or #endif without an #if");
    refuses("#if 1\nuint h() {\n#else\nuint h(int a) {\n#endif\n}\n", "3: unbalanced brackets");
    refuses("#define OPEN {\n", "1: unbalanced brackets");
    refuses("uint h() { }\n// \\", "2: a backslash at the end");
}

BOOST_AUTO_TEST_CASE(what_reaches_beyond_a_source) {
    refuses("#include \"other.h\"\n", "1: a directive that reaches beyond the source");
    refuses("\n#line 7 \"other\"\n", "2: a directive that reaches beyond the source");
    refuses("#pragma pack(1)\n", "1: a pragma that reaches beyond the source");
    refuses("#pragma OPENCL EXTENSION cl_khr_fp64 : disable\n", "1: a pragma that reaches beyond the source");
    refuses("_Pragma(\"pack(1)\")", "1: a pragma in a line of code");
    refuses("#define SR_CODE_OK 7\n", "1: a macro whose name is slipring's or the compiler's");
    refuses("#undef __OPENCL_VERSION__\n", "1: a macro whose name is slipring's or the compiler's");
    refuses("#define P(a, b) a##b\n", "1: a macro that pastes");
    refuses("uint a<:1:>;", "1: a digraph");
    refuses(std::string("uint a; ?") + "?/\n", "1: a trigraph");
    refuses(std::string("uint a;\0", 8), "1: a byte of value zero");
}

BOOST_AUTO_TEST_CASE(what_is_fine) {
    accepts("");
    accepts("uint h() { return '}' + \"/*\"[0]; } // {\n/* #if \" */");
    accepts("#define TWICE(a) \\\n    (2 * (a))\n#ifdef X\nuint h() { return 1; }\n#else\nuint h() { return 2; }\n#endif\n");
    accepts("#pragma OPENCL EXTENSION cl_khr_fp64 : enable\nuint h() {\n#pragma unroll 4\n    for (;;) { }\n}");
    accepts("uint h() {\r\n    return 1; /* a\r\n comment */\r\n}");
}

BOOST_AUTO_TEST_CASE(a_sources_macros_end_with_it) {
    const CustomOp ops[] = {{.opcode = 8, .name = "a", .source = "#define X 1\n#undef Y\nuint a;"},
                            {.opcode = 9, .name = "b", .source = "uint b;"}};
    const std::string program = program_source(ops);
    const std::string expected =
        "#pragma push_macro(\"X\")\n#pragma push_macro(\"Y\")\n#line 1 \"a\"\n#define X 1\n#undef Y\nuint a;\n;\n"
        "#undef X\n#pragma pop_macro(\"X\")\n#undef Y\n#pragma pop_macro(\"Y\")\n#line 1 \"b\"\nuint b;\n;\n";
    BOOST_TEST(program.find(expected) != std::string::npos, program.substr(program.find("#pragma push"), 400));
}
