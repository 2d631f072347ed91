// The debug log: the texts that the host knows, and where the records come from.
#include <algorithm>
#include <array>
#include <iterator>
#include <new>

#include "records.hpp"
#include "impl.hpp"

namespace slipring {

std::expected<std::uint32_t, Errc> Runtime::add_format(std::string_view text) noexcept {
    try {
        const std::scoped_lock lock(impl_->formats_mutex);
        impl_->formats.emplace_back(text);
        return static_cast<std::uint32_t>(impl_->formats.size() - 1);
    } catch (const std::bad_alloc&) {
        return std::unexpected(Errc::out_of_memory);
    }
}

std::expected<Log, Errc> Runtime::read_log() noexcept {
    return impl_->copying([this](const Session::GoOn& go_on) { return impl_->read_log(go_on); });
}

std::expected<Log, Errc> Runtime::Impl::read_log(const Session::GoOn& go_on) noexcept {
    constexpr std::array writers{Session::Writer::ring, Session::Writer::alone};
    std::array<std::span<std::byte>, writers.size()> memory;
    for (std::size_t i = 0; i < writers.size(); ++i) {
        const auto pulled = session->pull_log(writers[i], go_on);
        if (!pulled) return std::unexpected(pulled.error());
        memory[i] = *pulled;
    }
    const auto take = [&](std::size_t i) {
        const std::scoped_lock lock(formats_mutex);
        return take_records(memory[i], options.log_records, formats);
    };
    auto log = take(0);
    if (!log) return log;
    try {  // without memory for the others they stay where they are
        log->records.reserve(log->records.size() + options.log_records);
        if (auto more = take(1)) {
            std::ranges::move(more->records, std::back_inserter(log->records));
            log->dropped += more->dropped;
        }
    } catch (const std::bad_alloc&) {}
    for (const Session::Writer writer : writers)
        if (auto ok = session->push_log_consumed(writer, go_on); !ok) return std::unexpected(ok.error());
    return log;
}

}  // namespace slipring
