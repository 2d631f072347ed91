// slipring in an OpenCL context of the user's: beside the user's own kernels, on the user's own memory. No other
// public header includes OpenCL's.
//
//   auto context = slipring::opencl_context(my_context, my_device);
//   auto pages = slipring::opencl_memory(my_buffer);
//   if (!context || !pages) ...
//   auto runtime = slipring::Runtime::open({.ops = {...}, .buffers = {{.name = "pages", .memory = *pages}},
//                                           .context = *context});
//
// Kernels of one context run side by side on a GPU; those of two contexts are given turns, and the persistent
// kernel's turn is as long as there is work. So a program with kernels of its own opens slipring in its own context.
//
// Lifetimes: each of these retains what it is made of, and the runtime keeps both. Release yours when you like.
// recover() goes on in the same context; a buffer in the user's memory then is as the lost kernel left it.
//
// Order: the user's queues and slipring's are not ordered with each other. Finish the commands that write a buffer
// before you publish slots that read it, and wait for slots before you enqueue commands that read what they wrote. On
// NVIDIA, to release memory of the context, and to learn of a kernel's end by its event, waits for the persistent
// kernel: while there is work for Options::max_launch_time, and as long again if the next launch is queued. A read
// and the event of a read do not.
//
// Thread-safety: any thread.
#pragma once

#include <memory>

#include <CL/cl.h>

#include <slipring/options.hpp>

namespace slipring {

// For Options::context: `device` is one of the context's.
// Errors: bad_context (no context, no device of it, or a device that is none).
[[nodiscard]] SLIPRING_API std::expected<std::shared_ptr<const OpenClContext>, Error> opencl_context(
    cl_context context, cl_device_id device);

// For BufferSpec::memory: a buffer of the context's that host and kernels may read and write.
// Errors: bad_memory_object (no buffer, or one that is read-only or write-only). A handle that was released already
// is the caller's error: OpenCL need not notice, and PoCL crashes on it.
[[nodiscard]] SLIPRING_API std::expected<std::shared_ptr<const OpenClMemory>, Error> opencl_memory(cl_mem memory);

}  // namespace slipring
