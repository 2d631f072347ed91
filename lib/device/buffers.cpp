// Buffers of the runtime's: the host's view of those that it shares, and copies to and from all of them.
#include "device_session.hpp"

namespace slipring {

std::span<std::byte> DeviceSession::buffer(std::size_t index) const noexcept {
    const Device::Buffer& buffer = device_->buffers[index];
    if (buffer.spec.place == BufferSpec::Place::device) return {};
    return buffer.memory.host().first(static_cast<std::size_t>(buffer.spec.bytes));
}

// A copy in the host's view is made here and now; one that is enqueued is told by a read behind it.
template <class Copy>
std::expected<std::uint64_t, Errc> DeviceSession::begin_copy(const Memory& memory, std::uint64_t bytes,
                                                             const Copy& copy) noexcept {
    Device& d = *device_;
    if (d.abandoned) return std::unexpected(Errc::device_lost);
    if (!memory.host().empty()) {
        copy();
        return transfers_.begin(0, [](cl::Event&) { return CL_SUCCESS; });
    }
    return transfers_.begin(bytes, [&](cl::Event& event) {
        const cl_int enqueued = copy();
        if (enqueued != CL_SUCCESS) return enqueued;
        const cl_int marked = d.data_sentinel.mark(d.data_queue, event);
        if (marked != CL_SUCCESS) d.abandoned = true;  // it is under way, and its end will not be told
        return marked;
    });
}

std::expected<std::uint64_t, Errc> DeviceSession::begin_upload(std::size_t index, std::uint64_t offset,
                                                               std::span<const std::byte> from) noexcept {
    const Memory& memory = device_->buffers[index].memory;
    return begin_copy(memory, from.size(), [&] { return memory.write(device_->data_queue, offset, from); });
}

std::expected<std::uint64_t, Errc> DeviceSession::begin_download(std::size_t index, std::uint64_t offset,
                                                                 std::span<std::byte> to) noexcept {
    const Memory& memory = device_->buffers[index].memory;
    return begin_copy(memory, to.size(), [&] { return memory.read(device_->data_queue, offset, to); });
}

std::expected<std::uint64_t, Errc> DeviceSession::begin_fill(std::size_t index, std::uint64_t offset,
                                                             std::uint64_t bytes, std::byte value) noexcept {
    const Memory& memory = device_->buffers[index].memory;
    return begin_copy(memory, bytes, [&] {
        return memory.fill(device_->data_queue, offset, static_cast<std::size_t>(bytes), value);
    });
}

}  // namespace slipring
