// A slot that has not begun by its deadline is not run, and a handler that runs for too long is told.
#include <chrono>
#include <cstdint>
#include <cstdio>

#include <slipring/runtime.hpp>

using namespace slipring;
using namespace std::chrono_literals;

int failed(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    return 1;
}

constexpr std::uint32_t word = first_user_word;

int main() {
    auto runtime = Runtime::open();
    if (!runtime) return failed(runtime.error().text().c_str());

    const auto frame = runtime->deadline(10s);
    if (!frame) return failed(message(frame.error()).data());
    const auto ticket = runtime->publish(store_u32(7, word).by(*frame));
    if (!ticket || !runtime->wait(*ticket)) return failed("the device did not answer");
    std::printf("in time: %s\n", runtime->result(*ticket)->ok() ? "yes" : "no");

    const std::uint32_t payloads[] = {1, word, 2, word, 3, word};
    const auto gone = runtime->deadline(0ms);  // over at once
    if (!gone) return failed(message(gone.error()).data());
    const Window window{.ticket = 9, .opcode = Op::store_u32, .required = Payloads(payloads, 2), .deadline = *gone};
    const auto late = runtime->publish(window);
    if (!late || !runtime->wait(*late)) return failed("the device did not answer");
    const auto result = runtime->result(*late, 2);
    std::printf("the window: %s, %s\n", state_name(result->state).data(), code_name(result->code).data());

    std::uint32_t stored = 0;
    if (!runtime->read_control(word, std::span(&stored, 1))) return failed("the device did not answer");
    std::printf("stored: %u\n", stored);
    return 0;
}
