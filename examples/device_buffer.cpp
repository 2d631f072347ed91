// A table that lives in the device's own memory: uploaded once, used by every slot, refreshed while slots run.
#include <array>
#include <cstdio>
#include <slipring/runtime.hpp>

namespace {

using namespace slipring;

constexpr auto look_up = custom_opcode<0x100>(), change = custom_opcode<0x101>();

// Two operations work on one buffer.
const CustomOp looking_up{.opcode = look_up.value(),
                          .name = "look_up",
                          .source = R"(
uint look_up(sr_args a, const sr_buffers* b, ulong* result) {
    if (a.word[0] >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    *result = ((__global uint*)b->at[0])[a.word[0]];
    return SR_CODE_OK;
}
)",
                          .buffers = {"table"}};
const CustomOp changing{.opcode = change.value(),
                        .name = "change",
                        .source = R"(
uint change(sr_args a, const sr_buffers* b, ulong* result) {
    if (a.word[0] >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    ((__global uint*)b->at[0])[a.word[0]] = a.word[1];
    return SR_CODE_OK;
}
)",
                        .buffers = {"table"}};

}  // namespace

int main() {
    constexpr std::size_t words = 1024;
    auto runtime =
        Runtime::open({.ops = {looking_up, changing},
                       .buffers = {{.name = "table", .bytes = 4 * words, .place = BufferSpec::Place::device}}});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    std::array<std::uint32_t, words> table;
    for (std::uint32_t i = 0; i < words; ++i) table[i] = i * i;
    if (auto up = runtime->upload("table", std::as_bytes(std::span(table))); !up)
        return std::fprintf(stderr, "%s\n", message(up.error()).data()), 1;

    // Slots that are published now see what was uploaded.
    const Slot slots[] = {slot(look_up, {30}), slot(change, {31, 7}), slot(look_up, {words})};
    const auto ticket = runtime->publish(slots);
    if (!ticket || !runtime->wait(*ticket)) return std::fputs("the device did not answer\n", stderr), 1;
    for (std::uint32_t i = 0; i < ticket->count; ++i) {
        const auto result = runtime->result(*ticket, i);
        if (!result) return std::fprintf(stderr, "%s\n", message(result.error()).data()), 1;
        std::printf("slot %u: %s, result %lu\n", i, state_name(result->state).data(), result->value);
    }

    // What slots wrote can be downloaded once they have finished. The host does something else meanwhile.
    std::array<std::uint32_t, 2> part{};
    const auto copy = runtime->begin_download("table", std::as_writable_bytes(std::span(part)), 4 * 31);
    if (!copy) return std::fprintf(stderr, "%s\n", message(copy.error()).data()), 1;
    if (!runtime->wait(*copy)) return 1;
    std::printf("table[31] = %u, table[32] = %u\n", part[0], part[1]);
    return 0;
}
