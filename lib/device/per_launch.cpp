// The session of a device whose running kernel does not see the host's stores: a launch for what was published, which
// takes the slots along and brings their completions back.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "../ring_inside.hpp"
#include "device_session.hpp"
#include "pace.hpp"

namespace slipring {
namespace {

class PerLaunch final : public DeviceSession {
public:
    PerLaunch(Telling telling, std::unique_ptr<Device> device, const Options& options)
        : DeviceSession(telling, std::move(device)), completions_(2 * std::size_t{options.completions}),
          pace_(options.ops, options.hang_timeout) {}

    // Published slots that are not complete belong to the device, so no thread writes them meanwhile. The launch gets
    // as many as finish soon.
    std::expected<void, Failure> submit(const Ring& ring, std::uint32_t number) noexcept override {
        Device& d = device();
        const cl::CommandQueue& queue = d.run_queue;
        first_ = ring.completed();
        end_ = pace_.end_of_launch(ring, first_);
        submitted_at_ = Clock::now();

        Status status;
        // Where the ring begins, the device's copy does not know: not at 0, after a recovery.
        if (number == 1) status << d.ring.upload(queue, SR_RING_COMPLETED, sizeof first_);
        each_piece(ring.capacity(), SR_SLOT_BYTES, [&](std::size_t offset, std::size_t bytes) {
            status << d.ring.upload(queue, SR_RING_SLOTS + offset, bytes);
        });
        status << d.upload_inputs(queue);
        status << enqueue(number, first_);
        const std::span<std::byte> own = std::as_writable_bytes(std::span(completions_));
        const std::size_t theirs = SR_RING_SLOTS + std::size_t{ring.capacity()} * SR_SLOT_BYTES;
        each_piece(ring.completions(), SR_COMPLETION_BYTES, [&](std::size_t offset, std::size_t bytes) {
            status << d.ring.download_to(queue, theirs + offset, own.subspan(offset, bytes), last());
        });
        status << d.download_outputs(queue);
        status << d.ring.download_to(queue, SR_RING_COMPLETED, words_, last());
        unreaped_ = true;
        return send(status);
    }

    // Does what a persistent kernel does itself: completions first, then the position. Other threads look at these
    // meanwhile, so no copy writes them.
    void reap(const Ring& ring) noexcept override {
        if (!unreaped_ || !finished() || failed()) return;  // what a failed launch had stays begun
        std::uint64_t completed;
        std::uint32_t faults, left;
        std::memcpy(&completed, words_.data(), sizeof completed);
        std::memcpy(&faults, words_.data() + (SR_RING_FAULTS - SR_RING_COMPLETED), sizeof faults);
        std::memcpy(&left, words_.data() + (SR_RING_LEFT - SR_RING_COMPLETED), sizeof left);
        if (completed - first_ > end_ - first_) return;  // it had no more than these
        unreaped_ = false;
        pace_.took(Clock::now() - submitted_at_);
        for (std::uint64_t at = first_; at != completed; ++at) {
            if ((inside(ring).word(at, SR_WORD_PRIORITY) & SR_FLAG_QUIET) != 0) continue;
            const std::uint64_t* const from = &completions_[2 * (at & (ring.completions() - 1))];
            inside(ring).completion_ref(at, 1).store(from[1], std::memory_order_release);  // E1
            inside(ring).completion_ref(at, 0).store(from[0], std::memory_order_release);  // A2
        }
        inside(ring).word32(SR_RING_FAULTS).store(faults, std::memory_order_relaxed);
        inside(ring).word64(SR_RING_COMPLETED).store(completed, std::memory_order_release);  // A2
        inside(ring).word32(SR_RING_LEFT).store(left, std::memory_order_seq_cst);
    }

    std::uint64_t begun(const RingView&, std::uint64_t completed, std::uint64_t) const noexcept override {
        return unreaped_ ? end_ : completed;
    }

private:
    using Clock = std::chrono::steady_clock;

    // The launch's part of an array with `size` bytes a position: one piece, or two where it wraps.
    // copy(offset, bytes)
    void each_piece(std::uint32_t capacity, std::size_t size, auto copy) const noexcept {
        for (std::uint64_t at = first_; at != end_;) {
            const std::uint64_t index = at & (capacity - 1);
            const std::uint64_t count = std::min<std::uint64_t>(end_ - at, capacity - index);
            copy(index * size, count * size);
            at += count;
        }
    }

    bool says_left() const noexcept override { return false; }

    cl_int bring_inputs() noexcept override { return device().upload_inputs(device().alone_queue); }

    cl_int await_outcome(const cl::Event&, const GoOn& go_on) noexcept override {
        Device& d = device();
        Status status;
        status << d.download_outputs(d.alone_queue);
        status << d.outcome.download(d.alone_queue, 0, 20);
        status << finish(d.alone_sentinel, d.alone_queue, go_on);
        return status.value;
    }

    // How the last launch's slots finished, [first_, end_); and the ring's words from COMPLETED to LEFT.
    std::vector<std::uint64_t> completions_;
    alignas(8) std::array<std::byte, SR_RING_LEFT + 4 - SR_RING_COMPLETED> words_{};
    std::uint64_t first_ = 0, end_ = 0;
    bool unreaped_ = false;
    Pace pace_;
    Clock::time_point submitted_at_{};
};

}  // namespace

// A launch ends with what it was given.
std::expected<std::unique_ptr<DeviceSession>, Error> per_launch_session(std::unique_ptr<Device> device,
                                                                        const Options& options) {
    Status status;
    status << device->run.setArg(run_arg::idle_timeout, cl_ulong{0});
    status << device->run.setArg(run_arg::max_time, ~cl_ulong{0});
    status << device->run.setArg(run_arg::crowded_gap, cl_ulong{0});
    if (!status) return cl_error("clSetKernelArg", status.value);
    constexpr Session::Telling telling{.by_last = false, .by_reap = true};
    return std::make_unique<PerLaunch>(telling, std::move(device), options);
}

}  // namespace slipring
