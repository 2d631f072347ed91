// The soak's own operation, and where everything lies: which control word, which buffer.
#pragma once

#include <cstdint>

#include <slipring/runtime.hpp>

#include "../stalling.hpp"
#include "ledger.hpp"

namespace slipring::soak {

constexpr auto mark = custom_opcode<0x103>();

// Counts in the slot's own word that it ran. Its result is Marks::result of the slot's number.
inline const CustomOp marking{.opcode = 0x103,
                              .name = "mark",
                              .source = R"(
uint mark(sr_args a, const sr_buffers* b, ulong* result) {
    const uint slot = a.word[0];
    if (slot >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    sr_atomic_add((__global uint*)b->at[0] + slot, 1u);
    *result = slot * 2654435761u;
    return SR_CODE_OK;
}
)",
                              .buffers = {"marks"}};

constexpr auto stall_marked = custom_opcode<0x104>();

// The same, and then it stalls as `stall` does: a device that is lost has begun it, and no other may run it again.
inline const CustomOp stalling_marked{.opcode = 0x104,
                                      .name = "stall_marked",
                                      .source = R"(
uint stall_marked(sr_args a, const sr_buffers* b, ulong* result) {
    const uint slot = a.word[0];
    __global uint* const release = (__global uint*)b->at[1];
    if (slot >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    sr_atomic_add((__global uint*)b->at[0] + slot, 1u);
    for (ulong i = 0; i < (ulong)a.word[1] << 10 && sr_load_acquire(release) == 0; ++i) {}
    return SR_CODE_OK;
}
)",
                                      .buffers = {"marks", "release"}};

constexpr std::uint32_t max_producers = 4;
constexpr std::uint32_t marks_of_a_round = 8192;  // a producer's
// Behind all of those, one for the slot that stalls in each round.
constexpr std::uint32_t first_stall(std::uint32_t rounds) { return rounds * max_producers * marks_of_a_round; }
constexpr std::uint32_t marks_of(std::uint32_t rounds) { return first_stall(rounds) + rounds; }

// Control words: each producer has its sums, and behind them the word that its results come from.
constexpr std::uint32_t words_of_a_producer = 2 * Sums::words;
constexpr std::uint32_t first_word(std::uint32_t producer) {
    return first_user_word + producer * words_of_a_producer;
}
constexpr std::uint32_t control_words = first_word(max_producers);

}  // namespace slipring::soak
