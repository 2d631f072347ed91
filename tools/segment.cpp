#include "segment.hpp"

#include <algorithm>

#include "automaton.hpp"

Geometry Geometry::of(const Automaton& automaton, std::uint32_t chunk) noexcept {
    Geometry made{.overlap = automaton.overlap()};
    // A sixteenth for the bytes in front; very long patterns get shorter chunks, or staging would be huge.
    const std::uint64_t far =
        std::max<std::uint64_t>(std::min(16 * std::uint64_t{made.overlap}, std::uint64_t{1} << 18), made.overlap);
    made.chunk = chunk != 0 ? chunk : static_cast<std::uint32_t>(std::max<std::uint64_t>(made.chunk, far));
    return made;
}

Segment::Segment(const Geometry& geometry, std::uint32_t index) noexcept
    : chunk_(geometry.chunk), overlap_(geometry.overlap),
      text_(static_cast<std::uint32_t>(index * geometry.bytes() + geometry.front())),
      found_(static_cast<std::uint32_t>(index * geometry.found_pairs())) {}

void Segment::open(std::uint32_t front) noexcept {
    front_ = front;
    used_ = file_begin_ = 0;
}

std::uint32_t Segment::carried() const noexcept {
    const std::uint32_t in_text = used_ - file_begin_;
    const std::uint32_t of_the_file = file_begin_ == 0 ? front_ + in_text : in_text;
    return std::min(overlap_, of_the_file);
}
