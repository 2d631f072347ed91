// The debug log: records that the device wrote, with the texts that the host knows.
#include <array>
#include <charconv>
#include <cstring>
#include <new>

#include "runtime_impl.hpp"

namespace slipring {
namespace {

std::atomic_ref<std::uint32_t> word(std::span<std::byte> log, std::size_t offset) {
    return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(log.data() + offset));
}

void append(std::string& text, std::uint32_t number, int base) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
    text.append(digits, end);
}

// "{}" and "{x}" stand for a, then b; more of them stay as they are.
std::string fill(std::string_view format, std::uint32_t a, std::uint32_t b) {
    const std::uint32_t arguments[] = {a, b};
    std::size_t next = 0;
    std::string text;
    for (std::size_t i = 0; i < format.size();) {
        const std::string_view rest = format.substr(i);
        if (next < 2 && rest.starts_with("{}")) {
            append(text, arguments[next++], 10);
            i += 2;
        } else if (next < 2 && rest.starts_with("{x}")) {
            append(text, arguments[next++], 16);
            i += 3;
        } else {
            text += format[i++];
        }
    }
    return text;
}

// The records that nobody has read, behind those in `out`. The position behind the last of them.
std::uint32_t append_records(std::span<std::byte> log, std::uint32_t capacity, std::span<const std::string> formats,
                             std::vector<LogRecord>& out) {
    // L: synchronizes with the device's release in sr_print.
    const std::uint32_t written = word(log, SR_LOG_WRITTEN).load(std::memory_order_acquire);
    const std::uint32_t consumed = word(log, SR_LOG_CONSUMED).load(std::memory_order_relaxed);
    for (std::uint32_t n = consumed; n != written; ++n) {
        const std::uint32_t index = n & (capacity - 1);
        std::uint32_t words[SR_LOG_RECORD_WORDS];
        std::memcpy(words, log.data() + SR_LOG_RECORDS + std::size_t{index} * sizeof words, sizeof words);
        LogRecord record{.position = words[3], .format = words[0], .a = words[1], .b = words[2]};
        record.text = record.format < formats.size()
                          ? fill(formats[record.format], record.a, record.b)
                          : "format " + std::to_string(record.format) + fill(": {} {}", record.a, record.b);
        out.push_back(std::move(record));
    }
    return written;
}

}  // namespace

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
    return impl_->copying([this](const Engine::GoOn& go_on) { return impl_->read_log(go_on); });
}

std::expected<Log, Errc> Runtime::Impl::read_log(const Engine::GoOn& go_on) noexcept {
    constexpr std::array writers{Engine::Writer::ring, Engine::Writer::once};
    std::array<std::span<std::byte>, writers.size()> logs;
    std::array<std::uint32_t, writers.size()> read{};
    Log out;
    for (std::size_t i = 0; i < writers.size(); ++i) {
        const auto memory = engine->pull_log(writers[i], go_on);
        if (!memory) return std::unexpected(memory.error());
        logs[i] = *memory;
        out.dropped += word(logs[i], SR_LOG_DROPPED).load(std::memory_order_acquire);
        try {
            const std::scoped_lock lock(formats_mutex);
            read[i] = append_records(logs[i], options.log_records, formats, out.records);
        } catch (const std::bad_alloc&) {
            return std::unexpected(Errc::out_of_memory);
        }
    }
    for (std::size_t i = 0; i < writers.size(); ++i) {
        // L: synchronizes with the device's acquire in sr_print: these records may be written again.
        word(logs[i], SR_LOG_CONSUMED).store(read[i], std::memory_order_release);
        if (auto ok = engine->push_log_consumed(writers[i], go_on); !ok) return std::unexpected(ok.error());
    }
    return out;
}

}  // namespace slipring
