// Decoding: what was encoded comes back exactly, and what no encoder wrote is refused.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>

#include <slipring/codec.hpp>

#include "image.hpp"
#include "random.hpp"

using namespace slipring;

namespace {

constexpr auto custom = custom_opcode<0x100>();

// An image of one slot with these words.
Image image_of(const Words& words) {
    Image image(1);
    for (std::uint32_t i = 0; i < SR_SLOT_WORDS; ++i) image.set(0, i, words[i]);
    return image;
}

Words words_of(const Slot& slot) { return slot.words(); }

template <class T>
void refuses(Errc code, const std::expected<T, Errc>& outcome) {
    BOOST_REQUIRE(!outcome);
    BOOST_TEST((outcome.error() == code), message(outcome.error()));
}

void decode_refuses(Errc code, const Words& words) { refuses(code, decode(image_of(words).bytes(), 0)); }

void set_byte(Words& words, std::size_t byte, std::uint32_t value) {
    std::uint32_t& word = words[SR_WORD_ARGS + byte / 4];
    word = (word & ~(0xFFu << (8 * (byte % 4)))) | value << (8 * (byte % 4));
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_slot_comes_back) {
    const std::uint32_t twelve[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const Slot slots[] = {nop(),
                          store_u32(1, 2),
                          atomic_add(3, 4),
                          load_u32(5, 6),
                          compare_swap(7, 8, 9),
                          memcpy_words(1, 2, 3),
                          dfa_step(4, 5, 6),
                          batch_fence(7, 8),
                          print(1, 2, 3),
                          shutdown(),
                          slot(custom, twelve),
                          slot(custom).for_tenant(0xFFFFFFFF),
                          packed({inner(store_u32(1, 160)), inner(nop()), {200, twelve}}).value_or(nop()),
                          packed({}).value(),
                          packed({inner(atomic_add(1, 2))})->for_tenant(6)};
    Image image(std::size(slots));
    encode(std::span<const Slot>(slots), image.bytes(), 0).value();
    for (std::uint32_t i = 0; i < std::size(slots); ++i) BOOST_TEST((decode(image.bytes(), i).value() == slots[i]));
}

BOOST_AUTO_TEST_CASE(places_that_are_not_there) {
    Image image(2);
    encode(nop(), image.bytes(), 1).value();
    refuses(Errc::image_not_whole_slots, decode(image.bytes().first(127), 0));
    refuses(Errc::out_of_image, decode(image.bytes(), 2));
    refuses(Errc::out_of_image, decode(image.bytes(), 0xFFFFFFFF));
    refuses(Errc::out_of_image, decode({}, 0));
}

BOOST_AUTO_TEST_CASE(not_published) {
    for (std::uint32_t state = 0; state <= 255; ++state) {
        if (state == SR_STATE_PUBLISHED) continue;
        Words words = words_of(nop());
        words[SR_WORD_STATE] = state;
        decode_refuses(Errc::not_published, words);
    }
    for (std::uint32_t bit = 8; bit < 32; ++bit) {  // a generation
        Words words = words_of(nop());
        words[SR_WORD_STATE] |= 1u << bit;
        decode_refuses(Errc::not_published, words);
    }
}

BOOST_AUTO_TEST_CASE(unknown_opcode) {
    for (const std::uint32_t opcode : {0xFFF0u, 0xFFFDu, 0xFFFFu, 0x80000000u, 0x80000002u, 0xFFFFFFFEu}) {
        Words words = words_of(nop());
        words[SR_WORD_OPCODE] = opcode;
        decode_refuses(Errc::unknown_opcode, words);
    }
    for (const std::uint32_t opcode : {8u, 0xFFEFu, 0x10000u, 0x7FFFFFFFu}) {
        Words words = words_of(nop());
        words[SR_WORD_OPCODE] = opcode;
        BOOST_TEST(decode(image_of(words).bytes(), 0).value().opcode() == opcode);
    }
}

BOOST_AUTO_TEST_CASE(bad_flags) {
    for (std::uint32_t bit = 8; bit < 16; ++bit) {
        Words words = words_of(nop());
        words[SR_WORD_PRIORITY] |= 1u << bit;
        decode_refuses(Errc::bad_flags, words);
    }
    for (std::uint32_t bit = 16; bit < 32; ++bit) {
        Words words = words_of(nop());
        words[SR_WORD_PRIORITY] |= 1u << bit;
        BOOST_TEST(decode(image_of(words).bytes(), 0).value().deadline().ticks() == 1u << (bit - 16));
    }
    for (const std::uint32_t level : {5u, 6u, 0xFFu}) {
        Words words = words_of(nop());
        words[SR_WORD_PRIORITY] = level;
        decode_refuses(Errc::bad_flags, words);
        refuses(Errc::bad_flags, decode_level(image_of(words).bytes(), 0));
    }
}

// The slot is the descriptor that was encoded, whatever its level, which is asked for by itself.
BOOST_AUTO_TEST_CASE(a_level_comes_back) {
    const Slot given = store_u32(1, 160).by(Deadline::of_wire(7));
    for (const Priority level :
         {Priority::critical, Priority::high, Priority::normal, Priority::low, Priority::idle}) {
        Image image(1);
        encode(given, image.bytes(), 0, level).value();
        BOOST_TEST((decode(image.bytes(), 0).value() == given));
        BOOST_TEST((decode_level(image.bytes(), 0).value() == level));
    }
    refuses(Errc::out_of_image, decode_level(Image(1).bytes(), 1));
    refuses(Errc::not_published, decode_level(Image(1).bytes(), 0));
}

BOOST_AUTO_TEST_CASE(malformed_packed) {
    const Slot good = packed({inner(store_u32(1, 160)), inner(atomic_add(2, 161))}).value();
    const auto broken = [&](std::size_t byte, std::uint32_t value) {
        Words words = words_of(good);
        set_byte(words, byte, value);
        decode_refuses(Errc::malformed_packed, words);
    };
    broken(0, 12);  // more ops than fit
    broken(0, 255);
    broken(0, 1);    // fewer: what was an op is now padding
    broken(1, 255);  // more words than there are
    broken(1, 11);
    broken(1, 1);      // fewer than the last op's offset
    broken(3, 1);      // the first op does not begin at 0
    broken(5, 5);      // an op beyond the words
    broken(6, 1);      // padding of the table
    broken(4 * 6, 1);  // behind the last argument
    broken(4 * 11, 1);

    Words words = words_of(packed({inner(nop()), inner(nop()), inner(nop())}).value());
    set_byte(words, 1, 2);
    set_byte(words, 5, 2);
    set_byte(words, 7, 1);  // an op that begins before its predecessor
    decode_refuses(Errc::malformed_packed, words);
    words = words_of(packed({}).value());
    set_byte(words, 1, 1);  // words, but no op that owns them
    decode_refuses(Errc::malformed_packed, words);
}

BOOST_AUTO_TEST_CASE(not_packed) {
    refuses(Errc::not_packed, [] {
        const Slot s = nop();
        return unpack(s);
    }());
}

BOOST_AUTO_TEST_CASE(unpacking_gives_what_was_packed) {
    const std::uint32_t values[] = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    Random random(4);
    for (int round = 0; round < 20000; ++round) {
        std::array<InnerOp, 12> ops;
        const std::uint32_t n = random.below(12);
        for (std::size_t i = 0; i < n; ++i)
            ops[i] = {random.below(256), std::span(values).first(random.below(12 / (n + 1) + 1))};
        const auto given = std::span<const InnerOp>(ops).first(n);
        const auto made = packed(given);
        if (!made) continue;
        const Slot decoded = decode(image_of(made->words()).bytes(), 0).value();
        BOOST_REQUIRE((decoded == *made));
        const auto got = unpack(decoded).value();
        BOOST_REQUIRE(std::ranges::equal(got, given, [](const InnerOp& a, const InnerOp& b) {
            return a.opcode == b.opcode && std::ranges::equal(a.args, b.args);
        }));
    }
}

// Every split of at most 10 argument words over at most 3 ops.
BOOST_AUTO_TEST_CASE(packed_splits_exhaustively) {
    const std::uint32_t values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    const std::span<const std::uint32_t> all(values);
    for (std::size_t a = 0; a <= 11; ++a)
        for (std::size_t b = 0; b <= 11; ++b)
            for (std::size_t c = 0; c <= 11; ++c) {
                const auto made = packed({{8, all.first(a)}, {9, all.last(b)}, {10, all.first(c)}});
                BOOST_REQUIRE(made.has_value() == (2 + a + b + c <= 12));
                if (!made) continue;
                const auto got = unpack(*made).value();
                BOOST_REQUIRE(got.count == 3);
                BOOST_REQUIRE(std::ranges::equal(got.op[0].args, all.first(a)));
                BOOST_REQUIRE(std::ranges::equal(got.op[1].args, all.last(b)));
                BOOST_REQUIRE(std::ranges::equal(got.op[2].args, all.first(c)));
            }
}

BOOST_AUTO_TEST_CASE(a_window_comes_back) {
    const std::uint32_t words[] = {1, 2, 3};
    const Payload entries[] = {words, {}, std::span(words).first(1)};
    const std::span<const Payload> all(entries);
    for (std::size_t required = 0; required <= 3; ++required)
        for (std::size_t lookahead = 0; lookahead <= 3; ++lookahead) {
            const Window window{5, custom, 9, all.first(required), all.first(lookahead)};
            const auto level = static_cast<Priority>(required);
            Image image(8);
            const auto n = encode(window, image.bytes(), 1, level).value();
            const auto head = decode_window(image.bytes(), 1, n);
            BOOST_TEST(head.has_value() == (n > 0));
            if (n == 0) continue;
            BOOST_TEST(head->ticket == 5);
            BOOST_TEST((head->opcode == custom));
            BOOST_TEST(head->tenant == 9);
            BOOST_TEST(head->required == required);
            BOOST_TEST(head->lookahead == lookahead);
            BOOST_TEST((head->level == level));
            for (std::uint32_t i = 0; i < n; ++i) {
                const Slot entry = decode(image.bytes(), 1 + i).value();
                BOOST_TEST(std::ranges::equal(payload(entry).first(window.entry(i).size()), window.entry(i)));
            }
        }
}

BOOST_AUTO_TEST_CASE(slots_that_are_no_window) {
    const Payload entries[2] = {};
    Image good(4);
    encode(Window{5, custom, 9, entries, entries}, good.bytes(), 0).value();
    const auto broken = [&](std::uint32_t slot, std::uint32_t word, std::uint32_t value) {
        Image image = good;
        image.set(slot, word, value);
        refuses(Errc::malformed_window, decode_window(image.bytes(), 0, 4));
    };
    broken(3, SR_WORD_ARGS, 6);                      // another ticket
    broken(2, SR_WORD_OPCODE, 0x101);                // another opcode
    broken(1, SR_WORD_TENANT, 8);                    // another tenant
    broken(2, SR_WORD_PRIORITY, 0x10002);            // another deadline
    broken(3, SR_WORD_PRIORITY, SR_PRIORITY_LOW);    // another level
    broken(0, SR_WORD_ARGS + 1, 2);                  // an unknown class
    broken(3, SR_WORD_ARGS + 1, SR_CLASS_REQUIRED);  // required behind lookahead
    broken(0, SR_WORD_ARGS + 1, SR_CLASS_LOOKAHEAD);

    refuses(Errc::malformed_window, decode_window(good.bytes(), 0, 0));
    refuses(Errc::out_of_image, decode_window(good.bytes(), 1, 4));
    refuses(Errc::index_overflow, decode_window(good.bytes(), 0xFFFFFFFF, 2));
    Image one(1);
    encode(packed({}).value(), one.bytes(), 0).value();
    refuses(Errc::malformed_window, decode_window(one.bytes(), 0, 1));
    one.set_state(0, SR_STATE_DONE);
    refuses(Errc::not_published, decode_window(one.bytes(), 0, 1));
}
