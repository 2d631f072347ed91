// Every way in which something can go, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// Enumerates all sequences of choices, depth first; the number of alternatives may depend on the choices before.
class Choices {
public:
    std::uint32_t choose(std::uint32_t alternatives) {
        if (depth_ == path_.size()) path_.push_back({0, alternatives});
        return path_[depth_++].taken;
    }
    // To the next sequence; false when there is none.
    bool next() {
        depth_ = 0;
        while (!path_.empty() && path_.back().taken + 1 == path_.back().of) path_.pop_back();
        if (!path_.empty()) ++path_.back().taken;
        return !path_.empty();
    }
    std::size_t depth() const { return depth_; }

private:
    struct Choice {
        std::uint32_t taken, of;
    };
    std::vector<Choice> path_;
    std::size_t depth_ = 0;
};
