// A slot that takes long, and what the runtime says of it meanwhile.
#include <chrono>
#include <cstdio>

#include <slipring/runtime.hpp>

using namespace slipring;
using namespace std::chrono_literals;

constexpr auto dwell = custom_opcode<0x100>();

const CustomOp dwelling{.opcode = 0x100, .name = "dwell", .source = R"(
uint dwell(sr_args a, const sr_buffers* b, ulong* result) {
    for (ulong i = 0; i < (ulong)a.word[0] << 20; ++i)
        if (sr_should_stop(b)) return SR_CODE_OK;
    return SR_CODE_OK;
}
)"};

int failed(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    return 1;
}

int main() {
    auto runtime = Runtime::open({.ops = {dwelling}, .hang_timeout = 1min});
    if (!runtime) return failed(runtime.error().text().c_str());
    const auto soon = runtime->deadline(3s);
    if (!soon) return failed(message(soon.error()).data());
    const auto ticket = runtime->publish(slot(dwell, {1'000'000}).by(*soon));
    if (!ticket) return failed(message(ticket.error()).data());

    if (!runtime->wait(*ticket, 500ms)) {
        const auto now = runtime->diagnose();
        if (!now) return failed(message(now.error()).data());
        std::fprintf(stderr, "%s\n", now->text().c_str());
        for (const Diagnosis::Level& level : now->levels)
            for (const Diagnosis::Running& slot : level.running)
                std::printf("%s, position %d: %s\n", name(level.level).data(), static_cast<int>(slot.position),
                            slot.operation.c_str());
    }

    if (!runtime->wait(*ticket)) return failed("the device did not answer");
    std::printf("%s\n", runtime->result(*ticket)->ok() ? "it ended when its time was over" : "it faulted");
    return 0;
}
