#include "probe.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "../backoff.hpp"
#include "handlers.hpp"
#include "../left.hpp"
#include "program.hpp"
#include "sentinel.hpp"
#include "../wide_store.hpp"
#include "window.hpp"

namespace slipring {
namespace {

using namespace std::chrono_literals;
using Clock = Backoff::Clock;

constexpr cl_uint pings = 16;
constexpr cl_uint enough = 6;  // answered, where the host is too busy to ask more often
// The kernel ends by itself after so many polls, however blind it is: some tenths of a second, at some ns a poll in a
// cache, or a microsecond over a bus. A second of the host's is longer, and leaves it busy time.
constexpr cl_ulong max_polls_cpu = 10'000'000;
constexpr cl_ulong max_polls = 200'000;
constexpr auto patience_gpu = 900ms;
// For a first launch, in which PoCL compiles; to end; or, on a CPU whose cores are full of other programs, to run at
// the same time as the host for once.
constexpr auto patience_cpu = 5s;

// All that a launch may touch, so that it can be left to one that does not end.
struct Bench {
    cl::Context context;
    cl::CommandQueue queue;
    cl::Program program;
    cl::Kernel kernel;
    Sentinel sentinel;
    std::vector<Memory> memories;  // one a try, the last in use; none is released before all are: see Probe
    BusWindow window;              // where the host asks, if there is one; else in the memory in use
    bool cpu = false;
    bool stuck = false;  // a launch is under way, and this probe no longer waits for it

    Memory& memory() noexcept { return memories.back(); }
    bool has_window() const noexcept { return !window.host().empty(); }
    cl_int launch(cl_uint answers, cl_ulong polls, cl::Event& ended) {
        cl_int status = memory().bind(kernel, 0);
        if (status == CL_SUCCESS)
            status = has_window() ? kernel.setArg(1, window.buffer()) : memory().bind(kernel, 1);
        if (status == CL_SUCCESS) status = kernel.setArg(2, answers);
        if (status == CL_SUCCESS) status = kernel.setArg(3, polls);
        if (status == CL_SUCCESS)
            status =
                queue.enqueueNDRangeKernel(kernel, cl::NullRange, cl::NDRange(1), cl::NDRange(1), nullptr, &ended);
        return status == CL_SUCCESS ? queue.flush() : status;
    }
    // The launch has finished, and well.
    bool ends() {
        Backoff backoff(cpu ? std::chrono::nanoseconds(patience_cpu) : patience_gpu);
        const cl_int status = sentinel.settle(queue, [&backoff] { return backoff.pause(); });
        stuck = stuck || status > CL_COMPLETE;
        return status == CL_COMPLETE;
    }
};

std::atomic_ref<cl_uint> word(const Memory& memory, std::size_t index) {
    return std::atomic_ref(*reinterpret_cast<cl_uint*>(memory.host().data() + index * 4));
}

// Where the kernel looks for the host's pings.
void say(Bench& bench, cl_uint ping) {
    constexpr std::size_t index = 32;
    if (!bench.has_window()) return word(bench.memory(), index).store(ping, std::memory_order_release);
    alignas(64) const std::array<cl_uint, 16> line{ping};
    store_wide(widest_store(), bench.window.host().data() + index * 4, line.data());
}

std::uint64_t word64(const Memory& memory, std::size_t index) {
    return word(memory, index).load() | std::uint64_t{word(memory, index + 1).load()} << 32;
}

// Spins, then yields, until the word has the value; false when the launch has finished or the time is up.
bool appears(std::atomic_ref<cl_uint> at, cl_uint value, const cl::Event& launch, Clock::time_point deadline) {
    for (unsigned spin = 0; at.load(std::memory_order_acquire) != value; ++spin) {
        if (spin % 64 == 0 && Clock::now() > deadline) return false;
        if (spin < 20000) continue;
        if (launch.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>() <= CL_COMPLETE)
            return at.load(std::memory_order_acquire) == value;
        std::this_thread::yield();
    }
    return true;
}

// Asks the running kernel; true if both saw each other's stores while it ran.
bool ask(Bench& bench, Probe& out) {
    cl::Event launch;
    if (bench.launch(pings, bench.cpu ? max_polls_cpu : max_polls, launch) != CL_SUCCESS) {
        bench.ends();
        return false;
    }

    struct Ping {
        Clock::duration took{};
        Clock::time_point at{};  // the answer's coming
        std::uint64_t ticks = 0;
    };
    std::array<Ping, pings> seen{};
    const auto deadline = Clock::now() + patience_gpu;
    cl_uint answered = 0;
    while (answered < pings) {
        if (answered == enough / 2) std::this_thread::sleep_for(200us);  // to learn how fast its clock goes
        const auto start = Clock::now();
        say(bench, answered + 1);
        if (!appears(word(bench.memory(), 0), answered + 1, launch, deadline)) break;
        const auto at = Clock::now();
        seen[answered++] = {at - start, at, word64(bench.memory(), 64)};
    }
    // What has not answered sees nothing, or has given up, or will.
    if (!bench.ends() || answered < enough) return false;
    // Of the first and of the last the promptest: others say late when the kernel saw them.
    const auto prompt = [](auto first, auto last) { return *std::ranges::min_element(first, last, {}, &Ping::took); };
    const auto end = seen.begin() + answered;
    const Ping early = prompt(seen.begin(), seen.begin() + enough / 2), late = prompt(end - enough / 2, end);
    const std::chrono::duration<double, std::micro> between = late.at - early.at;
    out.ticks_per_us = std::max(1e-3, static_cast<double>(late.ticks - early.ticks) / between.count());
    std::ranges::sort(seen.begin(), end, {}, &Ping::took);
    out.round_trip_us = std::chrono::duration<double, std::micro>(seen[answered / 2].took).count();
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
    if (device.getInfo<CL_DEVICE_EXTENSIONS>().find("cl_nv_create_buffer") != std::string::npos)
        ways.push_back(nv_host);
    return ways;
}

std::chrono::microseconds since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

// Asks again until `enough_tried`: the host may be too busy to answer in time.
bool ask_until(Clock::time_point enough_tried, Bench& bench, Probe& out) {
    bool answered = false;
    do {
        word(bench.memory(), 0).store(0, std::memory_order_release);
        say(bench, 0);
        answered = ask(bench, out);
    } while (!answered && !bench.stuck && Clock::now() < enough_tried);
    return answered;
}

std::string outcome_of(std::string what, const Attempt& attempt, const std::optional<Error>& refused) {
    if (attempt.answered) return what + ": a running kernel answered the host";
    if (refused) return what + " is offered, but " + refused->text();
    return what + " is offered, but a running kernel did not answer the host in time";
}

Attempt try_persistent(Bench& bench, const cl::Device& device, const Way& way, Clock::time_point enough_tried,
                       Probe& out) {
    const auto start = Clock::now();
    Attempt attempt;
    attempt.memory = way.memory;
    auto made = Memory::make(bench.context, bench.queue, device, way.kind, 4096);
    if (made) {
        bench.memories.push_back(std::move(*made));
        attempt.answered = ask_until(enough_tried, bench, out);
    }
    attempt.outcome = outcome_of(way.what, attempt, made ? std::optional<Error>() : made.error());
    attempt.took = since(start);
    return attempt;
}

// Beside memory over which a kernel has answered.
Attempt try_window(Bench& bench, const cl::Device& device, Clock::time_point enough_tried, Probe& out) {
    const auto start = Clock::now();
    Attempt attempt;
    attempt.memory = SharedMemory::bus_window;
    auto made = BusWindow::make(bench.context, bench.queue, device, 4096);
    if (made) {
        bench.window = std::move(*made);
        attempt.answered = ask_until(enough_tried, bench, out);
        attempt.outcome = outcome_of("a bus window", attempt, {});
    } else {
        attempt.outcome = made.error().text();
    }
    attempt.took = since(start);
    return attempt;
}

// What every device must do: run a kernel whose store is seen when it has finished.
Attempt try_per_launch(Bench& bench, const cl::Device& device) {
    const auto start = Clock::now();
    Attempt attempt;
    attempt.memory = SharedMemory::mirrored;
    attempt.outcome = "a launch for what was published";
    auto made = Memory::make(bench.context, bench.queue, device, MemoryKind::mirrored, 4096);
    if (made) {
        bench.memories.push_back(std::move(*made));
        cl::Event launch;
        cl_int status = bench.launch(0, 0, launch);
        if (status == CL_SUCCESS) status = bench.memory().download(bench.queue, 0, 4);
        attempt.answered = bench.ends() && status == CL_SUCCESS && word(bench.memory(), 0) == SR_PROBE_RUNS;
        if (!attempt.answered)
            attempt.outcome += bench.stuck ? ": a kernel did not finish in time; something else holds the device"
                                           : ": what a kernel wrote did not come back";
    } else {
        attempt.outcome += ": " + made.error().text();
    }
    attempt.took = since(start);
    return attempt;
}

// Why the device cannot be tried at all.
std::expected<void, std::string> fits(const cl::Device& device) {
    if (device.getInfo<CL_DEVICE_AVAILABLE>() == CL_FALSE ||
        device.getInfo<CL_DEVICE_COMPILER_AVAILABLE>() == CL_FALSE)
        return std::unexpected("the device or its compiler is not available");
    if (device.getInfo<CL_DEVICE_ENDIAN_LITTLE>() == CL_FALSE)
        return std::unexpected("the device is big-endian; slots are little-endian");
    return {};
}

// Everything but memory. The context first: it is of use even if the rest fails.
std::expected<void, std::string> set_up(Bench& bench, const cl::Device& device, const cl::Context& context) {
    bench.cpu = (device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0;
    cl_int status = CL_SUCCESS;
    bench.context = context;
    if (context() == nullptr) bench.context = cl::Context(device, nullptr, nullptr, nullptr, &status);
    if (status == CL_SUCCESS) bench.queue = cl::CommandQueue(bench.context, device, 0, &status);
    if (status != CL_SUCCESS) return std::unexpected(cl_error("making a context and a queue", status).error().detail);
    auto sentinel = Sentinel::make(bench.context);
    if (!sentinel) return std::unexpected(sentinel.error().text());
    bench.sentinel = std::move(*sentinel);
    auto program = build(bench.context, device, std::string(embedded::prelude) + embedded::probe, {});
    if (!program) return std::unexpected(program.error().text());
    bench.program = std::move(*program);
    bench.kernel = cl::Kernel(bench.program, "slipring_probe", &status);
    if (status != CL_SUCCESS) return std::unexpected(cl_error("clCreateKernel", status).error().detail);
    return {};
}

void note(Probe& out, const Attempt& attempt) {
    out.attempts.push_back(attempt);
    out.why += (out.why.empty() ? "" : "; ") + attempt.outcome;
}

// Tries each kind of memory that the device claims, or `only`, until a running kernel answers; for a bus window, the
// window beside that one.
bool find_persistent(Bench& bench, const cl::Device& device, std::optional<SharedMemory> only, Probe& out) {
    const auto enough_tried = Clock::now() + (bench.cpu ? patience_cpu : patience_gpu / 2);
    const bool with_window = only == SharedMemory::bus_window;
    for (const Way& way : claimed_ways(device)) {
        if (only && !with_window && *only != way.memory) continue;
        Attempt attempt = try_persistent(bench, device, way, enough_tried, out);
        note(out, attempt);
        if (attempt.answered && with_window) {
            attempt = try_window(bench, device, Clock::now() + patience_gpu / 2, out);
            note(out, attempt);
            if (!attempt.answered) return false;
        }
        if (attempt.answered) {
            out.mode = ExecutionMode::persistent;
            out.kind = way.kind;
            out.window = with_window;
            return true;
        }
        if (bench.stuck) return false;
    }
    return false;
}

// What is left where no running kernel answered: launches, unless another kind of memory was asked for.
void fall_back(const Bench& bench, const Attempt& per_launch, std::optional<SharedMemory> only, Probe& out) {
    const bool only_shared = only && *only != SharedMemory::mirrored;
    if (per_launch.answered && out.attempts.empty()) {
        if (only_shared) out.why = "the device does not offer " + std::string(name(*only));
        else if (!only) out.why = "neither fine-grained shared virtual memory nor cl_nv_create_buffer";
    }
    if (per_launch.answered && only_shared) return;
    note(out, per_launch);
    if (per_launch.answered && !bench.stuck) out.mode = ExecutionMode::per_launch;
}

}  // namespace

Probe probe(const cl::Device& device, std::optional<SharedMemory> only, const cl::Context& context) {
    Probe out;
    const auto bench = std::make_shared<Bench>();
    auto ready = fits(device);
    if (ready) {
        out.made = bench;
        ready = set_up(*bench, device, context);
        out.context = bench->context;
    }
    if (!ready) {
        out.why = std::move(ready.error());
        return out;
    }
    // First what every device must do: one that cannot is not asked for more.
    const Attempt per_launch = try_per_launch(*bench, device);
    if (per_launch.answered && find_persistent(*bench, device, only, out)) return out;
    if (bench->stuck) leave_to_kernel(std::make_unique<std::shared_ptr<Bench>>(bench));
    fall_back(*bench, per_launch, only, out);
    return out;
}

}  // namespace slipring
