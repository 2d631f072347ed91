// What goes over the other queue: a slot by itself, control words, the table and the log.
#include <algorithm>
#include <cstring>

#include "engine_impl.hpp"
#include "settle.hpp"

namespace slipring {

// The other queue is the kernel's own in relaunch mode, and its device may be busy in any: so nothing here waits without
// asking `go_on`. What is not over when that says no stays under way, in memory that is the engine's own.
cl_int Engine::Impl::finish_data(const GoOn& go_on) {
    const cl_int status = settle(data_queue, go_on);
    if (status > CL_COMPLETE) abandoned = true;
    return status;
}

std::expected<void, Errc> Engine::Impl::over(cl_int status) const noexcept {
    if (status == CL_COMPLETE && !abandoned) return {};
    return std::unexpected(abandoned ? Errc::device_lost : Errc::opencl_failed);
}

bool Engine::abandoned() const noexcept { return impl_->abandoned; }

std::expected<Result, Errc> Engine::once(const Slot& slot, const GoOn& go_on) noexcept {
    Impl& i = *impl_;
    if (i.abandoned) return std::unexpected(Errc::device_lost);  // something may still read the slot
    const cl::CommandQueue& queue = i.data_queue;
    Status status;
    std::memcpy(i.slot.host().data(), slot.words().data(), SR_SLOT_BYTES);
    status << i.slot.upload(queue, 0, SR_SLOT_BYTES);
    if (!i.live()) status << i.copy_inputs(queue);
    status << queue.enqueueNDRangeKernel(i.once, cl::NullRange, cl::NDRange(1), cl::NDRange(1));
    if (!i.live()) status << i.copy_outputs(queue);
    status << i.outcome.download(queue, 0, 16);
    status << i.finish_data(go_on);
    if (auto ok = i.over(status.value); !ok) return std::unexpected(ok.error());

    std::array<std::uint32_t, 3> words{};
    std::memcpy(words.data(), i.outcome.host().data(), sizeof words);
    const std::uint32_t state = words[0] == SR_CODE_OK          ? SR_STATE_DONE
                                : words[0] == SR_CODE_CANCELLED ? SR_STATE_CANCELLED
                                                                : SR_STATE_FAULT;
    return Result{state, words[0], words[1], words[2]};
}

std::expected<void, Errc> Engine::load_table(std::span<const std::uint32_t> table, const GoOn& go_on) {
    Impl& i = *impl_;
    if (i.abandoned) return std::unexpected(Errc::device_lost);  // something may still read the table
    const std::size_t bytes = table.size_bytes();
    auto made = Memory::make(i.context, i.data_queue, i.device.device, i.own_kind(), std::max<std::size_t>(bytes, 4));
    if (!made) return std::unexpected(made.error().code);
    if (bytes != 0) std::memcpy(made->host().data(), table.data(), bytes);
    Status status;
    status << made->upload(i.data_queue, 0, bytes);
    status << i.finish_data(go_on);
    if (i.abandoned) std::swap(i.table, *made);  // what is under way stays with the engine
    if (!status || i.abandoned) return i.over(status.value);

    auto states = static_cast<cl_uint>(table.size() / 256);
    const auto exchange = [&] {
        std::swap(i.table, *made);
        std::swap(i.table_states, states);
        return i.bind_table();
    };
    status << exchange();
    if (!status) static_cast<void>(exchange());
    return i.over(status.value);
}

std::expected<void, Errc> Engine::read_control(std::uint32_t index, std::span<std::uint32_t> words,
                                               const GoOn& go_on) noexcept {
    const Memory& control = impl_->control;
    const std::size_t at = std::size_t{index} * 4;
    Status status;
    if (control.is_shadowed()) {
        status << control.download(impl_->data_queue, at, words.size_bytes());
        status << impl_->finish_data(go_on);
    }
    if (status && !words.empty()) std::memcpy(words.data(), control.host().data() + at, words.size_bytes());
    return impl_->over(status.value);
}

std::expected<void, Errc> Engine::write_control(std::uint32_t index, std::span<const std::uint32_t> words,
                                                const GoOn& go_on) noexcept {
    const Memory& control = impl_->control;
    const std::size_t at = std::size_t{index} * 4;
    if (!words.empty()) std::memcpy(control.host().data() + at, words.data(), words.size_bytes());
    Status status;
    if (control.is_shadowed()) {
        status << control.upload(impl_->data_queue, at, words.size_bytes());
        status << impl_->finish_data(go_on);
    }
    return impl_->over(status.value);
}

std::expected<std::span<std::byte>, Errc> Engine::pull_log(const GoOn& go_on) noexcept {
    const Memory& log = impl_->log;
    Status status;
    if (log.is_shadowed()) {
        status << log.download(impl_->data_queue, 0, SR_LOG_CONSUMED);
        status << log.download(impl_->data_queue, SR_LOG_RECORDS, log.size() - SR_LOG_RECORDS);
        status << impl_->finish_data(go_on);
    }
    if (auto ok = impl_->over(status.value); !ok) return std::unexpected(ok.error());
    return log.host();
}

std::expected<void, Errc> Engine::push_log_consumed(const GoOn& go_on) noexcept {
    const Memory& log = impl_->log;
    Status status;
    if (log.is_shadowed()) {
        status << log.upload(impl_->data_queue, SR_LOG_CONSUMED, 4);
        status << impl_->finish_data(go_on);
    }
    return impl_->over(status.value);
}

}  // namespace slipring
