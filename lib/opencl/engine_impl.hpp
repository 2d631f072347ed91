// An engine's insides: engine.cpp opens one, launch.cpp runs the persistent kernel, data.cpp copies, once.cpp runs a slot
// by itself.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "launches.hpp"
#include "pace.hpp"
#include "select.hpp"
#include "sentinel.hpp"

namespace slipring {

// The kernels' parameters, in their order in persistent.cl.
namespace run_arg {
enum : cl_uint {
    ring, mask, shift, control, control_words, table, table_states, log, log_mask, launch, first, linger, epoch,
    gap,
    sched,     // of the wide kernel alone
};
}
namespace once_arg {
enum : cl_uint { slot, outcome, control, control_words, table, table_states, log, log_mask, ring, number, buffers };
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
    // In per_launch mode all three are one, so that copies follow the kernel.
    cl::CommandQueue run_queue;   // the persistent kernel's
    cl::CommandQueue data_queue;  // copies
    cl::CommandQueue once_queue;  // a slot by itself, which may take long
    Sentinel run_sentinel, data_sentinel, once_sentinel;
    cl_uint once_number = 0;
    cl::Program program;
    cl::Kernel run;
    cl::Kernel once;
    Memory ring, control, log;
    Memory slot, outcome, once_log;  // of once
    // The table of DFA_STEP, and those before it: on NVIDIA to free one waits for every kernel of the context, so a table's
    // memory is used again when neither launch has it any more. Sizes are powers of two: all together at most twice the
    // largest for each launch. `tables_mutex` guards all of these; who runs a slot by itself has its table for as long.
    std::mutex tables_mutex;
    std::vector<std::shared_ptr<const Memory>> tables;
    std::shared_ptr<const Memory> table;
    cl_uint table_states = 0;
    std::shared_ptr<const Memory> once_table;
    std::vector<std::vector<Buffer>> buffers;  // [operation][index]
    Memory sched;  // of a wide kernel
    cl::Event last;  // of the last launch
    std::uint32_t number = 0;  // and its number
    Launches launches;
    bool launched = false;
    bool unharvested = false;
    std::atomic<bool> abandoned{false};  // something is under way, and nobody waits for it any more
    // Relaunch: the slots that the last launch had, [first, end), and COMPLETED to LEFT, as it left them.
    std::vector<std::uint32_t> device_slots;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    Pace pace;
    std::chrono::steady_clock::time_point launched_at{};
    alignas(8) std::array<std::byte, SR_RING_LEFT + 4 - SR_RING_COMPLETED> device_words{};

    bool live() const noexcept { return device.probe.mode == ExecutionMode::persistent; }
    bool wide() const noexcept { return device.info.shape != LaunchShape{1, 1}; }
    // Control words and table belong to the device: read-modify-write atomics do not cross a bus.
    MemoryKind own_kind() const noexcept {
        return device.probe.kind == MemoryKind::svm ? MemoryKind::svm : MemoryKind::mirrored;
    }
    cl_uint first_buffer() const noexcept { return run_arg::sched + (wide() ? 1 : 0); }

    std::expected<void, Error> make_memory(const Options& options);
    cl_int bind(const Options& options);
    cl_int bind_table();
    std::expected<std::shared_ptr<const Memory>, Error> table_memory(std::size_t bytes);
    cl_int rehearse();
    // Waits for what was enqueued. What is not over when `go_on` says no stays under way, in memory that is the engine's.
    cl_int finish(const Sentinel& sentinel, const cl::CommandQueue& queue, const GoOn& go_on) noexcept;
    cl_int outcome_comes(const cl::Event& launch, const GoOn& go_on) noexcept;
    cl_int finish_data(const GoOn& go_on) noexcept { return finish(data_sentinel, data_queue, go_on); }
    std::expected<void, Errc> over(cl_int status) const noexcept;
    Memory& log_of(Writer writer) noexcept { return writer == Writer::ring ? log : once_log; }
    cl_int copy_inputs(const cl::CommandQueue& queue) const;
    cl_int copy_outputs(const cl::CommandQueue& queue) const;
};

}  // namespace slipring
