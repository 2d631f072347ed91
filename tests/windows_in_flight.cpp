// Ticket numbers of windows: one that is in flight is refused, whoever comes, and no other is.
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "../lib/runtime/windows_in_flight.hpp"

using namespace slipring;

namespace {

// Windows that have ended: those that end at `ended` or before.
struct Ring {
    std::atomic<std::uint64_t> ended{0};
    bool operator()(const WindowPlace& place) const {
        return place.first + place.count <= ended.load() && place.apart_first + place.apart_count <= ended.load();
    }
};

bool is_refused(const auto& claim, Errc why = Errc::ticket_in_flight) { return !claim && claim.error() == why; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_number_is_its_windows_until_that_has_ended) {
    Ring ring;
    WindowsInFlight windows(64);
    {
        auto claim = windows.claim(7, 0, ring);
        BOOST_REQUIRE(claim.has_value());
        BOOST_TEST(is_refused(windows.claim(7, 0, ring)));  // it is being published
        BOOST_TEST(windows.contains(7, 0, ring));
        claim->published({.first = 10, .count = 4});
    }
    for (const std::uint64_t ended : {0u, 10u, 13u}) {
        ring.ended = ended;
        BOOST_TEST(windows.contains(7, 0, ring));
        BOOST_TEST(is_refused(windows.claim(7, 0, ring)));
    }
    ring.ended = 14;
    BOOST_TEST(!windows.contains(7, 0, ring));
    auto again = windows.claim(7, 0, ring);
    BOOST_REQUIRE(again.has_value());
    again->published({.first = 14, .count = 1, .apart_first = 100, .apart_count = 3});  // the lookahead counts, too
    ring.ended = 102;
    BOOST_TEST(is_refused(windows.claim(7, 0, ring)));
    ring.ended = 103;
    BOOST_TEST(windows.claim(7, 0, ring).has_value());
}

BOOST_AUTO_TEST_CASE(a_window_that_was_not_published_leaves_its_number_free) {
    Ring ring;
    WindowsInFlight windows(64);
    BOOST_TEST(windows.claim(7, 0, ring).has_value());
    BOOST_TEST(!windows.contains(7, 0, ring));
    BOOST_TEST(windows.claim(7, 0, ring).has_value());
}

BOOST_AUTO_TEST_CASE(zero_is_no_number) {
    Ring ring;
    WindowsInFlight windows(64);
    for (int i = 0; i < 200; ++i) {
        auto claim = windows.claim(0, 0, ring);
        BOOST_REQUIRE(claim.has_value());
        claim->published({.first = 1, .count = 1});
    }
    BOOST_TEST(!windows.contains(0, 0, ring));
}

BOOST_AUTO_TEST_CASE(scopes_do_not_know_of_each_other) {
    Ring ring;
    WindowsInFlight windows(64);
    for (const std::uint32_t scope : {0u, 5u, 31u}) {
        auto claim = windows.claim(7, scope, ring);
        BOOST_REQUIRE(claim.has_value());
        claim->published({.first = 1, .count = 1});
    }
    BOOST_TEST(is_refused(windows.claim(7, 5, ring)));
    BOOST_TEST(windows.claim(7, 6, ring).has_value());
}

// As many windows as slots, and more, whatever their numbers; once they have ended their cells are others'.
BOOST_DATA_TEST_CASE(each_window_in_flight_has_its_number,
                     boost::unit_test::data::make({1u, 2u, 256u, 128u * 2584u, 4096u, 1u << 20, 0u}), step) {
    const std::uint32_t slots = 1 << 10, cells = 2 * slots;
    std::mt19937 random(1);
    Ring ring;
    WindowsInFlight windows(slots);
    std::set<std::uint32_t> taken;
    for (std::uint64_t lap = 0; lap < 3; ++lap) {
        const std::uint32_t most = lap == 0 ? slots : cells;
        for (std::uint32_t i = 1; taken.size() < most; ++i) {
            const std::uint32_t number =
                step != 0 ? i * step + static_cast<std::uint32_t>(lap) : static_cast<std::uint32_t>(random()) | 1;
            if (!taken.insert(number).second) continue;
            auto claim = windows.claim(number, 0, ring);
            BOOST_REQUIRE(claim.has_value());
            claim->published({.first = (lap << 40) + 1, .count = 1});
        }
        for (const std::uint32_t number : taken) BOOST_REQUIRE(is_refused(windows.claim(number, 0, ring)));
        std::uint32_t other = 1;
        while (taken.contains(other)) ++other;
        BOOST_TEST(!windows.contains(other, 0, ring));
        if (most == cells) BOOST_TEST(is_refused(windows.claim(other, 0, ring), Errc::ring_full));
        ring.ended = (lap << 40) + 2;
        for (const std::uint32_t number : taken) BOOST_REQUIRE(!windows.contains(number, 0, ring));
        taken.clear();
    }
}

BOOST_AUTO_TEST_CASE(a_place_comes_back_as_it_was) {
    const std::uint32_t most = (1 << 25) - 1;
    const WindowPlace given{.first = ~std::uint64_t{0},
                            .count = most,
                            .ring = 31,
                            .is_quiet = true,
                            .apart_first = ~std::uint64_t{1},
                            .apart_count = 1 << 24};
    WindowsInFlight windows(2);
    auto claim = windows.claim(~0u, 31, [](const WindowPlace&) { return false; });
    BOOST_REQUIRE(claim.has_value());
    claim->published(given);
    BOOST_TEST(windows.contains(~0u, 31, [&](const WindowPlace& got) {
        BOOST_TEST((got.first == given.first && got.count == given.count && got.ring == given.ring));
        BOOST_TEST((got.apart_first == given.apart_first && got.apart_count == given.apart_count));
        BOOST_TEST(got.is_quiet);
        return false;
    }));
}

// What one finds in its way when it looks for a cell may end, and another thread may come, before it has one: here
// while the first, or second, or fifth window is looked at, of a table that is full.
BOOST_DATA_TEST_CASE(of_two_that_come_at_once_one_has_the_number, boost::unit_test::data::make({1u, 2u, 5u}),
                     at_look) {
    WindowsInFlight windows(8);
    const auto in_flight = [](const WindowPlace& place) { return place.count == 0; };
    std::uint32_t number = 1;
    for (;; ++number) {
        auto claim = windows.claim(number, 0, in_flight);
        if (!claim) break;
        claim->published({.first = number, .count = 1});
    }
    BOOST_TEST(number == 16u + 1);
    std::uint32_t looks = 0;
    // The other takes the place of a window that has ended; then this one ends, too.
    const auto meanwhile = [&](const WindowPlace& place) {
        if (++looks != at_look) return place.count == 0;
        auto claim = windows.claim(number, 0, [&](const WindowPlace& at) { return at.first != place.first; });
        BOOST_TEST(claim.has_value());
        if (claim) claim->published({.first = number, .count = 1});
        return true;
    };
    BOOST_TEST(is_refused(windows.claim(number, 0, meanwhile)));
    BOOST_TEST(looks > at_look);
    BOOST_TEST(windows.contains(number, 0, in_flight));
}

// Threads that publish and finish the same few numbers, as fast as they can: no two have one at a time.
BOOST_AUTO_TEST_CASE(no_two_threads_have_one_number) {
    constexpr std::uint32_t numbers = 12;
    std::atomic<std::uint32_t> holders[numbers + 1]{};
    std::atomic<std::uint64_t> next{1};
    std::vector<std::atomic<bool>> ended(1 << 18);  // by position
    const auto has_ended = [&](const WindowPlace& place) { return place.count == 0 || ended[place.first].load(); };
    WindowsInFlight windows(2);
    std::atomic<std::uint64_t> twice{0}, taken{0};
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            std::minstd_rand random(t + 1);
            for (;;) {
                const std::uint32_t number = 1 + static_cast<std::uint32_t>(random()) % numbers;
                auto claim = windows.claim(number, 0, has_ended);
                if (!claim) {
                    std::this_thread::yield();
                    continue;
                }
                twice += holders[number].fetch_add(1) != 0;
                const std::uint64_t position = next.fetch_add(1);
                if (position >= ended.size()) {
                    holders[number].fetch_sub(1);
                    return;
                }
                ++taken;
                if (random() % 4 == 0) {  // ring full
                    holders[number].fetch_sub(1);
                    continue;
                }
                claim->published({.first = position, .count = 1});
                if (random() % 2 == 0) std::this_thread::yield();
                holders[number].fetch_sub(1);
                ended[position] = true;
            }
        });
    for (std::thread& thread : threads) thread.join();
    BOOST_TEST(twice == 0u);
    BOOST_TEST(taken == ended.size() - 1);
}

// Others' windows come and go in the cells of its bucket: nobody else's is taken for its own.
BOOST_AUTO_TEST_CASE(a_numbers_only_user_is_never_refused) {
    std::vector<std::atomic<bool>> ended(1 << 18);
    const auto has_ended = [&](const WindowPlace& place) { return place.count == 0 || ended[place.first].load(); };
    std::atomic<std::uint64_t> next{1}, refused{0}, found{0};
    WindowsInFlight windows(2);
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (std::uint32_t turn = 0;; ++turn) {
                const std::uint32_t number = 1 + 4 * (turn % 4) + t;
                found += windows.contains(number, 0, has_ended);
                auto claim = windows.claim(number, 0, has_ended);
                refused += is_refused(claim);
                if (!claim) continue;
                const std::uint64_t position = next.fetch_add(1);
                if (position >= ended.size()) return;
                claim->published({.first = position, .count = 1});
                if (turn % 8 == 0) std::this_thread::yield();
                ended[position] = true;
            }
        });
    for (std::thread& thread : threads) thread.join();
    BOOST_TEST(refused == 0u);
    BOOST_TEST(found == 0u);
}
