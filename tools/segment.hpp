// A segment of the staging memory: where text goes, and what a slot says about it. Arithmetic alone: it touches no
// text and knows no device.
//
//   | in front: the last bytes of a file that goes on | text: the rest of that file, and further files |
//
// A segment stands for itself: it has as many bytes in front as a match could reach back, so a scan of it needs no
// other segment's result, and a match is found where it ends, once.
#pragma once

#include <array>
#include <cstdint>

class Automaton;

constexpr std::uint32_t max_segment = 64u << 20;

struct Geometry {
    std::uint32_t chunk = 64u << 10;  // most bytes of text a segment, and so a slot
    std::uint32_t overlap = 0;        // most bytes in front of them: the automaton's

    // The one to use for an automaton: `chunk` as asked for, or 0 for what suits. Patterns that reach far back make
    // it long, lest the bytes in front of it cost more than it does.
    static Geometry of(const Automaton& automaton, std::uint32_t chunk) noexcept;

    // Bytes of staging memory that a segment takes, and those of them in front. Multiples of 16: see scan.cl.
    std::uint64_t bytes() const noexcept { return front() + whole_lines(chunk); }
    std::uint64_t front() const noexcept { return whole_lines(overlap); }
    // Pairs of words that are found in a segment at most, and the one that says how many.
    std::uint64_t found_pairs() const noexcept { return std::uint64_t{1} + chunk; }

private:
    static std::uint64_t whole_lines(std::uint64_t bytes) noexcept { return (bytes + 15) / 16 * 16; }
};

using Chunk = std::array<std::uint32_t, 4>;  // a slot's arguments, see scan.cl

class Segment {
public:
    // The geometry's segment number `index`. All of the staging memory is below 4 GiB.
    Segment(const Geometry& geometry, std::uint32_t index) noexcept;

    // Begins it anew, with that many bytes of a file in front, at most the overlap.
    void open(std::uint32_t front) noexcept;
    // A file begins where the text ends now. In front of that the segment has nothing, or a byte of no pattern.
    void begin_file() noexcept { file_begin_ = used_; }
    void add(std::uint32_t bytes) noexcept { used_ += bytes; }  // <= room()

    std::uint32_t room() const noexcept { return chunk_ - used_; }  // bytes that may be added
    std::uint32_t used() const noexcept { return used_; }           // bytes of text that it has
    std::uint32_t begin() const noexcept { return text_; }          // where they begin in the staging memory,
    std::uint32_t end() const noexcept { return text_ + used_; }    // and where the next one goes
    // How many bytes before end() the next segment begins with, if the file goes on there.
    std::uint32_t carried() const noexcept;

    Chunk slot() const noexcept { return {text_, used_, front_, found_}; }
    std::uint32_t found() const noexcept { return found_; }  // its first pair

private:
    std::uint32_t chunk_, overlap_, text_, found_;
    std::uint32_t used_ = 0;
    std::uint32_t front_ = 0;
    std::uint32_t file_begin_ = 0;  // counted from the text's begin
};
