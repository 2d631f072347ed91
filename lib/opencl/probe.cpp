#include "probe.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "../handlers.hpp"
#include "program.hpp"

namespace slipring {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr cl_uint pings = 16;
// The kernel ends by itself after so many polls, however blind it is: some tenths of a second, at some ns a poll in a
// cache, or a microsecond over a bus.
constexpr cl_ulong most_polls_cpu = 10'000'000;
constexpr cl_ulong most_polls = 200'000;
constexpr auto patience = 250ms;
constexpr int tries = 3;  // the host may be too busy to answer in time

std::atomic_ref<cl_uint> word(const Memory& memory, std::size_t index) {
    return std::atomic_ref(*reinterpret_cast<cl_uint*>(memory.host().data() + index * 4));
}

std::uint64_t word64(const Memory& memory, std::size_t index) {
    return word(memory, index).load() | std::uint64_t{word(memory, index + 1).load()} << 32;
}

// Spins, then yields, until the word has the value; false when the time is up.
bool appears(std::atomic_ref<cl_uint> at, cl_uint value, Clock::time_point deadline) {
    for (unsigned spin = 0; at.load(std::memory_order_acquire) != value; ++spin) {
        if (spin % 64 == 0 && Clock::now() > deadline) return false;
        if (spin > 20000) std::this_thread::yield();
    }
    return true;
}

// Asks the running kernel; true if both saw each other's stores while it ran. Never leaves the kernel behind.
bool ask(const cl::CommandQueue& queue, cl::Kernel& kernel, const Memory& memory, cl_ulong most, Probe& out) {
    if (memory.bind(kernel, 0) != CL_SUCCESS || kernel.setArg(1, pings) != CL_SUCCESS ||
        kernel.setArg(2, most) != CL_SUCCESS)
        return false;
    for (const std::size_t index : {0u, 32u}) word(memory, index).store(0, std::memory_order_release);
    if (queue.enqueueNDRangeKernel(kernel, cl::NullRange, cl::NDRange(1), cl::NDRange(1)) != CL_SUCCESS) return false;
    queue.flush();

    std::array<std::chrono::duration<double, std::micro>, pings> took{};
    const auto deadline = Clock::now() + patience;
    bool live = appears(word(memory, 0), SR_PROBE_RUNS, deadline);
    Clock::time_point first, last;
    for (cl_uint ping = 1; live && ping <= pings; ++ping) {
        if (ping == pings) std::this_thread::sleep_for(200us);  // to learn how fast its clock goes
        const auto start = Clock::now();
        word(memory, 32).store(ping, std::memory_order_release);
        live = appears(word(memory, 0), ping, deadline);
        last = Clock::now();
        if (ping == 1) first = last;
        took[ping - 1] = last - start;
    }
    // What has not answered sees nothing, or has given up.
    if (queue.finish() != CL_SUCCESS || !live) return false;
    std::ranges::sort(took);
    out.round_trip_us = took[pings / 2].count();
    const std::chrono::duration<double, std::micro> between = last - first;
    out.ticks_per_us = std::max(1e-3, static_cast<double>(word64(memory, 66) - word64(memory, 64)) / between.count());
    return true;
}

struct Way {
    SharedMemory memory;
    MemoryKind kind;
    const char* what;
};

constexpr Way svm{SharedMemory::svm, MemoryKind::svm, "fine-grained shared virtual memory"};
constexpr Way nv_host{SharedMemory::nv_host, MemoryKind::nv_host, "a location-host buffer (cl_nv_create_buffer)"};

std::vector<Way> claimed_ways(const cl::Device& device) {
    std::vector<Way> ways;
    if ((device.getInfo<CL_DEVICE_SVM_CAPABILITIES>() & CL_DEVICE_SVM_FINE_GRAIN_BUFFER) != 0) ways.push_back(svm);
    if (device.getInfo<CL_DEVICE_EXTENSIONS>().find("cl_nv_create_buffer") != std::string::npos) ways.push_back(nv_host);
    return ways;
}

}  // namespace

Probe probe(const cl::Device& device, std::optional<SharedMemory> only) {
    Probe out;
    const auto refuse = [&out](std::string why) {
        out.why = std::move(why);
        return out;
    };
    if (device.getInfo<CL_DEVICE_AVAILABLE>() == CL_FALSE || device.getInfo<CL_DEVICE_COMPILER_AVAILABLE>() == CL_FALSE)
        return refuse("the device or its compiler is not available");
    if (device.getInfo<CL_DEVICE_ENDIAN_LITTLE>() == CL_FALSE)
        return refuse("the device is big-endian; slots are little-endian");
    cl_int status = CL_SUCCESS;
    const cl::Context context(device, nullptr, nullptr, nullptr, &status);
    const cl::CommandQueue queue = status == CL_SUCCESS ? cl::CommandQueue(context, device, 0, &status) : cl::CommandQueue();
    if (status != CL_SUCCESS) return refuse(cl_error("making a context and a queue", status).error().detail);
    const auto program = build(context, device, std::string(embedded::prelude) + embedded::probe, {});
    if (!program) return refuse(program.error().text());
    cl::Kernel kernel(*program, "slipring_probe", &status);
    if (status != CL_SUCCESS) return refuse(cl_error("clCreateKernel", status).error().detail);

    const bool cpu = (device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0;
    for (const Way& way : claimed_ways(device)) {
        if (only && *only != way.memory) continue;
        const auto start = Clock::now();
        const auto memory = Memory::make(context, queue, device, way.kind, 4096);
        bool live = false;
        for (int i = 0; i < tries && memory && !live; ++i)
            live = ask(queue, kernel, *memory, cpu ? most_polls_cpu : most_polls, out);
        Attempt attempt;
        attempt.memory = way.memory;
        attempt.answered = live;
        attempt.outcome = std::string(way.what) + (live      ? ": a running kernel answered the host"
                                                   : memory ? " is offered, but a running kernel did not answer the host in time"
                                                            : " is offered, but " + memory.error().text());
        attempt.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
        out.attempts.push_back(attempt);
        out.why += (out.why.empty() ? "" : "; ") + attempt.outcome;
        if (!live) continue;
        out.residency = Residency::live;
        out.kind = way.kind;
        return out;
    }
    if (out.attempts.empty() && !only) out.why = "neither fine-grained shared virtual memory nor cl_nv_create_buffer";
    if (out.attempts.empty() && only && *only != SharedMemory::mirrored)
        return refuse("the device does not offer " + std::string(name(*only)));
    if (only && *only != SharedMemory::mirrored) return out;
    out.residency = Residency::relaunch;
    out.attempts.push_back({SharedMemory::mirrored, true, "a launch for what was published", {}});
    out.why += (out.why.empty() ? "" : "; ") + out.attempts.back().outcome;
    return out;
}

}  // namespace slipring
