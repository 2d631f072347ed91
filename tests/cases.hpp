// Cases that the unit tests and the fuzz targets' seed corpora share.
#pragma once

#include <string>
#include <vector>

#include <slipring/descriptor.hpp>

namespace cases {

// Each operation at the edges of what it may touch, for one index or count.
inline std::vector<slipring::Slot> operations(std::uint32_t index) {
    using namespace slipring;
    return {store_u32(1, index),        atomic_add(1, index),       load_u32(index, 0),      load_u32(0, index),
            compare_swap(index, index * 7, 1), memcpy_words(index, 160, 1), memcpy_words(0, index, 1),
            memcpy_words(0, 160, index), memcpy_words(index, index, 0), dfa_step(index, 0, 0), dfa_step(0, index, 0),
            dfa_step(0, 0, index),      batch_fence(index, 1),      print(index, 1, 2)};
}
inline constexpr std::uint32_t indices[] = {0, 159, 160, 161, 199, 200, 201, 0x7FFFFFFF, 0xFFFFFF60, 0xFFFFFFFF};

// Packed slots: nothing in them, arguments missing, one after the other, a fault in the middle.
inline std::vector<slipring::Slot> packed_slots() {
    using namespace slipring;
    static constexpr std::uint32_t one[] = {55};
    std::vector<Slot> made;
    for (const auto& slot :
         {packed({}), packed({InnerOp{1, one}, inner(store_u32(2, 161))}),
          packed({inner(store_u32(4, 160)), inner(atomic_add(3, 160)), inner(batch_fence(0, 5))}),
          packed({inner(store_u32(4, 160)), inner(store_u32(4, 3)), inner(store_u32(4, 162))})})
        if (slot) made.push_back(*slot);
    return made;
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
