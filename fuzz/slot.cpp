// Target slot: makes one single or packed slot of any arguments, tenant and opcode, and encodes it into an image of
// any states, size and alignment. Oracle: the descriptor comes back when the slot is decoded; what cannot be a slot
// is refused, with its own code; of the image exactly the slot's bytes change, and on an error none.
#include "descriptors.hpp"

using namespace fuzz;
using slipring::Errc;

constexpr Field head[] = {SR_FUZZ_IMAGE_FIELDS, SR_FUZZ_DESCRIPTOR_FIELDS};
const Format format{head, {}, 0};

namespace {

// As an inner operation of a packed slot, both ways of saying so.
void check_inner(const Descriptor& given, const slipring::Slot& slot) {
    const auto packed = slipring::packed({slipring::inner(slot)});
    FUZZ_CHECK(packed.has_value() == (given.opcode() <= 7));
    const reference::Inner op[] = {{given.opcode(), given.args()}};
    if (packed) FUZZ_CHECK(packed->for_tenant(given.tenant()).words() == reference::packed(given.tenant(), op).slot);
    else FUZZ_CHECK(packed.error() == Errc::inner_opcode_too_large);
}

void check_decoded(const Descriptor& given, const slipring::Slot& slot, Image& image) {
    const auto got = slipring::decode(image.bytes(), image.start());
    FUZZ_CHECK(got == slot);
    FUZZ_CHECK(slipring::decode_level(image.bytes(), image.start()) == image.level());
    FUZZ_CHECK(got->tenant() == given.tenant());
    FUZZ_CHECK(got->is_packed() == given.is_packed());
    if (!given.is_packed()) {
        FUZZ_CHECK(got->opcode() == given.opcode());
        FUZZ_CHECK(std::ranges::equal(got->args().first(given.args().size()), given.args()));
        const auto rest = got->args().subspan(given.args().size());
        FUZZ_CHECK(std::ranges::all_of(rest, [](std::uint32_t word) { return word == 0; }));
        FUZZ_CHECK(slipring::unpack(*got).error() == Errc::not_packed);
        return;
    }
    const auto ops = slipring::unpack(*got);
    FUZZ_CHECK(ops.has_value());
    FUZZ_CHECK(std::ranges::equal(*ops, given.ops(), [](const auto& a, const auto& b) {
        return a.opcode == b.opcode && std::ranges::equal(a.args, b.args);
    }));
}

}  // namespace

void run(Input& in) {
    Image image(in);
    const Descriptor given(in);
    const auto slot = given.make();
    const reference::Made expected = given.expected();
    FUZZ_CHECK(slot.has_value() == !expected.error.has_value());
    if (!slot) {
        FUZZ_CHECK(slot.error() == *expected.error);
        return;
    }
    if (given.is_typed()) check_inner(given, *slot);
    const auto answer = image.in_words() ? slipring::encode(*slot, image.words(), image.start(), image.level())
                                         : slipring::encode(*slot, image.bytes(), image.start(), image.level());
    image.check({&expected.slot, 1}, answer);
    if (answer) check_decoded(given, *slot, image);
}
