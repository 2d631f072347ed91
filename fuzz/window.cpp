// Target window: encodes windows of all sizes, with entries of both classes and any payload. Oracles: the reference's
// encoder of the slots that the window stands for; and the paths agree: directly, through the batch, and through
// slots reserved on a ring, put one by one or published as a window.
#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "descriptors.hpp"

using namespace fuzz;
using slipring::Errc;
using slipring::Payload;

namespace fuzz::near {
constexpr std::uint32_t payload_[] = {0, 1, 2, 9, 10, 10, 11};
constexpr Field payload{payload_};
}  // namespace fuzz::near

constexpr Field head[] = {SR_FUZZ_IMAGE_FIELDS, near::anything, near::anything, near::opcode, near::small};
constexpr Field record[] = {near::payload, near::index, near::index, near::index, near::index, near::index,
                            near::index,   near::index, near::index, near::index, near::index, near::index};
const Format format{head, record, 9};

namespace {

constexpr std::size_t most = 10;
constexpr std::uint32_t capacity = 16;

slipring::Ring fresh_ring() {
    constexpr std::size_t bytes = *slipring::Ring::bytes(capacity);
    static Guarded<std::byte, bytes> memory;
    return *slipring::Ring::create(memory.take(bytes), capacity);
}

// What the ring holds are these slots, published, with these flags.
void check_ring(const slipring::Ring& ring, std::span<const reference::Slot> slots, std::uint32_t flags) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
        reference::Slot expected = slots[i];
        expected[3] |= flags;
        FUZZ_CHECK(std::memcmp(slipring::inside(ring).base() + SR_RING_SLOTS + 64 * i, expected.data(), 64) == 0);
    }
    FUZZ_CHECK(ring.tail() == slots.size());
}

void check_published(const slipring::Window& window, std::span<const reference::Slot> slots) {
    const slipring::Ring ring = fresh_ring();
    FUZZ_CHECK(ring.publish(window) == 0u);
    check_ring(ring, slots, SR_FLAG_WINDOWED);
}

void check_reserved(const slipring::Window& window, std::span<const reference::Slot> slots) {
    const slipring::Ring ring = fresh_ring();
    {
        auto reservation = ring.reserve(window.size());
        FUZZ_CHECK(reservation.has_value());
        for (std::uint64_t i = 0; i < window.size(); ++i) FUZZ_CHECK(reservation->put(entry_slot(window, i)));
    }
    check_ring(ring, slots, 0);
}

}  // namespace

void run(Input& in) {
    Image image(in);
    const std::uint32_t ticket = in.word(), tenant = in.word(), opcode = in.word();
    const std::size_t wanted = in.word() % (most + 2);

    std::uint32_t words[most][11];
    Payload payloads[most];
    reference::Slot expected[most];
    std::size_t n = 0;
    bool fits = true;
    for (; in.more() && n < most; ++n) {
        const std::size_t size = in.word() % 12;
        in.words(words[n]);
        payloads[n] = std::span(words[n]).first(size);
        fits = fits && size <= 10;
    }
    const std::size_t required = std::min(wanted, n);

    auto made = slipring::is_builtin(opcode) ? slipring::Opcode(static_cast<slipring::Op>(opcode))
                                             : slipring::Opcode::custom(opcode);
    FUZZ_CHECK(made.has_value() == (reference::is_builtin(opcode) || !reference::is_reserved(opcode)));
    if (!made) return;
    const std::span<const Payload> all(payloads, n);
    const auto deadline = slipring::Deadline::of_wire(static_cast<std::uint16_t>(tenant >> 16));
    const slipring::Window window{ticket, *made, tenant, all.first(required), all.subspan(required), deadline};

    if (!fits) {
        FUZZ_CHECK(slipring::encode(window, image.bytes(), image.start(), image.level()).error() ==
                   Errc::payload_too_long);
        FUZZ_CHECK(slipring::to_batch(window).error() == Errc::payload_too_long);
        FUZZ_CHECK(fresh_ring().publish(window).error() == Errc::payload_too_long);
        return image.check_untouched();
    }
    for (std::size_t i = 0; i < n; ++i) {
        expected[i] = {1, opcode, tenant, 2 + tenant / 65536 * 65536, ticket, i < required ? 0u : 1u};
        std::ranges::copy(payloads[i], expected[i].begin() + 6);
    }
    const std::span<const reference::Slot> slots(expected, n);
    image.remember();
    const auto direct = slipring::encode(window, image.bytes(), image.start(), image.level());
    image.check(slots, direct);
    if (direct && n != 0) {
        const auto got = slipring::decode_window(image.bytes(), image.start(), static_cast<std::uint32_t>(n));
        FUZZ_CHECK(got && got->ticket == ticket && got->opcode == *made && got->tenant == tenant);
        FUZZ_CHECK(got->deadline == deadline && got->level == image.level());
        FUZZ_CHECK(got->required == required && got->lookahead == n - required);
        const auto last = slipring::decode(image.bytes(), image.start() + static_cast<std::uint32_t>(n) - 1);
        FUZZ_CHECK(last && std::ranges::equal(slipring::payload(*last), std::span(expected[n - 1]).subspan(6)));
    }

    image.restore();
    const auto batch = slipring::to_batch(window);
    FUZZ_CHECK(batch.has_value());
    const std::span<const slipring::Slot> whole(*batch);
    FUZZ_CHECK(slipring::encode(whole, image.bytes(), image.start(), image.level()) == direct);
    image.check_untouched();
    if (n == 0) return;
    if (ticket % 2 == 0) check_published(window, slots);  // one of them: a ring costs as much as all the rest
    else check_reserved(window, slots);
}
