// A slot by itself: a launch of its own, on a queue of its own.
#include <array>
#include <atomic>
#include <cstring>

#include "engine_impl.hpp"

namespace slipring {

// Waits for what the kernel says last, in memory that is shared: its event may be told late, and a read behind it would
// hold up every copy (see sentinel.hpp).
cl_int Engine::Impl::outcome_comes(const cl::Event& launch, const GoOn& go_on) noexcept {
    const std::atomic_ref said(*reinterpret_cast<std::uint32_t*>(outcome.host().data() + 12));
    // O: synchronizes with the kernel's release.
    while (said.load(std::memory_order_acquire) != once_number) {
        const cl_int status = launch.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>();
        if (status < CL_COMPLETE) return status;
        if (go_on()) continue;
        abandoned = true;
        return status;
    }
    return CL_COMPLETE;
}

std::expected<Result, Errc> Engine::once(const Slot& slot, const GoOn& go_on) noexcept {
    Impl& i = *impl_;
    if (i.abandoned) return std::unexpected(Errc::device_lost);  // something may still read the slot
    const cl::CommandQueue& queue = i.once_queue;
    Status status;
    {
        const std::scoped_lock lock(i.tables_mutex);
        i.once_table = i.table;  // until the next
        status << i.once_table->bind(i.once, once_arg::table);
        status << i.once.setArg(once_arg::table_states, i.table_states);
    }
    status << i.once.setArg(once_arg::number, ++i.once_number);
    std::memcpy(i.slot.host().data(), slot.words().data(), SR_SLOT_BYTES);
    status << i.slot.upload(queue, 0, SR_SLOT_BYTES);
    if (!i.live()) status << i.copy_inputs(queue);
    cl::Event launch;
    status << queue.enqueueNDRangeKernel(i.once, cl::NullRange, cl::NDRange(1), cl::NDRange(1), nullptr, &launch);
    if (i.live()) {
        const bool enqueued = bool{status};
        status << queue.flush();
        if (status) status << i.outcome_comes(launch, go_on);
        else if (enqueued) i.abandoned = true;  // it may still run
    } else {
        status << i.copy_outputs(queue);
        status << i.outcome.download(queue, 0, 16);
        status << i.finish(i.once_sentinel, queue, go_on);
    }
    if (auto ok = i.over(status.value); !ok) return std::unexpected(ok.error());

    std::array<std::uint32_t, 3> words{};
    std::memcpy(words.data(), i.outcome.host().data(), sizeof words);
    const std::uint32_t state = words[0] == SR_CODE_OK          ? SR_STATE_DONE
                                : words[0] == SR_CODE_CANCELLED ? SR_STATE_CANCELLED
                                                                : SR_STATE_FAULT;
    return Result{state, words[0], words[1], words[2]};
}

}  // namespace slipring
