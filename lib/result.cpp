#include <slipring/result.hpp>

namespace slipring {

std::string_view state_name(std::uint32_t state) noexcept {
    switch (state) {
        case SR_STATE_EMPTY: return "empty";
        case SR_STATE_PUBLISHED: return "published";
        case SR_STATE_CLAIMED: return "claimed";
        case SR_STATE_DONE: return "done";
        case SR_STATE_WAIT_IO: return "wait io";
        case SR_STATE_YIELD: return "yield";
        case SR_STATE_REQUEUE: return "requeue";
        case SR_STATE_FAULT: return "fault";
        case SR_STATE_CANCELLED: return "cancelled";
    }
    return "unknown state";
}

std::string_view code_name(std::uint32_t code) noexcept {
    switch (code) {
        case SR_CODE_OK: return "ok";
        case SR_CODE_UNKNOWN_OPCODE: return "unknown opcode";
        case SR_CODE_BAD_ARGUMENT: return "bad argument";
        case SR_CODE_OUT_OF_RANGE: return "index out of range";
        case SR_CODE_DENIED: return "denied to this tenant";
        case SR_CODE_CANCELLED: return "cancelled";
        case SR_CODE_DEADLINE: return "deadline";
        case SR_CODE_DEVICE_LOST: return "device lost";
    }
    return code >= SR_CODE_FIRST_CUSTOM && code <= 0xFF ? "the custom operation's own code" : "unknown code";
}

}  // namespace slipring
