// Errors: every code says what happened and what to do, each in its own words.
#include <boost/test/unit_test.hpp>

#include <set>
#include <string_view>

#include <slipring/error.hpp>

using namespace slipring;

namespace {

constexpr int first = static_cast<int>(Errc::too_many_arguments);
constexpr int last = static_cast<int>(Errc::no_window);

}  // namespace

BOOST_AUTO_TEST_CASE(every_code_has_its_own_message_and_a_hint) {
    std::set<std::string_view> messages;
    for (int i = first; i <= last; ++i) {
        const auto code = static_cast<Errc>(i);
        BOOST_TEST_CONTEXT("code " << i) {
            BOOST_TEST(!message(code).empty());
            BOOST_TEST(!hint(code).empty());
            BOOST_TEST(message(code) != message(Errc{}));  // the one of no code
            BOOST_TEST(messages.insert(message(code)).second);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_foreign_number_still_has_words) {
    for (const int i : {0, -1, last + 1, 1 << 30}) {
        BOOST_TEST(!message(static_cast<Errc>(i)).empty());
        BOOST_TEST(!hint(static_cast<Errc>(i)).empty());
    }
}

BOOST_AUTO_TEST_CASE(codes_are_std_error_codes) {
    const std::error_code code = Errc::ring_full;
    BOOST_TEST(code.value() == static_cast<int>(Errc::ring_full));
    BOOST_TEST((code.category() == category()));
    BOOST_TEST(std::string_view(code.category().name()) == "slipring");
    BOOST_TEST(code.message() == message(Errc::ring_full));
    BOOST_TEST((code == Errc::ring_full));
    BOOST_TEST((code != Errc::larger_than_ring));
    BOOST_TEST((code != std::make_error_code(std::errc::io_error)));
    BOOST_TEST(static_cast<bool>(std::error_code(Errc::too_many_arguments)));  // no code is 0, which is success
}

BOOST_AUTO_TEST_CASE(an_error_for_a_person_holds_all_there_is_to_say) {
    const Error error{Errc::build_failed, "handler.cl:3: no such thing"};
    const std::string text = error.text();
    for (const std::string_view part : {message(error.code), std::string_view(error.detail), hint(error.code)})
        BOOST_TEST(text.find(part) != text.npos);
    const std::string plain = Error{Errc::no_device}.text();
    BOOST_TEST(plain.find(message(Errc::no_device)) != plain.npos);
    BOOST_TEST(plain.find(": (") == plain.npos);
}
