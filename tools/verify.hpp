// The same count on the host, by a method that shares nothing with the automaton or the chunks: at every byte of a
// whole file, compare each pattern that begins with the two bytes there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

class Recount {
public:
    // The patterns are distinct and not empty.
    explicit Recount(const std::vector<std::string>& patterns);

    void add(std::string_view file);

    std::uint64_t matches() const noexcept;
    std::uint64_t bytes() const noexcept { return bytes_; }
    const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }  // of each pattern

private:
    std::vector<std::string> patterns_;
    std::vector<std::vector<std::uint32_t>> by_two_;  // 65536: patterns of two bytes and more, by the first two
    std::vector<std::uint32_t> by_one_;               // 256: the pattern of just that byte, or none
    std::vector<std::uint64_t> counts_;
    std::uint64_t bytes_ = 0;
};
