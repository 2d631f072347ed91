// Target batch: encodes a batch of single and packed slots into an image, at start slots near 0, the image's end and
// 2^32. Oracle: an encoder of the reference, which shares nothing with the library: the same answer, the same error
// and the same bytes, none changed on an error.
#include "descriptors.hpp"

using namespace fuzz;

constexpr Field head[] = {SR_FUZZ_IMAGE_FIELDS};
constexpr Field record[] = {SR_FUZZ_DESCRIPTOR_FIELDS};
const Format format{head, record, 6};

void run(Input& in) {
    constexpr std::size_t most = 10;
    Image image(in);
    slipring::Slot batch[most];
    reference::Slot expected[most];
    std::size_t n = 0;
    while (in.more() && n < most) {
        const Descriptor given(in);
        const auto slot = given.make();
        const reference::Made made = given.expected();
        FUZZ_CHECK(slot.has_value() == !made.error.has_value());
        if (!slot) {
            FUZZ_CHECK(slot.error() == *made.error);
            continue;
        }
        batch[n] = *slot;
        expected[n] = made.slot;
        ++n;
    }
    const std::span<const slipring::Slot> slots(batch, n);
    image.check({expected, n}, slipring::encode(slots, image.bytes(), image.start(), image.level()));
}
