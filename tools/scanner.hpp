// The pipeline: text goes into staging memory that the device sees, is cut into chunks, and chunks go to the device
// as windows, one slot a chunk.
//
// The staging memory is four segments, two windows of two:
//
//   window A   segment 0: required    segment 1: lookahead        the device scans A ...
//   window B   segment 2: required    segment 3: lookahead        ... while the host fills B, and the other way round
//
// Required is what the host waits for next, in order to fill that segment again; lookahead is what keeps the device
// busy while it does. Each chunk is in one window, once.
//
// One thread. Errors are sentences for the user.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include <slipring/runtime.hpp>

#include "automaton.hpp"
#include "segment.hpp"

// No device takes this long over a window; one that does has hung.
constexpr std::chrono::seconds patience{60};

struct Totals {
    std::uint64_t matches = 0;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t slots = 0;
    std::uint64_t windows = 0;
};

class Scanner {
public:
    static constexpr slipring::Opcode opcode = slipring::custom_opcode<0x5CA0>();

    static std::expected<Scanner, std::string> open(const Automaton& automaton, const std::string& device,
                                                    const Geometry& geometry);

    // A file is: begin_file, any number of times room and add, end_file.
    void begin_file() noexcept;
    // Where the file's next bytes go; never empty. May publish what is there and wait for older windows.
    std::expected<std::span<std::byte>, std::string> room();
    // The first `n` bytes of room() are filled.
    void add(std::size_t n);
    void end_file();

    // Publishes what is left and waits for everything.
    std::expected<void, std::string> finish();

    const Totals& totals() const noexcept { return totals_; }
    // How often each accepting state was entered, for Automaton::count_patterns.
    const std::vector<std::uint64_t>& entered() const noexcept { return entered_; }
    // Of each window, in us: from its publishing until the host, which looks whenever it has read something, saw that
    // its last slot had ended.
    const std::vector<double>& round_trips_us() const noexcept { return round_trips_us_; }

    slipring::Runtime& runtime() noexcept { return runtime_; }
    // After finish: chunks whose text still lies in the staging memory.
    std::vector<Chunk> recent_chunks(std::size_t most) const;

private:
    using Clock = std::chrono::steady_clock;

    struct Part {  // half a window
        Part(const Geometry& geometry, std::uint32_t overlap, std::uint32_t n)
            : segment(geometry, overlap, n * geometry.segment, n * geometry.found_words()) {}

        Segment segment;
        slipring::Ticket ticket{};  // its part of the window
        bool in_flight = false;
    };
    struct Flight {  // a window
        Flight(const Geometry& geometry, std::uint32_t overlap, std::uint32_t n)
            : parts{Part(geometry, overlap, n), Part(geometry, overlap, n + 1)} {}

        std::array<Part, 2> parts;
        slipring::Ticket ticket{};
        Clock::time_point published{};
        bool seen_complete = true;
    };

    Scanner(slipring::Runtime&& runtime, const Automaton& automaton, const Geometry& geometry);

    Segment& filling() noexcept { return windows_[window_].parts[half_].segment; }
    std::expected<void, std::string> next_segment();
    std::expected<void, std::string> publish();
    std::expected<void, std::string> collect(Flight& window, Part& part);
    std::expected<void, std::string> count(const Part& part);
    void look(Flight& window) noexcept;

    slipring::Runtime runtime_;
    std::uint32_t row_words_;
    std::span<std::byte> text_;
    std::span<const std::byte> found_;

    std::array<Flight, 2> windows_;
    std::uint32_t window_ = 0;  // being filled, and
    std::uint32_t half_ = 0;    // which of its segments
    std::array<std::vector<slipring::Payload>, 2> payloads_{};

    Totals totals_{};
    std::vector<std::uint64_t> entered_;
    std::vector<double> round_trips_us_{};
};
