// The scan's pipeline on a device, against the recount on the host: however files, segments and parts fall, each byte
// is scanned once, and each match found once and listed where it is.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>
#include <list>
#include <thread>

#include "../tools/compare.hpp"
#include "../tools/feeder.hpp"
#include "../tools/report.hpp"
#include "../tools/scanner.hpp"
#include "../tools/verify.hpp"
#include "random.hpp"
#include "test_device.hpp"

namespace {

template <class T>
std::string error_of(const std::expected<T, std::string>& answer) {
    return answer ? "" : answer.error();
}

using Strings = std::vector<std::string>;

Scanner open(const Automaton& automaton, std::uint32_t chunk) {
    auto scanner = Scanner::open(automaton, slipring::test_device(), Geometry::of(automaton, chunk));
    BOOST_REQUIRE_MESSAGE(scanner.has_value(), error_of(scanner));
    return std::move(*scanner);
}

// Feeds the bytes of a file from `from` to `to` in reads of at most `most` bytes. What fails is in the answer:
// threads call this too.
std::string feed(Feeder& feeder, std::string_view file, std::size_t from, std::size_t to, std::size_t most,
                 Matches* matches) {
    const auto front = feeder.begin(from, matches);
    if (!front) return front.error();
    std::memcpy(front->data(), file.data() + (from - front->size()), front->size());
    for (std::size_t at = from; at != to;) {
        const auto room = feeder.room();
        if (!room) return room.error();
        if (room->empty()) return "no room";
        const std::size_t n = std::min({to - at, room->size(), most});
        std::memcpy(room->data(), file.data() + at, n);
        feeder.add(n);
        at += n;
    }
    feeder.end();
    return "";
}

std::string random_text(Random& random, std::uint32_t length) {
    std::string text;
    for (std::uint32_t i = 0; i < length; ++i) text += static_cast<char>('a' + random.below(3));
    return text;
}

// All matches of a file, by looking at each byte; the order of Match::offset, then the longest first.
std::vector<Match> matches_by_hand(const Strings& patterns, std::string_view file) {
    std::vector<Match> matches;
    for (std::size_t at = 0; at < file.size(); ++at)
        for (std::uint32_t i = 0; i < patterns.size(); ++i)
            if (file.substr(at).starts_with(patterns[i])) matches.push_back({at, i});
    return matches;
}

void sort(std::vector<Match>& matches) {
    std::ranges::sort(matches, {}, [](const Match& match) { return std::pair(match.offset, match.pattern); });
}

// Scans the files by so many feeders, a thread each, and compares all there is to compare. A part of a file, if it is
// cut: `part` bytes.
Totals check(const Strings& patterns, const Strings& files, std::uint32_t chunk, std::size_t most,
             std::uint32_t feeders = 1, std::size_t part = 1 << 20) {
    const auto automaton = Automaton::compile(patterns);
    BOOST_REQUIRE(automaton.has_value());
    Scanner scanner = open(*automaton, chunk);
    feeders = scanner.readers(feeders);
    Recount recount(automaton->patterns());
    for (const std::string& file : files) recount.add(file);

    std::vector<std::list<Matches>> listed(files.size());
    std::vector<std::string> errors(feeders);
    const auto run = [&](std::uint32_t index) {
        Feeder feeder(scanner, index, feeders);
        std::uint32_t turn = 0;
        for (std::size_t i = 0; i < files.size(); ++i)
            for (std::size_t from = 0; from < std::max<std::size_t>(files[i].size(), 1); from += part) {
                if (turn++ % feeders != index) continue;
                const std::size_t to = std::min(from + part, files[i].size());
                Matches* matches = nullptr;
                if (feeders == 1) matches = &listed[i].emplace_back();
                errors[index] += feed(feeder, files[i], from, to, most, matches);
            }
        errors[index] += error_of(feeder.finish());
    };
    std::vector<std::thread> threads;
    for (std::uint32_t index = 0; index < feeders; ++index) threads.emplace_back(run, index);
    for (std::thread& thread : threads) thread.join();
    for (const std::string& error : errors) BOOST_REQUIRE_MESSAGE(error.empty(), error);

    const Totals totals = scanner.totals();
    BOOST_TEST(totals.matches == recount.matches());
    BOOST_TEST(totals.bytes == recount.bytes());
    BOOST_TEST(totals.files == files.size());
    BOOST_TEST(automaton->count_patterns(scanner.entered()) == recount.counts(), boost::test_tools::per_element());
    BOOST_TEST(scanner.round_trips_us().size() == totals.slots);
    BOOST_TEST(scanner.runtime().stats().published == totals.slots + 1);  // each segment once, and open's NOP
    for (std::size_t i = 0; i < files.size() && feeders == 1; ++i) {
        std::vector<Match> found;
        for (const Matches& matches : listed[i]) {
            BOOST_TEST(matches.open == 0u);
            found.insert(found.end(), matches.matches.begin(), matches.matches.end());
        }
        std::vector<Match> expected = matches_by_hand(automaton->patterns(), files[i]);
        sort(found);
        sort(expected);
        BOOST_TEST((found == expected), "file " << i << ": " << found.size() << " for " << expected.size());
    }
    return totals;
}

const Strings letters{"a", "ab", "abc", "cab", "aaa", "bcbcbcb", "abcabcabc"};

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_at_all) {
    const Totals totals = check(letters, {}, 0, 100);
    BOOST_TEST(totals.slots == 0u);
    check(letters, {"", "", ""}, 0, 100);
    check(letters, {"", "abc", "", "", "cab", ""}, 0, 100);
    check(letters, {"", "abc", "", "", "cab", ""}, 1, 100);
}

BOOST_AUTO_TEST_CASE(small_files_share_a_slot) {
    BOOST_TEST(check(letters, {"abcabcabc"}, 0, 100).slots == 1u);
    BOOST_TEST(check(letters, {"abcabcabc", "ab", "c"}, 0, 100).slots == 1u);
}

BOOST_AUTO_TEST_CASE(a_match_across_segments_counts_once) {
    Random random(3);
    for (const std::size_t most : {1u, 7u, 1000u}) {
        const Totals totals = check(letters, {random_text(random, 3000)}, 64, most);
        BOOST_TEST(totals.slots >= 47u);
        check(letters, {random_text(random, 700)}, 1, most);
    }
    // A pattern longer than a segment.
    const std::string text = random_text(random, 500);
    const Strings parts{text.substr(100, 40), text.substr(120, 13), "b"};
    check(parts, {text, text + text}, 4, 50);
}

BOOST_AUTO_TEST_CASE(no_match_across_files) {
    Strings files;
    for (int i = 0; i < 300; ++i) files.emplace_back(i % 2 == 0 ? "aab" : "cab");
    check({"bc", "ba", "abca", "ab"}, files, 64, 100);
    check({"bc", "ba", "abca", "ab"}, files, 0, 100);
}

// Then no byte can stand between two files, and each has segments of its own.
BOOST_AUTO_TEST_CASE(patterns_of_all_bytes) {
    Strings patterns;
    for (int byte = 0; byte < 256; ++byte) patterns.emplace_back(1, static_cast<char>(byte));
    patterns.insert(patterns.end(), {std::string("\0\0", 2), std::string("b\0", 2), "ca"});
    const Totals totals = check(patterns, {"aab", "", std::string(3, '\0'), "cab", "c", "a", ""}, 0, 100);
    BOOST_TEST(totals.slots == 5u);
    check(patterns, {"aab", "", std::string(300, '\0'), "cab", "c", "a", ""}, 64, 100);
}

BOOST_AUTO_TEST_CASE(files_of_all_sizes) {
    Random random(4);
    Strings files;
    for (int i = 0; i < 400; ++i) files.push_back(random_text(random, random.below(random.once_in(10) ? 9000 : 200)));
    check(letters, files, 64, 4000);
    check(letters, files, 0, 1 << 20);
}

BOOST_AUTO_TEST_CASE(parts_of_a_file) {
    Random random(6);
    const Strings files{random_text(random, 3000), "", random_text(random, 100), random_text(random, 1000)};
    for (const std::size_t part : {1u, 33u, 100u, 999u}) {
        check(letters, files, 64, 40, 1, part);
        check(letters, files, 0, 5000, 1, part);
    }
}

BOOST_AUTO_TEST_CASE(several_feeders) {
    Random random(7);
    Strings files;
    for (int i = 0; i < 200; ++i) files.push_back(random_text(random, random.below(random.once_in(10) ? 9000 : 300)));
    check(letters, files, 64, 100, 3, 700);
    check(letters, files, 0, 1 << 20, 2);
}

// The ring keeps a result until its place is published again; the scan needs it for longer.
BOOST_AUTO_TEST_CASE(a_feeder_that_waits_while_others_publish) {
    const auto automaton = Automaton::compile(letters);
    BOOST_REQUIRE(automaton.has_value());
    Scanner scanner = open(*automaton, 64);
    Feeder slow(scanner, 0, 2), quick(scanner, 1, 2);
    const std::string text = "abcabcabc" + std::string(100, 'x');
    BOOST_TEST(feed(slow, text, 0, text.size(), 1000, nullptr) == "");
    const std::string long_text(100'000, 'x');
    BOOST_TEST(feed(quick, long_text, 0, long_text.size(), 1000, nullptr) == "");
    BOOST_REQUIRE(scanner.runtime().stats().published > 2 * scanner.runtime().ring().capacity());
    BOOST_TEST(error_of(slow.finish()) == "");
    BOOST_TEST(error_of(quick.finish()) == "");
    Recount recount(automaton->patterns());
    recount.add(text);
    BOOST_TEST(automaton->count_patterns(scanner.entered()) == recount.counts(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(geometry_follows_the_patterns) {
    const auto brief = Automaton::compile({"abc"});
    const auto far = Automaton::compile({std::string(50000, 'a')});
    BOOST_REQUIRE((brief && far));
    const Geometry usual;
    BOOST_TEST(Geometry::of(*brief, 0).chunk == usual.chunk);
    BOOST_TEST(Geometry::of(*brief, 100).chunk == 100u);
    BOOST_TEST(Geometry::of(*brief, 0).overlap == 2u);
    BOOST_TEST(Geometry::of(*far, 0).chunk >= 4 * 50000u);
    check({std::string(50000, 'a'), "aab"}, {"aab"}, 0, 1 << 20);
    const auto totals = check({std::string(5000, 'a'), "aab"}, {std::string(5100, 'a') + "b", "aab"}, 777, 1 << 20);
    BOOST_TEST(totals.slots == 7u);
}

BOOST_AUTO_TEST_CASE(what_the_staging_memory_cannot_hold_is_refused) {
    const auto automaton = Automaton::compile({"abc"});
    BOOST_REQUIRE(automaton.has_value());
    for (const Geometry& geometry : {Geometry{.chunk = 0, .overlap = 2}, Geometry{.chunk = 65u << 20, .overlap = 2},
                                     Geometry{.chunk = 1, .overlap = 65u << 20}}) {
        const auto scanner = Scanner::open(*automaton, slipring::test_device(), geometry);
        BOOST_TEST(!scanner);
        BOOST_TEST(!error_of(scanner).empty());
    }
}

BOOST_AUTO_TEST_CASE(an_unknown_device_is_a_sentence) {
    const auto automaton = Automaton::compile({"abc"});
    BOOST_REQUIRE(automaton.has_value());
    const auto scanner = Scanner::open(*automaton, "no such device", Geometry::of(*automaton, 0));
    BOOST_REQUIRE(!scanner);
    BOOST_TEST(!scanner.error().empty());
}

BOOST_AUTO_TEST_CASE(ring_and_launch_find_the_same) {
    Random random(5);
    const auto automaton = Automaton::compile(letters);
    BOOST_REQUIRE(automaton.has_value());
    Scanner scanner = open(*automaton, 64);
    Feeder feeder(scanner, 0, 1);
    const std::string text = random_text(random, 10000);
    BOOST_REQUIRE(feed(feeder, text, 0, text.size(), 1 << 20, nullptr) == "");
    BOOST_REQUIRE(feeder.finish().has_value());
    const auto compared = compare(scanner);
    BOOST_REQUIRE_MESSAGE(compared.has_value(), error_of(compared));
    BOOST_TEST(compared->same);
    BOOST_TEST(compared->chunks > 0u);
    BOOST_TEST(compared->bytes > 0u);
}

BOOST_AUTO_TEST_CASE(percentiles_are_nearest_ranks) {
    std::vector<double> sample;
    for (int i = 1000; i >= 1; --i) sample.push_back(i);
    const Percentiles p = percentiles(sample);
    BOOST_TEST(p.p50 == 500);
    BOOST_TEST(p.p90 == 900);
    BOOST_TEST(p.p99 == 990);
    BOOST_TEST(p.p999 == 999);
    BOOST_TEST(percentiles({7}).p999 == 7);
    BOOST_TEST(percentiles({}).p50 == 0);
}
