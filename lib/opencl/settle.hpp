// Waiting for a queue with an end to it: a stalled kernel may hold all of a device, and clFinish would wait as long.
#pragma once

#include "cl.hpp"

namespace slipring {

// Waits for what was enqueued on `queue` so far; between two looks it calls go_on(), which pauses, and gives up if that
// says false. CL_COMPLETE; an error (below it); or (above it) what is not over, as far as anybody can tell.
template <class GoOn>
cl_int settle(const cl::CommandQueue& queue, const GoOn& go_on) {
    cl::Event over;
    if (queue.enqueueMarkerWithWaitList(nullptr, &over) != CL_SUCCESS || queue.flush() != CL_SUCCESS) return CL_QUEUED;
    cl_int status;
    do {
        status = over.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>();
    } while (status > CL_COMPLETE && go_on());
    return status;
}

}  // namespace slipring
