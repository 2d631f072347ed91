// Custom operations' sources: what is refused says which line and why. That nothing accepted reaches beyond itself:
// fuzz/handlers.cpp.
#include <boost/test/unit_test.hpp>

#include <string>

#include "../lib/device/handlers.hpp"
#include "cases.hpp"

using namespace slipring;

BOOST_AUTO_TEST_CASE(what_is_refused_and_why) {
    for (const cases::Source& given : cases::sources()) {
        const auto checked = check_source({.opcode = 8, .name = "h", .source = given.text});
        const std::string refusal = checked ? "" : checked.error().detail;
        const std::string expected = given.refusal.empty() ? "" : "h, line " + given.refusal;
        BOOST_TEST(refusal == expected, given.text << "\n" << refusal);
        BOOST_TEST((checked || checked.error().code == Errc::bad_options));
    }
}

BOOST_AUTO_TEST_CASE(a_sources_macros_end_with_it) {
    const CustomOp ops[] = {{.opcode = 8, .name = "a", .source = "#define X 1\n#undef Y\nuint a;"},
                            {.opcode = 9, .name = "b", .source = "uint b;"}};
    const std::string program = program_source(ops, {});
    const std::string expected =
        "#pragma push_macro(\"X\")\n#pragma push_macro(\"Y\")\n#line 1 \"a\"\n#define X 1\n#undef Y\nuint a;\n;\n"
        "#undef X\n#pragma pop_macro(\"X\")\n#undef Y\n#pragma pop_macro(\"Y\")\n#line 1 \"b\"\nuint b;\n;\n";
    BOOST_TEST(program.find(expected) != std::string::npos, program.substr(program.find("#pragma push"), 400));
}

// So that a compiler's cache, and a device's, holds one program for all of them.
BOOST_AUTO_TEST_CASE(a_program_does_not_say_how_large_its_buffers_are) {
    const CustomOp ops[] = {{.opcode = 8, .name = "a", .source = "uint a;", .buffers = {"x", "y"}}};
    const BufferSpec small[] = {{.name = "x", .bytes = 4}, {.name = "y", .bytes = 8}};
    const BufferSpec large[] = {{.name = "x", .bytes = 123456}, {.name = "y", .bytes = 1ull << 33}};
    BOOST_TEST((program_source(ops, small) == program_source(ops, large)));
}
