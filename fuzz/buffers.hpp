// Buffers of a custom operation, of sizes that the input chooses: the device's, which end where they say, and the
// model's.
#pragma once

#include <algorithm>

#include "device.hpp"
#include "guarded.hpp"
#include "handler_args.h"

namespace fuzz {

template <std::size_t MostBytes>
class Buffers {
public:
    static constexpr std::uint32_t count = 2;

    void begin(std::size_t first, std::size_t second) noexcept {
        static Guarded<uchar, MostBytes> memory[count];
        device_[0] = memory[0].take(first);
        device_[1] = memory[1].take(second);
        for (std::uint32_t k = 0; k < count; ++k) {
            for (std::size_t i = 0; i < bytes(k); ++i) model_[k][i] = static_cast<uchar>(i * 7 + k);
            std::copy_n(model_[k], bytes(k), device(k));
            for_ops_[1].at[k] = device(k);
            for_ops_[1].bytes[k] = bytes(k);
        }
        for_ops_[1].count = count;
    }

    // Of an operation that has none, and of one that writes.
    const sr_buffers* of_device(uint* revoked) noexcept {
        for_ops_[0].revoked = for_ops_[1].revoked = revoked;
        return for_ops_;
    }
    // What the device says of the slot that runs.
    void set_running(const sr_running* running) noexcept { for_ops_[0].running = for_ops_[1].running = running; }
    std::size_t bytes(std::uint32_t k) const noexcept { return device_[k].size(); }
    uchar* device(std::uint32_t k) const noexcept { return device_[k].data(); }
    uchar* model(std::uint32_t k) noexcept { return model_[k]; }
    // From `from` on.
    bool are_as_modelled(std::uint32_t k, std::size_t from) const noexcept {
        return std::equal(device(k) + from, device(k) + bytes(k), model_[k] + from);
    }

    // ---- the model of an operation that writes; its 12 arguments ----
    uint run(const uint* args) noexcept {
        if (args[arg_which] >= count) return SR_CODE_BAD_ARGUMENT;
        if (!has_part(args)) return SR_CODE_OUT_OF_RANGE;
        uchar* const to = model_[args[arg_which]] + value64(args + arg_offset);
        for (ulong i = 0; i < value64(args + arg_length); ++i) to[i] = static_cast<uchar>(args[arg_what] + i);
        return SR_CODE_OK;
    }
    // And what one lane gives back.
    uint run(const uint* args, ulong& value) noexcept {
        const uint asked = args[arg_asks];
        if (asked < 11) value = value64(args + asked);
        return run(args);
    }
    bool has_part(const uint* args) const noexcept {
        using wide = unsigned __int128;
        return args[arg_which] < count &&
               wide{value64(args + arg_offset)} + value64(args + arg_length) <= wide{bytes(args[arg_which])};
    }
    static ulong value64(const uint* words) noexcept { return words[0] | ulong{words[1]} << 32; }

private:
    std::span<uchar> device_[count];
    uchar model_[count][MostBytes];
    sr_buffers for_ops_[2] = {};
};

}  // namespace fuzz
