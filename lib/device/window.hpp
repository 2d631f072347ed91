// The bus window: memory of the device's own that the host writes through the bus. What the device polls there is
// near it, and the host's stores come by themselves. A load of the host's takes 1.05 us, a way over the bus and back:
// the host never reads it. A ring's slots are copied into one where Options::memory asks for it: see RingParts.
//
// What was measured on an H200 over PCIe 5:
//  - a slot there and its answer in host memory: p50 1.68 us, p99 1.84, where lanes poll whole slots by 16 bytes
//    each; 1.87 and 2.06 where one lane polls a word and then reads the slot. With the slot in host memory 2.58 and
//    2.81;
//  - every load that goes past L1 sees the host's stores: volatile, relaxed and acquire, at either scope. A plain
//    load never does.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <utility>

#include "cl.hpp"
#include "vulkan.hpp"

namespace slipring {

// clEnqueueAcquireExternalMemObjectsKHR, and its counterpart for release.
using HandOver = cl_int(CL_API_CALL*)(cl_command_queue, cl_uint, const cl_mem*, cl_uint, const cl_event*, cl_event*);

// One block, zeroed. Move-only. To be written by store_wide(), see wide_store.hpp.
class BusWindow {
public:
    // Error: no_window, with the first step that failed. Nothing of Vulkan is loaded for a device that could not
    // import its memory. Takes 0.55 s the first time and 0.2 later, since Vulkan's driver comes and goes with the
    // window; 0.07 where Vulkan is in use besides. Neither this nor the end waits for a kernel of another queue.
    //
    // While the context lives NVIDIA's driver 580 keeps the device's memory of a window that is gone: make few, and
    // none larger than it must be.
    static std::expected<BusWindow, Error> make(const cl::Context& context, const cl::CommandQueue& queue,
                                                const cl::Device& device, std::size_t bytes);
    BusWindow() = default;
    // Gives the memory back to Vulkan: while OpenCL has it, NVIDIA's driver 580 waits for ever where the context's
    // last user lets go of that.
    ~BusWindow();
    BusWindow(BusWindow&& other) noexcept { *this = std::move(other); }
    BusWindow& operator=(BusWindow&& other) noexcept;

    std::span<std::byte> host() const noexcept { return {memory_.host, memory_.bytes}; }
    const cl::Buffer& buffer() const noexcept { return buffer_; }

private:
    VulkanMemory memory_;  // freed after what was made of it
    cl::Buffer buffer_;
    cl::CommandQueue queue_;
    HandOver release_ = nullptr;  // of what was acquired
};

// Why this processor and this device have no such memory, as far as can be told without asking Vulkan; empty if they
// may.
std::string no_window(const cl::Device& device);

}  // namespace slipring
