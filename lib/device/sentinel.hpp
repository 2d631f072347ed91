// Waiting for a queue, with a bound: a stalled kernel may occupy all of a device, and clFinish would wait as long.
//
// How: a word is read behind what was enqueued, and the read's own event is polled. On NVIDIA the event of a kernel
// or a marker is told only when the persistent kernel of its context has ended, whatever its queue; a read's own
// event is told in 0.1 ms (H100, driver 580).
#pragma once

#include <expected>
#include <memory>

#include "cl.hpp"

namespace slipring {

// One for each queue. A read that has not finished when settle() gives up stays under way: then leave the Sentinel to
// the device, since the read may still write into it.
class Sentinel {
public:
    Sentinel() = default;
    static std::expected<Sentinel, Error> make(const cl::Context& context) {
        Sentinel made;
        cl_int status = CL_SUCCESS;
        made.word_ = cl::Buffer(context, CL_MEM_READ_ONLY, sizeof(cl_uint), nullptr, &status);
        if (status != CL_SUCCESS) return cl_error("clCreateBuffer", status);
        made.read_ = std::make_unique<cl_uint>(0);
        return made;
    }

    // Enqueues the read, behind what was enqueued on `queue` so far; `reading` is its event.
    cl_int mark(const cl::CommandQueue& queue, cl::Event& reading) const {
        const cl_int status =
            queue.enqueueReadBuffer(word_, CL_FALSE, 0, sizeof(cl_uint), read_.get(), nullptr, &reading);
        return status == CL_SUCCESS ? queue.flush() : status;
    }

    // Waits for what was enqueued on `queue` so far; between two looks it calls go_on(), which pauses, and gives up
    // if that says false. CL_COMPLETE; an error (below it); or (above it) the status of work that, as far as OpenCL
    // tells, has not finished.
    template <class GoOn>
    cl_int settle(const cl::CommandQueue& queue, const GoOn& go_on) const {
        cl::Event reading;
        if (mark(queue, reading) != CL_SUCCESS) return CL_QUEUED;
        cl_int status;
        do {
            status = reading.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>();
        } while (status > CL_COMPLETE && go_on());
        return status;
    }

private:
    cl::Buffer word_;
    std::unique_ptr<cl_uint> read_;
};

}  // namespace slipring
