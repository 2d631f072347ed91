// The scan on a device: a runtime with the automaton, and staging memory that host and device share, cut into
// segments. A segment of text is one slot, published as a window of one required entry: the host waits for it in
// order to fill the segment again.
//
// Any number of feeders (feeder.hpp), each with segments of its own, fill and publish at the same time.
// Errors are sentences for the user.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <slipring/runtime.hpp>

#include "automaton.hpp"
#include "segment.hpp"

// No device takes this long over a segment; one that does has hung.
constexpr std::chrono::seconds patience{60};

struct Totals {
    std::uint64_t matches = 0;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t slots = 0;
};

class Scanner {
public:
    static constexpr slipring::Opcode opcode = slipring::custom_opcode<0x5CA0>();

    // Of a CPU it takes all cores but those that it leaves to readers. `automaton` outlives the scanner.
    static std::expected<Scanner, std::string> open(const Automaton& automaton, const std::string& device,
                                                    const Geometry& geometry);

    // How many threads should read: those asked for, or 0 for what suits the device; no more than there are segments.
    std::uint32_t readers(std::uint32_t asked) const noexcept;
    std::uint32_t segments() const noexcept { return segments_; }

    const Geometry& geometry() const noexcept { return geometry_; }
    const Automaton& automaton() const noexcept { return automaton_; }
    slipring::Runtime& runtime() noexcept { return runtime_; }

    // The totals so far. Feeders add to them.
    Totals totals() const noexcept;
    // When all feeders have finished: how often each accepting state was entered, for Automaton::count_patterns.
    const std::vector<std::uint64_t>& entered() const noexcept { return entered_; }
    // And of each window, in us: from its publishing until the host, which looks whenever it has read something, saw
    // that it had finished.
    const std::vector<double>& round_trips_us() const noexcept { return round_trips_us_; }
    // And segments whose text still lies in the staging memory.
    std::span<const Chunk> recent_chunks() const noexcept { return recent_; }

private:
    friend class Feeder;

    struct Counts {
        std::atomic<std::uint64_t> matches{0}, files{0}, bytes{0}, slots{0};
    };

    Scanner(slipring::Runtime&& runtime, const Automaton& automaton, const Geometry& geometry,
            std::uint32_t segments);

    slipring::Runtime runtime_;
    const Automaton& automaton_;
    Geometry geometry_;
    std::uint32_t segments_;
    std::span<std::byte> text_, found_;

    std::unique_ptr<Counts> counts_ = std::make_unique<Counts>();
    // What feeders leave when they finish.
    std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
    std::vector<std::uint64_t> entered_;
    std::vector<double> round_trips_us_{};
    std::vector<Chunk> recent_{};
};
