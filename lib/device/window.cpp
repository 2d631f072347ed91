#include "window.hpp"

#include <cstring>

#include <unistd.h>

#include "../wide_store.hpp"

namespace slipring {
namespace {

// cl_khr_device_uuid, cl_khr_external_memory and its opaque file descriptors, as the extensions' texts give them:
// versions of the headers differ in these names.
constexpr cl_device_info device_uuid = 0x106A;
constexpr cl_mem_properties handle_opaque_fd = 0x2060;
constexpr cl_mem_properties device_handle_list = 0x2051;

HandOver find(const cl::Device& device, const char* name) {
    cl_platform_id platform = nullptr;  // by the C call: versions of the bindings differ in this one's type
    clGetDeviceInfo(device(), CL_DEVICE_PLATFORM, sizeof platform, static_cast<void*>(&platform), nullptr);
    return reinterpret_cast<HandOver>(clGetExtensionFunctionAddressForPlatform(platform, name));
}

}  // namespace

std::string no_window(const cl::Device& device) {
    const std::string extensions = device.getInfo<CL_DEVICE_EXTENSIONS>();
    for (const char* const needed : {"cl_khr_external_memory_opaque_fd", "cl_khr_device_uuid"})
        if (extensions.find(needed) == std::string::npos)
            return std::string("the device does not have ").append(needed);
    if (widest_store() == WideStore::none) return "the processor has no store of 64 bytes";
    return {};
}

std::expected<BusWindow, Error> BusWindow::make(const cl::Context& context, const cl::CommandQueue& queue,
                                                const cl::Device& device, std::size_t bytes) {
    if (std::string why = no_window(device); !why.empty()) return window_refused(std::move(why));
    const HandOver acquire = find(device, "clEnqueueAcquireExternalMemObjectsKHR");
    const HandOver release = find(device, "clEnqueueReleaseExternalMemObjectsKHR");
    if (acquire == nullptr || release == nullptr)
        return window_refused("OpenCL has no clEnqueueAcquireExternalMemObjectsKHR, or none to release");
    DeviceUuid uuid{};
    cl_int status = clGetDeviceInfo(device(), device_uuid, uuid.size(), uuid.data(), nullptr);
    if (status != CL_SUCCESS) return window_refused("OpenCL does not tell the device's UUID");

    const auto entry = vulkan_entry();
    if (!entry) return std::unexpected(entry.error());
    auto memory = vulkan_memory(*entry, uuid, bytes);
    if (!memory) return std::unexpected(memory.error());
    BusWindow window;
    window.memory_ = std::move(*memory);

    const cl_mem_properties properties[] = {handle_opaque_fd,
                                            static_cast<cl_mem_properties>(window.memory_.fd),
                                            device_handle_list,
                                            reinterpret_cast<cl_mem_properties>(device()),
                                            0,  // the list's end
                                            0};
    window.buffer_ = cl::Buffer(clCreateBufferWithProperties(context(), properties, CL_MEM_READ_WRITE,
                                                             window.memory_.bytes, nullptr, &status));
    if (status != CL_SUCCESS) {
        close(window.memory_.fd);  // an import that succeeds takes it
        return window_refused("OpenCL does not import Vulkan's memory: clCreateBufferWithProperties gave " +
                              std::to_string(status));
    }
    status = acquire(queue(), 1, &window.buffer_(), 0, nullptr, nullptr);
    if (status != CL_SUCCESS)
        return window_refused("clEnqueueAcquireExternalMemObjectsKHR gave " + std::to_string(status));
    window.queue_ = queue;
    window.release_ = release;
    std::memset(window.memory_.host, 0, window.memory_.bytes);
    store_fence();
    return window;
}

BusWindow::~BusWindow() {
    if (release_ == nullptr) return;
    release_(queue_(), 1, &buffer_(), 0, nullptr, nullptr);
    queue_.finish();
}

BusWindow& BusWindow::operator=(BusWindow&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(buffer_, other.buffer_);
    std::swap(queue_, other.queue_);
    std::swap(release_, other.release_);
    return *this;
}

}  // namespace slipring
