// Operations that stall the kernel, for tests of what happens then.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include <slipring/runtime.hpp>

namespace slipring {

constexpr auto stall = custom_opcode<0x100>();

// Spins until the host says so, but not for more than so many turns: a test ends whatever happens. The host can say
// so in a live buffer alone; a relaunched kernel has a copy.
inline const CustomOp stalling{.opcode = 0x100,
                               .name = "stall",
                               .source = R"(
uint stall(sr_args a, const sr_buffers* b, ulong* result) {
    __global uint* const word = (__global uint*)b->at[0];
    for (ulong i = 0; i < (ulong)a.word[0] << 10 && sr_load_acquire(word) == 0; ++i) {}
    return SR_CODE_OK;
}
)",
                               .buffers = {"release"}};
inline const BufferSpec release_word{.name = "release", .bytes = 4};

// For some seconds, or in per_launch mode, where nothing can end it, for one; always for longer than hang_timeout. A
// turn takes some tenths of a nanosecond on a CPU and nearly a microsecond on a GPU.
inline Slot stall_slot(const DeviceInfo& device) {
    const bool live = device.mode == ExecutionMode::persistent;
    return slot(stall, {device.is_cpu ? (live ? 20'000'000u : 3'000'000u) : (live ? 1'800u : 2'000u)});
}

// Spins until the kernel is given up, or the slot's deadline is over; but not for ever either.
constexpr auto stall_until_lost = custom_opcode<0x102>();
inline const CustomOp stalling_until_lost{.opcode = 0x102, .name = "stall_until_lost", .source = R"(
uint stall_until_lost(sr_args a, const sr_buffers* b, ulong* result) {
    for (ulong i = 0; i < (ulong)a.word[0] << 10; ++i)
        if (sr_should_stop(b)) return 77u;
    return SR_CODE_OK;
}
)"};

// A word of a live buffer, which was left to the kernel if that had not come back.
inline std::atomic_ref<std::uint32_t> word(std::span<std::byte> buffer) {
    return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(buffer.data()));
}

}  // namespace slipring
