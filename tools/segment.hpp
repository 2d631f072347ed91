// A segment of the staging memory: where text goes, and how it is cut into chunks. Arithmetic alone: it touches no
// text and knows no device.
//
// A chunk has the file's bytes in front of it before it in the segment, as far back as a match could reach, so it
// stands for itself: a scan of it needs no other chunk's result, and a match is found where it ends, once. That
// is also why a file that goes on in the next segment takes its last bytes along.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

class Automaton;

constexpr std::uint32_t max_segment = 64u << 20;
constexpr std::uint32_t scan_lanes = 4;  // SCAN_LANES: as many counts stand before what a chunk found

struct Geometry {
    std::uint32_t chunk = 4096;           // most bytes a slot
    std::uint32_t segment = 256u * 1024;  // bytes a segment, those in front of chunks included
    std::uint32_t slots = 256;            // most slots a segment

    // The one to use for an automaton: `chunk` as asked for, or 0 for what suits. Patterns that reach far back make
    // chunks long, lest the bytes in front of them cost more than they do.
    // A segment of more than `max_segment` bytes is not to be had.
    static Geometry of(const Automaton& automaton, std::uint32_t chunk) noexcept;

    // Whether a segment that begins with `overlap` bytes of the one before still has room: a scan gets on.
    bool has_room(std::uint32_t overlap) const noexcept;

    // Words that a segment's chunks find at most.
    std::uint32_t found_words() const noexcept;
};

using Chunk = std::array<std::uint32_t, 5>;  // a slot's arguments, see scan.cl

class Segment {
public:
    // Its text begins at byte `base` of the staging memory, what is found in it at word `found_base`. `overlap` is
    // the automaton's; the geometry's segments hold at least one byte more.
    Segment(const Geometry& geometry, std::uint32_t overlap, std::uint32_t base, std::uint32_t found_base);

    // A file is: begin_file, any number of times add, end_file; or else close, and open in the next segment.
    void begin_file() noexcept { file_begin_ = chunk_begin_ = used_; }
    void add(std::uint32_t bytes);  // <= room()
    void end_file();

    // Ends the segment: how many of its last bytes the next one begins with.
    std::uint32_t close();
    // Begins it anew, with that many bytes of the file in it already.
    void open(std::uint32_t front) noexcept;

    // Bytes that may be added now. 0: this one is full enough, close it.
    std::uint32_t room() const noexcept;
    std::uint32_t end() const noexcept { return base_ + used_; }  // where they go
    std::uint32_t base() const noexcept { return base_; }
    const std::vector<Chunk>& chunks() const noexcept { return chunks_; }
    void forget_chunks() noexcept { chunks_.clear(); }

private:
    std::uint32_t pending() const noexcept { return used_ - chunk_begin_; }
    void cut(std::uint32_t length);

    Geometry geometry_;
    std::uint32_t overlap_, base_, found_base_;
    std::uint32_t used_ = 0;         // bytes
    std::uint32_t found_used_ = 0;   // words
    std::uint32_t chunk_begin_ = 0;  // where the bytes begin that no chunk has yet
    std::uint32_t file_begin_ = 0;   // where the file's bytes begin, those carried over included
    std::vector<Chunk> chunks_{};
};
