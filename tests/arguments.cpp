// Typed arguments: which words they become, and that a slot holds exactly those.
#include <boost/test/unit_test.hpp>

#include <limits>

#include <slipring/descriptor.hpp>

using namespace slipring;

namespace {

enum class Small : std::int8_t { minus_two = -2 };
enum class Large : std::uint64_t { most = ~std::uint64_t{0} };

constexpr auto opcode = custom_opcode<0x100>();

static_assert(arguments().size() == 0);
static_assert(arguments(1u, 2.0, std::int64_t{3}, 'c').size() == 6);
static_assert(arguments(-1)[0] == ~0u);

}  // namespace

BOOST_AUTO_TEST_CASE(of_one_word) {
    const auto words = arguments(7u, -7, 1.5f, true, std::uint8_t{200}, std::int16_t{-3}, Small::minus_two);
    const std::array<std::uint32_t, 7> expected{7, 0xFFFFFFF9, 0x3FC00000, 1, 200, 0xFFFFFFFD, 0xFFFFFFFE};
    BOOST_TEST(words == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_two_words_the_low_half_first_and_without_padding) {
    const auto words = arguments(1u, std::uint64_t{0x1122334455667788}, -2.0, std::int64_t{-2}, Large::most, 9u);
    const std::array<std::uint32_t, 10> expected{1,          0x55667788, 0x11223344, 0,          0xC0000000,
                                                 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 9};
    BOOST_TEST(words == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_slot_holds_them_and_zeros) {
    const Slot made = slot(opcode, arguments(std::numeric_limits<std::uint64_t>::max(), 5u));
    const std::array<std::uint32_t, SR_MAX_ARGS> expected{~0u, ~0u, 5};
    BOOST_TEST(made.args() == expected, boost::test_tools::per_element());
    BOOST_TEST((made == slot(opcode, {~0u, ~0u, 5u})));
    BOOST_TEST((slot(opcode, arguments()) == slot(opcode)));
    const Slot full = slot(opcode, arguments(1.0, 2.0, 3.0, 4.0, 5.0, 6.0));
    BOOST_TEST(full.args()[11] == 0x40180000u);
}
