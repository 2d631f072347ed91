// Memory that host and device share, in whatever way the device offers.
#pragma once

#include <cstddef>
#include <expected>
#include <span>

#include <slipring/abi.h>

#include "cl.hpp"

namespace slipring {

enum class MemoryKind {
    svm,       // fine-grained shared virtual memory: one address
    nv_host,   // NVIDIA's location-host buffer, mapped
    device,    // device memory alone
    mirrored,  // device memory and a copy on the host, moved by upload and download
};

// One block, zeroed once what was enqueued on its queue so far is over. Move-only; that queue must outlive it.
class Memory {
public:
    static std::expected<Memory, Error> make(const cl::Context& context, const cl::CommandQueue& queue,
                                             const cl::Device& device, MemoryKind kind, std::size_t bytes);
    static Memory of(const cl::Buffer& buffer, std::size_t bytes) noexcept;  // memory of the user's, as it is
    Memory() = default;
    Memory(Memory&& other) noexcept;
    Memory& operator=(Memory&& other) noexcept;
    ~Memory();

    // The host's view; empty for MemoryKind::device.
    std::span<std::byte> host() const noexcept { return {host_, host_ == nullptr ? 0 : bytes_}; }
    std::size_t size() const noexcept { return bytes_; }
    bool is_mirrored() const noexcept { return kind_ == MemoryKind::mirrored; }
    explicit operator bool() const noexcept { return bytes_ != 0; }

    cl_int bind(cl::Kernel& kernel, cl_uint index) const noexcept;

    // Enqueue a copy of [offset, offset + bytes) between the two; nothing for the kinds that both see.
    cl_int upload(const cl::CommandQueue& queue, std::size_t offset, std::size_t bytes) const noexcept;
    cl_int download(const cl::CommandQueue& queue, std::size_t offset, std::size_t bytes) const noexcept;

    // Copy other memory of the host's into [offset, ...), that into other memory, and one value into `bytes` bytes:
    // in the host's view at once, or, where there is none, enqueued.
    cl_int write(const cl::CommandQueue& queue, std::size_t offset, std::span<const std::byte> from) const noexcept;
    cl_int read(const cl::CommandQueue& queue, std::size_t offset, std::span<std::byte> to) const noexcept;
    cl_int fill(const cl::CommandQueue& queue, std::size_t offset, std::size_t bytes, std::byte value) const noexcept;

    // Enqueue a copy of other memory of the host's, which stays as it is meanwhile; and one from the device to other
    // memory of the host's, of which `done` is the event. Not for svm.
    cl_int upload_from(const cl::CommandQueue& queue, std::size_t offset,
                       std::span<const std::byte> from) const noexcept;
    cl_int download_to(const cl::CommandQueue& queue, std::size_t offset, std::span<std::byte> to,
                       cl::Event& done) const noexcept;

private:
    void swap(Memory& other) noexcept;

    MemoryKind kind_ = MemoryKind::device;
    std::size_t bytes_ = 0;
    std::byte* host_ = nullptr;
    cl::Context context_;     // svm: to free it
    cl::CommandQueue queue_;  // nv_host: to unmap it
    cl::Buffer buffer_;
};

}  // namespace slipring
