#include <algorithm>
#include <bit>
#include <thread>

#include "../../cl/wide/layout.h"
#include "../backoff.hpp"
#include "../handlers.hpp"
#include "../left.hpp"
#include "engine_impl.hpp"
#include "program.hpp"

namespace slipring {
namespace {

// A compiler may run in it, on a busy machine.
constexpr std::chrono::seconds patience{60};

}  // namespace

std::expected<std::unique_ptr<Engine>, Error> Engine::open(const Options& options) {
    auto chosen = choose(options);
    if (!chosen) return std::unexpected(chosen.error());

    auto impl = std::make_unique<Impl>();
    impl->device = std::move(*chosen);
    impl->pace = Pace(options.ops, options.hang_timeout);
    const cl::Device& device = impl->device.device;
    cl_int status = CL_SUCCESS;
    impl->context = impl->device.probe.context;
    impl->run_queue = cl::CommandQueue(impl->context, device, 0, &status);
    if (status != CL_SUCCESS) return cl_error("clCreateCommandQueue", status);
    for (cl::CommandQueue* const queue : {&impl->data_queue, &impl->once_queue}) {
        *queue = impl->live() ? cl::CommandQueue(impl->context, device, 0, &status) : impl->run_queue;
        if (status != CL_SUCCESS) return cl_error("clCreateCommandQueue", status);
    }
    for (Sentinel* const sentinel : {&impl->run_sentinel, &impl->data_sentinel, &impl->once_sentinel}) {
        auto made = Sentinel::make(impl->context);
        if (!made) return std::unexpected(made.error());
        *sentinel = std::move(*made);
    }

    auto program = build(impl->context, device, program_source(options.ops), options.ops);
    if (!program) return std::unexpected(program.error());
    impl->program = *program;
    impl->run = cl::Kernel(*program, impl->wide() ? "slipring_run_wide" : "slipring_run", &status);
    if (status != CL_SUCCESS) return cl_error("clCreateKernel", status);
    if (impl->wide()) {
        std::uint32_t& lanes = impl->device.info.shape.lanes;  // the kernel's registers may not suffice for as many
        const auto most = impl->run.getWorkGroupInfo<CL_KERNEL_WORK_GROUP_SIZE>(device, &status);
        if (status == CL_SUCCESS && lanes > most) lanes = static_cast<std::uint32_t>(lanes > 32 ? most / 32 * 32 : most);
    }
    impl->once = cl::Kernel(*program, "slipring_once", &status);
    if (status != CL_SUCCESS) return cl_error("clCreateKernel", status);

    if (auto made = impl->make_memory(options); !made) return std::unexpected(made.error());
    if (const cl_int bound = impl->bind(options); bound != CL_SUCCESS) return cl_error("clSetKernelArg", bound);
    if (const cl_int ran = impl->rehearse(); ran > CL_COMPLETE) {
        leave_to_kernel(std::move(impl));
        return std::unexpected(Error{Errc::no_device, "a first launch was not over in time; something else holds the device"});
    } else if (ran != CL_SUCCESS) {
        return cl_error("a first launch", ran);
    }
    return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

std::expected<void, Error> Engine::Impl::make_memory(const Options& options) {
    const MemoryKind shared = device.probe.kind, own = own_kind();
    const auto make = [&](Memory& to, MemoryKind kind, std::size_t bytes) -> std::expected<void, Error> {
        auto made = Memory::make(context, data_queue, device.device, kind, bytes);
        if (!made) return std::unexpected(made.error());
        to = std::move(*made);
        return {};
    };
    const std::size_t log_bytes = SR_LOG_RECORDS + std::size_t{options.log_records} * SR_LOG_RECORD_WORDS * 4;
    const std::size_t sched_bytes = wide() ? SR_SCHED_WORDS(std::size_t{options.capacity}) * 4 : 4;
    // Shared memory first: to map it waits for what is before it on the queue, and nothing is yet.
    for (const auto& [memory, bytes] : {std::pair{&ring, *Ring::bytes(options.capacity)},
                                        {&log, log_bytes},
                                        {&once_log, log_bytes},
                                        {&slot, std::size_t{SR_SLOT_BYTES}},
                                        {&outcome, std::size_t{16}}})
        if (auto made = make(*memory, shared, bytes); !made) return made;
    buffers.resize(options.ops.size());
    for (std::size_t i = 0; i < options.ops.size(); ++i) {
        for (const BufferSpec& spec : options.ops[i].buffers) {
            buffers[i].push_back({Memory(), spec});
            if (auto made = make(buffers[i].back().memory, shared, spec.bytes); !made) return made;
        }
    }
    auto no_table = table_memory(1024);
    if (!no_table) return std::unexpected(no_table.error());
    table = std::move(*no_table);
    for (const auto& [memory, kind, bytes] :
         {std::tuple{&control, own, std::size_t{options.control_words} * 4},
          {&sched, own == MemoryKind::svm ? own : MemoryKind::device, sched_bytes}})
        if (auto made = make(*memory, kind, bytes); !made) return made;
    if (!live()) device_slots.resize(std::size_t{options.capacity} * SR_SLOT_WORDS);
    return {};
}

cl_int Engine::Impl::bind(const Options& options) {
    // Relaunch: a launch ends with what it was given.
    const auto ticks = [&](std::chrono::microseconds time) {
        return static_cast<cl_ulong>(std::clamp(static_cast<double>(time.count()) * device.probe.ticks_per_us, 0.0, 1e18));
    };
    const std::chrono::microseconds linger = options.idle_timeout.value_or(std::chrono::milliseconds(device.info.is_cpu ? 1 : 3));
    const cl_uint log_mask = options.log_records - 1;
    Status status;
    status << ring.bind(run, run_arg::ring);
    status << run.setArg(run_arg::mask, cl_uint{options.capacity - 1});
    status << run.setArg(run_arg::shift, static_cast<cl_uint>(std::countr_zero(options.capacity)));
    status << control.bind(run, run_arg::control);
    status << run.setArg(run_arg::control_words, cl_uint{options.control_words});
    status << log.bind(run, run_arg::log);
    status << run.setArg(run_arg::log_mask, log_mask);
    status << run.setArg(run_arg::linger, live() ? ticks(linger) : cl_ulong{0});
    // A wide launch may stand in front of a slot that is never published until its epoch is over: not as long as a
    // waiter has patience.
    const std::chrono::milliseconds epoch = std::min(options.max_launch_time, (options.hang_timeout + std::chrono::milliseconds(1)) / 2);
    status << run.setArg(run_arg::epoch, live() ? ticks(epoch) : ~cl_ulong{0});
    // Unless it is said how long to linger: not beside others that want the core. A timer's tick takes far less than this.
    const bool minds = live() && device.info.is_cpu && !options.idle_timeout;
    status << run.setArg(run_arg::gap, minds ? ticks(std::chrono::milliseconds(1)) : cl_ulong{0});
    if (wide()) status << sched.bind(run, run_arg::sched);
    status << slot.bind(once, once_arg::slot);
    status << outcome.bind(once, once_arg::outcome);
    status << control.bind(once, once_arg::control);
    status << once.setArg(once_arg::control_words, cl_uint{options.control_words});
    status << once_log.bind(once, once_arg::log);
    status << once.setArg(once_arg::log_mask, log_mask);
    status << ring.bind(once, once_arg::ring);
    status << bind_table();
    cl_uint index = 0;
    for (const auto& op : buffers) {
        for (const Buffer& buffer : op) {
            status << buffer.memory.bind(run, first_buffer() + index);
            status << buffer.memory.bind(once, once_arg::buffers + index);
            ++index;
        }
    }
    return status.value;
}

cl_int Engine::Impl::bind_table() {
    Status status;
    status << table->bind(run, run_arg::table);
    status << run.setArg(run_arg::table_states, table_states);
    return status.value;
}

// A launch with nothing to do, told to leave: its number is what STOP and LEFT begin with. PoCL compiles a kernel when it
// is launched first, and that may take longer than a deadline.
cl_int Engine::Impl::rehearse() {
    Backoff backoff(patience);
    const auto go_on = [&backoff] { return backoff.pause(); };
    if (const cl_int zeroed = data_sentinel.settle(data_queue, go_on); zeroed != CL_COMPLETE) return zeroed;
    const LaunchShape shape = device.info.shape;
    Status status;
    status << run.setArg(run_arg::launch, cl_uint{0});
    status << run.setArg(run_arg::first, cl_ulong{0});
    status << run_queue.enqueueNDRangeKernel(run, cl::NullRange, cl::NDRange(std::size_t{shape.groups} * shape.lanes),
                                             cl::NDRange(shape.lanes));
    return status ? run_sentinel.settle(run_queue, go_on) : status.value;
}

Engine::Engine(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Engine::~Engine() {
    while (!impl_->launches.settled()) std::this_thread::yield();  // the last launch is over, and about to be told
}

void Engine::tell(std::function<void()> told) { impl_->launches.tell(std::move(told)); }
void Engine::forget() noexcept { impl_->launches.forget(); }

const DeviceInfo& Engine::info() const noexcept { return impl_->device.info; }
bool Engine::live() const noexcept { return impl_->live(); }
bool Engine::in_order() const noexcept { return !impl_->wide(); }
std::span<std::byte> Engine::ring_memory() const noexcept { return impl_->ring.host(); }

std::span<std::byte> Engine::buffer(std::size_t op, std::size_t index) const noexcept {
    if (op >= impl_->buffers.size() || index >= impl_->buffers[op].size()) return {};
    const Impl::Buffer& buffer = impl_->buffers[op][index];
    return buffer.memory.host().first(buffer.spec.bytes);
}

}  // namespace slipring
