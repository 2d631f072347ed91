// Buffers: the host's views, and copies that begin, are asked for, and are waited for.
#include <algorithm>

#include "impl.hpp"

namespace slipring {
namespace {

// Silence that is no hang of the device's: even a slow bus copies so much a second.
constexpr std::uint64_t bytes_a_second = 1'000'000'000;

bool inside(std::uint64_t offset, std::uint64_t size, std::uint64_t bound) noexcept {
    return size <= bound && offset <= bound - size;
}

}  // namespace

// `begin(session, index)` begins a copy of [offset, offset + size).
template <class Begin>
std::expected<CopyTicket, Errc> Runtime::Impl::begin_copy(std::string_view name, std::uint64_t offset,
                                                          std::uint64_t size, const Begin& begin) noexcept {
    const auto spec = std::ranges::find(options.buffers, name, &BufferSpec::name);
    if (spec == options.buffers.end()) return std::unexpected(Errc::unknown_buffer);
    if (!inside(offset, size, spec->bytes)) return std::unexpected(Errc::out_of_range);
    if (phase.load(std::memory_order_acquire) == Phase::lost) return std::unexpected(Errc::device_lost);
    const auto number = begin(*session, static_cast<std::size_t>(spec - options.buffers.begin()));
    if (!number) return std::unexpected(number.error());
    return CopyTicket{*number, lost_sessions.size()};
}

std::expected<void, Errc> Runtime::Impl::wait(const CopyTicket& copy, Timeout timeout) noexcept {
    if (copy.device < lost_sessions.size()) return std::unexpected(Errc::device_lost);
    Backoff backoff(timeout.time());
    Watch own;
    for (;;) {
        const Copied copied = session->copied();
        if (copy.device != lost_sessions.size() || copy.number == 0 || copy.number > copied.begun)
            return std::unexpected(Errc::bad_ticket);
        if (copy.number <= copied.finished) {
            if (copied.failed) return std::unexpected(Errc::opencl_failed);
            return {};
        }
        if (!backoff.spinning()) {
            wake();
            look();
            const auto slow = std::chrono::milliseconds(copied.bytes / (bytes_a_second / 1000));
            if (own.look(copied.finished, [] { return true; }, options.hang_timeout + slow))
                lose("a copy was not finished within hang_timeout");
        }
        if (phase.load(std::memory_order_acquire) == Phase::lost) return std::unexpected(Errc::device_lost);
        if (!backoff.pause()) return std::unexpected(Errc::timed_out);
    }
}

std::span<std::byte> Runtime::buffer(std::string_view name) noexcept {
    const auto& buffers = impl_->options.buffers;
    const auto spec = std::ranges::find(buffers, name, &BufferSpec::name);
    if (spec == buffers.end()) return {};
    return impl_->session->buffer(static_cast<std::size_t>(spec - buffers.begin()));
}

std::expected<CopyTicket, Errc> Runtime::begin_upload(std::string_view name, std::span<const std::byte> from,
                                                      std::uint64_t offset) noexcept {
    return impl_->begin_copy(name, offset, from.size(), [&](Session& session, std::size_t index) {
        return session.begin_upload(index, offset, from);
    });
}

std::expected<CopyTicket, Errc> Runtime::begin_download(std::string_view name, std::span<std::byte> to,
                                                        std::uint64_t offset) noexcept {
    return impl_->begin_copy(name, offset, to.size(), [&](Session& session, std::size_t index) {
        return session.begin_download(index, offset, to);
    });
}

std::expected<CopyTicket, Errc> Runtime::begin_fill(std::string_view name, std::byte value, std::uint64_t offset,
                                                    std::uint64_t bytes) noexcept {
    return impl_->begin_copy(name, offset, bytes, [&](Session& session, std::size_t index) {
        return session.begin_fill(index, offset, bytes, value);
    });
}

std::expected<void, Errc> Runtime::upload(std::string_view name, std::span<const std::byte> from,
                                          std::uint64_t offset) noexcept {
    const auto copy = begin_upload(name, from, offset);
    return copy ? wait(*copy) : std::unexpected(copy.error());
}

std::expected<void, Errc> Runtime::download(std::string_view name, std::span<std::byte> to,
                                            std::uint64_t offset) noexcept {
    const auto copy = begin_download(name, to, offset);
    return copy ? wait(*copy) : std::unexpected(copy.error());
}

std::expected<void, Errc> Runtime::fill(std::string_view name, std::byte value, std::uint64_t offset,
                                        std::uint64_t bytes) noexcept {
    const auto copy = begin_fill(name, value, offset, bytes);
    return copy ? wait(*copy) : std::unexpected(copy.error());
}

bool Runtime::poll(const CopyTicket& copy) noexcept {
    const bool own = copy.number != 0 && copy.device == impl_->lost_sessions.size();
    return own && copy.number <= impl_->session->copied().finished;
}

std::expected<void, Errc> Runtime::wait(const CopyTicket& copy, Timeout timeout) noexcept {
    return impl_->wait(copy, timeout);
}

}  // namespace slipring
