// The cache of the prefetch example: whatever is required, its steps are copies that a cache can follow.
#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <utility>

#include "../examples/prefetch_cache.hpp"
#include "../examples/prefetch_trace.hpp"
#include "random.hpp"

namespace {

using prefetch::Cache;
using prefetch::Step;

// A cache's frames as one who does what its steps say has them.
struct Follower {
    std::uint32_t frames;
    std::map<std::uint32_t, std::uint32_t> page_in{}, frame_of{};
    unsigned hits = 0;

    // False if the step says what cannot be done, or leaves the page elsewhere.
    bool follow(const Step& step, std::uint32_t page) {
        if (step.is_hit) ++hits;
        else if (!copy(step.required)) return false;
        std::set<std::uint32_t> taken{step.required.frame};
        for (const prefetch::Copy& each : step.lookahead)
            if (!taken.insert(each.frame).second || !copy(each)) return false;
        const auto there = page_in.find(step.required.frame);
        return step.required.page == page && there != page_in.end() && there->second == page;
    }

private:
    bool copy(const prefetch::Copy& one) {
        if (one.frame >= frames || frame_of.contains(one.page)) return false;  // no page lies in two frames
        if (const auto old = page_in.find(one.frame); old != page_in.end()) frame_of.erase(old->second);
        page_in[one.frame] = one.page;
        frame_of[one.page] = one.frame;
        return true;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_trace_has_the_pages_that_it_says) {
    std::set<std::uint32_t> pages;
    std::uint32_t last = prefetch::distinct_pages;
    for (const std::uint32_t page : prefetch::trace) {
        BOOST_TEST_REQUIRE(page != std::exchange(last, page));
        pages.insert(page);
    }
    BOOST_TEST(pages.size() == prefetch::distinct_pages);
    BOOST_TEST(*pages.rbegin() == prefetch::distinct_pages - 1);
}

BOOST_AUTO_TEST_CASE(the_trace_in_caches_of_several_sizes) {
    unsigned last_hits = 0;
    for (const std::uint32_t frames : {5u, 32u, 128u, 482u}) {
        Cache cache(prefetch::distinct_pages, frames);
        Follower follower{frames};
        for (const std::uint32_t page : prefetch::trace)
            BOOST_TEST_REQUIRE(follower.follow(cache.require(page), page));
        BOOST_TEST(follower.hits > last_hits);
        last_hits = follower.hits;
    }
    BOOST_TEST(last_hits > std::size(prefetch::trace) - prefetch::distinct_pages);
}

BOOST_AUTO_TEST_CASE(any_pages_in_any_cache) {
    for (std::uint32_t seed = 0; seed < 50; ++seed) {
        Random random(seed);
        const std::uint32_t pages = 1 + random.below(100), frames = Cache::lookahead + 1 + random.below(60);
        Cache cache(pages, frames);
        Follower follower{frames};
        std::uint32_t page = 0;
        for (int i = 0; i < 500; ++i) {  // some in a row, some anywhere, some again
            page = random.once_in(3) ? random.below(pages) : random.once_in(2) ? (page + 1) % pages : page / 2;
            BOOST_TEST_REQUIRE(follower.follow(cache.require(page), page), "seed " << seed);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_page_that_has_been_seen_after_two_others_is_fetched_after_them) {
    Cache cache(1000, 32);
    for (const std::uint32_t page : {10u, 500u, 70u, 900u}) cache.require(page);
    for (std::uint32_t page = 100; page < 200; ++page) cache.require(page);  // these replace all
    cache.require(10);
    const Step step = cache.require(500);
    BOOST_TEST(!step.is_hit);
    BOOST_TEST_REQUIRE(step.lookahead.size() == Cache::lookahead);
    BOOST_TEST(step.lookahead[0].page == 70u);
    BOOST_TEST(step.lookahead[1].page == 900u);
    BOOST_TEST(step.lookahead[2].page == 100u);
    BOOST_TEST(cache.require(70).is_hit);
    BOOST_TEST(cache.require(900).is_hit);
}

BOOST_AUTO_TEST_CASE(pages_in_a_row_are_fetched_ahead) {
    Cache cache(1000, 32);
    BOOST_TEST(!cache.require(0).is_hit);
    for (std::uint32_t page = 1; page < 1000; ++page) BOOST_TEST(cache.require(page).is_hit);
    BOOST_TEST(cache.require(0).is_hit);  // behind the last page comes the first
}
