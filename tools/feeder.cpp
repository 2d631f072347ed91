#include "feeder.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sentence.hpp"

namespace {

constexpr std::uint32_t not_told = ~0u;  // no segment has as many matches

std::uint32_t word(std::span<const std::byte> found, std::uint64_t index) {
    std::uint32_t value;
    std::memcpy(&value, found.data() + index * 4, sizeof value);
    return value;
}

}  // namespace

Feeder::Feeder(Scanner& scanner, std::uint32_t index, std::uint32_t feeders)
    : scanner_(scanner), entered_(scanner.automaton().accepting(), 0) {
    const std::uint32_t each = scanner.segments() / feeders;
    for (std::uint32_t i = 0; i < each; ++i) filled_.emplace_back(Segment(scanner.geometry(), index * each + i));
}

std::span<std::byte> Feeder::text(std::uint32_t from, std::uint32_t bytes) const {
    return scanner_.text_.subspan(from, bytes);
}

// ---- filling --------------------------------------------------------------------------------------------------

// The file's text goes on, or begins, where the segment's text ends now.
void Feeder::add_piece(std::uint64_t offset) {
    offset_ = offset;
    if (matches_ == nullptr) return;
    filling().pieces.push_back({matches_, filling().segment.used(), offset});
    ++matches_->open;
}

std::expected<std::span<std::byte>, std::string> Feeder::begin(std::uint64_t offset, Matches* matches) {
    const std::optional<std::byte> separator = scanner_.automaton().separator();
    // What is in front of a segment's text is of its first file. And a separator needs room, and a byte behind it.
    if (filling().segment.used() != 0 && (!separator || offset != 0 || filling().segment.room() < 2))
        if (auto ok = next_segment(0); !ok) return std::unexpected(ok.error());
    Segment& segment = filling().segment;
    if (segment.used() != 0) {
        text(segment.end(), 1)[0] = *separator;
        segment.add(1);
    }
    const auto before = static_cast<std::uint32_t>(std::min<std::uint64_t>(scanner_.geometry().overlap, offset));
    if (segment.used() == 0) segment.open(before);
    segment.begin_file();
    if (offset == 0) ++files_;
    matches_ = matches;
    if (matches_ != nullptr) matches_->open = 1;
    add_piece(offset);
    return text(segment.begin() - before, before);
}

std::expected<std::span<std::byte>, std::string> Feeder::room() {
    // The oldest ends first, as a rule.
    for (std::size_t i = 1; i < filled_.size() && look(filled_[(now_ + i) % filled_.size()]); ++i) {}
    // The last bit of a segment is left alone: it would cost a read for little.
    const std::uint32_t least = scanner_.geometry().chunk / 16;
    if (filling().segment.room() <= least) {
        if (auto ok = next_segment(filling().segment.carried()); !ok) return std::unexpected(ok.error());
        add_piece(offset_);
    }
    return text(filling().segment.end(), filling().segment.room());
}

void Feeder::add(std::size_t n) {
    filling().segment.add(static_cast<std::uint32_t>(n));
    offset_ += n;
    bytes_ += n;
}

void Feeder::end() {
    if (matches_ != nullptr) --matches_->open;
    matches_ = nullptr;
}

// Goes on in the next segment, which has the last `carried` bytes in front. The device may be reading them.
std::expected<void, std::string> Feeder::next_segment(std::uint32_t carried) {
    Filled& from = filling();
    now_ = (now_ + 1) % filled_.size();
    Filled& to = filling();  // the same, if there is one alone
    if (auto ok = publish(from); !ok) return ok;
    if (auto ok = collect(to); !ok) return ok;
    std::memmove(text(to.segment.begin() - carried, carried).data(),
                 text(from.segment.end() - carried, carried).data(), carried);
    to.segment.open(carried);
    return {};
}

// ---- the device -----------------------------------------------------------------------------------------------

std::expected<void, std::string> Feeder::publish(Filled& one) {
    scanner_.counts_->files.fetch_add(std::exchange(files_, 0), std::memory_order_relaxed);
    scanner_.counts_->bytes.fetch_add(std::exchange(bytes_, 0), std::memory_order_relaxed);
    if (one.segment.used() == 0) {  // pieces of empty files
        for (const Piece& piece : one.pieces) --piece.matches->open;
        one.pieces.clear();
        return {};
    }
    std::memcpy(scanner_.found_.data() + std::uint64_t{one.segment.found()} * 8, &not_told, sizeof not_told);
    const Chunk chunk = one.segment.slot();
    const slipring::Payload payload[] = {chunk};
    const std::uint64_t number = scanner_.counts_->slots.fetch_add(1, std::memory_order_relaxed);
    const slipring::Window window{
        .ticket = static_cast<std::uint32_t>(number), .opcode = Scanner::opcode, .required = payload};
    one.published = Clock::now();
    auto ticket = scanner_.runtime_.publish(window);
    // The ring has room for all segments, but a place is free only when all before it have finished.
    while (!ticket && ticket.error() == slipring::Errc::ring_full) {
        if (auto room = scanner_.runtime_.wait_for_room(1, patience); !room)
            return std::unexpected(sentence(room.error()));
        ticket = scanner_.runtime_.publish(window);
    }
    if (!ticket) return std::unexpected(sentence(ticket.error()));
    one.ticket = *ticket;
    one.seen_finished = false;
    return {};
}

// False: it has not finished.
bool Feeder::look(Filled& one) {
    if (!one.ticket || one.seen_finished) return true;
    if (!scanner_.runtime_.poll(*one.ticket)) return false;
    one.seen_finished = true;
    const std::chrono::duration<double, std::micro> took = Clock::now() - one.published;
    round_trips_us_.push_back(took.count());
    return true;
}

// Waits for a segment's slot, if it was published, and counts what it found. Of a reader that is slow the ring may
// not have the slot's result any more; the memory of what was found has.
std::expected<void, std::string> Feeder::collect(Filled& one) {
    if (!one.ticket) return {};
    if (auto done = scanner_.runtime_.wait(*one.ticket, patience); !done)
        return std::unexpected(sentence(done.error()));
    look(one);
    const auto result = scanner_.runtime_.result(*one.ticket);
    if (!result && result.error() != slipring::Errc::result_expired) return std::unexpected(sentence(result.error()));
    one.ticket.reset();
    const std::uint32_t hits = word(scanner_.found_, std::uint64_t{one.segment.found()} * 2);
    if ((result && !result->ok()) || hits > one.segment.used())
        return std::unexpected("the device ended a segment in " +
                               std::string(result ? slipring::state_name(result->state) : "an unknown state") + ": " +
                               std::string(result ? slipring::code_name(result->code) : "its result is gone"));
    return count(one, hits);
}

std::expected<void, std::string> Feeder::count(Filled& one, std::uint32_t hits) {
    const Automaton& automaton = scanner_.automaton();
    std::uint64_t matches = 0;
    const std::uint64_t first = (std::uint64_t{one.segment.found()} + 1) * 2;
    for (std::uint32_t i = 0; i < hits; ++i) {
        const std::uint32_t end = word(scanner_.found_, first + 2 * std::uint64_t{i});
        const std::uint32_t state = word(scanner_.found_, first + 2 * std::uint64_t{i} + 1) / automaton.row_words();
        if (state >= entered_.size() || end >= one.segment.used())
            return std::unexpected("the device found what cannot be there");
        ++entered_[state];
        matches += automaton.patterns_in(state);
        if (!one.pieces.empty()) list(one, end, state);
    }
    scanner_.counts_->matches.fetch_add(matches, std::memory_order_relaxed);
    for (const Piece& piece : one.pieces) --piece.matches->open;
    one.pieces.clear();
    return {};
}

// The patterns that end with byte `end` of the segment's text, in the file that it is of.
void Feeder::list(const Filled& one, std::uint32_t end, std::uint32_t state) {
    const auto behind = std::ranges::upper_bound(one.pieces, end, {}, &Piece::begin);
    const Piece& piece = *(behind - 1);
    const std::uint64_t behind_match = piece.offset + (end - piece.begin) + 1;
    for (const std::uint32_t pattern : scanner_.automaton().ends_in(state))
        piece.matches->matches.push_back({behind_match - scanner_.automaton().patterns()[pattern].size(), pattern});
}

std::expected<void, std::string> Feeder::finish() {
    if (auto ok = publish(filling()); !ok) return ok;
    for (std::size_t i = 0; i < filled_.size(); ++i)  // in the order in which they were published
        if (auto ok = collect(filled_[(now_ + 1 + i) % filled_.size()]); !ok) return ok;
    const std::lock_guard lock(*scanner_.mutex_);
    for (std::size_t state = 0; state < entered_.size(); ++state) scanner_.entered_[state] += entered_[state];
    scanner_.round_trips_us_.insert(scanner_.round_trips_us_.end(), round_trips_us_.begin(), round_trips_us_.end());
    for (const Filled& one : filled_)
        if (one.segment.used() != 0) scanner_.recent_.push_back(one.segment.slot());
    return {};
}
