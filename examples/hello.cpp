// Publishes three slots and a window, waits for them, and prints what became of each.
#include <cstdio>
#include <slipring/runtime.hpp>

int main() {
    using namespace slipring;
    auto runtime = Runtime::open();  // the first device that serves
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    // Slots may run side by side: a fence begins when all before it has ended, and what follows it begins after it.
    constexpr std::uint32_t a = first_user_word, b = a + 1, c = a + 2;  // control words
    const Slot slots[] = {store_u32(40, a), batch_fence(1, 9), atomic_add(2, a)};
    const std::uint32_t now[] = {7, b}, soon[] = {8, c};  // value and index, as store_u32 takes them: two an entry
    const Window window{
        .ticket = 1, .opcode = Op::store_u32, .required = Payloads(now, 2), .lookahead = Payloads(soon, 2)};

    for (const auto& ticket : {runtime->publish(slots), runtime->publish(window)}) {
        if (!ticket || !runtime->wait(*ticket)) return std::fputs("the device did not answer\n", stderr), 1;
        for (std::uint32_t i = 0; i < ticket->count; ++i) {
            const auto result = runtime->result(*ticket, i);
            if (!result) return std::fprintf(stderr, "%s\n", message(result.error()).data()), 1;
            std::printf("slot %llu: %s, result %lu\n", static_cast<unsigned long long>(ticket->first + i),
                        state_name(result->state).data(), result->value);
        }
    }
}
