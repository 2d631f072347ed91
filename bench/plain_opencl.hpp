// Plain OpenCL, nothing of slipring's, for what is measured beside it.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>

#include <memory>
#include <string>
#include <type_traits>

#include <slipring/device.hpp>

namespace slipring::bench {

// A handle of OpenCL's that is released with it.
template <auto release>
struct Release {
    template <class Handle>
    void operator()(Handle handle) const noexcept {
        (void)release(handle);
    }
};
template <class Handle, auto release>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Release<release>>;
using Context = Owned<cl_context, clReleaseContext>;
using Queue = Owned<cl_command_queue, clReleaseCommandQueue>;
using Program = Owned<cl_program, clReleaseProgram>;
using Kernel = Owned<cl_kernel, clReleaseKernel>;
using Buffer = Owned<cl_mem, clReleaseMemObject>;
using Event = Owned<cl_event, clReleaseEvent>;

std::string text(cl_device_id device, cl_device_info what);

// The device that `info` describes; false if there is none.
bool find(const DeviceInfo& info, cl_platform_id& platform, cl_device_id& device);

// Builds the program of the context's; what the compiler said is in `log`.
cl_int build(cl_context context, cl_device_id device, const char* source, Program& to, std::string& log);

}  // namespace slipring::bench
