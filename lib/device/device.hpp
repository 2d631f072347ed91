// An opened device: context, queues, kernels and memory. A session has one, and says what it is used for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <slipring/options.hpp>
#include <slipring/ring.hpp>

#include "../rings.hpp"
#include "cl.hpp"
#include "memory.hpp"
#include "places.hpp"
#include "select.hpp"
#include "sentinel.hpp"
#include "window.hpp"

namespace slipring {

// The kernels' parameters, in their order in persistent.cl.
namespace run_arg {
enum : cl_uint {
    ring,
    window,
    mask,
    shift,
    completions_shift,
    control,
    control_words,
    table,
    table_states,
    log,
    log_mask,
    launch,
    first,
    idle_timeout,
    max_time,
    crowded_gap,
    team_local,
    team_local_bytes,
    sched,  // these of the wide kernel alone
    team_groups,
};
}
namespace alone_arg {
enum : cl_uint {
    slot,
    outcome,
    control,
    control_words,
    table,
    table_states,
    log,
    log_mask,
    ring,
    number,
    team_local,
    team_local_bytes,
    buffers,
};
}

// The first error of several calls.
struct Status {
    cl_int value = CL_SUCCESS;
    void operator<<(cl_int next) noexcept {
        if (value == CL_SUCCESS) value = next;
    }
    explicit operator bool() const noexcept { return value == CL_SUCCESS; }
};

struct Device {
    struct Buffer {
        Memory memory;
        BufferSpec spec;
    };

    // Chooses it and makes all that it takes. A session then sets the kernel's time limits, and rehearses.
    static std::expected<std::unique_ptr<Device>, Error> open(const Options& options);

    const DeviceInfo& info() const noexcept { return chosen.info; }
    bool wide() const noexcept { return info().shape != LaunchShape{1, 1}; }
    // Teams are groups of several lanes, beside those that run slots.
    bool has_wide_teams() const noexcept { return info().teams.lanes > 1; }
    std::uint32_t team_groups() const noexcept { return has_wide_teams() ? info().teams.groups : 0; }
    cl_ulong ticks(std::chrono::microseconds time) const noexcept;  // of the device's clock

    // A launch of the ring's kernel with nothing to do, told to leave: its number, 0, is what STOP and LEFT begin
    // with. CL_COMPLETE; an error (below it); or (above it) what did not finish before `go_on` said no. PoCL compiles
    // a kernel when it is launched first, and that may take longer than a hang_timeout.
    template <class GoOn>
    cl_int rehearse(const GoOn& go_on) {
        if (const cl_int zeroed = data_sentinel.settle(data_queue, go_on); zeroed != CL_COMPLETE) return zeroed;
        const cl_int status = enqueue_run(0, 0, nullptr);
        return status == CL_SUCCESS ? run_sentinel.settle(run_queue, go_on) : status;
    }
    cl_int enqueue_run(std::uint32_t number, std::uint64_t first, cl::Event* last) noexcept;

    // Enqueue copies of all shared buffers; nothing for the kinds that both see.
    cl_int upload_inputs(const cl::CommandQueue& queue) const noexcept;
    cl_int download_outputs(const cl::CommandQueue& queue) const noexcept;

    // Memory that no launch has, for a table of so many bytes.
    std::expected<std::shared_ptr<const Memory>, Error> table_memory(std::size_t bytes);
    cl_int bind_table();

    Candidate chosen;
    std::vector<RingPlace> places;
    cl::Context context;
    // Where a launch takes its slots along all three are one, so that copies follow the kernel.
    cl::CommandQueue run_queue;    // the ring's kernel
    cl::CommandQueue data_queue;   // copies
    cl::CommandQueue alone_queue;  // a slot by itself, which may take long
    Sentinel run_sentinel, data_sentinel, alone_sentinel;
    cl::Program program;
    cl::Kernel run;
    cl::Kernel alone;
    cl_uint alone_number = 0;
    Memory ring, control, log;  // `ring`: of all rings
    BusWindow window;           // of the rings' slots, if the probe found one
    // What a ring's producers alone use, of each ring: nothing of it is the device's.
    struct alignas(RingView::alignment) Producers {
        std::byte bytes[RingView::producers_bytes];
    };
    std::unique_ptr<Producers[]> producers = std::make_unique<Producers[]>(RingNumbers::max);
    Memory slot, outcome, alone_log;  // of `alone`
    // The table of DFA_STEP, and those before it: on NVIDIA to free one waits for every kernel of the context, so a
    // table's memory is used again when neither launch has it any more. Sizes are powers of two: all together at most
    // twice the largest for each launch. `tables_mutex` guards all of these; a slot that runs by itself has its table
    // for as long.
    std::mutex tables_mutex;
    std::vector<std::shared_ptr<const Memory>> tables;
    std::shared_ptr<const Memory> table;
    cl_uint table_states = 0;
    std::shared_ptr<const Memory> alone_table;
    std::vector<Buffer> buffers;         // in the order of Options::buffers
    Memory sched;                        // the scheduler state of a wide kernel
    std::atomic<bool> abandoned{false};  // something is under way, and no thread waits for it any more

private:
    bool persists() const noexcept { return info().mode == ExecutionMode::persistent; }
    // Control words and table belong to the device: read-modify-write atomics do not cross a bus.
    MemoryKind own_kind() const noexcept {
        return chosen.probe.kind == MemoryKind::svm ? MemoryKind::svm : MemoryKind::mirrored;
    }
    // What the host never sees in place.
    MemoryKind unseen_kind() const noexcept {
        return chosen.probe.kind == MemoryKind::svm ? MemoryKind::svm : MemoryKind::device;
    }
    cl_uint first_buffer() const noexcept { return wide() ? run_arg::team_groups + 1 : run_arg::sched; }

    std::expected<void, Error> make_queues();
    std::expected<void, Error> make_kernels(const Options& options);
    std::expected<void, Error> bound_lanes(const Options& options);
    std::expected<void, Error> make_memory(const Options& options);
    std::expected<void, Error> make_buffers(const Options& options);
    cl_int bind(const Options& options);
};

}  // namespace slipring
