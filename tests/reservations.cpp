// Reservations at the edges: of more slots than there are numbers, moved when half filled, moved from, and left
// alone.
#include <boost/test/unit_test.hpp>

#include <utility>
#include <vector>

#include <slipring/consumer.hpp>

#include "ring_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 8;

// What comes out: each slot's opcode and first argument.
std::vector<std::pair<std::uint32_t, std::uint32_t>> drain(const Ring& ring) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> taken;
    Consumer(ring).drain(100, [&](auto words) {
        taken.emplace_back(words[SR_WORD_OPCODE], words[SR_WORD_ARGS]);
        return Completion{};
    });
    return taken;
}

}  // namespace

BOOST_AUTO_TEST_CASE(more_than_a_ring_has_is_refused_however_much) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        RingMemory memory(capacity);
        const Ring ring = memory.ring(capacity, start);
        BOOST_REQUIRE(ring.publish(nop()).has_value());
        constexpr std::uint64_t two_32 = std::uint64_t{1} << 32;
        for (const std::uint64_t n :
             {std::uint64_t{capacity + 1}, two_32 - 1, two_32, two_32 + 1, two_32 + capacity, std::uint64_t{1} << 63,
              0 - std::uint64_t{1}, 0 - std::uint64_t{capacity}, 0 - start, 0 - start - 1}) {
            if (n <= capacity) continue;
            BOOST_TEST((ring.reserve(n).error() == Errc::larger_than_ring));
        }
        BOOST_TEST((ring.reserve(capacity).error() == Errc::ring_full));
        BOOST_TEST(ring.reserved() == start + 1);
        auto rest = ring.reserve(capacity - 1);
        BOOST_REQUIRE(rest.has_value());
        BOOST_TEST(rest->first() == start + 1);
        BOOST_TEST(rest->count() == capacity - 1u);
    }
}

BOOST_AUTO_TEST_CASE(moved_half_filled_it_goes_on_where_it_was) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        RingMemory memory(capacity);
        const Ring ring = memory.ring(capacity, start);
        {
            auto first = *ring.reserve(4);
            BOOST_TEST(first.put(store_u32(1, 160)));
            auto second = std::move(first);
            BOOST_TEST(!first.put(store_u32(9, 160)));
            first.commit();  // nothing
            BOOST_TEST(first.count() == 0u);
            BOOST_TEST(ring.tail() == start);
            BOOST_TEST(second.put(store_u32(2, 160)));
            auto third = std::move(second);
            BOOST_TEST(third.first() == start);
            BOOST_TEST(third.count() == 4u);
            BOOST_TEST(third.put(store_u32(3, 160)));
            BOOST_TEST(ring.tail() == start);
        }
        const std::vector<std::pair<std::uint32_t, std::uint32_t>> expected{{1, 1}, {1, 2}, {1, 3}, {0, 0}};
        BOOST_TEST(ring.tail() == start + 4);
        BOOST_TEST((drain(ring) == expected));
    }
}

BOOST_AUTO_TEST_CASE(committed_once_and_of_nothing) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity);
    auto two = *ring.reserve(2);
    BOOST_TEST(two.put(store_u32(1, 160)));
    BOOST_TEST(two.put(store_u32(2, 160)));
    BOOST_TEST(!two.put(store_u32(3, 160)));
    two.commit();
    BOOST_TEST(drain(ring).size() == 2u);
    two.commit();
    BOOST_TEST(!two.put(store_u32(3, 160)));
    BOOST_TEST(ring.publish(store_u32(4, 160)).value() == 2u);
    auto none = *ring.reserve(0);
    BOOST_TEST(none.first() == 3u);
    BOOST_TEST(!none.put(store_u32(5, 160)));
    none.commit();
    const std::vector<std::pair<std::uint32_t, std::uint32_t>> expected{{1, 4}};
    BOOST_TEST((drain(ring) == expected));
    BOOST_TEST(ring.reserved() == 3u);
}
