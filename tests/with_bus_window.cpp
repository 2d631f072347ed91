// PoCL with a bus window, for tests where there is no GPU: LD_PRELOAD over the ICD loader. A CPU's device imports
// memory by an opaque file descriptor, as NVIDIA's GPUs do. The memory comes from a made-up Vulkan in this same
// library: its SONAME is libvulkan.so.1, so dlopen() of that name finds it.
//
// Host and device have a mapping each of the same memory. A host that loads from the window is not caught: x86 has no
// pages that can be written and not read.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <span>
#include <vector>

#include "made_up_vulkan.hpp"
#include "preload.hpp"

namespace {

// As the extensions' texts give them: versions of the headers differ in these names.
constexpr cl_device_info device_uuid = 0x106A;
constexpr cl_mem_properties handle_opaque_fd = 0x2060;
constexpr cl_mem_properties device_handle_list = 0x2051;

bool is_ours(cl_device_id device) {
    cl_device_type type = 0;
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, nullptr);
    return (type & CL_DEVICE_TYPE_CPU) != 0;
}

struct Import {
    int fd = -1;         // of an opaque file descriptor
    bool ours = false;   // one of the devices is
    bool wrong = false;  // there are other properties
};

Import import_of(const cl_mem_properties* properties) {
    Import import;
    for (; properties != nullptr && *properties != 0; ++properties) {
        const cl_mem_properties what = *properties++;
        if (what == handle_opaque_fd) {
            import.fd = static_cast<int>(*properties);
        } else if (what == device_handle_list) {
            for (; *properties != 0; ++properties)
                import.ours |= is_ours(reinterpret_cast<cl_device_id>(*properties));
        } else {
            import.wrong = true;
        }
    }
    return import;
}

struct Window {
    cl_mem buffer;
    void* at;
    std::size_t bytes;
    bool acquired = false;
};
std::mutex mutex;
std::vector<Window> windows;

void CL_CALLBACK gone(cl_mem buffer, void*) {
    const std::scoped_lock lock(mutex);
    const auto window = std::ranges::find(windows, buffer, &Window::buffer);
    if (window->acquired) {
        std::fputs("with_bus_window: acquired and never released; NVIDIA's clReleaseContext waits for ever\n",
                   stderr);
        std::abort();
    }
    unmap_for_ever(window->at, window->bytes);
    windows.erase(window);
}

// Success takes the file descriptor.
cl_mem make_window(cl_context context, const Import& import, cl_mem_flags flags, std::size_t bytes, cl_int* status) {
    struct stat file{};
    if (fstat(import.fd, &file) != 0 || bytes == 0 || bytes > static_cast<std::size_t>(file.st_size)) {
        *status = CL_INVALID_VALUE;
        return nullptr;
    }
    void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, import.fd, 0);
    if (at == MAP_FAILED) {
        *status = CL_OUT_OF_RESOURCES;
        return nullptr;
    }
    const cl_mem buffer = clCreateBuffer(context, flags | CL_MEM_USE_HOST_PTR, bytes, at, status);
    if (buffer == nullptr) {
        munmap(at, bytes);
        return nullptr;
    }
    close(import.fd);
    const std::scoped_lock lock(mutex);
    windows.push_back({.buffer = buffer, .at = at, .bytes = bytes});
    clSetMemObjectDestructorCallback(buffer, gone, nullptr);
    return buffer;
}

// Takes the buffers for OpenCL, or gives them back; as a command it does nothing.
template <bool Acquired>
cl_int CL_API_CALL hand_over(cl_command_queue queue, cl_uint count, const cl_mem* buffers, cl_uint waits,
                             const cl_event* wait, cl_event* event) {
    const auto hand_over_one = [](cl_mem buffer) {
        const std::scoped_lock lock(mutex);
        const auto window = std::ranges::find(windows, buffer, &Window::buffer);
        if (window == windows.end() || window->acquired == Acquired) return false;
        window->acquired = Acquired;
        return true;
    };
    if (!std::ranges::all_of(std::span(buffers, count), hand_over_one)) return CL_INVALID_MEM_OBJECT;
    return clEnqueueMarkerWithWaitList(queue, waits, wait, event);
}

}  // namespace

extern "C" {

cl_int CL_API_CALL clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void* to, size_t* needed) {
    REAL(clGetDeviceInfo);
    if (what == CL_DEVICE_EXTENSIONS && is_ours(device)) {
        constexpr auto more = "cl_khr_external_memory cl_khr_external_memory_opaque_fd cl_khr_device_uuid";
        return answer_extensions(call, device, more, room, to, needed);
    }
    if (what == device_uuid && is_ours(device))
        return answer(made_up_uuid.data(), made_up_uuid.size(), room, to, needed);
    return call(device, what, room, to, needed);
}

void* CL_API_CALL clGetExtensionFunctionAddressForPlatform(cl_platform_id platform, const char* name) {
    REAL(clGetExtensionFunctionAddressForPlatform);
    void* const found = call(platform, name);
    if (found == nullptr && std::strcmp(name, "clEnqueueAcquireExternalMemObjectsKHR") == 0)
        return reinterpret_cast<void*>(&hand_over<true>);
    if (found == nullptr && std::strcmp(name, "clEnqueueReleaseExternalMemObjectsKHR") == 0)
        return reinterpret_cast<void*>(&hand_over<false>);
    return found;
}

cl_mem CL_API_CALL clCreateBufferWithProperties(cl_context context, const cl_mem_properties* properties,
                                                cl_mem_flags flags, size_t bytes, void* host, cl_int* status) {
    REAL(clCreateBufferWithProperties);
    const Import import = import_of(properties);
    if (import.fd < 0 || !import.ours) return call(context, properties, flags, bytes, host, status);
    cl_int ignored = CL_SUCCESS;
    if (status == nullptr) status = &ignored;
    if (!import.wrong && host == nullptr) return make_window(context, import, flags, bytes, status);
    *status = import.wrong ? CL_INVALID_PROPERTY : CL_INVALID_HOST_PTR;
    return nullptr;
}

void (*vkGetInstanceProcAddr(VkInstance instance, const char* name))() { return entry(instance, name); }

}  // extern "C"
