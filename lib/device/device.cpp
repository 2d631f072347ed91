#include "device.hpp"

#include <algorithm>
#include <bit>

#include <slipring/ring.hpp>

#include "../../cl/wide/layout.h"
#include "handlers.hpp"
#include "opencl.hpp"
#include "program.hpp"

namespace slipring {
namespace {

constexpr std::uint64_t own_local_bytes = 256;  // of the kernel's own in local memory, at most: see persistent.cl

// What a group gives its team: an argument of no bytes there cannot be.
cl_uint local_bytes(std::span<const CustomOp> ops) {
    cl_uint bytes = 16;
    for (const CustomOp& op : ops)
        if (op.team) bytes = std::max(bytes, op.team->local_bytes);
    return bytes;
}

std::expected<void, Error> check_local_memory(std::span<const CustomOp> ops, const cl::Device& device) {
    const std::uint64_t max_bytes = device.getInfo<CL_DEVICE_LOCAL_MEM_SIZE>();
    for (const CustomOp& op : ops)
        if (op.team && op.team->local_bytes + own_local_bytes > max_bytes)
            return std::unexpected(
                Error{Errc::no_local_memory, op.name + " asks for " + std::to_string(op.team->local_bytes) +
                                                 " bytes; a work-group has " + std::to_string(max_bytes) +
                                                 ", and slipring takes 256"});
    return {};
}

}  // namespace

std::expected<std::unique_ptr<Device>, Error> Device::open(const Options& options) {
    auto chosen = choose(options);
    if (!chosen) return std::unexpected(chosen.error());
    auto device = std::make_unique<Device>();
    device->chosen = std::move(*chosen);
    device->places = places_of(options);
    device->context = device->chosen.probe.context;
    if (auto ok = device->make_queues(); !ok) return std::unexpected(ok.error());
    if (auto ok = device->make_kernels(options); !ok) return std::unexpected(ok.error());
    if (auto ok = device->make_memory(options); !ok) return std::unexpected(ok.error());
    if (const cl_int bound = device->bind(options); bound != CL_SUCCESS) return cl_error("clSetKernelArg", bound);
    return device;
}

std::expected<void, Error> Device::make_queues() {
    cl_int status = CL_SUCCESS;
    run_queue = cl::CommandQueue(context, chosen.device, 0, &status);
    if (status != CL_SUCCESS) return cl_error("clCreateCommandQueue", status);
    for (cl::CommandQueue* const queue : {&data_queue, &alone_queue}) {
        *queue = persists() ? cl::CommandQueue(context, chosen.device, 0, &status) : run_queue;
        if (status != CL_SUCCESS) return cl_error("clCreateCommandQueue", status);
    }
    for (Sentinel* const sentinel : {&run_sentinel, &data_sentinel, &alone_sentinel}) {
        auto made = Sentinel::make(context);
        if (!made) return std::unexpected(made.error());
        *sentinel = std::move(*made);
    }
    return {};
}

std::expected<void, Error> Device::make_kernels(const Options& options) {
    if (auto ok = check_local_memory(options.ops, chosen.device); !ok) return ok;
    const std::string source = program_source(options.ops, options.buffers, places, options.lower_every);
    auto built = build(context, chosen.device, source, options.ops,
                       {.wide = wide(), .teams = has_wide_teams(), .window = chosen.probe.window});
    if (!built) return std::unexpected(built.error());
    program = std::move(*built);
    cl_int status = CL_SUCCESS;
    run = cl::Kernel(program, wide() ? "slipring_run_wide" : "slipring_run", &status);
    if (status != CL_SUCCESS) return cl_error("clCreateKernel", status);
    alone = cl::Kernel(program, "slipring_run_alone", &status);
    if (status != CL_SUCCESS) return cl_error("clCreateKernel", status);
    return wide() ? bound_lanes(options) : std::expected<void, Error>();
}

// The kernels' registers may not suffice for as many lanes as the device's groups have.
std::expected<void, Error> Device::bound_lanes(const Options& options) {
    std::size_t max_lanes = chosen.info.shape.lanes;
    for (const cl::Kernel* const kernel : {&run, &alone}) {
        if (kernel == &alone && !has_wide_teams()) continue;
        cl_int status = CL_SUCCESS;
        const auto bound = kernel->getWorkGroupInfo<CL_KERNEL_WORK_GROUP_SIZE>(chosen.device, &status);
        if (status == CL_SUCCESS && bound < max_lanes) max_lanes = bound > 32 ? bound / 32 * 32 : bound;
    }
    if (has_wide_teams() && options.teams.lanes > max_lanes)
        return std::unexpected(
            Error{Errc::team_too_wide, "teams of " + std::to_string(options.teams.lanes) +
                                           " lanes; with these operations there are registers for " +
                                           std::to_string(max_lanes)});
    chosen.info.shape.lanes = static_cast<std::uint32_t>(max_lanes);
    if (has_wide_teams()) chosen.info.teams.lanes = chosen.info.shape.lanes;
    return {};
}

std::expected<void, Error> Device::make_memory(const Options& options) {
    const MemoryKind shared = chosen.probe.kind, own = own_kind();
    const auto make = [&](Memory& to, MemoryKind kind, std::size_t bytes) -> std::expected<void, Error> {
        auto made = Memory::make(context, data_queue, chosen.device, kind, bytes);
        if (!made) return std::unexpected(made.error());
        to = std::move(*made);
        return {};
    };
    const std::size_t log_bytes = SR_LOG_RECORDS + std::size_t{options.log_records} * SR_LOG_RECORD_WORDS * 4;
    std::size_t sched_bytes = 4;
    if (wide())
        for (const RingPlace& place : places) sched_bytes += SR_SCHED_WORDS(std::size_t{place.capacity}) * 4;
    // Shared memory first: to map it waits for what is before it on the queue, and nothing is yet.
    for (const auto& [memory, bytes] : {std::pair{&ring, shared_bytes(places)},
                                        {&log, log_bytes},
                                        {&alone_log, log_bytes},
                                        {&slot, std::size_t{SR_SLOT_BYTES}},
                                        {&outcome, std::size_t{20}}})
        if (auto made = make(*memory, shared, bytes); !made) return made;
    if (chosen.probe.window) {
        auto made = BusWindow::make(context, data_queue, chosen.device, window_bytes(places));
        if (!made) return std::unexpected(made.error());
        window = std::move(*made);
    }
    if (auto made = make_buffers(options); !made) return made;
    auto no_table = table_memory(1024);
    if (!no_table) return std::unexpected(no_table.error());
    table = std::move(*no_table);
    for (const auto& [memory, kind, bytes] :
         {std::tuple{&control, own, std::size_t{options.control_words} * 4}, {&sched, unseen_kind(), sched_bytes}})
        if (auto made = make(*memory, kind, bytes); !made) return made;
    return {};
}

std::expected<void, Error> Device::make_buffers(const Options& options) {
    const std::uint64_t max_each = chosen.device.getInfo<CL_DEVICE_MAX_MEM_ALLOC_SIZE>();
    const std::uint64_t max_together = chosen.device.getInfo<CL_DEVICE_GLOBAL_MEM_SIZE>();
    std::uint64_t together = 0;
    const auto too_large = [&](const BufferSpec& spec) {
        return std::unexpected(Error{Errc::buffer_too_large, spec.name + " of " + std::to_string(spec.bytes) +
                                                                 " bytes; the device allocates " +
                                                                 std::to_string(max_each) + " at once and " +
                                                                 std::to_string(max_together) + " in all"});
    };
    for (const BufferSpec& spec : options.buffers) {
        buffers.push_back({Memory(), spec});
        if (spec.memory == nullptr) continue;
        if (spec.memory->context() != context()) return std::unexpected(Error{Errc::foreign_buffer, spec.name});
        buffers.back().memory = Memory::of(spec.memory->buffer, static_cast<std::size_t>(spec.bytes));
    }
    // Shared ones first, as above.
    for (const auto place : {BufferSpec::Place::shared, BufferSpec::Place::device})
        for (auto& [memory, spec] : buffers) {
            if (spec.place != place || spec.memory != nullptr) continue;
            together += spec.bytes;
            if (spec.bytes > max_each || together > max_together) return too_large(spec);
            const MemoryKind kind = place == BufferSpec::Place::shared ? chosen.probe.kind : unseen_kind();
            auto made = Memory::make(context, data_queue, chosen.device, kind, static_cast<std::size_t>(spec.bytes));
            if (!made) return too_large(spec);
            memory = std::move(*made);
        }
    return {};
}

cl_int Device::bind(const Options& options) {
    const cl_uint log_mask = options.log_records - 1, team_bytes = local_bytes(options.ops);
    Status status;
    status << ring.bind(run, run_arg::ring);
    status << (chosen.probe.window ? run.setArg(run_arg::window, window.buffer()) : ring.bind(run, run_arg::window));
    status << run.setArg(run_arg::mask, cl_uint{options.capacity - 1});
    status << run.setArg(run_arg::shift, static_cast<cl_uint>(std::countr_zero(options.capacity)));
    status << run.setArg(run_arg::completions_shift, static_cast<cl_uint>(std::countr_zero(options.completions)));
    status << control.bind(run, run_arg::control);
    status << run.setArg(run_arg::control_words, cl_uint{options.control_words});
    status << log.bind(run, run_arg::log);
    status << run.setArg(run_arg::log_mask, log_mask);
    status << run.setArg(run_arg::team_local, cl::Local(team_bytes));
    status << run.setArg(run_arg::team_local_bytes, team_bytes);
    if (wide()) {
        status << sched.bind(run, run_arg::sched);
        status << run.setArg(run_arg::team_groups, cl_uint{team_groups()});
    }
    status << slot.bind(alone, alone_arg::slot);
    status << outcome.bind(alone, alone_arg::outcome);
    status << control.bind(alone, alone_arg::control);
    status << alone.setArg(alone_arg::control_words, cl_uint{options.control_words});
    status << alone_log.bind(alone, alone_arg::log);
    status << alone.setArg(alone_arg::log_mask, log_mask);
    status << ring.bind(alone, alone_arg::ring);
    status << alone.setArg(alone_arg::team_local, cl::Local(team_bytes));
    status << alone.setArg(alone_arg::team_local_bytes, team_bytes);
    status << bind_table();
    cl_uint index = 0;
    for (const Buffer& buffer : buffers) {
        status << buffer.memory.bind(run, first_buffer() + index);
        status << run.setArg(first_buffer() + index + 1, cl_ulong{buffer.spec.bytes});
        status << buffer.memory.bind(alone, alone_arg::buffers + index);
        status << alone.setArg(alone_arg::buffers + index + 1, cl_ulong{buffer.spec.bytes});
        index += 2;
    }
    return status.value;
}

cl_int Device::bind_table() {
    Status status;
    status << table->bind(run, run_arg::table);
    status << run.setArg(run_arg::table_states, table_states);
    return status.value;
}

std::expected<std::shared_ptr<const Memory>, Error> Device::table_memory(std::size_t bytes) {
    bytes = std::bit_ceil(std::max<std::size_t>(bytes, 4));
    const std::scoped_lock lock(tables_mutex);
    for (const auto& one : tables)
        if (one != table && one != alone_table && one->size() >= bytes) return one;
    tables.reserve(tables.size() + 1);
    auto made = Memory::make(context, data_queue, chosen.device, own_kind(), bytes);
    if (!made) return std::unexpected(made.error());
    return tables.emplace_back(std::make_shared<const Memory>(std::move(*made)));
}

cl_ulong Device::ticks(std::chrono::microseconds time) const noexcept {
    return static_cast<cl_ulong>(
        std::clamp(static_cast<double>(time.count()) * chosen.probe.ticks_per_us, 0.0, 1e18));
}

cl_int Device::enqueue_run(std::uint32_t number, std::uint64_t first, cl::Event* last) noexcept {
    const LaunchShape shape = info().shape;
    Status status;
    status << run.setArg(run_arg::launch, cl_uint{number});
    status << run.setArg(run_arg::first, cl_ulong{first});
    if (!status) return status.value;
    const cl::NDRange global(std::size_t{shape.groups + team_groups()} * shape.lanes), local(shape.lanes);
    return run_queue.enqueueNDRangeKernel(run, cl::NullRange, global, local, nullptr, last);
}

cl_int Device::upload_inputs(const cl::CommandQueue& queue) const noexcept {
    Status status;
    for (const Buffer& buffer : buffers)
        if (buffer.spec.use == BufferSpec::Use::input)
            status << buffer.memory.upload(queue, 0, static_cast<std::size_t>(buffer.spec.bytes));
    return status.value;
}

cl_int Device::download_outputs(const cl::CommandQueue& queue) const noexcept {
    Status status;
    for (const Buffer& buffer : buffers)
        if (buffer.spec.use == BufferSpec::Use::output)
            status << buffer.memory.download(queue, 0, static_cast<std::size_t>(buffer.spec.bytes));
    return status.value;
}

}  // namespace slipring
