// Target decode: decodes every slot, and a range of them as a window, of an image of any bytes and any length.
// Oracles: what is accepted encodes to the same bytes again, and a packed slot's operations pack to the same slot;
// accepted is exactly what an encoder could have written, and what is refused has the reference's code.
#include "descriptors.hpp"

using namespace fuzz;
using slipring::Errc;

namespace fuzz::near {
constexpr std::uint32_t count_[] = {0, 1, 2, 3, 4, 0xFFFFFFFF};
constexpr std::uint32_t part_[] = {0, 0, 0, 1, 63};
constexpr std::uint32_t window_start_[] = {0, 0, 1, 2, 0xFFFFFFFE, 0xFFFFFFFF};
constexpr Field count{count_}, part{part_}, window_start{window_start_};
}  // namespace fuzz::near

constexpr Field head[] = {near::window_start, near::count, near::part};
constexpr Field record[] = {SR_FUZZ_SLOT_FIELDS};
const Format format{head, record, 6};

namespace {

constexpr std::size_t most = 64 * 64;

reference::Slot slot_at(std::span<const std::byte> image, std::size_t index) {
    reference::Slot words;
    std::memcpy(words.data(), image.data() + 64 * index, 64);
    return words;
}

void check_slot(std::span<const std::byte> image, std::uint32_t index) {
    const auto got = slipring::decode(image, index);
    const reference::Slot words = slot_at(image, index);
    const auto refusal = reference::refusal(words);
    FUZZ_CHECK(got.has_value() == !refusal.has_value());
    const auto level = slipring::decode_level(image, index);
    if (!got) {
        FUZZ_CHECK(got.error() == *refusal && level.error() == *refusal);
        return;
    }
    FUZZ_CHECK(static_cast<std::uint32_t>(level.value()) == words[3] % 256);
    std::array<std::byte, 64> again{};
    FUZZ_CHECK(slipring::encode(*got, again, 0, *level) == 1u);
    FUZZ_CHECK(std::memcmp(again.data(), image.data() + 64 * std::size_t{index}, 64) == 0);
    if (!got->is_packed()) return;
    const auto ops = slipring::unpack(*got);
    FUZZ_CHECK(ops.has_value());
    const auto packed = slipring::packed(std::span(ops->begin(), ops->count));
    FUZZ_CHECK(packed && packed->for_tenant(got->tenant()).by(got->deadline()) == *got);
}

// The first slot that is wrong says why.
void check_window(std::span<const std::byte> image, std::uint32_t start, std::uint32_t count) {
    const auto got = slipring::decode_window(image, start, count);
    const std::uint64_t end = std::uint64_t{start} + count;
    if (count == 0) {
        FUZZ_CHECK(got.error() == Errc::malformed_window);
        return;
    }
    if (end > 0xFFFFFFFF) {
        FUZZ_CHECK(got.error() == Errc::index_overflow);
        return;
    }
    std::optional<Errc> wrong;
    if (image.size() % 64 != 0) wrong = Errc::image_not_whole_slots;
    std::uint32_t required = 0, lookahead = 0;
    for (std::uint64_t i = start; !wrong && i < end; ++i) {
        if (i >= image.size() / 64) {
            wrong = Errc::out_of_image;
            break;
        }
        const reference::Slot first = slot_at(image, start), words = slot_at(image, static_cast<std::size_t>(i));
        wrong = reference::refusal(words);
        const bool fits = words[1] != 0x80000001 && words[1] == first[1] && words[2] == first[2] &&
                          words[3] == first[3] && words[4] == first[4] && words[5] <= 1 &&
                          (words[5] == 1 || lookahead == 0);
        if (!wrong && !fits) wrong = Errc::malformed_window;
        ++(words[5] == 0 ? required : lookahead);
    }
    FUZZ_CHECK(got.has_value() == !wrong.has_value());
    if (wrong) {
        FUZZ_CHECK(got.error() == *wrong);
        return;
    }
    const reference::Slot first = slot_at(image, start);
    FUZZ_CHECK(got->ticket == first[4] && got->opcode.value() == first[1] && got->tenant == first[2]);
    FUZZ_CHECK(got->deadline.ticks() == first[3] / 65536);
    FUZZ_CHECK(static_cast<std::uint32_t>(got->level) == first[3] % 256);
    FUZZ_CHECK(got->required == required && got->lookahead == lookahead);
}

}  // namespace

void run(Input& in) {
    static Guarded<std::byte, most> memory;
    const std::uint32_t start = in.word(), count = in.word(), part = in.word() % 64;
    const auto bytes = in.rest();
    const std::size_t size = std::min(bytes.size() - std::min<std::size_t>(part, bytes.size()), most);
    const std::span<std::byte> image = memory.take(size, part % 4);
    if (size != 0) std::memcpy(image.data(), bytes.data(), size);

    check_window(image, start, count);
    const auto slots = static_cast<std::uint32_t>(size / 64);
    if (size % 64 != 0) {
        FUZZ_CHECK(slipring::decode(image, 0).error() == Errc::image_not_whole_slots);
        return;
    }
    for (std::uint32_t i = 0; i < slots; ++i) check_slot(image, i);
    FUZZ_CHECK(slipring::decode(image, slots).error() == Errc::out_of_image);
}
