// What states and codes are called: each by a name of its own, and what is none says so.
#include <boost/test/unit_test.hpp>

#include <set>
#include <string_view>

#include <slipring/state.hpp>

using namespace slipring;

BOOST_AUTO_TEST_CASE(of_states) {
    std::set<std::string_view> names;
    for (std::uint32_t state = SR_STATE_EMPTY; state <= SR_STATE_CANCELLED; ++state)
        names.insert(state_name(State{state}));
    BOOST_TEST(names.size() == SR_STATE_CANCELLED + 1);
    BOOST_TEST(!names.contains("unknown state"));
    BOOST_TEST(state_name(State::done) == "done");
    BOOST_TEST(state_name(State::fault) == "fault");
    BOOST_TEST(state_name(State::cancelled) == "cancelled");
    for (const std::uint32_t state : {SR_STATE_CANCELLED + 1, 255u, 0x103u, ~0u})
        BOOST_TEST(state_name(State{state}) == "unknown state");
}

BOOST_AUTO_TEST_CASE(of_codes) {
    std::set<std::string_view> names;
    for (std::uint32_t code = SR_CODE_OK; code <= SR_CODE_NO_TEAM; ++code) names.insert(code_name(Code{code}));
    BOOST_TEST(names.size() == SR_CODE_NO_TEAM + 1);
    BOOST_TEST(!names.contains("unknown code"));
    BOOST_TEST(code_name(Code::ok) == "ok");
    BOOST_TEST(code_name(Code::device_lost) == "device lost");
    for (const std::uint32_t code : {SR_CODE_FIRST_CUSTOM, 100u, 255u})
        BOOST_TEST(code_name(Code{code}) == "the custom operation's own code");
    for (const std::uint32_t code : {SR_CODE_NO_TEAM + 1, SR_CODE_FIRST_CUSTOM - 1, 256u, ~0u})
        BOOST_TEST(code_name(Code{code}) == "unknown code");
}
