// What is copied: control words, the table and the logs. Where a launch takes its slots along the queue is the
// kernel's own, and a device may be busy in any: so nothing here waits without asking `go_on`.
#include <cstring>

#include "device_session.hpp"

namespace slipring {

std::expected<void, Errc> DeviceSession::load_table(std::span<const std::uint32_t> table, const GoOn& go_on) {
    Device& d = *device_;
    if (d.abandoned) return std::unexpected(Errc::device_lost);  // something may still read the table
    const std::size_t bytes = table.size_bytes();
    auto next = d.table_memory(bytes);
    if (!next) return std::unexpected(next.error().code);
    if (bytes != 0) std::memcpy((*next)->host().data(), table.data(), bytes);
    Status status;
    status << (*next)->upload(d.data_queue, 0, bytes);
    status << finish_copies(go_on);
    if (!status || d.abandoned) return outcome_of(status.value);

    auto states = static_cast<cl_uint>(table.size() / 256);
    const std::scoped_lock lock(d.tables_mutex);
    const auto exchange = [&] {
        d.table.swap(*next);
        std::swap(d.table_states, states);
        return d.bind_table();
    };
    status << exchange();
    if (!status) static_cast<void>(exchange());
    return outcome_of(status.value);
}

std::expected<void, Errc> DeviceSession::read_control(std::uint32_t index, std::span<std::uint32_t> words,
                                                      const GoOn& go_on) noexcept {
    const Memory& control = device_->control;
    const std::size_t at = std::size_t{index} * 4;
    Status status;
    if (control.is_mirrored()) {
        status << control.download(device_->data_queue, at, words.size_bytes());
        status << finish_copies(go_on);
    }
    if (status && !words.empty()) std::memcpy(words.data(), control.host().data() + at, words.size_bytes());
    return outcome_of(status.value);
}

std::expected<void, Errc> DeviceSession::write_control(std::uint32_t index, std::span<const std::uint32_t> words,
                                                       const GoOn& go_on) noexcept {
    const Memory& control = device_->control;
    const std::size_t at = std::size_t{index} * 4;
    if (!words.empty()) std::memcpy(control.host().data() + at, words.data(), words.size_bytes());
    Status status;
    if (control.is_mirrored()) {
        status << control.upload(device_->data_queue, at, words.size_bytes());
        status << finish_copies(go_on);
    }
    return outcome_of(status.value);
}

std::expected<std::span<std::byte>, Errc> DeviceSession::pull_log(Writer writer, const GoOn& go_on) noexcept {
    const Memory& log = log_of(writer);
    Status status;
    if (log.is_mirrored()) {
        status << log.download(device_->data_queue, 0, SR_LOG_CONSUMED);
        status << log.download(device_->data_queue, SR_LOG_RECORDS, log.size() - SR_LOG_RECORDS);
        status << finish_copies(go_on);
    }
    if (auto ok = outcome_of(status.value); !ok) return std::unexpected(ok.error());
    return log.host();
}

std::expected<void, Errc> DeviceSession::push_log_consumed(Writer writer, const GoOn& go_on) noexcept {
    const Memory& log = log_of(writer);
    Status status;
    if (log.is_mirrored()) {
        status << log.upload(device_->data_queue, SR_LOG_CONSUMED, 4);
        status << finish_copies(go_on);
    }
    return outcome_of(status.value);
}

}  // namespace slipring
