// The session of a kernel that persists: it and the host see each other's stores, and it runs on for as long as there
// is work.
#include <algorithm>
#include <atomic>
#include <utility>

#include "../ring_inside.hpp"
#include "device_session.hpp"

namespace slipring {
namespace {

class Persistent final : public DeviceSession {
public:
    Persistent(Telling telling, std::unique_ptr<Device> device) noexcept
        : DeviceSession(telling, std::move(device)) {}

    std::expected<void, Failure> submit(const Rings& rings, std::uint32_t number) noexcept override {
        Status status;
        status << enqueue(number, rings.lead().completed());
        return send(status);
    }

    void reap(const Rings&) noexcept override {}

    // The kernel says what it has claimed, and never less than it has completed: if that cannot be, all of it may
    // have been begun.
    std::uint64_t begun(std::size_t, const RingView& ring, std::uint64_t completed,
                        std::uint64_t reserved) const noexcept override {
        const std::uint64_t claimed = inside(ring).word64(SR_RING_CLAIMED).load(std::memory_order_acquire);
        return claimed - completed <= reserved - completed ? claimed : reserved;
    }

private:
    bool says_left() const noexcept override {
        const auto left =
            std::atomic_ref(*reinterpret_cast<std::uint32_t*>(device().ring.host().data() + SR_RING_LEFT));
        return left.load(std::memory_order_acquire) == number();
    }

    cl_int bring_inputs() noexcept override { return CL_SUCCESS; }

    // Waits for what the kernel says last, in memory that is shared: its event may be told late, and a read behind it
    // would delay every copy (see sentinel.hpp).
    cl_int await_outcome(const cl::Event& launch, const GoOn& go_on) noexcept override {
        Device& d = device();
        if (const cl_int flushed = d.alone_queue.flush(); flushed != CL_SUCCESS) {
            d.abandoned = true;  // it may still run
            return flushed;
        }
        const std::atomic_ref said(*reinterpret_cast<std::uint32_t*>(d.outcome.host().data() + 16));
        // O: synchronizes with the kernel's release.
        while (said.load(std::memory_order_acquire) != d.alone_number) {
            const cl_int status = launch.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>();
            if (status < CL_COMPLETE) return status;
            if (go_on()) continue;
            d.abandoned = true;
            return status;
        }
        return CL_COMPLETE;
    }
};

}  // namespace

std::expected<std::unique_ptr<DeviceSession>, Error> persistent_session(std::unique_ptr<Device> device,
                                                                        const Options& options) {
    using namespace std::chrono_literals;
    const DeviceInfo& info = device->info();
    const std::chrono::microseconds idle_timeout = options.idle_timeout.value_or(info.is_cpu ? 1ms : 3ms);
    // A wide launch may stand in front of a slot that is never published until its time is up: not as long as a
    // waiter has patience.
    const std::chrono::milliseconds max_time = std::min(options.max_launch_time, (options.hang_timeout + 1ms) / 2);
    // Unless it is said how long to idle: not beside others that want the core. A timer's tick takes far less than
    // this.
    const bool minds_others = info.is_cpu && !options.idle_timeout;
    Status status;
    status << device->run.setArg(run_arg::idle_timeout, device->ticks(idle_timeout));
    status << device->run.setArg(run_arg::max_time, device->ticks(max_time));
    status << device->run.setArg(run_arg::crowded_gap, minds_others ? device->ticks(1ms) : cl_ulong{0});
    if (!status) return cl_error("clSetKernelArg", status.value);

    const bool in_order = !device->wide();
    // A later slot is not seen finished before an earlier one where the caches are shared.
    const bool shares_caches = device->chosen.probe.kind == MemoryKind::svm;
    const Session::Telling telling{.by_last = in_order && shares_caches, .by_reap = false};
    return std::make_unique<Persistent>(telling, std::move(device));
}

}  // namespace slipring
