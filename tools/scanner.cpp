#include "scanner.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

using slipring::BufferSpec;
using slipring::Ticket;

namespace slipring::embedded {
extern const char* const scan_source;
}

namespace {

constexpr std::uint32_t lanes = 4;  // SCAN_LANES: words before what a chunk found
constexpr std::uint32_t automaton_buffer = 0, text_buffer = 1, found_buffer = 2;
constexpr std::uint32_t most_segment = 64u << 20;

// No device takes this long over a window; one that does has hung.
constexpr std::chrono::seconds patience{60};

std::string sentence(slipring::Errc code) {
    return std::string(slipring::message(code)) + "; " + std::string(slipring::hint(code));
}

std::uint32_t found_words(const Geometry& g) { return g.segment + lanes * g.slots; }

}  // namespace

Geometry Geometry::of(const Automaton& automaton, std::uint32_t chunk) noexcept {
    Geometry made;
    const std::uint32_t overlap = automaton.overlap();
    // A sixteenth for the bytes in front; very long patterns get shorter chunks, or staging would be huge.
    const std::uint64_t far = std::max<std::uint64_t>(std::min(16 * std::uint64_t{overlap}, std::uint64_t{1} << 18),
                                                      overlap);
    made.chunk = chunk != 0 ? chunk : static_cast<std::uint32_t>(std::max<std::uint64_t>(made.chunk, far));
    const std::uint64_t segment = 4 * (std::uint64_t{made.chunk} + overlap);
    made.segment = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(segment, made.segment, std::uint64_t{most_segment} + 1));
    return made;
}

std::expected<Scanner, std::string> Scanner::open(const Automaton& automaton, const std::string& device,
                                                  const Geometry& geometry) {
    if (geometry.segment > most_segment) return std::unexpected("a pattern or a chunk is longer than 15 MiB");
    const std::span<const std::uint32_t> image = automaton.image();
    const slipring::CustomOp scan{
        .opcode = opcode.value(),
        .name = "slipring_scan",
        .source = slipring::embedded::scan_source,
        .buffers = {{.bytes = image.size_bytes(), .use = BufferSpec::Use::input},
                    {.bytes = std::size_t{4} * geometry.segment, .use = BufferSpec::Use::input},
                    {.bytes = std::size_t{4} * found_words(geometry) * 4, .use = BufferSpec::Use::output}}};
    auto runtime = slipring::Runtime::open(
        {.device = device, .capacity = std::bit_ceil(4 * geometry.slots), .ops = {scan}});
    if (!runtime) return std::unexpected(runtime.error().text());
    std::ranges::copy(std::as_bytes(image), runtime->buffer(opcode.value(), automaton_buffer).begin());
    // Some drivers compile a kernel when it first runs: that is a part of opening, not of the scan.
    const auto first = runtime->publish(slipring::nop());
    if (!first) return std::unexpected(sentence(first.error()));
    if (auto done = runtime->wait(*first, patience); !done) return std::unexpected(sentence(done.error()));
    return Scanner(std::move(*runtime), automaton, geometry);
}

Scanner::Scanner(slipring::Runtime&& runtime, const Automaton& automaton, const Geometry& geometry)
    : runtime_(std::move(runtime)), geometry_(geometry), overlap_(automaton.overlap()),
      row_words_(automaton.row_words()), text_(runtime_.buffer(opcode.value(), text_buffer)),
      found_(runtime_.buffer(opcode.value(), found_buffer)), entered_(automaton.accepting(), 0) {
    std::uint32_t n = 0;
    for (Flight& window : windows_)
        for (Segment& segment : window.segments) {
            segment.base = n * geometry_.segment;
            segment.found_base = n * found_words(geometry_);
            segment.chunks.reserve(geometry_.slots);
            ++n;
        }
}

// ---- filling --------------------------------------------------------------------------------------------------

void Scanner::begin_file() noexcept { file_begin_ = chunk_begin_ = filling().used; }

std::expected<std::span<std::byte>, std::string> Scanner::room() {
    for (Flight& window : windows_) look(window);
    // The last bit of a segment is left alone: it would cost a read for little.
    const std::uint32_t least = geometry_.segment / 16;
    if (filling().chunks.size() >= geometry_.slots || geometry_.segment - filling().used < least)
        if (auto ok = next_segment(); !ok) return std::unexpected(ok.error());

    Segment& segment = filling();
    const std::uint64_t slots_left = geometry_.slots - segment.chunks.size();
    const std::uint64_t for_slots = slots_left * geometry_.chunk - pending();
    const std::uint64_t bytes = std::min<std::uint64_t>(geometry_.segment - segment.used, for_slots);
    return text_.subspan(segment.base + segment.used, bytes);
}

void Scanner::add(std::size_t n) {
    filling().used += static_cast<std::uint32_t>(n);
    totals_.bytes += n;
    while (pending() >= geometry_.chunk) cut(geometry_.chunk);
}

void Scanner::end_file() {
    if (pending() > 0) cut(pending());
    ++totals_.files;
}

// The next `length` bytes become a chunk.
void Scanner::cut(std::uint32_t length) {
    Segment& segment = filling();
    const std::uint32_t front = std::min(overlap_, chunk_begin_ - file_begin_);
    // Four lanes if that costs less than it saves: each of them begins with the overlap.
    const std::uint32_t lane = length / lanes;
    segment.chunks.push_back({segment.base + chunk_begin_, length, front, segment.found_base + segment.found_used,
                              lane >= 16 && lane >= overlap_ ? lane : 0});
    segment.found_used += lanes + length;
    chunk_begin_ += length;
}

// Goes on in the next segment, and takes along the bytes that a match might begin in. The device may be reading them.
std::expected<void, std::string> Scanner::next_segment() {
    if (pending() > 0) cut(pending());
    const Segment& from = filling();
    const std::uint32_t front = std::min(overlap_, from.used - file_begin_);
    const std::span<const std::byte> carried = text_.subspan(from.base + from.used - front, front);

    if (half_ == 1)
        if (auto ok = publish(); !ok) return ok;
    window_ ^= half_;
    half_ ^= 1;
    Segment& to = filling();
    if (auto ok = collect(windows_[window_], to); !ok) return ok;
    to.chunks.clear();
    to.found_used = 0;
    std::ranges::copy(carried, text_.begin() + to.base);
    file_begin_ = 0;
    chunk_begin_ = to.used = front;
    return {};
}

// ---- the device -----------------------------------------------------------------------------------------------

// Publishes the window that is being filled.
std::expected<void, std::string> Scanner::publish() {
    Flight& window = windows_[window_];
    for (std::size_t half = 0; half < 2; ++half) {
        payloads_[half].clear();
        for (const Chunk& chunk : window.segments[half].chunks) payloads_[half].emplace_back(chunk);
    }
    const auto number = static_cast<std::uint32_t>(totals_.windows);
    window.published = Clock::now();
    const auto ticket = runtime_.publish(
        slipring::Window{.ticket = number, .opcode = opcode, .required = payloads_[0], .lookahead = payloads_[1]});
    if (!ticket) return std::unexpected(sentence(ticket.error()));

    window.ticket = *ticket;
    window.seen_complete = false;
    std::uint64_t position = ticket->first;
    for (Segment& segment : window.segments) {
        segment.ticket = {position, static_cast<std::uint32_t>(segment.chunks.size())};
        segment.in_flight = true;
        position += segment.chunks.size();
    }
    totals_.windows += 1;
    totals_.slots += ticket->count;
    return {};
}

void Scanner::look(Flight& window) noexcept {
    if (window.seen_complete || !runtime_.poll(window.ticket)) return;
    window.seen_complete = true;
    const std::chrono::duration<double, std::micro> took = Clock::now() - window.published;
    round_trips_us_.push_back(took.count());
}

// Waits for a segment's slots, if they were published, and counts what they found.
std::expected<void, std::string> Scanner::collect(Flight& window, Segment& segment) {
    if (!segment.in_flight) return {};
    if (auto done = runtime_.wait(segment.ticket, patience); !done) return std::unexpected(sentence(done.error()));
    look(window);
    segment.in_flight = false;
    return count(segment);
}

std::expected<void, std::string> Scanner::count(const Segment& segment) {
    for (std::uint32_t i = 0; i < segment.ticket.count; ++i) {
        const auto result = runtime_.result(segment.ticket, i);
        if (!result) return std::unexpected(sentence(result.error()));
        if (!result->ok())
            return std::unexpected("the device ended a chunk in " + std::string(slipring::state_name(result->state)) +
                                   ": " + std::string(slipring::code_name(result->code)));
        totals_.matches += result->value;

        // Four counts, then a list for each of the lanes.
        const auto [first, length, front, out, part] = segment.chunks[i];
        for (std::uint32_t lane = 0; lane < lanes; ++lane) {
            const auto word = [this](std::uint32_t index) {
                std::uint32_t value = 0;
                std::memcpy(&value, found_.data() + std::size_t{index} * 4, 4);
                return value;
            };
            const std::uint32_t hits = word(out + lane);
            const std::uint32_t most = lane + 1 < lanes ? part : length - lane * part;
            for (std::uint32_t hit = 0; hit < std::min(hits, most); ++hit) {
                const std::uint32_t state = word(out + lanes + lane * part + hit) / row_words_;
                if (state < entered_.size()) ++entered_[state];
            }
        }
    }
    return {};
}

std::expected<void, std::string> Scanner::finish() {
    Flight& last = windows_[window_];
    const std::uint32_t filled = half_ + (filling().chunks.empty() ? 0 : 1);
    if (half_ == 0) {  // the other half's chunks are of its last window, and may still be in flight
        if (auto ok = collect(last, last.segments[1]); !ok) return ok;
        last.segments[1].chunks.clear();
    }
    if (filled > 0)
        if (auto ok = publish(); !ok) return ok;
    for (Flight* window : {&windows_[window_ ^ 1], &last})
        for (Segment& segment : window->segments)
            if (auto ok = collect(*window, segment); !ok) return ok;
    return {};
}

std::vector<Scanner::Chunk> Scanner::recent_chunks(std::size_t most) const {
    std::vector<Chunk> chunks;
    for (const Flight& window : windows_)
        for (const Segment& segment : window.segments)
            for (const Chunk& chunk : segment.chunks)
                if (chunks.size() < most) chunks.push_back(chunk);
    return chunks;
}
