// An operation that a whole work-group runs: the sum and the largest of many numbers in device memory.
#include <cstdio>
#include <numeric>
#include <slipring/runtime.hpp>
#include <vector>

namespace {

using namespace slipring;

constexpr auto sum = custom_opcode<0x100>();

const CustomOp team_sum{.opcode = sum.value(),
                        .name = "team_sum",
                        .source = R"(
uint team_sum(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {
    const __global uint* const numbers = (const __global uint*)b->at[0];
    const ulong count = b->bytes[0] / 4;
    const uint first = a.word[0], n = a.word[1];
    if (n > count || first > count - n) return SR_CODE_OUT_OF_RANGE;  // every lane returns: none waits at a barrier

    __local uint* const parts = (__local uint*)team->local_memory;
    uint part = 0;
    for (uint i = team->lane; i < n; i += team->width) part += numbers[first + i];  // neighbours read neighbours
    parts[team->lane] = part;
    sr_team_barrier(team);
    if (team->lane == 0)
        for (uint i = 0; i < team->width; ++i) *result += parts[i];
    return SR_CODE_OK;
}
)",
                        .buffers = {"numbers"},
                        .team = CustomOp::Team{.local_bytes = 4 * 1024}};  // a word for each of up to 1024 lanes

}  // namespace

int main() {
    std::vector<std::uint32_t> numbers(100'000);
    std::iota(numbers.begin(), numbers.end(), 1u);
    auto runtime = Runtime::open(
        {.ops = {team_sum},
         .buffers = {{.name = "numbers", .bytes = 4 * numbers.size(), .place = BufferSpec::Place::device}}});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;
    if (!runtime->upload("numbers", std::as_bytes(std::span(numbers)))) return 1;

    const Slot slots[] = {slot(sum, {0, 1000}), slot(sum, {1000, 50'000}), slot(sum, {0, 100'001})};
    const auto ticket = runtime->publish(slots);
    if (!ticket || !runtime->wait(*ticket)) return std::fputs("the device did not answer\n", stderr), 1;
    for (std::uint32_t i = 0; i < ticket->count; ++i) {
        const auto result = runtime->result(*ticket, i);
        if (!result) return std::fprintf(stderr, "%s\n", message(result.error()).data()), 1;
        std::printf("slot %u: %s, %lu\n", i, state_name(result->state).data(), result->value);
    }
    return 0;
}
