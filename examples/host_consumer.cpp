// The ring without a device: a plain thread is the consumer. No OpenCL is needed.
#include <array>
#include <cstdio>
#include <thread>
#include <slipring/consumer.hpp>

namespace {

using namespace slipring;

constexpr auto square = custom_opcode<8>();
constexpr std::uint32_t capacity = 64;

// What a slot means is up to the consumer. A thread that polls, and never sleeps, wants a ThreadRing.
Completion execute(std::span<const std::uint32_t, SR_SLOT_WORDS> words) {
    const std::uint32_t value = words[SR_WORD_ARGS];
    if (words[SR_WORD_OPCODE] != square.value()) return {State::fault, Code::unknown_opcode};
    return {.result = value * value};
}

}  // namespace

int main() {
    alignas(ThreadRing::alignment) static std::array<std::byte, 1 << 16> memory;
    const auto bytes = ThreadRing::bytes(capacity);
    if (!bytes || *bytes > memory.size()) return std::fputs("too little memory\n", stderr), 1;
    const auto ring = ThreadRing::create(std::span(memory).first(*bytes), capacity);
    if (!ring) return std::fprintf(stderr, "%s\n", message(ring.error()).data()), 1;

    std::jthread consuming([&](std::stop_token stop) {
        Consumer consumer(*ring);
        while (!stop.stop_requested())
            if (consumer.drain(capacity, execute) == 0) std::this_thread::yield();
    });

    const Slot batch[] = {slot(square, {3}), slot(square, {12}), nop()};
    const auto first = ring->publish(batch);
    if (!first) return std::fprintf(stderr, "%s\n", message(first.error()).data()), 1;
    while (!ring->is_complete(*first + std::size(batch))) std::this_thread::yield();

    for (std::uint64_t at = *first; at != *first + std::size(batch); ++at) {
        const auto end = ring->completion(at);
        if (!end) return std::fputs("no completion\n", stderr), 1;
        std::printf("slot %llu: %s, result %llu\n", static_cast<unsigned long long>(at),
                    state_name(end->state).data(), static_cast<unsigned long long>(end->result));
    }
    return ring->completion(*first + 1)->result == 144 ? 0 : 1;
}
