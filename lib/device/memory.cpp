#include "memory.hpp"

#include <cstdlib>
#include <cstring>
#include <utility>

namespace slipring {
namespace {

constexpr std::size_t alignment = 4096;

// cl_nv_create_buffer, as NVIDIA's extension text gives it; bit 0 of its flags puts the buffer into host memory.
using CreateBufferNv = cl_mem(CL_API_CALL*)(cl_context, cl_mem_flags, cl_bitfield, std::size_t, void*, cl_int*);
constexpr cl_bitfield nv_location_host = 1;

cl::Buffer create_nv(const cl::Context& context, const cl::Device& device, std::size_t bytes, cl_int& status) {
    cl_platform_id platform = nullptr;  // by the C call: versions of the bindings differ in this one's type
    clGetDeviceInfo(device(), CL_DEVICE_PLATFORM, sizeof platform, static_cast<void*>(&platform), nullptr);
    const auto create =
        reinterpret_cast<CreateBufferNv>(clGetExtensionFunctionAddressForPlatform(platform, "clCreateBufferNV"));
    if (create == nullptr) {
        status = CL_INVALID_OPERATION;
        return {};
    }
    return cl::Buffer(create(context(), CL_MEM_READ_WRITE, nv_location_host, bytes, nullptr, &status));
}

}  // namespace

std::expected<Memory, Error> Memory::make(const cl::Context& context, const cl::CommandQueue& queue,
                                          const cl::Device& device, MemoryKind kind, std::size_t bytes) {
    Memory memory;
    memory.kind_ = kind;
    memory.context_ = context;
    memory.queue_ = queue;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    cl_int status = CL_SUCCESS;
    switch (kind) {
        case MemoryKind::svm: {
            const auto atomics = device.getInfo<CL_DEVICE_SVM_CAPABILITIES>() & CL_DEVICE_SVM_ATOMICS;
            const cl_svm_mem_flags flags =
                CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER | (atomics != 0 ? CL_MEM_SVM_ATOMICS : 0);
            memory.host_ = static_cast<std::byte*>(clSVMAlloc(context(), flags, bytes, SR_RING_ALIGN));
            if (memory.host_ == nullptr) return cl_error("clSVMAlloc", CL_MEM_OBJECT_ALLOCATION_FAILURE);
            break;
        }
        case MemoryKind::nv_host:
            memory.buffer_ = create_nv(context, device, bytes, status);
            if (status != CL_SUCCESS) return cl_error("clCreateBufferNV", status);
            memory.host_ = static_cast<std::byte*>(queue.enqueueMapBuffer(
                memory.buffer_, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes, nullptr, nullptr, &status));
            if (status != CL_SUCCESS) return cl_error("clEnqueueMapBuffer", status);
            break;
        case MemoryKind::mirrored:
            memory.host_ = static_cast<std::byte*>(std::aligned_alloc(alignment, bytes));
            if (memory.host_ == nullptr) return cl_error("aligned_alloc", CL_OUT_OF_HOST_MEMORY);
            [[fallthrough]];
        case MemoryKind::device:
            memory.buffer_ = cl::Buffer(context, CL_MEM_READ_WRITE, bytes, nullptr, &status);
            if (status != CL_SUCCESS) return cl_error("clCreateBuffer", status);
            status = queue.enqueueFillBuffer(memory.buffer_, cl_uint{0}, 0, bytes);
            if (status != CL_SUCCESS) return cl_error("clEnqueueFillBuffer", status);
            break;
    }
    memory.bytes_ = bytes;
    if (memory.host_ != nullptr) std::memset(memory.host_, 0, bytes);
    return memory;
}

Memory Memory::of(const cl::Buffer& buffer, std::size_t bytes) noexcept {
    Memory memory;
    memory.buffer_ = buffer;
    memory.bytes_ = bytes;
    return memory;
}

Memory::Memory(Memory&& other) noexcept { swap(other); }

Memory& Memory::operator=(Memory&& other) noexcept {
    swap(other);
    return *this;
}

Memory::~Memory() {
    if (host_ == nullptr) return;
    if (kind_ == MemoryKind::svm) clSVMFree(context_(), host_);
    if (kind_ == MemoryKind::nv_host) queue_.enqueueUnmapMemObject(buffer_, host_);
    if (kind_ == MemoryKind::mirrored) std::free(host_);
}

void Memory::swap(Memory& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(bytes_, other.bytes_);
    std::swap(host_, other.host_);
    std::swap(context_, other.context_);
    std::swap(queue_, other.queue_);
    std::swap(buffer_, other.buffer_);
}

cl_int Memory::bind(cl::Kernel& kernel, cl_uint index) const noexcept {
    if (kind_ == MemoryKind::svm) return clSetKernelArgSVMPointer(kernel(), index, host_);
    return kernel.setArg(index, buffer_);
}

cl_int Memory::upload(const cl::CommandQueue& queue, std::size_t offset, std::size_t bytes) const noexcept {
    if (kind_ != MemoryKind::mirrored || bytes == 0) return CL_SUCCESS;
    return queue.enqueueWriteBuffer(buffer_, CL_FALSE, offset, bytes, host_ + offset);
}

cl_int Memory::download(const cl::CommandQueue& queue, std::size_t offset, std::size_t bytes) const noexcept {
    if (kind_ != MemoryKind::mirrored || bytes == 0) return CL_SUCCESS;
    return queue.enqueueReadBuffer(buffer_, CL_FALSE, offset, bytes, host_ + offset);
}

cl_int Memory::write(const cl::CommandQueue& queue, std::size_t offset,
                     std::span<const std::byte> from) const noexcept {
    if (from.empty()) return CL_SUCCESS;
    if (host_ == nullptr) return queue.enqueueWriteBuffer(buffer_, CL_FALSE, offset, from.size(), from.data());
    std::memcpy(host_ + offset, from.data(), from.size());
    return CL_SUCCESS;
}

cl_int Memory::read(const cl::CommandQueue& queue, std::size_t offset, std::span<std::byte> to) const noexcept {
    if (to.empty()) return CL_SUCCESS;
    if (host_ == nullptr) return queue.enqueueReadBuffer(buffer_, CL_FALSE, offset, to.size(), to.data());
    std::memcpy(to.data(), host_ + offset, to.size());
    return CL_SUCCESS;
}

cl_int Memory::fill(const cl::CommandQueue& queue, std::size_t offset, std::size_t bytes,
                    std::byte value) const noexcept {
    if (bytes == 0) return CL_SUCCESS;
    if (host_ == nullptr) return queue.enqueueFillBuffer(buffer_, std::to_integer<cl_uchar>(value), offset, bytes);
    std::memset(host_ + offset, std::to_integer<int>(value), bytes);
    return CL_SUCCESS;
}

cl_int Memory::upload_from(const cl::CommandQueue& queue, std::size_t offset,
                           std::span<const std::byte> from) const noexcept {
    return queue.enqueueWriteBuffer(buffer_, CL_FALSE, offset, from.size(), from.data());
}

cl_int Memory::download_to(const cl::CommandQueue& queue, std::size_t offset, std::span<std::byte> to,
                           cl::Event& done) const noexcept {
    return queue.enqueueReadBuffer(buffer_, CL_FALSE, offset, to.size(), to.data(), nullptr, &done);
}

}  // namespace slipring
