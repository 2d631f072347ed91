// Cases that the unit tests and the fuzz targets' seed corpora share.
#pragma once

#include <string>
#include <vector>

#include <slipring/descriptor.hpp>

namespace cases {

// Each operation at the edges of what it may touch, for one index or count.
inline std::vector<slipring::Slot> operations(std::uint32_t index) {
    using namespace slipring;
    return {store_u32(1, index),
            atomic_add(1, index),
            load_u32(index, 0),
            load_u32(0, index),
            compare_swap(index, index * 7, 1),
            memcpy_words(index, 160, 1),
            memcpy_words(0, index, 1),
            memcpy_words(0, 160, index),
            memcpy_words(index, index, 0),
            dfa_step(index, 0, 0),
            dfa_step(0, index, 0),
            dfa_step(0, 0, index),
            batch_fence(index, 1),
            print(index, 1, 2)};
}
inline constexpr std::uint32_t indices[] = {0, 159, 160, 161, 199, 200, 201, 0x7FFFFFFF, 0xFFFFFF60, 0xFFFFFFFF};

// Packed slots: nothing in them, arguments missing, one after the other, a fault in the middle.
inline std::vector<slipring::Slot> packed_slots() {
    using namespace slipring;
    static constexpr std::uint32_t one[] = {55};
    std::vector<Slot> made;
    for (const auto& slot : {packed({}), packed({InnerOp{1, one}, inner(store_u32(2, 161))}),
                             packed({inner(store_u32(4, 160)), inner(atomic_add(3, 160)), inner(batch_fence(0, 5))}),
                             packed({inner(store_u32(4, 160)), inner(store_u32(4, 3)), inner(store_u32(4, 162))})})
        if (slot) made.push_back(*slot);
    return made;
}

// A custom operation's source, and why it is refused: "line: reason", or empty if it is not.
struct Source {
    std::string text, refusal;
};
inline std::vector<Source> sources() {
    return {// it does not close what it opens, or closes more
            {"uint h() {\n/* for ever", "2: a comment that does not end"},
            {"\n\nconst char* a = \"b;\n", "3: a literal that does not end"},
            {"uint h() {\n  if (1) {\n}\n", "4: a bracket that does not close"},
            {"uint h() {\n} }", "2: a bracket that closes nothing"},
            {"uint h(] { }", "1: a bracket that closes nothing"},
            {"#if 1\nuint h() { }", "2: an #if that does not end"},
            {"#endif\n", "1: an #endif without an #if"},
            {"uint h() { }\n// \\", "2: a backslash at the end"},
            {"#define \\\n A \\\n 1\n}", "4: a bracket that closes nothing"},
            // it reaches beyond itself
            {"#include \"other.h\"\n", "1: a directive that reaches beyond the source"},
            {"\n#line 7 \"other\"\n", "2: a directive that reaches beyond the source"},
            {"/*\n*/ # 7 \"other\"\n", "2: a directive that reaches beyond the source"},
            {"#pragma pack(1)\n", "1: a pragma that reaches beyond the source"},
            {"#pragma OPENCL EXTENSION cl_khr_fp64 : disable\n", "1: a pragma that reaches beyond the source"},
            {"_Pragma(\"pack(1)\")", "1: a word that reads what follows in its own way"},
            {"#undef __OPENCL_VERSION__\n", "1: a macro of the compiler's"},
            {"#define P(a, b) a##b\n", "1: words pasted together"},
            // compilers read it in different ways: each of these may hide an #if, an #endif or a bracket
            {"#if __has_include(</*>)\n#endif\n#if 0\n#if 0 /* */\n#endif\n",
             "1: a word that reads what follows in its own way"},
            {"#if 0\n// \\\n\r#endif\n", "3: a carriage return alone"},
            {"\xC2\xA0#if 0\n", "1: a character that C lacks"},
            {"\\u00A0#if 0\n", "1: a character that C lacks"},
            {"uint a<:1:>;", "1: a digraph"},
            {"%:define X 1\n", "1: a digraph"},
            {"uint f() {\nprintf(\"x\"); }\n", "2: printf, with which some devices run no handler at all"},
            {"constant char* a = R\"(\";\n", "1: a raw string"},
            {"#define A u8R\"x(\"\n", "1: a raw string"},
            {"uint a = 1'\"';\n", "1: a quote in a number"},
            {"// \\ \n#if 0\n", "1: a backslash with blanks behind it"},
            {"// \\\t\r\n#if 0\n", "1: a backslash with blanks behind it"},
            {"// ?"
             "?/\n#if 0\n",
             "1: a trigraph"},
            {std::string("uint a;\0", 8), "1: a byte of value zero"},
            // fine
            {"", ""},
            {"uint h() { return '}' + \"/*\"[0]; } // {\n/* #if \" */", ""},
            {"#define TWICE(a) \\\n    (2 * (a))\n"
             "#ifdef X\nuint h() { return 1; }\n#else\nuint h() { return 2; }\n#endif\n",
             ""},
            {"#pragma OPENCL EXTENSION cl_khr_fp64 : enable\nuint h() {\n#pragma unroll 4\n    for (;;) { }\n}", ""},
            {"uint h() {\r\n    return \\\r\n 1; /* \xC3\xA4\r\n comment */\r\n}", ""}};
}

// Literal patterns, a text, and how often each occurs in it.
struct Scan {
    std::vector<std::string> patterns;
    std::string text;
    std::vector<std::uint64_t> counts;
};
inline std::vector<Scan> scans() {
    return {{{"aa"}, "aaaa", {3}},
            {{"aba"}, "ababa", {2}},
            {{"a", "aa", "aaa"}, "aaaa", {4, 3, 2}},
            {{"he", "she", "his", "hers"}, "ushers and his", {1, 1, 1, 1}},
            {{"abcd", "bc", "c", "bcd"}, "abcd bc", {1, 2, 2, 1}},
            {{"xabc", "abd", "c"}, "xabc", {1, 0, 1}},  // the suffix that ends a pattern is two failure steps away
            {{"needle"}, "", {0}},
            {{"needle"}, "needl", {0}},
            {{"needle", "e"}, "haystack", {0, 0}}};
}

}  // namespace cases
