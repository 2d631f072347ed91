// Buffers of custom operations, of sizes that the input chooses, in which each slot of a ring has bytes for itself:
// as own_words.hpp has control words. The device's end where they say.
#pragma once

#include <algorithm>
#include <cstring>

#include "device.hpp"
#include "fuzz.hpp"
#include "guarded.hpp"
#include "wide_handlers.hpp"

namespace fuzz {

class OwnBytes {
public:
    static constexpr std::uint32_t buffers = 2, max_slots = 128, most_of_a_slot = 80;

    // Two words of a head.
    OwnBytes(Input& in, std::uint32_t capacity) noexcept : capacity_(capacity) {
        static Guarded<uchar, max_bytes> memory[buffers];
        for (std::uint32_t k = 0; k < buffers; ++k) {
            device_[k] = memory[k].take(in.word() % (capacity * most_of_a_slot + 1));
            for (std::size_t i = 0; i < device_[k].size(); ++i) model_[k][i] = static_cast<uchar>(i * 7 + k);
            std::copy_n(model_[k], device_[k].size(), device_[k].data());
            for_ops_[1].at[k] = device_[k].data();
            for_ops_[1].bytes[k] = device_[k].size();
        }
        for_ops_[1].count = buffers;
    }

    // Of an operation that has none, and of all that write.
    const sr_buffers* of_device(uint* revoked) noexcept {
        for_ops_[0].revoked = for_ops_[1].revoked = revoked;
        return for_ops_;
    }

    // Turns what a slot writes to others' bytes into the same to its own. What it must not write stays.
    void take(std::uint32_t slot, uint* args) const noexcept {
        for (uint* const high : {args + arg_offset + 1, args + arg_length + 1})
            if (*high < 16) *high = 0;  // near 0, and all others are too far
        if (!has_part(args)) return;
        const ulong size = own_size(args[arg_which]), skip = value64(args + arg_offset) % (size + 1);
        put64(args + arg_offset, slot * size + skip);
        put64(args + arg_length, std::min(value64(args + arg_length), size - skip));
    }

    // ---- the model ----
    static bool has_buffer(const uint* args) noexcept { return args[arg_which] < buffers; }
    bool has_part(const uint* args) const noexcept {
        using wide = unsigned __int128;
        return has_buffer(args) &&
               wide{value64(args + arg_offset)} + value64(args + arg_length) <= wide{device_[args[arg_which]].size()};
    }
    void write(const uint* args) noexcept {
        uchar* const to = model_[args[arg_which]] + value64(args + arg_offset);
        for (ulong i = 0; i < value64(args + arg_length); ++i) to[i] = static_cast<uchar>(args[arg_what] + i);
    }

    // ---- a slot's own ----
    void remember(std::uint32_t slot) noexcept {
        for (std::uint32_t k = 0; k < buffers; ++k)
            std::memcpy(before_[k] + slot * own_size(k), model_[k] + slot * own_size(k), own_size(k));
    }
    void take_back(std::uint32_t slot) noexcept {
        for (std::uint32_t k = 0; k < buffers; ++k)
            std::memcpy(model_[k] + slot * own_size(k), before_[k] + slot * own_size(k), own_size(k));
    }
    bool are_written(std::uint32_t slot) const noexcept { return are(slot, model_); }
    bool are_as_before(std::uint32_t slot) const noexcept { return are(slot, before_); }
    // No slot's.
    bool others_are_untouched() const noexcept {
        bool good = true;
        for (std::uint32_t k = 0; k < buffers; ++k)
            good = good && std::equal(device_[k].begin() + static_cast<std::ptrdiff_t>(capacity_ * own_size(k)),
                                      device_[k].end(), model_[k] + capacity_ * own_size(k));
        return good;
    }

private:
    static constexpr std::size_t max_bytes = std::size_t{max_slots} * most_of_a_slot;

    static ulong value64(const uint* words) noexcept { return words[0] | ulong{words[1]} << 32; }
    static void put64(uint* words, ulong value) noexcept {
        words[0] = static_cast<uint>(value);
        words[1] = static_cast<uint>(value >> 32);
    }
    std::size_t own_size(std::uint32_t k) const noexcept { return device_[k].size() / capacity_; }
    bool are(std::uint32_t slot, const uchar (&expected)[buffers][max_bytes]) const noexcept {
        bool good = true;
        for (std::uint32_t k = 0; k < buffers; ++k) {
            const std::size_t first = slot * own_size(k);
            good = good && std::memcmp(device_[k].data() + first, expected[k] + first, own_size(k)) == 0;
        }
        return good;
    }

    std::uint32_t capacity_;
    std::span<uchar> device_[buffers];
    uchar model_[buffers][max_bytes], before_[buffers][max_bytes];
    sr_buffers for_ops_[2] = {};
};

}  // namespace fuzz
