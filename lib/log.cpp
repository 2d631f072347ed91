// The debug log: records that the device wrote, with the texts that the host knows.
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
    return impl_->on_data(Impl::Takes::copy, [this](const Engine::GoOn& go_on) { return impl_->read_log(go_on); });
}

std::expected<Log, Errc> Runtime::Impl::read_log(const Engine::GoOn& go_on) noexcept {
    const auto memory = engine->pull_log(go_on);
    if (!memory) return std::unexpected(memory.error());

    Log log;
    // L: synchronizes with the device's release in sr_print.
    const std::uint32_t written = word(*memory, SR_LOG_WRITTEN).load(std::memory_order_acquire);
    const std::uint32_t consumed = word(*memory, SR_LOG_CONSUMED).load(std::memory_order_relaxed);
    log.dropped = word(*memory, SR_LOG_DROPPED).load(std::memory_order_acquire);
    try {
        const std::scoped_lock lock(formats_mutex);
        log.records.reserve(written - consumed);
        for (std::uint32_t n = consumed; n != written; ++n) {
            const std::uint32_t index = n & (options.log_records - 1);
            std::uint32_t words[SR_LOG_RECORD_WORDS];
            std::memcpy(words, memory->data() + SR_LOG_RECORDS + std::size_t{index} * sizeof words, sizeof words);
            LogRecord record{.position = words[3], .format = words[0], .a = words[1], .b = words[2]};
            record.text = record.format < formats.size()
                              ? fill(formats[record.format], record.a, record.b)
                              : "format " + std::to_string(record.format) + fill(": {} {}", record.a, record.b);
            log.records.push_back(std::move(record));
        }
    } catch (const std::bad_alloc&) {
        return std::unexpected(Errc::out_of_memory);
    }
    // L: synchronizes with the device's acquire in sr_print: these records may be written again.
    word(*memory, SR_LOG_CONSUMED).store(written, std::memory_order_release);
    if (auto ok = engine->push_log_consumed(go_on); !ok) return std::unexpected(ok.error());
    return log;
}

}  // namespace slipring
