// An engine's insides: engine.cpp opens one, launch.cpp runs the persistent kernel, data.cpp what goes over the other
// queue.
#pragma once

#include <array>
#include <chrono>
#include <vector>

#include "engine.hpp"
#include "launches.hpp"
#include "pace.hpp"
#include "select.hpp"

namespace slipring {

// The kernels' parameters, in their order in persistent.cl.
namespace run_arg {
enum : cl_uint {
    ring, mask, shift, control, control_words, table, table_states, log, log_mask, launch, first, linger, epoch,
    desk,     // of the wide kernel alone
};
}
namespace once_arg {
enum : cl_uint { slot, outcome, control, control_words, table, table_states, log, log_mask, buffers };
}

// The first error of several calls.
struct Status {
    cl_int value = CL_SUCCESS;
    void operator<<(cl_int next) noexcept {
        if (value == CL_SUCCESS) value = next;
    }
    explicit operator bool() const noexcept { return value == CL_SUCCESS; }
};

struct Engine::Impl {
    struct Buffer {
        Memory memory;
        BufferSpec spec;
    };

    Candidate device;
    cl::Context context;
    cl::CommandQueue run_queue;   // the persistent kernel's; nothing waits behind it
    cl::CommandQueue data_queue;  // everything else; in relaunch mode the same, so that copies follow the kernel
    cl::Program program;
    cl::Kernel run;
    cl::Kernel once;
    Memory ring, control, table, log, slot, outcome;
    std::vector<std::vector<Buffer>> buffers;  // [operation][index]
    Memory desk;  // of a wide kernel
    cl::Event last;  // of the last launch
    Launches launches;
    bool launched = false;
    bool unharvested = false;
    cl_uint table_states = 0;
    bool abandoned = false;  // something is under way on the data queue, and nobody waits for it any more
    // Relaunch: the slots that the last launch had, [first, end), and COMPLETED to LEFT, as it left them.
    std::vector<std::uint32_t> device_slots;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    Pace pace;
    std::chrono::steady_clock::time_point launched_at{};
    alignas(8) std::array<std::byte, SR_RING_LEFT + 4 - SR_RING_COMPLETED> device_words{};

    bool live() const noexcept { return device.probe.residency == Residency::live; }
    bool wide() const noexcept { return device.info.shape != Shape{1, 1}; }
    // Control words and table belong to the device: read-modify-write atomics do not cross a bus.
    MemoryKind own_kind() const noexcept {
        return device.probe.kind == MemoryKind::svm ? MemoryKind::svm : MemoryKind::shadowed;
    }
    cl_uint first_buffer() const noexcept { return run_arg::desk + (wide() ? 1 : 0); }

    std::expected<void, Error> make_memory(const Options& options);
    cl_int bind(const Options& options);
    cl_int bind_table();
    cl_int rehearse();
    cl_int finish_data(const GoOn& go_on);
    std::expected<void, Errc> over(cl_int status) const noexcept;
    cl_int copy_inputs(const cl::CommandQueue& queue) const;
    cl_int copy_outputs(const cl::CommandQueue& queue) const;
};

}  // namespace slipring
