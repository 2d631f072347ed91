// The persistent kernel's launches.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine_impl.hpp"

namespace slipring {

cl_int Engine::Impl::copy_inputs(const cl::CommandQueue& queue) const {
    Status status;
    for (const auto& op : buffers)
        for (const Buffer& buffer : op)
            if (buffer.spec.use == BufferSpec::Use::input) status << buffer.memory.upload(queue, 0, buffer.spec.bytes);
    return status.value;
}

cl_int Engine::Impl::copy_outputs(const cl::CommandQueue& queue) const {
    Status status;
    for (const auto& op : buffers)
        for (const Buffer& buffer : op)
            if (buffer.spec.use == BufferSpec::Use::output)
                status << buffer.memory.download(queue, 0, buffer.spec.bytes);
    return status.value;
}

std::expected<void, Engine::Failure> Engine::launch(const Ring& ring, std::uint32_t number) noexcept {
    Impl& i = *impl_;
    const cl::CommandQueue& queue = i.run_queue;
    Status status;

    // Relaunch: published slots that are not complete belong to the device, so nobody writes them meanwhile. They
    // are one piece, or two where they wrap.
    i.first = ring.completed();
    i.end = i.live() ? i.first : i.pace.end_of_launch(ring, i.first);
    i.launched_at = std::chrono::steady_clock::now();
    const auto each_piece = [&](auto copy) {
        for (std::uint64_t at = i.first; at != i.end;) {
            const std::uint64_t in_lap = at & (ring.capacity() - 1);
            const std::uint64_t count = std::min<std::uint64_t>(i.end - at, ring.capacity() - in_lap);
            status << copy(in_lap * SR_SLOT_BYTES, count * SR_SLOT_BYTES);
            at += count;
        }
    };
    if (!i.live()) {
        // Where the ring begins, the device's copy does not know: not at 0, after a recovery.
        if (number == 1) status << i.ring.upload(queue, SR_RING_COMPLETED, sizeof i.first);
        each_piece([&](std::size_t offset, std::size_t bytes) {
            return i.ring.upload(queue, SR_RING_SLOTS + offset, bytes);
        });
        status << i.copy_inputs(queue);
    }

    const LaunchShape shape = i.device.info.shape;
    status << i.run.setArg(run_arg::launch, cl_uint{number});
    status << i.run.setArg(run_arg::first, cl_ulong{i.first});
    const cl_int enqueued = queue.enqueueNDRangeKernel(
        i.run, cl::NullRange, cl::NDRange(std::size_t{shape.groups} * shape.lanes), cl::NDRange(shape.lanes), nullptr, &i.last);
    if (enqueued == CL_SUCCESS) i.launched = true;  // and memory is its own, whatever fails below
    status << enqueued;
    i.number = number;

    if (!i.live()) {
        const std::span<std::byte> slots = std::as_writable_bytes(std::span(i.device_slots));
        each_piece([&](std::size_t offset, std::size_t bytes) {
            return i.ring.download_to(queue, SR_RING_SLOTS + offset, slots.subspan(offset, bytes), i.last);
        });
        status << i.copy_outputs(queue);
        status << i.ring.download_to(queue, SR_RING_COMPLETED, i.device_words, i.last);
        i.unharvested = true;
    }
    if (status) status << i.launches.add(i.last);
    status << queue.flush();
    if (!status) return std::unexpected(Failure{"launching the kernel", status.value});
    return {};
}

// A kernel says for itself that it leaves; then little is left of it, and a read behind it holds up no others.
bool Engine::idle(const GoOn& go_on) noexcept {
    const auto left = [this] {
        const auto word = std::atomic_ref(*reinterpret_cast<std::uint32_t*>(impl_->ring.host().data() + SR_RING_LEFT));
        return impl_->live() && word.load(std::memory_order_acquire) == impl_->number;
    };
    while (!finished() && !left())
        if (!go_on()) return false;
    return finished() || impl_->run_sentinel.settle(impl_->run_queue, go_on) <= CL_COMPLETE;
}

bool Engine::finished() const noexcept {
    return !impl_->launched || impl_->last.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>() <= CL_COMPLETE;
}

bool Engine::failed() const noexcept {
    return impl_->launched && impl_->last.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>() < CL_COMPLETE;
}

void Engine::harvest(const Ring& ring) noexcept {
    if (!impl_->unharvested || !finished() || failed()) return;  // what a failed launch had stays handed over
    std::uint64_t completed;
    std::uint32_t faults, left;
    std::memcpy(&completed, impl_->device_words.data(), sizeof completed);
    std::memcpy(&faults, impl_->device_words.data() + (SR_RING_FAULTS - SR_RING_COMPLETED), sizeof faults);
    std::memcpy(&left, impl_->device_words.data() + (SR_RING_LEFT - SR_RING_COMPLETED), sizeof left);
    if (completed - impl_->first > impl_->end - impl_->first) return;  // it had no more than these
    impl_->unharvested = false;
    impl_->pace.took(std::chrono::steady_clock::now() - impl_->launched_at);
    // What the kernel does in a live ring: results and states first, then the position. Others look at the states
    // meanwhile, so they are no copy's business.
    for (std::uint64_t at = impl_->first; at != completed; ++at) {
        const std::uint32_t* const from = &impl_->device_slots[(at & (ring.capacity() - 1)) * SR_SLOT_WORDS];
        if ((from[SR_WORD_PRIORITY] & SR_FLAG_QUIET) == 0) ring.end_slot(at, from);
    }
    const auto word32 = [&ring](std::size_t offset) {
        return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(ring.base() + offset));
    };
    word32(SR_RING_FAULTS).store(faults, std::memory_order_relaxed);
    // A2
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(ring.base() + SR_RING_COMPLETED))
        .store(completed, std::memory_order_release);
    word32(SR_RING_LEFT).store(left, std::memory_order_seq_cst);
}

std::uint64_t Engine::handed_over(const Ring& ring) const noexcept {
    return impl_->unharvested ? impl_->end : ring.completed();
}

void Engine::stop(std::uint32_t number) noexcept {
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(impl_->ring.host().data() + SR_RING_STOP))
        .store(number, std::memory_order_release);
}

void Engine::revoke() noexcept {
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(impl_->ring.host().data() + SR_RING_REVOKED))
        .store(1, std::memory_order_seq_cst);
}

}  // namespace slipring
