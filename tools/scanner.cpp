#include "scanner.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "cores.hpp"
#include "sentence.hpp"

using slipring::BufferSpec;

namespace slipring::embedded {
extern const char* const scan_source;
}

namespace {

constexpr const char *automaton_buffer = "automaton", *text_buffer = "text", *found_buffer = "found",
                     *near_buffer = "near";
constexpr std::uint32_t local_bytes = 320;  // SCAN_LOCAL_BYTES
constexpr std::uint32_t max_segments = 64;
constexpr std::uint64_t max_staging = 512u << 20;  // bytes of all buffers together, unless one segment takes more

std::uint32_t cores_for_readers() noexcept { return std::max(1u, usable_cores() / 8); }

// Enough that each reader fills some while the device scans others; few on a small machine, whose caches hold them.
std::uint32_t choose_segments(const Geometry& geometry) noexcept {
    const std::uint64_t each = 2 * geometry.bytes() + 8 * geometry.found_pairs();
    const std::uint64_t most = std::clamp<std::uint64_t>(max_staging / each, 1, max_segments);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, std::max(16u, 4 * usable_cores())));
}

}  // namespace

std::expected<Scanner, std::string> Scanner::open(const Automaton& automaton, const std::string& device,
                                                  const Geometry& geometry) {
    if (geometry.chunk == 0 || geometry.bytes() > max_segment)
        return std::unexpected("a pattern or a chunk is too long: together they have more than 64 MiB");
    const std::span<const std::uint32_t> image = automaton.image();
    const std::uint32_t segments = choose_segments(geometry);
    const slipring::CustomOp scan{.opcode = opcode.value(),
                                  .name = "slipring_scan",
                                  .source = slipring::embedded::scan_source,
                                  .buffers = {automaton_buffer, text_buffer, found_buffer, near_buffer},
                                  .team = slipring::CustomOp::Team{.local_bytes = local_bytes}};
    const std::uint64_t text = segments * geometry.bytes();
    const std::uint64_t found = segments * geometry.found_pairs() * 8;
    auto runtime = slipring::Runtime::open(
        {.device = device,
         .shape = {.groups = std::max(2u, usable_cores()) - cores_for_readers(), .lanes = 256},
         .capacity = std::bit_ceil(std::max(4 * segments, 64u)),
         .ops = {scan},
         .buffers = {{.name = automaton_buffer, .bytes = image.size_bytes(), .place = BufferSpec::Place::device},
                     {.name = text_buffer, .bytes = text},
                     {.name = found_buffer, .bytes = found, .use = BufferSpec::Use::output},
                     {.name = near_buffer, .bytes = text, .place = BufferSpec::Place::device}}});
    if (!runtime) return std::unexpected(runtime.error().text());
    if (auto up = runtime->upload(automaton_buffer, std::as_bytes(image)); !up)
        return std::unexpected(sentence(up.error()));
    // Some drivers compile a kernel when it first runs: that is a part of opening, not of the scan.
    const auto first = runtime->publish(slipring::nop());
    if (!first) return std::unexpected(sentence(first.error()));
    if (auto done = runtime->wait(*first, patience); !done) return std::unexpected(sentence(done.error()));
    // There each launch copies the whole of the text, which no thread may then write to.
    const bool copies = runtime->device().mode == slipring::ExecutionMode::per_launch;
    return Scanner(std::move(*runtime), automaton, geometry, copies ? 1 : segments);
}

Scanner::Scanner(slipring::Runtime&& runtime, const Automaton& automaton, const Geometry& geometry,
                 std::uint32_t segments)
    : runtime_(std::move(runtime)), automaton_(automaton), geometry_(geometry), segments_(segments),
      text_(runtime_.buffer(text_buffer)), found_(runtime_.buffer(found_buffer)), entered_(automaton.accepting(), 0) {
}

// A core copies text five times as fast as it scans it; an H200 scans as fast as eight cores copy.
std::uint32_t Scanner::readers(std::uint32_t asked) const noexcept {
    const std::uint32_t suits =
        runtime_.device().is_cpu ? cores_for_readers() : std::clamp(usable_cores() / 2, 1u, 8u);
    return std::min(asked != 0 ? asked : suits, segments_);
}

Totals Scanner::totals() const noexcept {
    const auto now = [](const std::atomic<std::uint64_t>& count) { return count.load(std::memory_order_relaxed); };
    return {now(counts_->matches), now(counts_->files), now(counts_->bytes), now(counts_->slots)};
}
