#include "engine.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include "../../cl/desk.h"
#include "../handlers.hpp"
#include "launches.hpp"
#include "program.hpp"
#include "select.hpp"

namespace slipring {
namespace {

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

struct Buffer {
    Memory memory;
    BufferSpec spec;
};

}  // namespace

struct Engine::Impl {
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
    // Relaunch: the slots that the last launch had, [first, end), and COMPLETED to LEFT, as it left them.
    std::vector<std::uint32_t> device_slots;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    alignas(8) std::array<std::byte, SR_RING_LEFT + 4 - SR_RING_COMPLETED> device_words{};

    bool live() const noexcept { return device.probe.residency == Residency::live; }
    bool wide() const noexcept { return device.info.shape != Shape{1, 1}; }
    cl_uint first_buffer() const noexcept { return run_arg::desk + (wide() ? 1 : 0); }

    std::expected<void, Error> make_memory(const Options& options);
    cl_int bind(const Options& options);
    cl_int bind_table(cl_uint states);
    cl_int rehearse();
    cl_int copy_inputs(const cl::CommandQueue& queue) const;
    cl_int copy_outputs(const cl::CommandQueue& queue) const;
};

// ---- open ----------------------------------------------------------------------------------------------------

std::expected<std::unique_ptr<Engine>, Error> Engine::open(const Options& options) {
    auto chosen = choose(options);
    if (!chosen) return std::unexpected(chosen.error());

    auto impl = std::make_unique<Impl>();
    impl->device = std::move(*chosen);
    const cl::Device& device = impl->device.device;
    cl_int status = CL_SUCCESS;
    impl->context = cl::Context(device, nullptr, nullptr, nullptr, &status);
    if (status != CL_SUCCESS) return cl_error("clCreateContext", status);
    impl->run_queue = cl::CommandQueue(impl->context, device, 0, &status);
    if (status != CL_SUCCESS) return cl_error("clCreateCommandQueue", status);
    impl->data_queue = impl->live() ? cl::CommandQueue(impl->context, device, 0, &status) : impl->run_queue;
    if (status != CL_SUCCESS) return cl_error("clCreateCommandQueue", status);

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
    if (const cl_int ran = impl->rehearse(); ran != CL_SUCCESS) return cl_error("a first launch", ran);
    return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

std::expected<void, Error> Engine::Impl::make_memory(const Options& options) {
    const MemoryKind shared = device.probe.kind;
    // Control words and table belong to the device: read-modify-write atomics do not cross a bus.
    const MemoryKind own = shared == MemoryKind::svm ? MemoryKind::svm : MemoryKind::device;
    const auto make = [&](Memory& to, MemoryKind kind, std::size_t bytes) -> std::expected<void, Error> {
        auto made = Memory::make(context, data_queue, device.device, kind, bytes);
        if (!made) return std::unexpected(made.error());
        to = std::move(*made);
        return {};
    };
    const std::size_t log_bytes = SR_LOG_RECORDS + std::size_t{options.log_records} * SR_LOG_RECORD_WORDS * 4;
    const std::size_t desk_bytes = wide() ? SR_DESK_WORDS(std::size_t{options.capacity}) * 4 : 4;
    for (const auto& [memory, kind, bytes] : {std::tuple{&ring, shared, *Ring::bytes(options.capacity)},
                                              {&control, own, std::size_t{options.control_words} * 4},
                                              {&table, own, std::size_t{1024}},
                                              {&desk, own, desk_bytes},
                                              {&log, shared, log_bytes},
                                              {&slot, shared, std::size_t{SR_SLOT_BYTES}},
                                              {&outcome, shared, std::size_t{16}}})
        if (auto made = make(*memory, kind, bytes); !made) return made;

    if (!live()) device_slots.resize(std::size_t{options.capacity} * SR_SLOT_WORDS);
    buffers.resize(options.ops.size());
    for (std::size_t i = 0; i < options.ops.size(); ++i) {
        for (const BufferSpec& spec : options.ops[i].buffers) {
            buffers[i].push_back({Memory(), spec});
            if (auto made = make(buffers[i].back().memory, shared, spec.bytes); !made) return made;
        }
    }
    return {};
}

cl_int Engine::Impl::bind(const Options& options) {
    // Relaunch: a launch ends with what it was given.
    const auto ticks = [&](std::chrono::microseconds time) {
        return static_cast<cl_ulong>(std::clamp(static_cast<double>(time.count()) * device.probe.ticks_per_us, 0.0, 1e18));
    };
    const std::chrono::microseconds linger = options.linger.value_or(std::chrono::milliseconds(device.info.is_cpu ? 1 : 3));
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
    status << run.setArg(run_arg::epoch, live() ? ticks(options.epoch) : ~cl_ulong{0});
    if (wide()) status << desk.bind(run, run_arg::desk);
    status << slot.bind(once, once_arg::slot);
    status << outcome.bind(once, once_arg::outcome);
    status << control.bind(once, once_arg::control);
    status << once.setArg(once_arg::control_words, cl_uint{options.control_words});
    status << log.bind(once, once_arg::log);
    status << once.setArg(once_arg::log_mask, log_mask);
    status << bind_table(0);
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

cl_int Engine::Impl::bind_table(cl_uint states) {
    Status status;
    status << table.bind(run, run_arg::table);
    status << run.setArg(run_arg::table_states, states);
    status << table.bind(once, once_arg::table);
    status << once.setArg(once_arg::table_states, states);
    return status.value;
}

// A launch with nothing to do, told to leave: its number is what STOP and LEFT begin with. PoCL compiles a kernel when it
// is launched first, and that may take longer than a deadline.
cl_int Engine::Impl::rehearse() {
    const Shape shape = device.info.shape;
    Status status;
    status << run.setArg(run_arg::launch, cl_uint{0});
    status << run.setArg(run_arg::first, cl_ulong{0});
    status << run_queue.enqueueNDRangeKernel(run, cl::NullRange, cl::NDRange(std::size_t{shape.groups} * shape.lanes),
                                             cl::NDRange(shape.lanes));
    status << run_queue.finish();
    return status.value;
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
    const Buffer& buffer = impl_->buffers[op][index];
    return buffer.memory.host().first(buffer.spec.bytes);
}

// ---- launches --------------------------------------------------------------------------------------------------

cl_int Engine::Impl::copy_inputs(const cl::CommandQueue& queue) const {
    Status status;
    for (const auto& op : buffers)
        for (const Buffer& buffer : op)
            if (buffer.spec.use == BufferSpec::Use::input) status << buffer.memory.upload(queue, 0, buffer.spec.bytes);
    return status.value;
}

cl_int Engine::Impl::copy_outputs(const cl::CommandQueue& queue) const {
    Status status;
    for (const auto& op : buffers)
        for (const Buffer& buffer : op)
            if (buffer.spec.use == BufferSpec::Use::output)
                status << buffer.memory.download(queue, 0, buffer.spec.bytes);
    return status.value;
}

std::expected<void, Error> Engine::launch(const Ring& ring, std::uint32_t number) {
    Impl& i = *impl_;
    const cl::CommandQueue& queue = i.run_queue;
    Status status;

    // Relaunch: published slots that are not complete belong to the device, so nobody writes them meanwhile. They
    // are one piece, or two where they wrap.
    i.first = ring.completed();
    i.end = i.live() ? i.first : ring.tail();
    const auto each_piece = [&](auto copy) {
        for (std::uint64_t at = i.first; at != i.end;) {
            const std::uint64_t in_lap = at & (ring.capacity() - 1);
            const std::uint64_t count = std::min<std::uint64_t>(i.end - at, ring.capacity() - in_lap);
            status << copy(in_lap * SR_SLOT_BYTES, count * SR_SLOT_BYTES);
            at += count;
        }
    };
    if (!i.live()) {
        // Where the ring begins, the device's copy does not know: not at 0, after a recovery.
        if (number == 1) status << i.ring.upload(queue, SR_RING_COMPLETED, sizeof i.first);
        each_piece([&](std::size_t offset, std::size_t bytes) {
            return i.ring.upload(queue, SR_RING_SLOTS + offset, bytes);
        });
        status << i.copy_inputs(queue);
    }

    const Shape shape = i.device.info.shape;
    status << i.run.setArg(run_arg::launch, cl_uint{number});
    status << i.run.setArg(run_arg::first, cl_ulong{i.first});
    const cl_int enqueued = queue.enqueueNDRangeKernel(
        i.run, cl::NullRange, cl::NDRange(std::size_t{shape.groups} * shape.lanes), cl::NDRange(shape.lanes), nullptr, &i.last);
    if (enqueued == CL_SUCCESS) i.launched = true;  // and memory is its own, whatever fails below
    status << enqueued;

    if (!i.live()) {
        const std::span<std::byte> slots = std::as_writable_bytes(std::span(i.device_slots));
        each_piece([&](std::size_t offset, std::size_t bytes) {
            return i.ring.download_to(queue, SR_RING_SLOTS + offset, slots.subspan(offset, bytes), i.last);
        });
        status << i.copy_outputs(queue);
        status << i.ring.download_to(queue, SR_RING_COMPLETED, i.device_words, i.last);
        i.unharvested = true;
    }
    if (status) status << i.launches.add(i.last);
    status << queue.flush();
    if (!status) return cl_error("launching the kernel", status.value);
    return {};
}

bool Engine::finished() const noexcept {
    return !impl_->launched || impl_->last.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>() <= CL_COMPLETE;
}

bool Engine::failed() const noexcept {
    return impl_->launched && impl_->last.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>() < CL_COMPLETE;
}

void Engine::harvest(const Ring& ring) noexcept {
    if (!impl_->unharvested || !finished() || failed()) return;  // what a failed launch had stays handed over
    std::uint64_t completed;
    std::uint32_t left;
    std::memcpy(&completed, impl_->device_words.data(), sizeof completed);
    std::memcpy(&left, impl_->device_words.data() + (SR_RING_LEFT - SR_RING_COMPLETED), sizeof left);
    if (completed - impl_->first > impl_->end - impl_->first) return;  // it had no more than these
    impl_->unharvested = false;
    // What the kernel does in a live ring: results and states first, then the position. Others look at the states
    // meanwhile, so they are no copy's business.
    for (std::uint64_t at = impl_->first; at != completed; ++at) {
        const std::uint32_t* const from = &impl_->device_slots[(at & (ring.capacity() - 1)) * SR_SLOT_WORDS];
        if ((from[SR_WORD_PRIORITY] & SR_FLAG_QUIET) == 0) ring.end_slot(at, from);
    }
    // A2
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(ring.base() + SR_RING_COMPLETED))
        .store(completed, std::memory_order_release);
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(ring.base() + SR_RING_LEFT)).store(left, std::memory_order_seq_cst);
}

std::uint64_t Engine::handed_over(const Ring& ring) const noexcept {
    return impl_->unharvested ? impl_->end : ring.completed();
}

void Engine::stop(std::uint32_t number) noexcept {
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(impl_->ring.host().data() + SR_RING_STOP))
        .store(number, std::memory_order_release);
}

std::expected<Result, Errc> Engine::once(const Slot& slot) noexcept {
    Impl& i = *impl_;
    const cl::CommandQueue& queue = i.data_queue;
    Status status;
    std::memcpy(i.slot.host().data(), slot.words().data(), SR_SLOT_BYTES);
    status << i.slot.upload(queue, 0, SR_SLOT_BYTES);
    if (!i.live()) status << i.copy_inputs(queue);
    status << queue.enqueueNDRangeKernel(i.once, cl::NullRange, cl::NDRange(1), cl::NDRange(1));
    if (!i.live()) status << i.copy_outputs(queue);
    status << i.outcome.download(queue, 0, 16);
    status << queue.finish();
    if (!status) return std::unexpected(Errc::opencl_failed);

    std::array<std::uint32_t, 3> words{};
    std::memcpy(words.data(), i.outcome.host().data(), sizeof words);
    const std::uint32_t state = words[0] == SR_CODE_OK          ? SR_STATE_DONE
                                : words[0] == SR_CODE_CANCELLED ? SR_STATE_CANCELLED
                                                                : SR_STATE_FAULT;
    return Result{state, words[0], words[1], words[2]};
}

// ---- memory ----------------------------------------------------------------------------------------------------

std::expected<void, Error> Engine::load_table(std::span<const std::uint32_t> table) {
    Impl& i = *impl_;
    const MemoryKind own = i.device.probe.kind == MemoryKind::svm ? MemoryKind::svm : MemoryKind::device;
    auto made = Memory::make(i.context, i.data_queue, i.device.device, own, std::max<std::size_t>(table.size_bytes(), 4));
    if (!made) return std::unexpected(made.error());
    Status status;
    status << made->write(i.data_queue, 0, std::as_bytes(table));
    if (status) {
        std::swap(i.table, *made);
        status << i.bind_table(static_cast<cl_uint>(table.size() / 256));
    }
    if (!status) return cl_error("loading the table", status.value);
    return {};
}

std::expected<void, Errc> Engine::read_control(std::uint32_t index, std::span<std::uint32_t> words) noexcept {
    if (impl_->control.read(impl_->data_queue, std::size_t{index} * 4, std::as_writable_bytes(words)) != CL_SUCCESS)
        return std::unexpected(Errc::opencl_failed);
    return {};
}

std::expected<void, Errc> Engine::write_control(std::uint32_t index, std::span<const std::uint32_t> words) noexcept {
    if (impl_->control.write(impl_->data_queue, std::size_t{index} * 4, std::as_bytes(words)) != CL_SUCCESS)
        return std::unexpected(Errc::opencl_failed);
    return {};
}

std::expected<std::span<std::byte>, Errc> Engine::pull_log() noexcept {
    Impl& i = *impl_;
    Status status;
    status << i.log.download(i.data_queue, 0, SR_LOG_CONSUMED);
    status << i.log.download(i.data_queue, SR_LOG_RECORDS, i.log.size() - SR_LOG_RECORDS);
    if (!i.live()) status << i.data_queue.finish();
    if (!status) return std::unexpected(Errc::opencl_failed);
    return i.log.host();
}

std::expected<void, Errc> Engine::push_log_consumed() noexcept {
    Impl& i = *impl_;
    Status status;
    status << i.log.upload(i.data_queue, SR_LOG_CONSUMED, 4);
    if (!i.live()) status << i.data_queue.finish();
    if (!status) return std::unexpected(Errc::opencl_failed);
    return {};
}

}  // namespace slipring
