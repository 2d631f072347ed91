#include "opencl.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include <slipring/opencl.hpp>

#include "session.hpp"

namespace slipring {
namespace {

std::unexpected<Error> bad(Errc code, const char* what) { return std::unexpected(Error{code, what}); }

}  // namespace

void take_sizes(std::vector<BufferSpec>& buffers) noexcept {
    for (BufferSpec& buffer : buffers) {
        if (buffer.memory == nullptr) continue;
        buffer.bytes = buffer.memory->bytes;
        buffer.place = BufferSpec::Place::device;
    }
}

// The C calls first: they take what is no object, where the bindings retain it.
std::expected<std::shared_ptr<const OpenClContext>, Error> opencl_context(cl_context context,
                                                                          cl_device_id device) try {
    std::size_t bytes = 0;
    if (context == nullptr || clGetContextInfo(context, CL_CONTEXT_DEVICES, 0, nullptr, &bytes) != CL_SUCCESS)
        return bad(Errc::bad_context, "it is no context");
    std::vector<cl_device_id> devices(bytes / sizeof(cl_device_id));
    if (clGetContextInfo(context, CL_CONTEXT_DEVICES, bytes, devices.data(), nullptr) != CL_SUCCESS)
        return bad(Errc::bad_context, "it is no context");
    if (std::ranges::find(devices, device) == devices.end())
        return bad(Errc::bad_context, "the device is none of the context's");
    return std::make_shared<const OpenClContext>(cl::Context(context, true), cl::Device(device, true));
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

std::expected<std::shared_ptr<const OpenClMemory>, Error> opencl_memory(cl_mem memory) try {
    cl_mem_object_type type = 0;
    if (memory == nullptr || clGetMemObjectInfo(memory, CL_MEM_TYPE, sizeof type, &type, nullptr) != CL_SUCCESS)
        return bad(Errc::bad_memory_object, "it is no memory object");
    if (type != CL_MEM_OBJECT_BUFFER) return bad(Errc::bad_memory_object, "it is an image or a pipe");
    cl_mem_flags flags = 0;
    std::size_t bytes = 0;
    cl_context context = nullptr;
    if (clGetMemObjectInfo(memory, CL_MEM_FLAGS, sizeof flags, &flags, nullptr) != CL_SUCCESS ||
        clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof bytes, &bytes, nullptr) != CL_SUCCESS ||
        clGetMemObjectInfo(memory, CL_MEM_CONTEXT, sizeof context, &context, nullptr) != CL_SUCCESS)
        return bad(Errc::bad_memory_object, "OpenCL tells nothing about it");
    constexpr cl_mem_flags one_sided =
        CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY | CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_WRITE_ONLY | CL_MEM_HOST_NO_ACCESS;
    if ((flags & one_sided) != 0)
        return bad(Errc::bad_memory_object, "the host or kernels may not both read and write it");
    return std::make_shared<const OpenClMemory>(cl::Buffer(memory, true), cl::Context(context, true), bytes);
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

}  // namespace slipring
