#include "scanner.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

using slipring::BufferSpec;

namespace slipring::embedded {
extern const char* const scan_source;
}

namespace {

constexpr const char *automaton_buffer = "automaton", *text_buffer = "text", *found_buffer = "found";

std::string sentence(slipring::Errc code) {
    return std::string(slipring::message(code)) + "; " + std::string(slipring::hint(code));
}

}  // namespace

std::expected<Scanner, std::string> Scanner::open(const Automaton& automaton, const std::string& device,
                                                  const Geometry& geometry) {
    if (geometry.segment > max_segment) return std::unexpected("a pattern or a chunk is longer than 15 MiB");
    if (!geometry.has_room(automaton.overlap()))
        return std::unexpected("a pattern is so long that the staging memory has no room for text behind it");
    const std::span<const std::uint32_t> image = automaton.image();
    const slipring::CustomOp scan{.opcode = opcode.value(),
                                  .name = "slipring_scan",
                                  .source = slipring::embedded::scan_source,
                                  .buffers = {automaton_buffer, text_buffer, found_buffer}};
    auto runtime = slipring::Runtime::open(
        {.device = device,
         .capacity = std::bit_ceil(4 * geometry.slots),
         .ops = {scan},
         .buffers = {{.name = automaton_buffer, .bytes = image.size_bytes(), .place = BufferSpec::Place::device},
                     {.name = text_buffer, .bytes = std::uint64_t{4} * geometry.segment},
                     {.name = found_buffer,
                      .bytes = std::uint64_t{4} * geometry.found_words() * 4,
                      .use = BufferSpec::Use::output}}});
    if (!runtime) return std::unexpected(runtime.error().text());
    if (auto up = runtime->upload(automaton_buffer, std::as_bytes(image)); !up)
        return std::unexpected(sentence(up.error()));
    // Some drivers compile a kernel when it first runs: that is a part of opening, not of the scan.
    const auto first = runtime->publish(slipring::nop());
    if (!first) return std::unexpected(sentence(first.error()));
    if (auto done = runtime->wait(*first, patience); !done) return std::unexpected(sentence(done.error()));
    return Scanner(std::move(*runtime), automaton, geometry);
}

Scanner::Scanner(slipring::Runtime&& runtime, const Automaton& automaton, const Geometry& geometry)
    : runtime_(std::move(runtime)), row_words_(automaton.row_words()), text_(runtime_.buffer(text_buffer)),
      found_(runtime_.buffer(found_buffer)),
      windows_{Flight(geometry, automaton.overlap(), 0), Flight(geometry, automaton.overlap(), 2)},
      entered_(automaton.accepting(), 0) {}

// ---- filling --------------------------------------------------------------------------------------------------

void Scanner::begin_file() noexcept { filling().begin_file(); }

std::expected<std::span<std::byte>, std::string> Scanner::room() {
    for (Flight& window : windows_) look(window);
    if (filling().room() == 0)
        if (auto ok = next_segment(); !ok) return std::unexpected(ok.error());
    if (filling().room() == 0) return std::unexpected("the staging memory has no room for more text");
    return text_.subspan(filling().end(), filling().room());
}

void Scanner::add(std::size_t n) {
    filling().add(static_cast<std::uint32_t>(n));
    totals_.bytes += n;
}

void Scanner::end_file() {
    filling().end_file();
    ++totals_.files;
}

// Goes on in the next segment, and takes along the bytes that a match might begin in. The device may be reading them.
std::expected<void, std::string> Scanner::next_segment() {
    Segment& from = filling();
    const std::uint32_t front = from.close();
    const std::span<const std::byte> carried = text_.subspan(from.end() - front, front);

    if (half_ == 1)
        if (auto ok = publish(); !ok) return ok;
    window_ ^= half_;
    half_ ^= 1;
    Flight& window = windows_[window_];
    if (auto ok = collect(window, window.parts[half_]); !ok) return ok;
    std::ranges::copy(carried, text_.begin() + filling().base());
    filling().open(front);
    return {};
}

// ---- the device -----------------------------------------------------------------------------------------------

// Publishes the window that is being filled.
std::expected<void, std::string> Scanner::publish() {
    Flight& window = windows_[window_];
    for (std::size_t half = 0; half < 2; ++half) {
        payloads_[half].clear();
        for (const Chunk& chunk : window.parts[half].segment.chunks()) payloads_[half].emplace_back(chunk);
    }
    const auto number = static_cast<std::uint32_t>(totals_.windows);
    window.published = Clock::now();
    const auto ticket = runtime_.publish(
        slipring::Window{.ticket = number, .opcode = opcode, .required = payloads_[0], .lookahead = payloads_[1]});
    if (!ticket) return std::unexpected(sentence(ticket.error()));

    window.ticket = *ticket;
    window.seen_complete = false;
    std::uint64_t position = ticket->first;
    for (Part& part : window.parts) {
        part.ticket = {position, static_cast<std::uint32_t>(part.segment.chunks().size())};
        part.in_flight = true;
        position += part.ticket.count;
    }
    totals_.windows += 1;
    totals_.slots += ticket->count;
    return {};
}

void Scanner::look(Flight& window) noexcept {
    const bool collected = std::ranges::none_of(window.parts, &Part::in_flight);
    if (window.seen_complete || (!collected && !runtime_.poll(window.ticket))) return;
    window.seen_complete = true;
    const std::chrono::duration<double, std::micro> took = Clock::now() - window.published;
    round_trips_us_.push_back(took.count());
}

// Waits for a part's slots, if they were published, and counts what they found.
std::expected<void, std::string> Scanner::collect(Flight& window, Part& part) {
    if (!part.in_flight) return {};
    if (auto done = runtime_.wait(part.ticket, patience); !done) return std::unexpected(sentence(done.error()));
    part.in_flight = false;
    look(window);
    return count(part);
}

std::expected<void, std::string> Scanner::count(const Part& part) {
    for (std::uint32_t i = 0; i < part.ticket.count; ++i) {
        const auto result = runtime_.result(part.ticket, i);
        if (!result) return std::unexpected(sentence(result.error()));
        if (!result->ok())
            return std::unexpected("the device ended a chunk in " + std::string(slipring::state_name(result->state)) +
                                   ": " + std::string(slipring::code_name(result->code)));
        totals_.matches += result->value;

        // Four counts, then a list for each of the lanes.
        const auto [first, length, front, out, each] = part.segment.chunks()[i];
        for (std::uint32_t lane = 0; lane < scan_lanes; ++lane) {
            const auto word = [this](std::uint32_t index) {
                std::uint32_t value = 0;
                std::memcpy(&value, found_.data() + std::size_t{index} * 4, 4);
                return value;
            };
            const std::uint32_t hits = word(out + lane);
            const std::uint32_t most = lane + 1 < scan_lanes ? each : length - lane * each;
            for (std::uint32_t hit = 0; hit < std::min(hits, most); ++hit) {
                const std::uint32_t state = word(out + scan_lanes + lane * each + hit) / row_words_;
                if (state < entered_.size()) ++entered_[state];
            }
        }
    }
    return {};
}

std::expected<void, std::string> Scanner::finish() {
    Flight& last = windows_[window_];
    const std::uint32_t filled = half_ + (filling().chunks().empty() ? 0 : 1);
    if (half_ == 0) {  // the other half's chunks are of its last window, and may still be in flight
        if (auto ok = collect(last, last.parts[1]); !ok) return ok;
        last.parts[1].segment.forget_chunks();
    }
    if (filled > 0)
        if (auto ok = publish(); !ok) return ok;
    for (Flight* window : {&windows_[window_ ^ 1], &last})
        for (Part& part : window->parts)
            if (auto ok = collect(*window, part); !ok) return ok;
    return {};
}

std::vector<Chunk> Scanner::recent_chunks(std::size_t most) const {
    std::vector<Chunk> chunks;
    for (const Flight& window : windows_)
        for (const Part& part : window.parts)
            for (const Chunk& chunk : part.segment.chunks())
                if (chunks.size() < most) chunks.push_back(chunk);
    return chunks;
}
