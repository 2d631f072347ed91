// A handler that hangs: the runtime notices, tells every waiter, and goes on with the slots behind it.
#include <chrono>
#include <cstdio>
#include <slipring/runtime.hpp>

namespace {

using namespace slipring;

constexpr auto spin = custom_opcode<0x100>();

// Loops far longer than hang_timeout, and asks now and then whether the runtime has given this kernel up.
const CustomOp spin_long{.opcode = spin.value(), .name = "spin_long", .source = R"(
uint spin_long(sr_args a, const sr_buffers* b, ulong* result) {
    for (ulong i = 0; i < (ulong)a.word[0] << 20; ++i)
        if (sr_should_stop(b)) return SR_CODE_FIRST_CUSTOM;
    return SR_CODE_OK;
}
)"};

int failed(const char* what) { return std::fprintf(stderr, "%s\n", what), 1; }

}  // namespace

int main() {
    // One group of one lane runs the slots in order, so it is known which of them has begun.
    auto runtime = Runtime::open({.shape = {1, 1}, .ops = {spin_long}, .hang_timeout = std::chrono::seconds(2)});
    if (!runtime) return failed(runtime.error().text().c_str());

    const Slot slots[] = {store_u32(1, first_user_word), slot(spin, {1'000'000}), nop()};
    const auto ticket = runtime->publish(slots);
    if (!ticket) return failed(message(ticket.error()).data());

    const auto waited = runtime->wait(*ticket);
    if (waited) return failed("the handler should have hung");
    std::printf("wait: %s\n", message(waited.error()).data());
    if (waited.error() != Errc::device_lost) return 1;

    // The device is opened again. A call that ran out of time may be repeated: it goes on where it was.
    for (int tries = 1;; ++tries) {
        const auto recovered = runtime->recover();
        if (recovered) break;
        if (tries == 10) return failed(recovered.error().text().c_str());
    }

    // The ticket is still valid. A slot that had begun is never run twice: it ends in FAULT, with the handler's code
    // if the handler returned before recover() looked, or else with Code::device_lost.
    if (!runtime->wait(*ticket)) return failed("the device did not answer");
    for (std::uint32_t i = 0; i < ticket->count; ++i) {
        const auto result = runtime->result(*ticket, i);
        if (!result) return failed(message(result.error()).data());
        std::printf("slot %u: %s\n", i, state_name(result->state).data());
    }
}
