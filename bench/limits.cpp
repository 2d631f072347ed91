// What the memory that host and device share would give, and what a launch costs: plain OpenCL, nothing of slipring's
// but the device's description. Every kernel does a fixed amount of work.
#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>

#include "drive.hpp"
#include "plain_opencl.hpp"

namespace slipring::bench {
namespace {

constexpr const char* source = R"(
// Each load's address is what the load before it brought.
__kernel void chase(__global const volatile uint* next, uint steps, __global uint* out) {
    uint at = 0;
    for (uint i = 0; i < steps; ++i) at = next[at];
    *out = at;
}

// The first 16 << shift bytes of each slot, neighbouring work-items the neighbouring 16 bytes.
__kernel void read_slots(__global const uint4* slots, uint count, uint shift, __global uint* out) {
    uint4 sum = (uint4)(0);
    for (uint i = get_global_id(0); i < count << shift; i += get_global_size(0))
        sum ^= slots[(i >> shift) * 4 + (i & ((1u << shift) - 1))];
    const uint all = sum.x ^ sum.y ^ sum.z ^ sum.w;
    if (all == 0x9e3779b9u) *out = all;  // it is not, but who compiles this cannot know
}

__kernel void write_words(__global uint* slots, uint count) {
    for (uint i = get_global_id(0); i < count; i += get_global_size(0)) slots[i * 16] = i;
}

__kernel void write_results(__global uint4* slots, uint count) {
    for (uint i = get_global_id(0); i < count; i += get_global_size(0)) slots[i * 4] = (uint4)(i);
}

__kernel void write_slots(__global uint4* slots, uint count) {
    for (uint i = get_global_id(0); i < count * 4; i += get_global_size(0)) slots[i] = (uint4)(i);
}

__kernel void nothing(__global uint* out) {
}
)";

struct Device {
    cl_platform_id platform = nullptr;
    cl_device_id id = nullptr;
    Context context{};
    Queue queue{}, profiled{};
    Program program{};
    Buffer out{};

    Kernel kernel(const char* name) const { return Kernel(clCreateKernel(program.get(), name, nullptr)); }

    cl_int run(cl_kernel kernel, std::size_t items, double& seconds) const {
        const std::size_t local = items < 256 ? items : 256;
        cl_event raw = nullptr;
        cl_int status = clEnqueueNDRangeKernel(profiled.get(), kernel, 1, nullptr, &items, &local, 0, nullptr, &raw);
        if (status != CL_SUCCESS) return status;
        const Event event(raw);
        status = clFinish(profiled.get());
        cl_ulong begin = 0, end = 0;
        clGetEventProfilingInfo(raw, CL_PROFILING_COMMAND_START, sizeof begin, &begin, nullptr);
        clGetEventProfilingInfo(raw, CL_PROFILING_COMMAND_END, sizeof end, &end, nullptr);
        seconds = static_cast<double>(end - begin) * 1e-9;
        return status == CL_SUCCESS && end <= begin ? CL_PROFILING_INFO_NOT_AVAILABLE : status;
    }
};

// Memory of the kind that the ring lies in; null where host and device share none.
struct Shared {
    cl_context context = nullptr;
    cl_command_queue queue = nullptr;
    Buffer buffer{};  // none: SVM
    void* host = nullptr;

    Shared(const DeviceInfo& info, const Device& device, std::size_t bytes);
    ~Shared() {
        if (host == nullptr) return;
        clFinish(queue);
        if (!buffer) clSVMFree(context, host);
        else clEnqueueUnmapMemObject(queue, buffer.get(), host, 0, nullptr, nullptr);
        clFinish(queue);
    }
    Shared(const Shared&) = delete;

    cl_int bind(cl_kernel kernel, cl_uint index) const {
        if (!buffer) return clSetKernelArgSVMPointer(kernel, index, host);
        cl_mem handle = buffer.get();
        return clSetKernelArg(kernel, index, sizeof handle, &handle);
    }
};

Shared::Shared(const DeviceInfo& info, const Device& device, std::size_t bytes)
    : context(device.context.get()), queue(device.queue.get()) {
    cl_device_svm_capabilities svm = 0;
    clGetDeviceInfo(device.id, CL_DEVICE_SVM_CAPABILITIES, sizeof svm, &svm, nullptr);
    const bool fine = (svm & CL_DEVICE_SVM_FINE_GRAIN_BUFFER) != 0;
    if (info.memory != SharedMemory::nv_host && fine) {
        host = clSVMAlloc(context, CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER, bytes, SR_RING_ALIGN);
        return;
    }
    // As NVIDIA's extension text gives it; bit 0 of its flags puts the buffer into host memory.
    using CreateBufferNv = cl_mem(CL_API_CALL*)(cl_context, cl_mem_flags, cl_bitfield, std::size_t, void*, cl_int*);
    const auto create = reinterpret_cast<CreateBufferNv>(
        clGetExtensionFunctionAddressForPlatform(device.platform, "clCreateBufferNV"));
    if (create == nullptr || text(device.id, CL_DEVICE_EXTENSIONS).find("cl_nv_create_buffer") == std::string::npos)
        return;
    cl_int status = CL_SUCCESS;
    buffer.reset(create(context, CL_MEM_READ_WRITE, 1, bytes, nullptr, &status));
    if (status == CL_SUCCESS)
        host = clEnqueueMapBuffer(queue, buffer.get(), CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, nullptr,
                                  nullptr, &status);
}

template <class T>
cl_int set(const Kernel& kernel, cl_uint index, const T& value) {
    return clSetKernelArg(kernel.get(), index, sizeof value, &value);
}

cl_int open(Device& device, std::string& log) {
    cl_int status = CL_SUCCESS;
    device.context.reset(clCreateContext(nullptr, 1, &device.id, nullptr, nullptr, &status));
    if (status != CL_SUCCESS) return status;
    device.queue.reset(clCreateCommandQueueWithProperties(device.context.get(), device.id, nullptr, &status));
    if (status != CL_SUCCESS) return status;
    const cl_queue_properties profiling[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0};
    device.profiled.reset(clCreateCommandQueueWithProperties(device.context.get(), device.id, profiling, &status));
    if (status != CL_SUCCESS) return status;
    device.out.reset(clCreateBuffer(device.context.get(), CL_MEM_READ_WRITE, 4096, nullptr, &status));
    if (status != CL_SUCCESS) return status;
    return build(device.context.get(), device.id, source, device.program, log);
}

// ---- what is measured --------------------------------------------------------------------------------------------

cl_int measure_launches(const Device& device, Seconds time, Limits& to) {
    const Kernel kernel = device.kernel("nothing");
    cl_mem out = device.out.get();
    cl_int status = set(kernel, 0, out);
    const std::size_t one = 1;
    const auto enqueue = [&] {
        return clEnqueueNDRangeKernel(device.queue.get(), kernel.get(), 1, nullptr, &one, &one, 0, nullptr, nullptr);
    };

    std::vector<double> samples;
    auto end = Clock::now() + time / 2;
    while (status == CL_SUCCESS && samples.size() < 100'000) {
        const auto begin = Clock::now();
        if (begin >= end && samples.size() >= 20) break;
        status = enqueue();
        if (status == CL_SUCCESS) status = clFinish(device.queue.get());
        samples.push_back(Micros(Clock::now() - begin).count());
    }
    to.launch_us = percentiles(std::move(samples));

    std::vector<double> rates;
    constexpr int many = 1000;
    end = Clock::now() + time / 2;
    do {
        const auto begin = Clock::now();
        for (int i = 0; i < many && status == CL_SUCCESS; ++i) status = enqueue();
        if (status == CL_SUCCESS) status = clFinish(device.queue.get());
        rates.push_back(many / Seconds(Clock::now() - begin).count());
    } while (status == CL_SUCCESS && Clock::now() < end);
    to.pipelined_launches_per_s = median(std::move(rates));
    return status;
}

// One closed walk through every node in an order that no hardware can predict. The host writes it anew before each
// launch: the device then reads what comes from the host, as it does in a ring.
cl_int measure_load(const Device& device, const Shared& memory, Seconds time, Limits& to) {
    constexpr std::uint32_t nodes = 4096, stride = 32;  // words
    std::vector<std::uint32_t> order(nodes);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin() + 1, order.end(), std::minstd_rand(1));
    auto* const words = static_cast<std::uint32_t*>(memory.host);
    const Kernel kernel = device.kernel("chase");
    cl_mem out = device.out.get();
    cl_int status = memory.bind(kernel.get(), 0);
    if (status == CL_SUCCESS) status = set(kernel, 1, cl_uint{nodes});
    if (status == CL_SUCCESS) status = set(kernel, 2, out);

    std::vector<double> samples;
    const auto end = Clock::now() + time;
    do {
        for (std::uint32_t i = 0; i < nodes; ++i) words[order[i] * stride] = order[(i + 1) % nodes] * stride;
        double seconds = 0;
        if (status == CL_SUCCESS) status = device.run(kernel.get(), 1, seconds);
        samples.push_back(seconds * 1e6 / nodes);
    } while (status == CL_SUCCESS && (Clock::now() < end || samples.size() < 5) && samples.size() < 1000);
    to.load_us = median(std::move(samples));
    return status;
}

// The best of the runs, in slots a second: this is to be a ceiling.
cl_int best(const Device& device, const Kernel& kernel, std::uint32_t slots, std::uint32_t units, Seconds time,
            double& rate) {
    cl_int status = CL_SUCCESS;
    for (const std::size_t lanes : {256u, 1024u, 2048u}) {
        const auto end = Clock::now() + time / 3;
        int runs = 0;
        do {
            double seconds = 0;
            status = device.run(kernel.get(), lanes * units, seconds);
            if (status == CL_SUCCESS) rate = std::max(rate, slots / seconds);
        } while (status == CL_SUCCESS && ++runs < 100 && (runs < 3 || Clock::now() < end));
    }
    return status;
}

cl_int measure_streams(const Device& device, const Shared& memory, std::uint32_t slots, std::uint32_t units,
                       Seconds time, Limits& to) {
    std::memset(memory.host, 1, std::size_t{slots} * SR_SLOT_BYTES);
    cl_mem out = device.out.get();
    cl_int status = CL_SUCCESS;
    const auto measure = [&](const char* name, int shift, double& rate) {
        if (status != CL_SUCCESS) return;
        const Kernel kernel = device.kernel(name);
        status = memory.bind(kernel.get(), 0);
        if (status == CL_SUCCESS) status = set(kernel, 1, cl_uint{slots});
        if (status == CL_SUCCESS && shift >= 0) {
            status = set(kernel, 2, static_cast<cl_uint>(shift));
            if (status == CL_SUCCESS) status = set(kernel, 3, out);
        }
        if (status == CL_SUCCESS) status = best(device, kernel, slots, units, time / 5, rate);
    };
    measure("read_slots", 2, to.read_slots_per_s);
    measure("read_slots", 1, to.read_half_slots_per_s);
    measure("write_words", -1, to.write_word_slots_per_s);
    measure("write_results", -1, to.write_result_slots_per_s);
    measure("write_slots", -1, to.write_slots_per_s);
    return status;
}

}  // namespace

std::expected<Limits, Error> measure_limits(const DeviceInfo& info, Seconds time) {
    const auto error = [](cl_int status, const std::string& detail) {
        const std::string text = "measuring limits gave " + std::to_string(status) + detail;
        return std::unexpected(Error{Errc::opencl_failed, text});
    };
    Device device;
    if (!find(info, device.platform, device.id)) return std::unexpected(Error{Errc::device_not_found, info.name});
    std::string log;
    if (const cl_int status = open(device, log); status != CL_SUCCESS) return error(status, "\n" + log);

    Limits limits;
    cl_int status = measure_launches(device, time * 0.4, limits);
    // More than any cache of a GPU holds; on a CPU the building of it would take longer than the measuring.
    const std::uint32_t slots = info.is_cpu ? 1u << 18 : 1u << 21;
    const Shared memory(info, device, std::size_t{slots} * SR_SLOT_BYTES);
    if (status == CL_SUCCESS && memory.host != nullptr) {
        status = measure_load(device, memory, time * 0.2, limits);
        if (status == CL_SUCCESS)
            status = measure_streams(device, memory, slots, std::max(1u, info.compute_units), time * 0.4, limits);
    }
    if (status != CL_SUCCESS) return error(status, "");
    return limits;
}

}  // namespace slipring::bench
