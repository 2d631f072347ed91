// The scan without a device: the automaton, the device code compiled natively, and the host's recount, which must all
// agree with counting by hand. Any patterns, any text and any cut of it: fuzz/scan.cpp.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "../cl/shim.hpp"

#include "no_teams.hpp"
#include "../tools/automaton.hpp"
#include "../tools/scan.cl"
#include "../tools/verify.hpp"
#include "cases.hpp"

static uint sr_custom(uint, const uint*, const sr_memory*, ulong*) { return SR_CODE_UNKNOWN_OPCODE; }

namespace {

using Strings = std::vector<std::string>;
using Counts = std::vector<std::uint64_t>;

// The handler and its buffers, each of exactly the size it needs, so that a sanitizer sees one byte too far.
struct Device {
    explicit Device(const Automaton& automaton) : image(automaton.image().begin(), automaton.image().end()) {}

    // By a team of so many lanes: between two barriers one lane after the other.
    uint run(const std::array<uint, 4>& words, uint width, ulong& result) {
        sr_args args{};
        std::ranges::copy(words, args.word);
        const sr_buffers buffers{4,
                                 {reinterpret_cast<uchar*>(image.data()), reinterpret_cast<uchar*>(text.data()),
                                  reinterpret_cast<uchar*>(found.data()), reinterpret_cast<uchar*>(near.data())},
                                 {image.size() * 4, text.size(), found.size() * 4, near.size()},
                                 nullptr,
                                 nullptr};
        alignas(16) std::array<uchar, SCAN_LOCAL_BYTES> local;
        local.fill(0xEE);
        if (width == 1) {
            const sr_team alone{0, 1, local.data(), SCAN_LOCAL_BYTES};
            return slipring_scan(args, &buffers, &alone, &result);
        }
        std::vector<scan_segment> lanes(width);
        const auto team = [&](uint lane) { return sr_team{lane, width, local.data(), SCAN_LOCAL_BYTES}; };
        for (uint lane = 0; lane < width; ++lane) {
            const sr_team one = team(lane);
            if (const uint code = scan_check(args, &buffers, &one, &lanes[lane]); code != SR_CODE_OK) return code;
        }
        for (uint lane = 0; lane < width; ++lane) {
            const sr_team one = team(lane);
            scan_begin(args, &buffers, &one);
        }
        for (uint lane = width; lane-- > 0;) {
            const sr_team one = team(lane);
            scan_walk(&lanes[lane], &one);
        }
        const sr_team first = team(0);
        result = scan_end(&lanes[0], &first);
        return SR_CODE_OK;
    }

    std::vector<uint> image;
    std::vector<char> text, near;
    std::vector<uint> found;
};

struct Scanned {
    std::uint64_t matches = 0;
    Counts counts;
};

constexpr std::uint32_t line = 16;
std::uint32_t whole_lines(std::size_t bytes) { return static_cast<std::uint32_t>((bytes + line - 1) / line * line); }

// Scans `text` in segments of `most` bytes. Each match is found where it ends, once.
Scanned scan(const Automaton& automaton, std::string_view text, std::uint32_t most, uint width) {
    Device device(automaton);
    Scanned out;
    Counts entered(automaton.accepting(), 0);
    for (std::size_t at = 0; at < text.size(); at += most) {
        const std::string_view part = text.substr(at, most);
        const auto front = static_cast<std::uint32_t>(std::min<std::size_t>(at, automaton.overlap()));
        const std::uint32_t first = whole_lines(automaton.overlap()),
                            length = static_cast<std::uint32_t>(part.size());
        device.text.assign(first + whole_lines(length), '?');
        device.near.assign(device.text.size(), '!');
        std::ranges::copy(text.substr(at - front, front), device.text.begin() + first - front);
        std::ranges::copy(part, device.text.begin() + first);
        device.found.assign(2 * (1 + length), ~0u);
        ulong hits = 0;
        BOOST_REQUIRE(device.run({first, length, front, 0}, width, hits) == SR_CODE_OK);
        BOOST_REQUIRE(hits <= length);
        BOOST_TEST(device.found[0] == hits);
        std::vector<uint> ends;
        for (uint hit = 1; hit <= hits; ++hit) {
            ends.push_back(device.found[2 * hit]);
            const uint state = device.found[2 * hit + 1];
            BOOST_REQUIRE(state % automaton.row_words() == 0u);
            ++entered.at(state / automaton.row_words());
            out.matches += automaton.patterns_in(state / automaton.row_words());
            // Each pattern that is said to end here does.
            const std::string_view until = text.substr(0, at + ends.back() + 1);
            for (const uint pattern : automaton.ends_in(state / automaton.row_words()))
                BOOST_REQUIRE(until.ends_with(automaton.patterns()[pattern]));
        }
        std::ranges::sort(ends);
        BOOST_REQUIRE((std::ranges::adjacent_find(ends) == ends.end()));
        BOOST_REQUIRE((ends.empty() || ends.back() < length));
    }
    out.counts = automaton.count_patterns(entered);
    return out;
}

void expect(const Strings& patterns, std::string_view text, const Counts& counts) {
    const auto automaton = Automaton::compile(patterns);
    BOOST_REQUIRE(automaton.has_value());
    const std::uint64_t all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    for (const std::uint32_t chunk : {1u, 2u, 3u, 5u, 16u, 64u, 333u, 1u << 20})
        for (const uint width : {1u, 2u, 7u, 64u}) {
            const Scanned scanned = scan(*automaton, text, chunk, width);
            BOOST_TEST(scanned.matches == all,
                       "chunk " << chunk << ", " << width << " lanes: " << scanned.matches << " and not " << all);
            BOOST_TEST(scanned.counts == counts, boost::test_tools::per_element());
        }
    Recount recount(automaton->patterns());
    recount.add(text);
    BOOST_TEST(recount.counts() == counts, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_CASE(counts_by_hand) {
    for (const cases::Scan& scan : cases::scans())
        BOOST_TEST_CONTEXT(scan.text) expect(scan.patterns, scan.text, scan.counts);
}

BOOST_AUTO_TEST_CASE(patterns_are_bytes) {
    std::string all;
    Strings each;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
        each.emplace_back(1, static_cast<char>(byte));
    }
    expect(each, all + all, Counts(256, 2));
    expect({all}, all + all, {2});
    expect({std::string("\0\0", 2), "\xff"}, std::string_view("\0\0\0\xff", 4), {2, 1});
}

BOOST_AUTO_TEST_CASE(duplicates_count_once) {
    const auto automaton = Automaton::compile({"b", "a", "b", "a"});
    BOOST_REQUIRE(automaton.has_value());
    BOOST_TEST(automaton->patterns() == (Strings{"b", "a"}), boost::test_tools::per_element());
    expect({"b", "a", "b"}, "abb", {2, 1});
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_pattern) {
    BOOST_TEST(!Automaton::compile({}));
    const auto empty = Automaton::compile({"a", ""});
    BOOST_REQUIRE(!empty);
    BOOST_TEST(empty.error().find("empty") != std::string::npos);
}

// So long that each lane of a wide team has streams, with matches across their borders.
BOOST_AUTO_TEST_CASE(long_texts_by_hand) {
    std::string text;
    Counts counts(2, 0);
    for (int i = 0; i < 1500; ++i) {
        text += i % 7 == 0 ? "needle" : "noodle";
        ++counts[i % 7 == 0 ? 0 : 1];
    }
    expect({"needle", "noodle", "dlenoo"}, text.substr(0, 12 * 6), {2, 10, 10});
    const auto automaton = Automaton::compile({"needle", "noodle", "lenoodlenoodlenoodlenoodlen"});
    BOOST_REQUIRE(automaton.has_value());
    Recount recount(automaton->patterns());
    recount.add(text);
    BOOST_TEST(recount.counts()[0] == counts[0]);
    BOOST_TEST(recount.counts()[1] == counts[1]);
    BOOST_TEST(recount.counts()[2] > 200u);
    for (const std::uint32_t most : {64u, 1000u, 9000u})
        for (const uint width : {1u, 3u, 32u, 256u})
            BOOST_TEST(scan(*automaton, text, most, width).counts == recount.counts(),
                       boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_ends_in_a_state_and_what_in_none) {
    const auto automaton = Automaton::compile({"b", "ab", "cab", "x"});
    BOOST_REQUIRE(automaton.has_value());
    std::uint32_t with_three = 0;
    for (std::uint32_t state = 0; state < automaton->accepting(); ++state) {
        const std::vector<std::uint32_t> ends = automaton->ends_in(state);
        BOOST_TEST(ends.size() == automaton->patterns_in(state));
        if (ends.size() != 3) continue;
        ++with_three;
        BOOST_TEST(ends == (std::vector<std::uint32_t>{2, 1, 0}), boost::test_tools::per_element());
    }
    BOOST_TEST(with_three == 1u);
    BOOST_REQUIRE(automaton->separator().has_value());
    BOOST_TEST(static_cast<int>(*automaton->separator()) == 0);
    Strings all_but_seven;
    for (int byte = 0; byte < 256; ++byte)
        if (byte != 7) all_but_seven.emplace_back(1, static_cast<char>(byte));
    BOOST_TEST((Automaton::compile(all_but_seven)->separator() == std::byte{7}));
    all_but_seven.emplace_back(1, '\7');
    BOOST_TEST(!Automaton::compile(all_but_seven)->separator().has_value());
}

// What is refused changes nothing.
BOOST_AUTO_TEST_CASE(a_slot_that_does_not_fit_is_refused) {
    const auto automaton = Automaton::compile({"abc"});
    BOOST_REQUIRE(automaton.has_value());
    for (const uint width : {1u, 8u}) {
        Device device(*automaton);
        device.text.assign(64, 'a');
        device.near.assign(64, 'n');
        device.found.assign(2 * 33, 5);
        ulong result = 7;
        const auto code = [&](const std::array<uint, 4>& words) { return device.run(words, width, result); };
        BOOST_TEST(code({16, 33, 0, 0}) == SR_CODE_OUT_OF_RANGE);  // no room for what is found
        BOOST_TEST(code({16, 32, 0, 1}) == SR_CODE_OUT_OF_RANGE);
        BOOST_TEST(code({16, 32, 0, ~0u}) == SR_CODE_OUT_OF_RANGE);
        BOOST_TEST(code({48, 17, 0, 0}) == SR_CODE_OUT_OF_RANGE);  // text
        BOOST_TEST(code({~0u - 15, 32, 0, 0}) == SR_CODE_OUT_OF_RANGE);
        BOOST_TEST(code({0, 16, 1, 0}) == SR_CODE_OUT_OF_RANGE);   // nothing is in front
        BOOST_TEST(code({16, 16, 3, 0}) == SR_CODE_BAD_ARGUMENT);  // more than a match reaches back
        BOOST_TEST(code({0, 16, 0, 0}) == SR_CODE_BAD_ARGUMENT);   // nor has it room to
        BOOST_TEST(code({8, 16, 0, 0}) == SR_CODE_BAD_ARGUMENT);   // no whole line
        device.near.resize(48);
        BOOST_TEST(code({32, 32, 0, 0}) == SR_CODE_OUT_OF_RANGE);
        device.near.resize(64);
        device.image[0] = 0;
        BOOST_TEST(code({16, 32, 0, 0}) == SR_CODE_OUT_OF_RANGE);  // a table of another size
        device.image[0] = static_cast<uint>(device.image.size() - automaton_table + 1);
        BOOST_TEST(code({16, 32, 0, 0}) == SR_CODE_OUT_OF_RANGE);
        BOOST_TEST(result == 7u);
        BOOST_TEST(device.found == std::vector<uint>(2 * 33, 5), boost::test_tools::per_element());
        device.image[0]--;
        BOOST_TEST(code({16, 32, 2, 0}) == SR_CODE_OK);
        BOOST_TEST(result == 0u);
    }
}

// Files are recounted apart: nothing matches across them.
BOOST_AUTO_TEST_CASE(recount_keeps_files_apart) {
    Recount recount({"ab", "b"});
    recount.add("a");
    recount.add("b");
    BOOST_TEST(recount.counts() == (Counts{0, 1}), boost::test_tools::per_element());
    BOOST_TEST(recount.bytes() == 2u);
}
