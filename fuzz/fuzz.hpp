// What all fuzz targets share. A target is one file that defines `format` and `run`; engine.cpp is libFuzzer's side
// of it, replay.cpp runs it on files.
//
// An input is 32-bit little-endian words: a head, then any number of records of one size. Any bytes are an input:
// what is missing reads as zero. The format tells the mutator what each word is about, so that most of what it makes
// is nearly right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace fuzz {

// One word of an input. The mutator draws it near one of these values; with none, from all numbers.
using Field = std::span<const std::uint32_t>;

struct Format {
    std::span<const Field> head;
    std::span<const Field> record;
    std::uint32_t records;  // that an input made from nothing has at most
};

// Reads an input, word by word.
class Input {
public:
    explicit Input(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes) {}

    bool more() const noexcept { return !bytes_.empty(); }

    std::uint32_t word() noexcept {
        std::uint32_t value = 0;
        const std::size_t n = bytes_.size() < 4 ? bytes_.size() : 4;
        if (n != 0) std::memcpy(&value, bytes_.data(), n);
        bytes_ = bytes_.subspan(n);
        return value;
    }
    void words(std::span<std::uint32_t> out) noexcept {
        for (std::uint32_t& value : out) value = word();
    }
    // All that is left, as it is.
    std::span<const std::uint8_t> rest() noexcept { return std::exchange(bytes_, {}); }

private:
    std::span<const std::uint8_t> bytes_;
};

// Says which expectation was broken, and aborts: the input is a finding.
[[noreturn]] void fail(const char* expectation, const char* file, int line) noexcept;

}  // namespace fuzz

#define FUZZ_CHECK(expectation) ((expectation) ? void() : ::fuzz::fail(#expectation, __FILE__, __LINE__))

// A target defines these two. `run` has no memory: the same input does the same thing every time.
extern const fuzz::Format format;
void run(fuzz::Input& in);
