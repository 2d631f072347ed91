#include "verify.hpp"

#include <numeric>

namespace {

constexpr std::uint32_t none = ~0u;

std::size_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

}  // namespace

Recount::Recount(const std::vector<std::string>& patterns)
    : patterns_(patterns), by_two_(65536), by_one_(256, none), counts_(patterns.size(), 0) {
    for (std::uint32_t i = 0; i < patterns_.size(); ++i) {
        const std::string& pattern = patterns_[i];
        if (pattern.size() == 1) by_one_[byte_at(pattern, 0)] = i;
        else by_two_[byte_at(pattern, 0) * 256 + byte_at(pattern, 1)].push_back(i);
    }
}

void Recount::add(std::string_view file) {
    bytes_ += file.size();
    for (std::size_t at = 0; at < file.size(); ++at) {
        const std::uint32_t one = by_one_[byte_at(file, at)];
        if (one != none) ++counts_[one];
        if (at + 1 == file.size()) break;
        for (const std::uint32_t i : by_two_[byte_at(file, at) * 256 + byte_at(file, at + 1)])
            if (file.substr(at).starts_with(patterns_[i])) ++counts_[i];
    }
}

std::uint64_t Recount::matches() const noexcept {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}
