// Encoding: what is written, and that nothing is written when something is wrong.
#include <boost/test/unit_test.hpp>

#include <array>
#include <limits>

#include <slipring/codec.hpp>

#include "image.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t u32_max = std::numeric_limits<std::uint32_t>::max();

const std::array<std::uint32_t, 12> many{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

Payload words(std::size_t n) { return std::span(many).first(n); }

std::array<Slot, 3> three() { return {store_u32(7, 160), nop(), slot(custom_opcode<0x100>(), {9, 8, 7})}; }

// The three shapes of a descriptor, `n` slots each: what goes for one goes for all.
template <class Try>
void with_each_shape(std::uint32_t n, Try attempt) {
    const std::vector<Slot> batch(n, store_u32(1, 200));
    const std::vector<Payload> entries(n, words(10));
    BOOST_TEST_CONTEXT("batch") { attempt(std::span<const Slot>(batch)); }
    BOOST_TEST_CONTEXT("required") { attempt(Window{.ticket = 3, .required = entries}); }
    BOOST_TEST_CONTEXT("lookahead") { attempt(Window{.ticket = 3, .lookahead = entries}); }
    if (n == 1) BOOST_TEST_CONTEXT("slot") {
            attempt(batch.front());
        }
}

// Encoding fails with `code`, for each shape, and leaves image and canary alone.
void refused(Errc code, std::uint32_t n, Image image, std::uint32_t start) {
    const Image before = image;
    with_each_shape(n, [&](const auto& descriptor) {
        const auto outcome = encode(descriptor, image.bytes(), start);
        BOOST_REQUIRE(!outcome);
        BOOST_TEST((outcome.error() == code), message(outcome.error()));
        BOOST_TEST((image == before));
    });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_slot_is_these_sixteen_words) {
    Image image(3);
    const Slot given = store_u32(7, 160).for_tenant(5);
    const auto used = encode(given, image.bytes(), 1);
    BOOST_TEST((used && *used == 1));
    const std::uint32_t expected[16] = {SR_STATE_PUBLISHED, SR_OP_STORE_U32, 5, SR_PRIORITY_NORMAL, 7, 160};
    for (std::uint32_t i = 0; i < SR_SLOT_WORDS; ++i) BOOST_TEST(image.word(1, i) == expected[i]);
}

// At each level: in bits 0..7 of word 3, beside the deadline, and nowhere else.
BOOST_AUTO_TEST_CASE(a_level_is_the_low_byte_of_word_3) {
    const Deadline deadline = Deadline::of_wire(0xFFFF);
    for (std::uint32_t level = 0; level <= 6; ++level) {
        with_each_shape(1, [&](const auto& descriptor) {
            Image image(2), expected(2);
            const auto used = encode(descriptor, image.bytes(), 1, static_cast<Priority>(level));
            if (level <= SR_PRIORITY_IDLE) {
                BOOST_REQUIRE(encode(descriptor, expected.bytes(), 1).has_value());
                expected.set(1, SR_WORD_PRIORITY, level);
            }
            BOOST_TEST((level <= SR_PRIORITY_IDLE ? used == 1u : !used && used.error() == Errc::bad_flags));
            BOOST_TEST((image == expected));
        });
        if (level > SR_PRIORITY_IDLE) continue;
        Image image(1);
        std::array<std::uint32_t, SR_SLOT_WORDS> words{};
        const Slot given = nop().by(deadline);
        BOOST_TEST((encode(given, image.bytes(), 0, static_cast<Priority>(level)) == 1u));
        BOOST_TEST((encode(given, std::span(words), 0, static_cast<Priority>(level)) == 1u));
        BOOST_TEST(image.word(0, SR_WORD_PRIORITY) == (0xFFFF0000u | level));
        BOOST_TEST(words[SR_WORD_PRIORITY] == (0xFFFF0000u | level));
    }
}

BOOST_AUTO_TEST_CASE(only_the_slots_asked_for_are_written) {
    for (std::uint32_t start = 0; start <= 2; ++start) {
        Image image(5), expected(5);
        const auto used = encode(std::span<const Slot>(three()), image.bytes(), start);
        BOOST_TEST((used && *used == 3));
        for (std::uint32_t i = 0; i < 3; ++i)
            for (std::uint32_t w = 0; w < SR_SLOT_WORDS; ++w) expected.set(start + i, w, three()[i].words()[w]);
        BOOST_TEST((image == expected));
    }
}

BOOST_AUTO_TEST_CASE(any_alignment_gives_the_same_bytes) {
    Image aligned(4, 0);
    encode(std::span<const Slot>(three()), aligned.bytes(), 0).value();
    for (std::size_t off = 1; off < 16; ++off) {
        Image image(4, off);
        encode(std::span<const Slot>(three()), image.bytes(), 0).value();
        BOOST_TEST(std::ranges::equal(image.bytes().first(3 * 64), aligned.bytes().first(3 * 64)));
    }
}

BOOST_AUTO_TEST_CASE(words_and_bytes_are_the_same_image) {
    std::array<std::uint32_t, 48> image{};
    BOOST_TEST((encode(std::span<const Slot>(three()), std::span<std::uint32_t>(image), 0) == 3u));
    for (std::size_t i = 0; i < 48; ++i) BOOST_TEST(image[i] == three()[i / 16].words()[i % 16]);

    // A word image that is no whole number of slots is refused as bytes would be.
    const auto before = image;
    const auto outcome = encode(nop(), std::span(image).first(47), 0);
    BOOST_TEST((!outcome && outcome.error() == Errc::image_not_whole_slots));
    BOOST_TEST(image == before);
}

BOOST_AUTO_TEST_CASE(a_window_is_its_batch) {
    const Payload required[] = {words(0), words(10), words(3)};
    const Payload lookahead[] = {words(1), words(7)};
    const Window window{77, custom_opcode<0x200>(), 4, required, lookahead};
    const auto batch = to_batch(window);
    BOOST_REQUIRE((batch && batch->size() == 5));

    Image from_window(6), from_batch(6);
    BOOST_TEST((encode(window, from_window.bytes(), 1) == 5u));
    BOOST_TEST((encode(std::span<const Slot>(*batch), from_batch.bytes(), 1) == 5u));
    BOOST_TEST((from_window == from_batch));

    for (std::uint32_t i = 0; i < 5; ++i) {
        const Payload entry = i < 3 ? required[i] : lookahead[i - 3];
        BOOST_TEST(from_window.word(1 + i, SR_WORD_OPCODE) == 0x200);
        BOOST_TEST(from_window.word(1 + i, SR_WORD_TENANT) == 4);
        BOOST_TEST(from_window.word(1 + i, SR_WORD_ARGS) == 77);
        BOOST_TEST(from_window.word(1 + i, SR_WORD_ARGS + 1) == (i < 3 ? SR_CLASS_REQUIRED : SR_CLASS_LOOKAHEAD));
        for (std::uint32_t w = 0; w < 10; ++w)
            BOOST_TEST(from_window.word(1 + i, SR_WORD_ARGS + 2 + w) == (w < entry.size() ? entry[w] : 0));
    }
}

BOOST_AUTO_TEST_CASE(nothing_to_encode_is_no_error) {
    Image image(2);
    const Image before = image;
    for (const std::uint32_t start : {0u, 1u, 2u}) {
        BOOST_TEST((encode(std::span<const Slot>(), image.bytes(), start) == 0u));
        BOOST_TEST((encode(Window{}, image.bytes(), start) == 0u));
    }
    BOOST_TEST((encode(std::span<const Slot>(), std::span<std::byte>(), 0) == 0u));
    BOOST_TEST((to_batch(Window{}).value().empty()));
    BOOST_TEST((image == before));
}

BOOST_AUTO_TEST_CASE(image_not_whole_slots) {
    for (std::size_t less = 1; less < SR_SLOT_BYTES; ++less) {
        Image image(4);
        const Image before = image;
        const auto part = image.bytes().first(4 * SR_SLOT_BYTES - less);
        with_each_shape(1, [&](const auto& descriptor) {
            const auto outcome = encode(descriptor, part, 0);
            BOOST_TEST((!outcome && outcome.error() == Errc::image_not_whole_slots));
        });
        BOOST_TEST((image == before));
    }
}

BOOST_AUTO_TEST_CASE(out_of_image) {
    refused(Errc::out_of_image, 1, Image(3), 3);
    refused(Errc::out_of_image, 2, Image(3), 2);
    refused(Errc::out_of_image, 4, Image(3), 0);
    refused(Errc::out_of_image, 1, Image(0), 0);
    refused(Errc::out_of_image, 1, Image(3), u32_max - 1);
}

BOOST_AUTO_TEST_CASE(nothing_behind_the_end_is_out_of_image_too) {
    for (const std::size_t slots : {0u, 3u}) {
        Image image(slots);
        const Image before = image;
        for (const std::uint32_t start : {static_cast<std::uint32_t>(slots) + 1, 1000u, u32_max}) {
            const auto batch = encode(std::span<const Slot>(), image.bytes(), start);
            const auto window = encode(Window{}, image.bytes(), start);
            BOOST_TEST((!batch && batch.error() == Errc::out_of_image));
            BOOST_TEST((!window && window.error() == Errc::out_of_image));
        }
        BOOST_TEST((image == before));
    }
}

BOOST_AUTO_TEST_CASE(index_overflow) {
    refused(Errc::index_overflow, 1, Image(3), u32_max);
    refused(Errc::index_overflow, 2, Image(3), u32_max - 1);
    refused(Errc::index_overflow, 3, Image(3), u32_max - 1);
    refused(Errc::index_overflow, 100, Image(3), u32_max - 99);
}

BOOST_AUTO_TEST_CASE(slot_in_use) {
    for (std::uint32_t state = 0; state <= 255; ++state) {
        if (state == SR_STATE_EMPTY || state == SR_STATE_DONE) continue;
        for (std::uint32_t at = 1; at <= 3; ++at) {  // the first, the middle and the last of three
            Image image(5);
            image.set_state(at, state);
            refused(Errc::slot_in_use, 3, image, 1);
            // Beside the slots asked for it is nobody's business.
            image.set_state(at, SR_STATE_DONE);
            image.set_state(at < 3 ? 4 : 0, state);
            BOOST_TEST((encode(std::span<const Slot>(three()), image.bytes(), 1) == 3u));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_finished_slot_of_any_generation_may_be_written) {
    Image image(1);
    image.set_state(0, 0xABCDEF00u | SR_STATE_DONE);
    BOOST_TEST((encode(nop(), image.bytes(), 0) == 1u));
    BOOST_TEST(image.word(0, SR_WORD_STATE) == SR_STATE_PUBLISHED);
}

BOOST_AUTO_TEST_CASE(payload_too_long) {
    const Payload fits[] = {words(10), words(10)};
    const Payload bad_first[] = {words(11), words(10)};
    const Payload bad_last[] = {words(10), words(12)};
    for (const auto& bad : {bad_first, bad_last}) {
        const std::span<const Payload> entries(bad, 2);
        for (const Window& window : {Window{.required = entries}, Window{.lookahead = entries},
                                     Window{.required = fits, .lookahead = entries}}) {
            Image image(5);
            const Image before = image;
            const auto outcome = encode(window, image.bytes(), 0);
            BOOST_TEST((!outcome && outcome.error() == Errc::payload_too_long));
            BOOST_TEST((image == before));
            const auto batch = to_batch(window);
            BOOST_TEST((!batch && batch.error() == Errc::payload_too_long));
        }
    }
}
