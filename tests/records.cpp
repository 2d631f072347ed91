// Reading the debug log, without a device: its memory is here, its counters are what they are set to.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "../lib/runtime/records.hpp"
#include "native_device.hpp"
#include "native_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 4;

// The memory ends where the log does, so that AddressSanitizer sees a record too far.
struct Memory {
    std::vector<std::uint32_t> words =
        std::vector<std::uint32_t>(SR_LOG_RECORDS / 4 + capacity * SR_LOG_RECORD_WORDS, 0xABCDABCD);
    std::vector<std::string> formats{"plain", "{} and {x}", "{x}{x}{x}", "{ {} {y} {x", "{}"};

    Memory(std::uint32_t written, std::uint32_t consumed, std::uint32_t dropped = 0) {
        word(SR_LOG_WRITTEN) = written;
        word(SR_LOG_CONSUMED) = consumed;
        word(SR_LOG_DROPPED) = dropped;
        for (std::uint32_t i = 0; i < capacity; ++i) put(i, {4, 100 + i, 0, 0});
    }
    std::uint32_t& word(std::size_t offset) { return words[offset / 4]; }
    void put(std::uint32_t index, std::array<std::uint32_t, 4> record) {
        std::ranges::copy(record, words.begin() + SR_LOG_RECORDS / 4 + index * SR_LOG_RECORD_WORDS);
    }
    Log take() {
        auto log = take_records(std::as_writable_bytes(std::span(words)), capacity, formats);
        BOOST_REQUIRE(log.has_value());
        return std::move(*log);
    }
    // The device writes one: 1, or 0 if it had to drop it.
    std::uint32_t print(std::uint32_t format, std::uint32_t a, std::uint32_t b, std::uint32_t position) {
        NativeMemory device;
        sr_memory memory = device.view();
        memory.log = words.data();
        memory.log_mask = capacity - 1;
        std::array<uint, SR_COPY_WORDS> copy{};
        std::ranges::copy(slipring::print(format, a, b).words(), copy.begin());
        return static_cast<std::uint32_t>(sr_run_slot(copy.data(), position, &memory).value);
    }
};

std::vector<std::uint32_t> arguments(const Log& log) {
    std::vector<std::uint32_t> a;
    for (const LogRecord& record : log.records) a.push_back(record.a);
    return a;
}

using Numbers = std::vector<std::uint32_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(every_word_of_a_record_comes_out) {
    Memory memory(1, 0, 77);
    memory.put(0, {1, 12, 255, 0xFFFFFFFE});
    const Log log = memory.take();
    BOOST_REQUIRE(log.records.size() == 1u);
    const LogRecord& record = log.records[0];
    BOOST_TEST(record.format == 1u);
    BOOST_TEST(record.a == 12u);
    BOOST_TEST(record.b == 255u);
    BOOST_TEST(record.position == 0xFFFFFFFEu);
    BOOST_TEST(record.text == "12 and ff");
    BOOST_TEST(log.dropped == 77u);
    BOOST_TEST(memory.word(SR_LOG_CONSUMED) == 1u);
    BOOST_TEST(memory.word(SR_LOG_WRITTEN) == 1u);
    BOOST_TEST(memory.word(SR_LOG_DROPPED) == 77u);
    BOOST_TEST(memory.take().records.empty());
}

BOOST_AUTO_TEST_CASE(texts_have_two_arguments_and_no_more) {
    const std::array<std::string, 7> texts{"plain",
                                           "4294967295 and a",
                                           "ffffffffa{x}",
                                           "{ 4294967295 {y} {x",
                                           "4294967295",
                                           "format 5: 4294967295 10",
                                           "format 4294967295: 4294967295 10"};
    const std::array<std::uint32_t, 7> formats{0, 1, 2, 3, 4, 5, 0xFFFFFFFF};
    for (std::size_t i = 0; i < formats.size(); ++i) {
        Memory memory(1, 0);
        memory.put(0, {formats[i], 0xFFFFFFFF, 10, 0});
        BOOST_TEST(memory.take().records.at(0).text == texts[i]);
    }
}

// Wherever the counters stand: the records between them, oldest first.
BOOST_AUTO_TEST_CASE(counters_wrap) {
    for (const std::uint32_t consumed : {0u, 1u, 3u, 4u, 0x7FFFFFFEu, 0xFFFFFFFCu, 0xFFFFFFFDu, 0xFFFFFFFFu})
        for (std::uint32_t n = 0; n <= capacity; ++n) {
            Memory memory(consumed + n, consumed);
            Numbers expected;
            for (std::uint32_t i = 0; i < n; ++i) expected.push_back(100 + (consumed + i) % capacity);
            BOOST_TEST(arguments(memory.take()) == expected);
            BOOST_TEST(memory.word(SR_LOG_CONSUMED) == consumed + n);
        }
}

// A device that went astray may say anything: it costs neither memory nor a read outside, and the log goes on.
BOOST_AUTO_TEST_CASE(counters_lie) {
    for (const std::uint32_t ahead : {capacity + 1, capacity + 2, 1000u, 0x80000000u, 0xFFFFFFFFu})
        for (const std::uint32_t consumed : {0u, 2u, 0xFFFFFFFEu}) {
            Memory memory(consumed + ahead, consumed);
            const Log log = memory.take();
            Numbers expected;
            for (std::uint32_t i = 0; i < capacity; ++i) expected.push_back(100 + (consumed + ahead + i) % capacity);
            BOOST_TEST(arguments(log) == expected);
            BOOST_TEST(log.records.capacity() <= 2 * capacity);
            BOOST_TEST(memory.word(SR_LOG_CONSUMED) == consumed + ahead);
            BOOST_TEST(memory.print(4, 9, 0, 0) == 1u);
            BOOST_TEST(arguments(memory.take()) == Numbers{9});
        }
}

// Both sides, past 2^32: what the device writes the host takes, once; what finds the log full is counted.
BOOST_AUTO_TEST_CASE(the_device_and_the_host_agree) {
    Memory memory(0xFFFFFFFA, 0xFFFFFFFA, 0xFFFFFFFF);
    std::uint32_t next = 0, dropped = 0xFFFFFFFF;
    for (const std::uint32_t burst : {1u, 4u, 6u, 0u, 3u, 5u, 2u}) {
        Numbers expected;
        for (std::uint32_t i = 0; i < burst; ++i, ++next) {
            const std::uint32_t kept = memory.print(1, next, 1, next);
            BOOST_TEST(kept == (i < capacity ? 1u : 0u));
            if (kept == 1) expected.push_back(next);
            else ++dropped;
        }
        const Log log = memory.take();
        BOOST_TEST(arguments(log) == expected);
        BOOST_TEST(log.dropped == dropped);
    }
}
