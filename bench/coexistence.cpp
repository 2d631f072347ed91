// What a program's own kernels cost beside slipring: alone, beside an open runtime that has nothing to do, and beside
// a busy one; with slipring in the program's context, and in one of its own.
//
// A kernel's time is from its enqueueing until a read behind it has returned, on an in-order queue: on NVIDIA the end
// of a kernel is told so at once, while its event waits for the persistent kernel of the context.
#define CL_TARGET_OPENCL_VERSION 300
#include <slipring/opencl.hpp>

#include "drive.hpp"
#include "plain_opencl.hpp"

namespace slipring::bench {
namespace {

constexpr const char* source = R"(
__kernel void work(__global float* to, uint turns) {
    float a = get_global_id(0), b = 1.0f, c = 2.0f, d = 3.0f;
    for (uint i = 0; i < turns; ++i) {
        a = mad(a, 0.999f, 0.5f);
        b = mad(b, 0.998f, 0.5f);
        c = mad(c, 0.997f, 0.5f);
        d = mad(d, 0.996f, 0.5f);
    }
    to[get_global_id(0)] = a + b + c + d;
}
)";

constexpr std::size_t small_items = 256, big_items = 1u << 18;
constexpr double big_us = 12'000;  // about as long as a matrix product of some thousand rows

// The program whose kernels these are.
class User {
public:
    cl_int open(const DeviceInfo& info) {
        cl_platform_id platform = nullptr;
        if (!find(info, platform, device)) return CL_DEVICE_NOT_FOUND;
        cl_int status = CL_SUCCESS;
        context.reset(clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status));
        if (status == CL_SUCCESS)
            queue_.reset(clCreateCommandQueueWithProperties(context.get(), device, nullptr, &status));
        if (status == CL_SUCCESS)
            memory_.reset(clCreateBuffer(context.get(), CL_MEM_READ_WRITE, big_items * 4, nullptr, &status));
        std::string log;
        if (status == CL_SUCCESS) status = build(context.get(), device, source, program_, log);
        if (status == CL_SUCCESS) kernel_.reset(clCreateKernel(program_.get(), "work", &status));
        return status == CL_SUCCESS ? choose_turns() : status;
    }

    cl_int run_small(double& us) const { return run(small_items, 1, us); }
    cl_int run_big(double& us) const { return run(big_items, turns_, us); }

    cl_device_id device = nullptr;
    Context context{};

private:
    cl_int run(std::size_t items, cl_uint turns, double& us) const {
        cl_mem memory = memory_.get();
        const std::size_t local = small_items;
        float first = 0;
        cl_int status = clSetKernelArg(kernel_.get(), 0, sizeof memory, &memory);
        if (status == CL_SUCCESS) status = clSetKernelArg(kernel_.get(), 1, sizeof turns, &turns);
        const auto begin = Clock::now();
        if (status == CL_SUCCESS)
            status =
                clEnqueueNDRangeKernel(queue_.get(), kernel_.get(), 1, nullptr, &items, &local, 0, nullptr, nullptr);
        if (status == CL_SUCCESS)
            status = clEnqueueReadBuffer(queue_.get(), memory, CL_TRUE, 0, sizeof first, &first, 0, nullptr, nullptr);
        us = Micros(Clock::now() - begin).count();
        return status;
    }

    cl_int choose_turns() {
        double us = 0;
        cl_int status = run(big_items, 1, us);  // the first may load the program
        while (status == CL_SUCCESS && turns_ < 1u << 24) {
            status = run(big_items, turns_, us);
            if (us >= big_us) break;
            turns_ = us < big_us / 8 ? turns_ * 4 : static_cast<cl_uint>(turns_ * big_us / us * 1.02) + 1;
        }
        return status;
    }

    Queue queue_{};
    Program program_{};
    Kernel kernel_{};
    Buffer memory_{};
    cl_uint turns_ = 16;
};

struct Samples {
    std::vector<double> small{}, big{};

    Beside take() { return {percentiles(std::move(small)), percentiles(std::move(big))}; }
};

// The small kernel and the big one in turns.
cl_int sample(const User& user, Seconds time, Samples& to) {
    constexpr int small_ones = 20, fewest = 5;
    const auto end = Clock::now() + time;
    cl_int status = CL_SUCCESS;
    for (int turn = 0; status == CL_SUCCESS && (turn < fewest || Clock::now() < end); ++turn) {
        double us = 0;
        for (int i = 0; status == CL_SUCCESS && i < small_ones; ++i) {
            status = user.run_small(us);
            to.small.push_back(us);
        }
        if (status == CL_SUCCESS) status = user.run_big(us);
        to.big.push_back(us);
    }
    return status;
}

// Keeps a runtime's ring full until it goes.
class Busy {
public:
    explicit Busy(Runtime& runtime)
        : thread_([&runtime](const std::stop_token& stop) {
              const std::vector<Slot> slots(64, store_u32(1, SR_OBSERVABLE_BASE));
              while (!stop.stop_requested()) {
                  const auto ticket = runtime.publish(slots, Quiet::yes);
                  if (!ticket && ticket.error() != Errc::ring_full) return;
                  if (!ticket) std::this_thread::yield();
              }
          }) {}

private:
    std::jthread thread_;
};

Error failed(cl_int status) {
    return {Errc::opencl_failed, "a kernel beside slipring gave " + std::to_string(status)};
}

std::expected<void, Error> beside(const User& user, Options options, Seconds time, Samples& idle, Samples& busy) {
    auto runtime = Runtime::open(std::move(options));
    if (!runtime) return std::unexpected(runtime.error());
    const auto warm = runtime->publish(nop());
    if (!warm) return std::unexpected(Error{warm.error(), {}});
    if (auto done = runtime->wait(*warm, patience); !done) return std::unexpected(Error{done.error(), {}});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // then its kernel has left
    if (const cl_int status = sample(user, time / 2, idle); status != CL_SUCCESS)
        return std::unexpected(failed(status));
    const Busy load(*runtime);
    if (const cl_int status = sample(user, time / 2, busy); status != CL_SUCCESS)
        return std::unexpected(failed(status));
    return {};
}

}  // namespace

std::expected<Coexistence, Error> measure_coexistence(const Options& base, Seconds time) {
    Coexistence to;
    {
        const auto runtime = Runtime::open(base);
        if (!runtime) return std::unexpected(runtime.error());
        to.info = runtime->device();
        to.capacity = runtime->ring().capacity();
    }
    User user;
    if (const cl_int status = user.open(to.info); status != CL_SUCCESS) return std::unexpected(failed(status));
    const auto own = opencl_context(user.context.get(), user.device);
    if (!own) return std::unexpected(own.error());

    Options in_own = base;  // the context says which device it is
    in_own.device = "auto";
    in_own.context = *own;

    constexpr int rounds = 2;
    Samples alone, same_idle, same_busy, other_idle, other_busy;
    for (int round = 0; round < rounds; ++round) {
        if (const cl_int status = sample(user, time / rounds / 5, alone); status != CL_SUCCESS)
            return std::unexpected(failed(status));
        const Seconds each = time / rounds * 2 / 5;
        if (auto ok = beside(user, in_own, each, same_idle, same_busy); !ok) return std::unexpected(ok.error());
        if (auto ok = beside(user, base, each, other_idle, other_busy); !ok) return std::unexpected(ok.error());
    }
    to.alone = alone.take();
    to.same_idle = same_idle.take();
    to.same_busy = same_busy.take();
    to.other_idle = other_idle.take();
    to.other_busy = other_busy.take();
    return to;
}

}  // namespace slipring::bench
