// The scan's pipeline on a device, against the recount on the host: however files, chunks, segments and windows fall,
// each byte is scanned once and each match found once.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>

#include "../tools/compare.hpp"
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

Scanner open(const Automaton& automaton, const Geometry& geometry) {
    auto scanner = Scanner::open(automaton, slipring::test_device(), geometry);
    BOOST_REQUIRE_MESSAGE(scanner.has_value(), error_of(scanner));
    return std::move(*scanner);
}

// Feeds a file in reads of at most `most` bytes.
void feed(Scanner& scanner, std::string_view file, std::size_t most) {
    scanner.begin_file();
    while (!file.empty()) {
        const auto room = scanner.room();
        BOOST_REQUIRE_MESSAGE(room.has_value(), error_of(room));
        BOOST_REQUIRE(!room->empty());
        const std::size_t n = std::min({file.size(), room->size(), most});
        std::memcpy(room->data(), file.data(), n);
        scanner.add(n);
        file.remove_prefix(n);
    }
    scanner.end_file();
}

std::string random_text(Random& random, std::uint32_t length) {
    std::string text;
    for (std::uint32_t i = 0; i < length; ++i) text += static_cast<char>('a' + random.below(3));
    return text;
}

// Scans the files and compares all there is to compare.
Totals check(const Strings& patterns, const Strings& files, const Geometry& geometry, std::size_t most) {
    const auto automaton = Automaton::compile(patterns);
    BOOST_REQUIRE(automaton.has_value());
    Scanner scanner = open(*automaton, geometry);
    Recount recount(automaton->patterns());
    for (const std::string& file : files) {
        feed(scanner, file, most);
        recount.add(file);
    }
    const auto finished = scanner.finish();
    BOOST_REQUIRE_MESSAGE(finished.has_value(), error_of(finished));
    const Totals totals = scanner.totals();
    BOOST_TEST(totals.matches == recount.matches());
    BOOST_TEST(totals.bytes == recount.bytes());
    BOOST_TEST(totals.files == files.size());
    BOOST_TEST(automaton->count_patterns(scanner.entered()) == recount.counts(), boost::test_tools::per_element());
    BOOST_TEST(scanner.round_trips_us().size() == totals.windows);
    BOOST_TEST(scanner.runtime().stats().published == totals.slots + 1);  // each chunk once, and open's NOP
    return totals;
}

const Strings letters{"a", "ab", "abc", "cab", "aaa", "bcbcbcb", "abcabcabc"};

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_at_all) {
    const Totals totals = check(letters, {}, Geometry{}, 100);
    BOOST_TEST(totals.slots == 0u);
    BOOST_TEST(totals.windows == 0u);
    check(letters, {"", "", ""}, Geometry{}, 100);
}

BOOST_AUTO_TEST_CASE(one_small_file_is_one_window) {
    const Totals totals = check(letters, {"abcabcabc"}, Geometry{}, 100);
    BOOST_TEST(totals.slots == 1u);
    BOOST_TEST(totals.windows == 1u);
}

BOOST_AUTO_TEST_CASE(a_match_across_chunks_segments_and_windows_counts_once) {
    Random random(3);
    const Geometry tiny{.chunk = 5, .segment = 64, .slots = 8};
    for (const std::size_t most : {1u, 7u, 1000u}) {
        const Totals totals = check(letters, {random_text(random, 3000)}, tiny, most);
        BOOST_TEST(totals.windows > 10u);
    }
    // A pattern longer than a chunk.
    const std::string text = random_text(random, 500);
    const Strings parts{text.substr(100, 40), text.substr(120, 13), "b"};
    check(parts, {text, text + text}, {.chunk = 4, .segment = 200, .slots = 16}, 50);
}

BOOST_AUTO_TEST_CASE(no_match_across_files) {
    Strings files;
    for (int i = 0; i < 300; ++i) files.emplace_back(i % 2 == 0 ? "aab" : "cab");
    check({"bc", "ba", "abca", "ab"}, files, {.chunk = 64, .segment = 4096, .slots = 16}, 100);
}

BOOST_AUTO_TEST_CASE(files_of_all_sizes) {
    Random random(4);
    Strings files;
    for (int i = 0; i < 400; ++i) files.push_back(random_text(random, random.below(random.once_in(10) ? 9000 : 200)));
    check(letters, files, {.chunk = 256, .segment = 4096, .slots = 32}, 4000);
    check(letters, files, Geometry{}, 1 << 20);
}

BOOST_AUTO_TEST_CASE(geometry_follows_the_patterns) {
    const auto brief = Automaton::compile({"abc"});
    const auto far = Automaton::compile({std::string(5000, 'a')});
    BOOST_REQUIRE((brief && far));
    const Geometry usual;
    BOOST_TEST(Geometry::of(*brief, 0).chunk == usual.chunk);
    BOOST_TEST(Geometry::of(*brief, 100).chunk == 100u);
    BOOST_TEST(Geometry::of(*far, 0).chunk >= 5000u);
    const Geometry wide = Geometry::of(*far, 0);
    BOOST_TEST(wide.segment == 4 * (wide.chunk + far->overlap()));  // room for four, each with what is in front of it
    check({std::string(5000, 'a'), "aab"}, {std::string(100000, 'a'), "aab"}, wide, 1 << 20);
}

// A scan that got no room would read nothing and take that for the end of the file.
BOOST_AUTO_TEST_CASE(a_segment_without_room_is_refused) {
    const auto automaton = Automaton::compile({std::string(40, 'a')});
    BOOST_REQUIRE(automaton.has_value());
    const Geometry without_room[] = {{4, 39, 16}, {4, 20, 16}, {4, 40, 16}, {4, 64, 0}, {0, 64, 16}};
    for (const Geometry& geometry : without_room) {
        const auto scanner = Scanner::open(*automaton, slipring::test_device(), geometry);
        BOOST_TEST(!scanner);
        BOOST_TEST(!error_of(scanner).empty());
    }
    check({std::string(40, 'a')}, {std::string(500, 'a')}, {.chunk = 4, .segment = 42, .slots = 16}, 7);
}

BOOST_AUTO_TEST_CASE(an_unknown_device_is_a_sentence) {
    const auto automaton = Automaton::compile({"abc"});
    BOOST_REQUIRE(automaton.has_value());
    const auto scanner = Scanner::open(*automaton, "no such device", Geometry{});
    BOOST_REQUIRE(!scanner);
    BOOST_TEST(!scanner.error().empty());
}

BOOST_AUTO_TEST_CASE(ring_and_launch_find_the_same) {
    Random random(5);
    const auto automaton = Automaton::compile(letters);
    BOOST_REQUIRE(automaton.has_value());
    Scanner scanner = open(*automaton, {.chunk = 500, .segment = 8192, .slots = 32});
    feed(scanner, random_text(random, 10000), 1 << 20);
    BOOST_REQUIRE(scanner.finish().has_value());
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
