// The books of the soak see what they are for: a slot that ran twice, or not at all, and a result of another slot.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "soak/ledger.hpp"

using namespace slipring::soak;
using End = Marks::End;

namespace {

// A device: it runs what the books publish.
struct Words {
    std::array<std::uint32_t, Sums::words> at{};

    void run(Sums::Add add) { at[add.word] += add.value; }
};

// 200 slots; those that `skipped` and `doubled` name run never and twice.
std::string sums(int skipped, int doubled) {
    Sums books;
    Words device;
    for (int i = 0; i < 200; ++i) {
        const Sums::Add add = books.next();
        if (i != skipped) device.run(add);
        if (i == doubled) device.run(add);
    }
    return books.check(device.at);
}

// Two rounds of results, the last of which are `told`.
std::string results(bool in_order, const std::vector<std::uint64_t>& told, std::uint32_t word, int untold = 0) {
    Sequence books(in_order);
    books.begin_round();
    for (std::uint32_t i = 0; i < 100; ++i) BOOST_TEST(books.told(books.next(), i).empty());
    BOOST_TEST(books.check(100).empty());
    books.begin_round();
    for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(books.next() == 100 + i);
    std::string wrong;
    for (std::size_t i = 0; i < told.size() && wrong.empty(); ++i)
        wrong = books.told(static_cast<std::uint32_t>(100 + i), told[i]);
    for (int i = 0; i < untold; ++i) books.untold();
    return wrong.empty() ? books.check(word) : wrong;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_slot_that_ran_twice_or_never_changes_a_sum) {
    BOOST_TEST(sums(-1, -1).empty());
    BOOST_TEST(has(sums(7, -1), "word 7 of the sums"));
    BOOST_TEST(has(sums(-1, 199), "word 7 of the sums"));
    BOOST_TEST(has(sums(7, 71), "word 7 of the sums"));  // one in place of another, of the same word
    BOOST_TEST(has(sums(3, 4), "word 3 of the sums"));
}

BOOST_AUTO_TEST_CASE(each_result_occurs_once) {
    for (const bool in_order : {false, true}) {
        BOOST_TEST(results(in_order, {100, 101, 102, 103}, 104).empty());
        BOOST_TEST(results(in_order, {100, 101}, 104, 2).empty());
        BOOST_TEST(has(results(in_order, {100, 101, 102, 104}, 104), "no slot of this round"));
        BOOST_TEST(has(results(in_order, {99}, 104), "no slot of this round"));
        BOOST_TEST(has(results(in_order, {std::uint64_t{100} + (std::uint64_t{1} << 32)}, 104), "no slot of this"));
        BOOST_TEST(has(results(in_order, {100, 101, 102}, 104), "of 4 slots"));  // one result is missing
        BOOST_TEST(has(results(in_order, {100, 101, 102, 103}, 105), "expected 104, found 105"));
        BOOST_TEST(has(results(in_order, {100, 101, 102, 103}, 103), "expected 104, found 103"));
    }
    BOOST_TEST(has(results(false, {100, 101, 101, 103}, 104), "a second slot"));
    BOOST_TEST(has(results(true, {100, 102, 101, 103}, 104), "another slot's"));
    BOOST_TEST(results(false, {100, 102, 101, 103}, 104).empty());  // side by side
}

namespace {

// Slots with these ends, how often they ran on a lost device and here, and how many more were lost.
std::string marks(const std::vector<End>& ends, std::vector<std::uint32_t> before, std::vector<std::uint32_t> here,
                  std::uint32_t untold_losses = 0) {
    Marks books(static_cast<std::uint32_t>(ends.size()));
    for (std::uint32_t i = 0; i < books.size(); ++i) books.set(i, ends[i]);
    std::ranges::transform(before, here, before.begin(), std::plus());
    return books.check(before, here, untold_losses);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_marked_slot_runs_once_on_one_device) {
    BOOST_TEST(marks({End::done, End::done, End::unpublished, End::untold}, {1, 0, 0, 0}, {0, 1, 0, 1}).empty());
    BOOST_TEST(has(marks({End::done}, {0}, {0}), "ran 0 times: expected 1"));
    BOOST_TEST(has(marks({End::done}, {1}, {1}), "ran 2 times: expected 1"));
    BOOST_TEST(has(marks({End::untold}, {1}, {1}), "ran 2 times: expected 1"));
    BOOST_TEST(has(marks({End::unpublished}, {0}, {1}), "ran 1 times: expected 0"));
    BOOST_TEST(has(marks({End::open}, {0}, {1}), "its end is not known"));
}

BOOST_AUTO_TEST_CASE(a_lost_slot_never_runs_on_the_next_device) {
    BOOST_TEST(marks({End::lost, End::lost}, {1, 0}, {0, 0}).empty());
    BOOST_TEST(has(marks({End::lost}, {0}, {1}), "it was lost, and ran here"));
    BOOST_TEST(has(marks({End::lost}, {2}, {0}), "ran 2 times"));
}

// Of a quiet slot nobody knows whether it was lost, but their number is known.
BOOST_AUTO_TEST_CASE(quiet_slots_that_never_ran_are_those_that_were_lost) {
    const std::vector<End> quiet{End::untold, End::untold, End::untold};
    BOOST_TEST(marks(quiet, {1, 0, 0}, {0, 0, 1}, 1).empty());
    BOOST_TEST(marks(quiet, {1, 0, 0}, {0, 0, 1}, 2).empty());  // it had its effect, and was lost
    BOOST_TEST(has(marks(quiet, {1, 0, 0}, {0, 0, 1}, 0), "0 slots were lost"));
    BOOST_TEST(has(marks(quiet, {1, 0, 0}, {0, 0, 1}, 3), "3 slots were lost"));
}
