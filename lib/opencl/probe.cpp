#include "probe.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "../handlers.hpp"
#include "program.hpp"

namespace slipring {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr cl_uint question = 0x51u;
constexpr cl_uint answer = 0xA5u;
// The kernel ends by itself after so many polls: about a second, at some ns a poll in a cache, or some us over a bus.
constexpr cl_ulong most_polls_cpu = 300'000'000;
constexpr cl_ulong most_polls = 1'000'000;
constexpr int attempts = 3;  // the host may be too busy to answer in time

std::atomic_ref<cl_uint> word(const Memory& memory, std::size_t index) {
    return std::atomic_ref(*reinterpret_cast<cl_uint*>(memory.host().data() + index * 4));
}

// Waits until the word has the value; false when the time is up.
bool appears(std::atomic_ref<cl_uint> at, cl_uint value, Clock::time_point deadline) {
    while (at.load(std::memory_order_acquire) != value) {
        if (Clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

// Asks the running kernel; true if both saw each other's stores while it ran. Never leaves the kernel behind.
bool ping(const cl::CommandQueue& queue, cl::Kernel& kernel, const Memory& memory, cl_ulong most,
          double& polls_per_us) {
    if (memory.bind(kernel, 0) != CL_SUCCESS || kernel.setArg(1, question) != CL_SUCCESS ||
        kernel.setArg(2, most) != CL_SUCCESS)
        return false;
    for (const std::size_t index : {0u, 32u, 64u}) word(memory, index).store(0, std::memory_order_release);
    if (queue.enqueueNDRangeKernel(kernel, cl::NullRange, cl::NDRange(1), cl::NDRange(1)) != CL_SUCCESS) return false;
    queue.flush();

    bool live = appears(word(memory, 0), question, Clock::now() + 500ms);
    if (live) {
        const auto start = Clock::now();
        std::this_thread::sleep_for(200us);  // let it poll, to learn how fast it does
        word(memory, 32).store(answer, std::memory_order_release);
        live = appears(word(memory, 64), answer + question, Clock::now() + 500ms);
        const std::chrono::duration<double, std::micro> took = Clock::now() - start;
        polls_per_us = std::max(0.01, word(memory, 65).load(std::memory_order_relaxed) / took.count());
    }
    word(memory, 32).store(answer, std::memory_order_release);
    return queue.finish() == CL_SUCCESS && live;
}

}  // namespace

Probe probe(const cl::Device& device) {
    Probe out;
    if (device.getInfo<CL_DEVICE_AVAILABLE>() == CL_FALSE || device.getInfo<CL_DEVICE_COMPILER_AVAILABLE>() == CL_FALSE) {
        out.why = "the device or its compiler is not available";
        return out;
    }
    if (device.getInfo<CL_DEVICE_ENDIAN_LITTLE>() == CL_FALSE) {
        out.why = "the device is big-endian; slots are little-endian";
        return out;
    }
    cl_int status = CL_SUCCESS;
    const cl::Context context(device, nullptr, nullptr, nullptr, &status);
    const cl::CommandQueue queue = status == CL_SUCCESS ? cl::CommandQueue(context, device, 0, &status) : cl::CommandQueue();
    if (status != CL_SUCCESS) {
        out.why = cl_error("making a context and a queue", status).error().detail;
        return out;
    }
    const auto program = build(context, device, std::string(embedded::prelude) + embedded::probe, {});
    if (!program) {
        out.why = program.error().text();
        return out;
    }
    cl::Kernel kernel(*program, "slipring_probe", &status);
    if (status != CL_SUCCESS) {
        out.why = cl_error("clCreateKernel", status).error().detail;
        return out;
    }

    const bool svm = (device.getInfo<CL_DEVICE_SVM_CAPABILITIES>() & CL_DEVICE_SVM_FINE_GRAIN_BUFFER) != 0;
    const bool nv = device.getInfo<CL_DEVICE_EXTENSIONS>().find("cl_nv_create_buffer") != std::string::npos;
    if (svm || nv) {
        const MemoryKind kind = svm ? MemoryKind::svm : MemoryKind::nv_host;
        const std::string what = svm ? "fine-grained shared virtual memory" : "a location-host buffer (cl_nv_create_buffer)";
        const bool cpu = (device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0;
        const auto memory = Memory::make(context, queue, device, kind, 4096);
        bool live = false;
        for (int i = 0; i < attempts && memory && !live; ++i)
            live = ping(queue, kernel, *memory, cpu ? most_polls_cpu : most_polls, out.polls_per_us);
        if (live) {
            out.residency = Residency::live;
            out.kind = kind;
            out.why = what + ": a running kernel answered the host";
            return out;
        }
        out.why = what + " is offered, but a running kernel did not answer the host in time";
    } else {
        out.why = "neither fine-grained shared virtual memory nor cl_nv_create_buffer";
    }
    out.residency = Residency::relaunch;
    out.why += ": a launch for what was published";
    return out;
}

}  // namespace slipring
