#include <slipring/state.hpp>

namespace slipring {

std::string_view state_name(State state) noexcept {
    switch (state) {
        case State::empty: return "empty";
        case State::published: return "published";
        case State::claimed: return "claimed";
        case State::done: return "done";
        case State::wait_io: return "wait io";
        case State::yield: return "yield";
        case State::requeue: return "requeue";
        case State::fault: return "fault";
        case State::cancelled: return "cancelled";
    }
    return "unknown state";
}

std::string_view code_name(Code code) noexcept {
    switch (code) {
        case Code::ok: return "ok";
        case Code::unknown_opcode: return "unknown opcode";
        case Code::bad_argument: return "bad argument";
        case Code::out_of_range: return "index out of range";
        case Code::denied: return "denied to this tenant";
        case Code::cancelled: return "cancelled";
        case Code::deadline: return "deadline";
        case Code::device_lost: return "device lost";
        case Code::no_team: return "a team operation inside a packed slot";
    }
    return code >= custom_code(0) && code <= Code{0xFF} ? "the custom operation's own code" : "unknown code";
}

}  // namespace slipring
