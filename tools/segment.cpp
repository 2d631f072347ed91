#include "segment.hpp"

#include <algorithm>

#include <slipring/abi.h>

#include "automaton.hpp"

Geometry Geometry::of(const Automaton& automaton, std::uint32_t chunk) noexcept {
    Geometry made;
    const std::uint32_t overlap = automaton.overlap();
    // A sixteenth for the bytes in front; very long patterns get shorter chunks, or staging would be huge.
    const std::uint64_t far =
        std::max<std::uint64_t>(std::min(16 * std::uint64_t{overlap}, std::uint64_t{1} << 18), overlap);
    made.chunk = chunk != 0 ? chunk : static_cast<std::uint32_t>(std::max<std::uint64_t>(made.chunk, far));
    const std::uint64_t segment = 4 * (std::uint64_t{made.chunk} + overlap);
    made.segment =
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(segment, made.segment, std::uint64_t{max_segment} + 1));
    return made;
}

bool Geometry::has_room(std::uint32_t overlap) const noexcept {
    Segment fresh(*this, overlap, 0, 0);
    fresh.open(std::min(overlap, segment));
    return fresh.room() > 0;
}

std::uint32_t Geometry::found_words() const noexcept { return segment + scan_lanes * slots; }

Segment::Segment(const Geometry& geometry, std::uint32_t overlap, std::uint32_t base, std::uint32_t found_base)
    : geometry_(geometry), overlap_(overlap), base_(base), found_base_(found_base) {
    chunks_.reserve(geometry_.slots);
}

std::uint32_t Segment::room() const noexcept {
    // The last bit of a segment is left alone: it would cost a read for little.
    const std::uint32_t least = geometry_.segment / 16;
    const std::uint32_t left = geometry_.segment - used_;
    if (chunks_.size() >= geometry_.slots || left < least) return 0;
    const std::uint64_t slots_left = geometry_.slots - chunks_.size();
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(left, slots_left * geometry_.chunk - pending()));
}

void Segment::add(std::uint32_t bytes) {
    used_ += bytes;
    while (pending() >= geometry_.chunk) cut(geometry_.chunk);
}

void Segment::end_file() {
    if (pending() > 0) cut(pending());
}

// The next `length` bytes become a chunk.
void Segment::cut(std::uint32_t length) {
    const std::uint32_t before = chunk_begin_ - file_begin_;
    const std::uint32_t front = std::min(overlap_, before);
    // Four lanes if that costs less than it saves: each of them begins with the overlap.
    const std::uint32_t lane = length / scan_lanes;
    chunks_.push_back(
        {base_ + chunk_begin_, length, front, found_base_ + found_used_, lane >= 16 && lane >= overlap_ ? lane : 0});
    found_used_ += scan_lanes + length;
    chunk_begin_ += length;
}

std::uint32_t Segment::close() {
    end_file();
    return std::min(overlap_, used_ - file_begin_);
}

void Segment::open(std::uint32_t front) noexcept {
    chunks_.clear();
    found_used_ = 0;
    file_begin_ = 0;
    chunk_begin_ = used_ = front;
}
