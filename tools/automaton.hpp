// Literal patterns as one dense automaton: Aho-Corasick with every failure edge followed beforehand, so that a byte
// costs one lookup whatever the patterns. Bytes that no pattern tells apart share a column.
//
// The image is what the device reads (scan.cl); it is one array of words:
//   0       words of the table
//   1       columns a row has for bytes, C; a row has one more, its weight
//   2       limit: a state below it ends one pattern or more
//   3       the start state
//   4       overlap: bytes of the longest pattern less one. Started that far ahead of a byte, the automaton finds
//           every match that ends at the byte or later
//   5..15   zero
//   16..79  256 bytes: the column of each byte, below C
//   80..    the table. A state is the index of its row's first word, so a step is table[state + column], and
//           table[state + C] is how many patterns end in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

constexpr std::size_t automaton_table = 80;  // the table's first word

class Automaton {
public:
    // Duplicates count once. The error is a sentence for the user: no pattern, an empty one, or too many.
    static std::expected<Automaton, std::string> compile(const std::vector<std::string>& patterns);

    // The patterns, each once, in the order of their first appearance.
    const std::vector<std::string>& patterns() const noexcept { return patterns_; }
    std::uint32_t overlap() const noexcept { return image_[4]; }
    std::span<const std::uint32_t> image() const noexcept { return image_; }

    std::uint32_t states() const noexcept { return image_[0] / row_words(); }
    std::uint32_t row_words() const noexcept { return image_[1] + 1; }
    // The states that end a pattern are 0 .. accepting() - 1 times row_words().
    std::uint32_t accepting() const noexcept { return static_cast<std::uint32_t>(ends_.size()); }

    // How many patterns end in accepting state number `state`, and which, the longest first.
    std::uint32_t patterns_in(std::uint32_t state) const noexcept {
        return image_[automaton_table + std::size_t{state + 1} * row_words() - 1];
    }
    std::vector<std::uint32_t> ends_in(std::uint32_t state) const;
    // A byte that occurs in no pattern, and so takes every state back to the start. None if patterns have all 256.
    std::optional<std::byte> separator() const noexcept { return separator_; }

    // From how often each accepting state was entered to how often each pattern occurred.
    std::vector<std::uint64_t> count_patterns(std::span<const std::uint64_t> entered) const;

private:
    // What ends in an accepting state: the longest of its patterns, and the accepting state of the rest.
    struct End {
        std::uint32_t pattern;
        std::uint32_t rest;  // none: no more
    };
    static constexpr std::uint32_t none = ~0u;

    std::vector<std::string> patterns_;
    std::vector<End> ends_;
    std::vector<std::uint32_t> image_;
    std::optional<std::byte> separator_{};

    friend struct Builder;
};
