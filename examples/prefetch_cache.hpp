// Which pages lie in which frames of a cache, which are fetched next, and which give way. Host only.
//
// All of it follows from the pages that were required so far, never from time: where the same pages are required, the
// same are fetched and the same are hits, however fast they come.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace prefetch {

// A page to be copied into a frame, or one that lies there.
struct Copy {
    std::uint32_t page = 0;
    std::uint32_t frame = 0;
};

// What requiring a page leads to. The caller copies `required` unless it is a hit, and all of `lookahead`. A frame's
// last copy may still be under way: it has to finish before the frame is used, and before it gets its next page.
struct Step {
    Copy required{};
    bool is_hit = false;                // the page is in its frame, or an earlier step's lookahead brings it
    std::span<const Copy> lookahead{};  // until the next step
};

class Cache {
public:
    static constexpr std::uint32_t lookahead = 4;  // pages

    // More frames than one step fills.
    Cache(std::uint32_t pages, std::uint32_t frames) : frame_of_(pages), frames_(frames) {}

    Step require(std::uint32_t page) {
        follows_[pair(before_last_, last_)] = page;
        Step step{.required = {.page = page}, .is_hit = frame_of_[page].has_value()};
        step.required.frame = bring(page);

        // Then what will probably follow, and what follows that. Bringing a page makes it the latest, so that none of
        // a step's pages gives way to another of them.
        ahead_.clear();
        std::uint32_t before = last_, at = page;
        for (std::uint32_t i = 0; i < lookahead; ++i) {
            const std::uint32_t next = likely_after(before, at);
            const bool is_there = frame_of_[next].has_value();
            const std::uint32_t frame = bring(next);
            if (!is_there) ahead_.push_back({next, frame});
            before = at;
            at = next;
        }
        step.lookahead = ahead_;
        before_last_ = last_;
        last_ = page;
        return step;
    }

private:
    struct Frame {
        std::optional<std::uint32_t> page{};
        std::uint64_t used = 0;  // when, in turns
    };

    // The frame that has the page from now on: its own, or that of the page that was not used for the longest time.
    std::uint32_t bring(std::uint32_t page) {
        auto& mine = frame_of_[page];
        if (!mine) {
            std::uint32_t oldest = 0;
            for (std::uint32_t i = 1; i < frames_.size(); ++i)
                if (frames_[i].used < frames_[oldest].used) oldest = i;
            if (frames_[oldest].page) frame_of_[*frames_[oldest].page].reset();
            frames_[oldest].page = page;
            mine = oldest;
        }
        frames_[*mine].used = ++turn_;
        return *mine;
    }

    // What followed these two pages the last time; the next page, as in a scan, where they have not been seen so.
    // One page alone says little: an index's inner page is followed by another page each time.
    std::uint32_t likely_after(std::uint32_t before, std::uint32_t at) const {
        const auto seen = follows_.find(pair(before, at));
        if (seen != follows_.end()) return seen->second;
        return (at + 1) % static_cast<std::uint32_t>(frame_of_.size());
    }

    static std::uint64_t pair(std::uint32_t first, std::uint32_t second) {
        return std::uint64_t{first} << 32 | second;
    }

    std::vector<std::optional<std::uint32_t>> frame_of_;  // of each page
    std::vector<Frame> frames_;
    std::uint64_t turn_ = 0;
    std::unordered_map<std::uint64_t, std::uint32_t> follows_{};
    std::uint32_t before_last_ = ~0u, last_ = ~0u;  // no pages at first
    std::vector<Copy> ahead_{};
};

}  // namespace prefetch
