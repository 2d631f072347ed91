// By plain OpenCL, the best way that was found for it:
//   The store is host memory of the context's own, which a driver copies from without staging it first.
//   What is required is written by a blocking call, which knows of the end of a copy sooner than an event does.
//   The kernel that uses it is enqueued next, and the lookahead behind that, on a queue of its own: the calls for the
//   lookahead hold up neither copy nor kernel, and its copies run beside the kernel.
//   Each frame is a buffer of its own: what a kernel sees of a buffer that is written meanwhile is undefined.
#include <algorithm>
#include <cstddef>
#include <span>

#include "../examples/prefetch_ops.hpp"
#include "../examples/prefetch_trace.hpp"
#include "pages.hpp"
#include "plain_opencl.hpp"

namespace slipring::bench {
namespace {

constexpr const char* kernel_source = R"(
__kernel void use_page(const __global uint4* page, __global ulong* result) {
    __local uint parts[1024];
    const uint lane = get_local_id(0), width = get_local_size(0);
    parts[lane] = lane_sum(page, lane, width);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0) {
        uint sum = 0;
        for (uint i = 0; i < width; ++i) sum += parts[i];
        *result = sum;
    }
}
)";

std::expected<void, Error> checked(cl_int status) {
    if (status == CL_SUCCESS) return {};
    return std::unexpected(Error{Errc::opencl_failed, "bringing pages by writes gave " + std::to_string(status)});
}

class ByWrite : public Pages {
public:
    ~ByWrite() override {
        if (store_ != nullptr)
            clEnqueueUnmapMemObject(urgent_.get(), store_memory_.get(), store_, 0, nullptr, nullptr);
        for (const Queue* queue : {&urgent_, &ahead_})
            if (*queue) clFinish(queue->get());
    }

    cl_int open(const DeviceInfo& info, std::uint32_t frames) {
        cl_platform_id platform = nullptr;
        cl_device_id device = nullptr;
        if (!find(info, platform, device)) return CL_DEVICE_NOT_FOUND;
        lanes_ = std::max(info.teams.lanes, 1u);
        cl_int status = CL_SUCCESS;
        context_.reset(clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status));
        for (Queue* const queue : {&urgent_, &ahead_})
            if (status == CL_SUCCESS)
                queue->reset(clCreateCommandQueueWithProperties(context_.get(), device, nullptr, &status));
        std::string log;
        const std::string source = std::string(prefetch::lane_sum) + kernel_source;
        if (status == CL_SUCCESS) status = build(context_.get(), device, source.c_str(), program_, log);
        if (status == CL_SUCCESS) kernel_.reset(clCreateKernel(program_.get(), "use_page", &status));
        if (status == CL_SUCCESS)
            result_.reset(clCreateBuffer(context_.get(), CL_MEM_READ_WRITE, sizeof(cl_uint), nullptr, &status));
        for (std::uint32_t i = 0; i < frames && status == CL_SUCCESS; ++i)
            frames_.emplace_back(
                clCreateBuffer(context_.get(), CL_MEM_READ_WRITE, prefetch::page_bytes, nullptr, &status));
        copies_.resize(frames);
        return status == CL_SUCCESS ? make_store() : status;
    }

    std::expected<void, Error> clear() override {
        const cl_uint zero = 0;
        cl_int status = clFinish(ahead_.get());
        for (Event& copy : copies_) copy.reset();
        for (const Buffer& frame : frames_)
            if (status == CL_SUCCESS)
                status = clEnqueueFillBuffer(urgent_.get(), frame.get(), &zero, sizeof zero, 0, prefetch::page_bytes,
                                             0, nullptr, nullptr);
        return checked(status == CL_SUCCESS ? clFinish(urgent_.get()) : status);
    }

    std::expected<void, Error> bring(const prefetch::Step& step) override {
        cl_int status = wait_for(step.required.frame);
        if (status == CL_SUCCESS && !step.is_hit) status = write(urgent_, CL_TRUE, step.required, nullptr);
        return checked(status);
    }

    std::expected<std::uint32_t, Error> use(const prefetch::Step& step) override {
        cl_mem page = frames_[step.required.frame].get(), result = result_.get();
        cl_int status = clSetKernelArg(kernel_.get(), 0, sizeof page, &page);
        if (status == CL_SUCCESS) status = clSetKernelArg(kernel_.get(), 1, sizeof result, &result);
        if (status == CL_SUCCESS)
            status = clEnqueueNDRangeKernel(urgent_.get(), kernel_.get(), 1, nullptr, &lanes_, &lanes_, 0, nullptr,
                                            nullptr);
        if (status == CL_SUCCESS) status = clFlush(urgent_.get());
        if (status == CL_SUCCESS && !step.lookahead.empty()) status = begin(step.lookahead);
        cl_uint sum = 0;
        if (status == CL_SUCCESS)
            status = clEnqueueReadBuffer(urgent_.get(), result, CL_TRUE, 0, sizeof sum, &sum, 0, nullptr, nullptr);
        if (auto ok = checked(status); !ok) return std::unexpected(ok.error());
        return sum;
    }

private:
    cl_int make_store() {
        constexpr std::size_t bytes = std::size_t{prefetch::distinct_pages} * prefetch::page_bytes;
        cl_int status = CL_SUCCESS;
        store_memory_.reset(
            clCreateBuffer(context_.get(), CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes, nullptr, &status));
        if (status != CL_SUCCESS) return status;
        store_ = static_cast<std::byte*>(clEnqueueMapBuffer(urgent_.get(), store_memory_.get(), CL_TRUE,
                                                            CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, nullptr, nullptr,
                                                            &status));
        if (status == CL_SUCCESS) prefetch::write_pages({store_, bytes});
        return status;
    }

    cl_int write(const Queue& queue, cl_bool blocking, prefetch::Copy copy, cl_event* event) const {
        return clEnqueueWriteBuffer(queue.get(), frames_[copy.frame].get(), blocking, 0, prefetch::page_bytes,
                                    store_ + std::size_t{copy.page} * prefetch::page_bytes, 0, nullptr, event);
    }

    cl_int begin(std::span<const prefetch::Copy> lookahead) {
        for (const prefetch::Copy& copy : lookahead) {
            cl_event event = nullptr;
            if (const cl_int status = wait_for(copy.frame); status != CL_SUCCESS) return status;
            if (const cl_int status = write(ahead_, CL_FALSE, copy, &event); status != CL_SUCCESS) return status;
            copies_[copy.frame].reset(event);
        }
        return clFlush(ahead_.get());
    }

    // For the last lookahead's copy into the frame.
    cl_int wait_for(std::uint32_t frame) {
        Event& copy = copies_[frame];
        if (!copy) return CL_SUCCESS;
        cl_event event = copy.get();
        const cl_int status = clWaitForEvents(1, &event);
        copy.reset();
        return status;
    }

    std::size_t lanes_ = 1;
    Context context_{};
    Queue urgent_{}, ahead_{};
    Program program_{};
    Kernel kernel_{};
    Buffer result_{}, store_memory_{};
    std::byte* store_ = nullptr;
    std::vector<Buffer> frames_{};
    std::vector<Event> copies_{};
};

}  // namespace

std::expected<std::unique_ptr<Pages>, Error> pages_by_write(const DeviceInfo& info, std::uint32_t frames) {
    auto pages = std::make_unique<ByWrite>();
    if (auto opened = checked(pages->open(info, frames)); !opened) return std::unexpected(opened.error());
    return pages;
}

}  // namespace slipring::bench
