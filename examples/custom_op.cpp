// An operation of your own, in OpenCL C: it adds up bytes of one buffer and stores the sum in another.
#include <cstdio>
#include <cstring>
#include <slipring/runtime.hpp>

namespace {

using namespace slipring;

constexpr auto sum = custom_opcode<0x100>();

const CustomOp sum_bytes{.opcode = sum.value(),
                         .name = "sum_bytes",
                         .source = R"(
uint sum_bytes(sr_args a, const sr_buffers* b, ulong* result) {
    const uint first = a.word[0], count = a.word[1], out = a.word[2];
    if (count > b->bytes[0] || first > b->bytes[0] - count) return SR_CODE_OUT_OF_RANGE;
    if (out >= b->bytes[1] / 4) return SR_CODE_OUT_OF_RANGE;
    if (count == 0) return SR_CODE_FIRST_CUSTOM;  // a code of its own: custom_code(0) on the host
    uint total = 0;
    for (uint i = 0; i < count; ++i) total += b->at[0][first + i];
    ((__global uint*)b->at[1])[out] = total;
    *result = total;
    return SR_CODE_OK;
}
)",
                         .buffers = {"bytes", "sums"}};  // b->at[0], b->at[1]

const std::vector<BufferSpec> buffers{{.name = "bytes", .bytes = 4096, .use = BufferSpec::Use::input},
                                      {.name = "sums", .bytes = 64, .use = BufferSpec::Use::output}};

}  // namespace

int main() {
    auto runtime = Runtime::open({.ops = {sum_bytes}, .buffers = buffers});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    // Write the input before you publish the slots that read it.
    const auto input = runtime->buffer("bytes");
    std::memset(input.data(), 3, input.size());

    const Slot slots[] = {slot(sum, {0, 1000, 0}), slot(sum, {1000, 2000, 1}), slot(sum, {4000, 97, 2}),
                          slot(sum, {0, 0, 3})};
    const auto ticket = runtime->publish(slots);
    if (!ticket || !runtime->wait(*ticket)) return std::fputs("the device did not answer\n", stderr), 1;
    for (std::uint32_t i = 0; i < ticket->count; ++i) {
        const auto result = runtime->result(*ticket, i);
        if (!result) return std::fprintf(stderr, "%s\n", message(result.error()).data()), 1;
        std::printf("slot %u: %s, %s, result %lu\n", i, state_name(result->state).data(),
                    code_name(result->code).data(), result->value);
    }

    // Read the output after the ticket has finished.
    std::uint32_t sums[2];
    std::memcpy(sums, runtime->buffer("sums").data(), sizeof sums);
    std::printf("output: %u, %u\n", sums[0], sums[1]);
    return sums[0] == 3000 && sums[1] == 6000 ? 0 : 1;
}
