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

static uint sr_custom(uint, const uint*, const sr_memory*, uint*) { return SR_CODE_UNKNOWN_OPCODE; }

namespace {

using Strings = std::vector<std::string>;
using Counts = std::vector<std::uint64_t>;

// The handler and its three buffers, each of exactly the size it needs, so that a sanitizer sees one byte too far.
struct Device {
    explicit Device(const Automaton& automaton, std::string_view staged)
        : image(automaton.image().begin(), automaton.image().end()), text(staged.begin(), staged.end()) {}

    uint run(const std::array<uint, 5>& words, uint& result) {
        sr_args args{};
        std::ranges::copy(words, args.word);
        const sr_buffers buffers{3,
                                 {reinterpret_cast<uchar*>(image.data()), reinterpret_cast<uchar*>(text.data()),
                                  reinterpret_cast<uchar*>(found.data())},
                                 {image.size() * 4, text.size(), found.size() * 4},
                                 nullptr};
        return slipring_scan(args, &buffers, &result);
    }

    std::vector<uint> image;
    std::vector<char> text;
    std::vector<uint> found;
};

struct Scanned {
    std::uint64_t matches = 0;
    Counts counts;
};

// Scans `text` in chunks of `chunk` bytes, with lanes wherever they are allowed.
Scanned scan(const Automaton& automaton, std::string_view text, std::uint32_t chunk) {
    Device device(automaton, text);
    Scanned out;
    Counts entered(automaton.accepting(), 0);
    for (std::uint32_t at = 0; at < text.size(); at += chunk) {
        const std::uint32_t length = std::min(chunk, static_cast<std::uint32_t>(text.size()) - at);
        const std::uint32_t part = length / 4 >= automaton.overlap() ? length / 4 : 0;
        device.found.assign(SCAN_LANES + length, ~0u);
        uint result = 0;
        BOOST_REQUIRE(device.run({at, length, std::min(at, automaton.overlap()), 0, part}, result) == SR_CODE_OK);
        out.matches += result;
        for (std::uint32_t lane = 0; lane < SCAN_LANES; ++lane)
            for (std::uint32_t hit = 0; hit < device.found[lane]; ++hit) {
                const uint state = device.found[SCAN_LANES + lane * part + hit];
                BOOST_REQUIRE(state % automaton.row_words() == 0u);
                ++entered.at(state / automaton.row_words());
            }
    }
    out.counts = automaton.count_patterns(entered);
    return out;
}

void expect(const Strings& patterns, std::string_view text, const Counts& counts) {
    const auto automaton = Automaton::compile(patterns);
    BOOST_REQUIRE(automaton.has_value());
    const std::uint64_t all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    for (const std::uint32_t chunk : {1u, 2u, 3u, 5u, 16u, 64u, 1u << 20}) {
        const Scanned scanned = scan(*automaton, text, chunk);
        BOOST_TEST(scanned.matches == all, "chunk " << chunk << ": " << scanned.matches << " and not " << all);
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

// Files are recounted apart: nothing matches across them.
BOOST_AUTO_TEST_CASE(recount_keeps_files_apart) {
    Recount recount({"ab", "b"});
    recount.add("a");
    recount.add("b");
    BOOST_TEST(recount.counts() == (Counts{0, 1}), boost::test_tools::per_element());
    BOOST_TEST(recount.bytes() == 2u);
}
