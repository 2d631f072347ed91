#include "records.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <new>

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

std::expected<Log, Errc> take_records(std::span<std::byte> memory, std::uint32_t capacity,
                                      std::span<const std::string> formats) noexcept {
    Log log;
    // L: synchronizes with the device's release in sr_print.
    const std::uint32_t written = word(memory, SR_LOG_WRITTEN).load(std::memory_order_acquire);
    const std::uint32_t consumed = word(memory, SR_LOG_CONSUMED).load(std::memory_order_relaxed);
    log.dropped = word(memory, SR_LOG_DROPPED).load(std::memory_order_acquire);
    const std::uint32_t count = std::min(written - consumed, capacity);
    try {
        log.records.reserve(count);
        for (std::uint32_t n = written - count; n != written; ++n) {
            const std::uint32_t index = n & (capacity - 1);
            std::uint32_t words[SR_LOG_RECORD_WORDS];
            std::memcpy(words, memory.data() + SR_LOG_RECORDS + std::size_t{index} * sizeof words, sizeof words);
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
    word(memory, SR_LOG_CONSUMED).store(written, std::memory_order_release);
    return log;
}

}  // namespace slipring
