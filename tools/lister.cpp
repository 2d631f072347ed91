#include "lister.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <tuple>

void Lister::print(const Part& part, const Match& match) const {
    if (with_names_) std::fwrite(part.path.data(), 1, part.path.size(), stdout), std::fputc(':', stdout);
    const std::string& pattern = automaton_.patterns()[match.pattern];
    std::printf("%llu:", static_cast<unsigned long long>(match.offset));
    std::fwrite(pattern.data(), 1, pattern.size(), stdout);
    std::fputc('\n', stdout);
}

void Lister::add(const Part& part, std::vector<Match> matches) {
    const std::lock_guard lock(mutex_);
    added_.emplace(Key{part.number, part.index}, Added{part, std::move(matches)});
    for (auto next = added_.find(next_); next != added_.end(); next = added_.find(next_)) {
        const Added& now = next->second;
        held_back_.insert(held_back_.end(), now.matches.begin(), now.matches.end());
        const auto order = [this](const Match& match) {
            return std::tuple(match.offset, ~automaton_.patterns()[match.pattern].size());
        };
        std::ranges::sort(held_back_, {}, order);
        const auto may_follow = [&](const Match& match) {
            return !now.part.is_last && match.offset + automaton_.overlap() >= now.part.end;
        };
        const auto end = std::ranges::find_if(held_back_, may_follow);
        for (auto match = held_back_.begin(); match != end; ++match) print(now.part, *match);
        held_back_.erase(held_back_.begin(), end);
        next_ = now.part.is_last ? Key{now.part.number + 1, 0} : Key{now.part.number, now.part.index + 1};
        added_.erase(next);
    }
}
