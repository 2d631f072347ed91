// Bytes of a custom operation's buffers that each slot of a ring has for itself, as own_words.hpp has control words.
#pragma once

#include <algorithm>
#include <cstring>

#include "buffers.hpp"
#include "fuzz.hpp"

namespace fuzz {

class OwnBytes {
public:
    static constexpr std::uint32_t max_slots = 128, most_of_a_slot = 80;
    static constexpr std::size_t max_bytes = std::size_t{max_slots} * most_of_a_slot;

    // Two words of a head.
    OwnBytes(Input& in, std::uint32_t capacity) noexcept : capacity_(capacity) {
        const std::size_t most = std::size_t{capacity} * most_of_a_slot, first = in.word() % (most + 1);
        buffers_.begin(first, in.word() % (most + 1));
    }
    Buffers<max_bytes>& all() noexcept { return buffers_; }

    // Turns what a slot writes to others' bytes into the same to its own. What it must not write stays.
    void take(std::uint32_t slot, uint* args) const noexcept {
        for (uint* const high : {args + arg_offset + 1, args + arg_length + 1})
            if (*high < 16) *high = 0;  // near 0, and all others are too far
        if (!buffers_.has_part(args)) return;
        const ulong size = own_size(args[arg_which]), skip = buffers_.value64(args + arg_offset) % (size + 1);
        put64(args + arg_offset, slot * size + skip);
        put64(args + arg_length, std::min(buffers_.value64(args + arg_length), size - skip));
    }

    // The model's, before the slot is run; and back to that.
    void remember(std::uint32_t slot) noexcept {
        for (std::uint32_t k = 0; k < buffers_.count; ++k)
            std::memcpy(before_[k] + own_first(slot, k), buffers_.model(k) + own_first(slot, k), own_size(k));
    }
    void take_back(std::uint32_t slot) noexcept {
        for (std::uint32_t k = 0; k < buffers_.count; ++k)
            std::memcpy(buffers_.model(k) + own_first(slot, k), before_[k] + own_first(slot, k), own_size(k));
    }
    // The device's.
    bool are_written(std::uint32_t slot) noexcept {
        bool good = true;
        for (std::uint32_t k = 0; k < buffers_.count; ++k) good = good && has(slot, k, buffers_.model(k));
        return good;
    }
    bool are_as_before(std::uint32_t slot) noexcept { return has(slot, 0, before_[0]) && has(slot, 1, before_[1]); }
    // Those that are no slot's.
    bool others_are_untouched() const noexcept {
        return buffers_.are_as_modelled(0, own_first(capacity_, 0)) &&
               buffers_.are_as_modelled(1, own_first(capacity_, 1));
    }

private:
    static void put64(uint* words, ulong value) noexcept {
        words[0] = static_cast<uint>(value);
        words[1] = static_cast<uint>(value >> 32);
    }
    std::size_t own_size(std::uint32_t k) const noexcept { return buffers_.bytes(k) / capacity_; }
    std::size_t own_first(std::uint32_t slot, std::uint32_t k) const noexcept { return slot * own_size(k); }
    bool has(std::uint32_t slot, std::uint32_t k, const uchar* expected) const noexcept {
        const std::size_t first = own_first(slot, k);
        return std::equal(expected + first, expected + first + own_size(k), buffers_.device(k) + first);
    }

    std::uint32_t capacity_;
    Buffers<max_bytes> buffers_;
    uchar before_[Buffers<max_bytes>::count][max_bytes];
};

}  // namespace fuzz
