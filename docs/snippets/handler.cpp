// What a handler may do: typed arguments, built-in functions, 32-bit and 64-bit atomics, a view of a buffer.
#include <cstdio>
#include <slipring/runtime.hpp>

namespace {

using namespace slipring;

constexpr auto add = custom_opcode<0x100>();

// Buffer 0: u64 totals. Buffer 1: u32 counts.
const CustomOp add_scaled{.opcode = add.value(),
                          .name = "add_scaled",
                          .source = R"(
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
uint add_scaled(sr_args a, const sr_buffers* b, ulong* result) {
    const float scale = as_float(a.word[0]);                       // a float is one word
    const ulong amount = sr_arg64(a, 1);                           // a 64-bit value is two, the low one first
    const uint to = a.word[3];
    if (to >= b->bytes[0] / 8 || to >= b->bytes[1] / 4) return SR_CODE_OUT_OF_RANGE;
    if (!isfinite(scale) || scale < 0.0f) return SR_CODE_BAD_ARGUMENT;
    __global ulong* const totals = (__global ulong*)b->at[0];      // buffers are aligned to 128 bytes
    atom_add(totals + to, amount * (ulong)scale);                  // needs the extension
    *result = sr_atomic_add((__global uint*)b->at[1] + to, 1u);
    return SR_CODE_OK;
}
)",
                          .buffers = {"totals", "counts"}};

Slot add_slot(float scale, std::uint64_t amount, std::uint32_t to) { return slot(add, arguments(scale, amount, to)); }

}  // namespace

int main() {
    auto runtime = Runtime::open({.ops = {add_scaled},
                                  .buffers = {{.name = "totals", .bytes = 64, .use = BufferSpec::Use::output},
                                              {.name = "counts", .bytes = 32, .use = BufferSpec::Use::output}}});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    const Slot slots[] = {add_slot(2.0f, 3'000'000'000, 1), add_slot(1.0f, 5, 1), add_slot(1.0f, 1, 8)};
    const auto ticket = runtime->publish(slots);
    if (!ticket || !runtime->wait(*ticket)) return std::fputs("the device did not answer\n", stderr), 1;
    for (std::uint32_t i = 0; i < ticket->count; ++i)
        if (const auto result = runtime->result(*ticket, i))
            std::printf("slot %u: %s\n", i, code_name(result->code).data());

    const auto totals = runtime->buffer("totals");
    const auto* const words = reinterpret_cast<const std::uint64_t*>(totals.data());
    std::printf("total 1: %llu\n", static_cast<unsigned long long>(words[1]));
    return words[1] == 6'000'000'005 ? 0 : 1;
}
