// What one thread does for a scan: it fills its segments with text, publishes each, and counts what was found in it.
//
// A file, or a part of one, is: begin, any number of times room and add, end. Errors are sentences for the user, and
// end the scan.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scanner.hpp"

// A match: where it begins in its file, and which of the automaton's patterns it is.
struct Match {
    std::uint64_t offset;
    std::uint32_t pattern;

    friend bool operator==(const Match&, const Match&) = default;
};

// The matches in a file, or in a part of it. They are complete when `open` is 0: the thread that feeds looks after
// each call.
struct Matches {
    std::vector<Match> matches{};
    std::uint32_t open = 0;  // segments with text of it that were not counted yet, and 1 until its end
};

class Feeder {
public:
    // Number `index` of `feeders`. The scanner outlives it, and stays where it is.
    Feeder(Scanner& scanner, std::uint32_t index, std::uint32_t feeders);

    // Begins at byte `offset` of a file. What is returned is for the bytes before `offset`, as many as it is long,
    // and the caller fills it. `matches`: where to list them, which stays until it is complete; nullptr to count
    // only.
    std::expected<std::span<std::byte>, std::string> begin(std::uint64_t offset, Matches* matches);
    // Where the next bytes go; never empty. May publish what is there and wait for an older segment.
    std::expected<std::span<std::byte>, std::string> room();
    // The first `n` bytes of room() are filled.
    void add(std::size_t n);
    void end();

    // Publishes what is left, waits for everything, and leaves its counts with the scanner.
    std::expected<void, std::string> finish();

private:
    using Clock = std::chrono::steady_clock;

    struct Piece {  // of a file, in a segment
        Matches* matches;
        std::uint32_t begin;   // in the segment's text
        std::uint64_t offset;  // in the file
    };
    struct Filled {
        explicit Filled(Segment where) : segment(where) {}

        Segment segment;
        std::vector<Piece> pieces{};  // none where matches are not listed
        std::optional<slipring::Ticket> ticket{};
        Clock::time_point published{};
        bool seen_finished = false;
    };

    Filled& filling() noexcept { return filled_[now_]; }
    std::span<std::byte> text(std::uint32_t from, std::uint32_t bytes) const;
    std::expected<void, std::string> next_segment(std::uint32_t carried);
    std::expected<void, std::string> publish(Filled& one);
    std::expected<void, std::string> collect(Filled& one);
    std::expected<void, std::string> count(Filled& one, std::uint32_t hits);
    void list(const Filled& one, std::uint32_t end, std::uint32_t state);
    void add_piece(std::uint64_t offset);
    bool look(Filled& one);

    Scanner& scanner_;
    std::vector<Filled> filled_;  // its segments, and what they were filled with
    std::size_t now_ = 0;         // which of them is being filled
    Matches* matches_ = nullptr;  // of the file that is being read
    std::uint64_t offset_ = 0;    // and how far it was read

    std::uint64_t files_ = 0, bytes_ = 0;  // since the last publishing
    std::vector<std::uint64_t> entered_;
    std::vector<double> round_trips_us_{};
};
