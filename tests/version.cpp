// The version: one number, in macros, in text and in the library.
#include <boost/test/unit_test.hpp>

#include <string>

#include <slipring/version.hpp>

using namespace slipring;

// A preprocessor can compare it.
#if SLIPRING_VERSION < 1000
#error "no version is older than 0.1.0"
#endif

BOOST_AUTO_TEST_CASE(text_and_numbers_are_the_same_version) {
    const auto text = std::to_string(SLIPRING_VERSION_MAJOR) + "." + std::to_string(SLIPRING_VERSION_MINOR) + "." +
                      std::to_string(SLIPRING_VERSION_PATCH);
    BOOST_TEST(text == SLIPRING_VERSION_STRING);
    BOOST_TEST(SLIPRING_VERSION / 1000000 == SLIPRING_VERSION_MAJOR);
    BOOST_TEST(SLIPRING_VERSION / 1000 % 1000 == SLIPRING_VERSION_MINOR);
    BOOST_TEST(SLIPRING_VERSION % 1000 == SLIPRING_VERSION_PATCH);
}

BOOST_AUTO_TEST_CASE(the_project_has_the_same_version) {
    BOOST_TEST(SLIPRING_VERSION_STRING == SLIPRING_TEST_PROJECT_VERSION);
}

BOOST_AUTO_TEST_CASE(the_library_says_which_one_it_is) {
    BOOST_TEST(version() == SLIPRING_VERSION_STRING);
    BOOST_TEST(abi_version() == SR_ABI_VERSION);
}

// The promise on the wire: another number means that images of today mean something else.
BOOST_AUTO_TEST_CASE(the_wire_is_version_1) { BOOST_TEST(abi_version() == 1u); }
