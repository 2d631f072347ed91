// What is copied: control words, the table and the logs.
//
// The queue is the kernel's own in per_launch mode, and its device may be busy in any: so nothing here waits without asking
// `go_on`.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "engine_impl.hpp"

namespace slipring {

cl_int Engine::Impl::finish(const Sentinel& sentinel, const cl::CommandQueue& queue, const GoOn& go_on) noexcept {
    const cl_int status = sentinel.settle(queue, go_on);
    if (status > CL_COMPLETE) abandoned = true;
    return status;
}

std::expected<void, Errc> Engine::Impl::over(cl_int status) const noexcept {
    if (status == CL_COMPLETE && !abandoned) return {};
    return std::unexpected(abandoned ? Errc::device_lost : Errc::opencl_failed);
}

bool Engine::abandoned() const noexcept { return impl_->abandoned; }

// Memory that no launch has, for a table of so many bytes.
std::expected<std::shared_ptr<const Memory>, Error> Engine::Impl::table_memory(std::size_t bytes) {
    bytes = std::bit_ceil(std::max<std::size_t>(bytes, 4));
    const std::scoped_lock lock(tables_mutex);
    for (const auto& one : tables)
        if (one != table && one != once_table && one->size() >= bytes) return one;
    tables.reserve(tables.size() + 1);
    auto made = Memory::make(context, data_queue, device.device, own_kind(), bytes);
    if (!made) return std::unexpected(made.error());
    return tables.emplace_back(std::make_shared<const Memory>(std::move(*made)));
}

std::expected<void, Errc> Engine::load_table(std::span<const std::uint32_t> table, const GoOn& go_on) {
    Impl& i = *impl_;
    if (i.abandoned) return std::unexpected(Errc::device_lost);  // something may still read the table
    const std::size_t bytes = table.size_bytes();
    auto next = i.table_memory(bytes);
    if (!next) return std::unexpected(next.error().code);
    if (bytes != 0) std::memcpy((*next)->host().data(), table.data(), bytes);
    Status status;
    status << (*next)->upload(i.data_queue, 0, bytes);
    status << i.finish_data(go_on);
    if (!status || i.abandoned) return i.over(status.value);

    auto states = static_cast<cl_uint>(table.size() / 256);
    const std::scoped_lock lock(i.tables_mutex);
    const auto exchange = [&] {
        i.table.swap(*next);
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
    if (control.is_mirrored()) {
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
    if (control.is_mirrored()) {
        status << control.upload(impl_->data_queue, at, words.size_bytes());
        status << impl_->finish_data(go_on);
    }
    return impl_->over(status.value);
}

std::expected<std::span<std::byte>, Errc> Engine::pull_log(Writer writer, const GoOn& go_on) noexcept {
    const Memory& log = impl_->log_of(writer);
    Status status;
    if (log.is_mirrored()) {
        status << log.download(impl_->data_queue, 0, SR_LOG_CONSUMED);
        status << log.download(impl_->data_queue, SR_LOG_RECORDS, log.size() - SR_LOG_RECORDS);
        status << impl_->finish_data(go_on);
    }
    if (auto ok = impl_->over(status.value); !ok) return std::unexpected(ok.error());
    return log.host();
}

std::expected<void, Errc> Engine::push_log_consumed(Writer writer, const GoOn& go_on) noexcept {
    const Memory& log = impl_->log_of(writer);
    Status status;
    if (log.is_mirrored()) {
        status << log.upload(impl_->data_queue, SR_LOG_CONSUMED, 4);
        status << impl_->finish_data(go_on);
    }
    return impl_->over(status.value);
}

}  // namespace slipring
