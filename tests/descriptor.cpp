// Descriptors: the words that constructors make, what they refuse, and what does not even compile.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <vector>

#include <slipring/descriptor.hpp>

using namespace slipring;

namespace {

using u32 = std::uint32_t;

// ---- what compiles ---------------------------------------------------------------------------------------

#define CALLABLE(name, function) \
    template <class... Args>     \
    concept name = requires(Args... args) { function(args...); }

CALLABLE(CanNop, nop);
CALLABLE(CanStore, store_u32);
CALLABLE(CanAdd, atomic_add);
CALLABLE(CanLoad, load_u32);
CALLABLE(CanSwap, compare_swap);
CALLABLE(CanMemcpy, memcpy_words);
CALLABLE(CanStep, dfa_step);
CALLABLE(CanFence, batch_fence);
CALLABLE(CanPrint, print);
CALLABLE(CanShutdown, shutdown);
#undef CALLABLE

static_assert(CanNop<> && !CanNop<u32>);
static_assert(CanStore<u32, u32> && !CanStore<> && !CanStore<u32> && !CanStore<u32, u32, u32>);
static_assert(CanAdd<u32, u32> && !CanAdd<u32> && !CanAdd<u32, u32, u32>);
static_assert(CanLoad<u32, u32> && !CanLoad<u32> && !CanLoad<u32, u32, u32>);
static_assert(CanSwap<u32, u32, u32> && !CanSwap<u32, u32> && !CanSwap<u32, u32, u32, u32>);
static_assert(CanMemcpy<u32, u32, u32> && !CanMemcpy<u32, u32> && !CanMemcpy<u32, u32, u32, u32>);
static_assert(CanStep<u32, u32, u32> && !CanStep<u32, u32> && !CanStep<u32, u32, u32, u32>);
static_assert(CanFence<u32, u32> && !CanFence<u32> && !CanFence<u32, u32, u32>);
static_assert(CanPrint<u32, u32, u32> && !CanPrint<u32, u32> && !CanPrint<u32, u32, u32, u32>);
static_assert(CanShutdown<> && !CanShutdown<u32>);

// Literal lists: twelve words, not thirteen.
template <class T>
concept Twelve = requires(T v) { slot(Opcode(Op::nop), {v, v, v, v, v, v, v, v, v, v, v, v}); };
template <class T>
concept Thirteen = requires(T v) { slot(Opcode(Op::nop), {v, v, v, v, v, v, v, v, v, v, v, v, v}); };
static_assert(Twelve<u32> && !Thirteen<u32>);

// Reserved custom opcodes.
template <u32 Value>
concept Custom = requires { custom_opcode<Value>(); };
static_assert(Custom<8> && Custom<0xFFEF> && Custom<0x10000> && Custom<0x7FFFFFFF>);
static_assert(!Custom<0> && !Custom<7> && !Custom<0xFFF0> && !Custom<SR_OP_PRINTF> && !Custom<0xFFFF>);
static_assert(!Custom<0x80000000> && !Custom<SR_OP_PACKED_SLOT> && !Custom<SR_OP_SHUTDOWN>);

// A number is no opcode by itself.
static_assert(!std::is_convertible_v<u32, Opcode> && !std::is_constructible_v<Opcode, u32>);

// Made at compile time, all of it.
static_assert(store_u32(7, 160).for_tenant(3).args()[1] == 160);
static_assert(slot(custom_opcode<0x100>(), {1, 2, 3}).opcode() == 0x100);
static_assert(sizeof(Slot) == 64 && alignof(Slot) == 64 && std::is_trivially_copyable_v<Slot>);

void is(const Slot& made, u32 opcode, std::vector<u32> args) {
    BOOST_TEST(made.words()[SR_WORD_STATE] == SR_STATE_PUBLISHED);
    BOOST_TEST(made.opcode() == opcode);
    BOOST_TEST(made.tenant() == 0);
    BOOST_TEST(made.words()[SR_WORD_PRIORITY] == SR_PRIORITY_NORMAL);
    args.resize(SR_MAX_ARGS);
    BOOST_TEST(std::ranges::equal(made.args(), args));
}

void refuses(Errc code, const std::expected<Slot, Errc>& outcome) {
    BOOST_REQUIRE(!outcome);
    BOOST_TEST((outcome.error() == code), message(outcome.error()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(typed_constructors) {
    is(nop(), 0, {});
    is(Slot(), 0, {});
    is(store_u32(1, 2), 1, {1, 2});
    is(atomic_add(1, 2), 2, {1, 2});
    is(load_u32(1, 2), 3, {1, 2});
    is(compare_swap(1, 2, 3), 4, {1, 2, 3});
    is(memcpy_words(1, 2, 3), 5, {1, 2, 3});
    is(dfa_step(1, 2, 3), 6, {1, 2, 3});
    is(batch_fence(1, 2), 7, {1, 2});
    is(print(1, 2, 3), 0xFFFE, {1, 2, 3});
    is(shutdown(), 0xFFFFFFFF, {});
}

BOOST_AUTO_TEST_CASE(a_tenant_changes_nothing_else) {
    const Slot plain = store_u32(1, 2);
    const Slot other = plain.for_tenant(0xFFFFFFFF);
    BOOST_TEST(other.tenant() == 0xFFFFFFFF);
    BOOST_TEST((other != plain));
    BOOST_TEST((other.for_tenant(0) == plain));
}

BOOST_AUTO_TEST_CASE(a_deadline_changes_nothing_else) {
    const Slot plain = store_u32(1, 2);
    const Slot other = plain.by(Deadline::of_wire(0xFFFF));
    BOOST_TEST(other.deadline().ticks() == 0xFFFFu);
    BOOST_TEST(other.words()[SR_WORD_PRIORITY] == (0xFFFF0000u | SR_PRIORITY_NORMAL));
    BOOST_TEST((other != plain && !plain.deadline()));
    BOOST_TEST((other.by(Deadline{}) == plain));
    const std::vector<Payload> entries(3);
    const Window window{.required = entries, .deadline = Deadline::of_wire(7)};
    for (u32 i = 0; i < 3; ++i) BOOST_TEST(entry_slot(window, i).deadline().ticks() == 7u);
}

BOOST_AUTO_TEST_CASE(too_many_arguments) {
    std::vector<u32> args(100, 9);
    for (std::size_t n = 0; n <= 12; ++n) {
        const auto made = slot(custom_opcode<0x100>(), std::span(args).first(n));
        BOOST_REQUIRE(made.has_value());
        is(*made, 0x100, std::vector<u32>(n, 9));
    }
    for (std::size_t n = 13; n <= 100; ++n)
        refuses(Errc::too_many_arguments, slot(custom_opcode<0x100>(), std::span(args).first(n)));
}

BOOST_AUTO_TEST_CASE(reserved_opcode) {
    const auto reserved = [](u32 value) {
        return value <= 7 || (value >= 0xFFF0 && value <= 0xFFFF) || value >= 0x80000000;
    };
    std::vector<u32> values;
    for (u32 value = 0; value <= 0x10100; ++value) values.push_back(value);
    for (const u32 value : {0x1FFF0u, 0x7FFFFFFFu, 0x80000000u, 0x80000001u, 0x8000FFEFu, 0xFFFFFFFEu, 0xFFFFFFFFu})
        values.push_back(value);
    for (const u32 value : values) {
        const auto made = Opcode::custom(value);
        BOOST_REQUIRE(made.has_value() == !reserved(value));
        BOOST_REQUIRE(is_custom(value) == !reserved(value));
        if (made) BOOST_REQUIRE(made->value() == value);
        if (!made) BOOST_REQUIRE((made.error() == Errc::reserved_opcode));
    }
}

BOOST_AUTO_TEST_CASE(a_packed_slot_is_these_bytes) {
    const std::array<u32, 1> one{0xAABBCCDD};
    const auto made = packed({inner(store_u32(1, 160)), {9, {}}, {255, one}});
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(made->is_packed());
    // 3 ops, 3 words; (1, 0) (9, 2) (255, 2), no padding; then the words.
    is(*made, SR_OP_PACKED_SLOT, {0x00010303, 0x02FF0209, 1, 160, 0xAABBCCDD});
    is(packed({}).value(), SR_OP_PACKED_SLOT, {});
}

BOOST_AUTO_TEST_CASE(inner_ops_of_builtins_take_their_own_arguments) {
    const Slot builtins[] = {nop(),
                             store_u32(1, 2),
                             atomic_add(1, 2),
                             load_u32(1, 2),
                             compare_swap(1, 2, 3),
                             memcpy_words(1, 2, 3),
                             dfa_step(1, 2, 3),
                             batch_fence(1, 2)};
    const std::size_t arity[] = {0, 2, 2, 2, 3, 3, 3, 2};
    for (std::size_t i = 0; i < std::size(builtins); ++i) {
        BOOST_TEST(inner(builtins[i]).opcode == i);
        BOOST_TEST(inner(builtins[i]).args.size() == arity[i]);
    }
}

BOOST_AUTO_TEST_CASE(inner_opcode_too_large) {
    refuses(Errc::inner_opcode_too_large, packed({inner(print(1, 2, 3))}));
    refuses(Errc::inner_opcode_too_large, packed({inner(shutdown())}));
    refuses(Errc::inner_opcode_too_large, packed({inner(nop()), {256, {}}}));
    BOOST_TEST(packed({{255, {}}}).has_value());
}

BOOST_AUTO_TEST_CASE(too_many_inner_ops) {
    const std::vector<InnerOp> ops(300, InnerOp{8, {}});
    for (std::size_t n = 0; n <= 11; ++n) BOOST_TEST(packed(std::span(ops).first(n)).has_value());
    for (std::size_t n = 12; n <= 300; ++n) refuses(Errc::too_many_inner_ops, packed(std::span(ops).first(n)));
}

BOOST_AUTO_TEST_CASE(packed_too_long) {
    const std::vector<u32> words(4096, 5);
    for (std::size_t ops = 1; ops <= 11; ++ops) {
        const std::size_t room = 12 - (2 + 2 * ops + 3) / 4;
        for (std::size_t owner = 0; owner < ops; ++owner) {  // whichever op has the words
            std::vector<InnerOp> list(ops, InnerOp{8, {}});
            list[owner].args = std::span(words).first(room);
            BOOST_TEST(packed(list).has_value());
            for (const std::size_t n : {room + 1, std::size_t{256}, std::size_t{4096}}) {
                list[owner].args = std::span(words).first(n);
                refuses(Errc::packed_too_long, packed(list));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_window_counts_required_first) {
    const std::array<u32, 11> words{};
    const Payload required[] = {std::span(words).first(1)}, lookahead[] = {std::span(words).first(2), {}};
    const Window window{.required = required, .lookahead = lookahead};
    BOOST_TEST(window.size() == 3);
    BOOST_TEST(window.entry(0).size() == 1);
    BOOST_TEST(window.entry(1).size() == 2);
    BOOST_TEST(window.class_of(0) == SR_CLASS_REQUIRED);
    BOOST_TEST(window.class_of(2) == SR_CLASS_LOOKAHEAD);
    BOOST_TEST(check(window).has_value());
    const Payload long_one[] = {words};
    BOOST_TEST((check(Window{.lookahead = long_one}).error() == Errc::payload_too_long));
}

BOOST_AUTO_TEST_CASE(a_window_of_flat_words) {
    const std::array<u32, 24> words{1, 2, 3, 4, 5, 6};
    const Window window{.required = Payloads(std::span(words).first(6), 2),
                        .lookahead = Payloads(std::span(words).first(6), 3)};
    BOOST_TEST(check(window).has_value());
    BOOST_TEST(window.size() == 5u);
    BOOST_TEST(window.entry(2)[0] == 5u);
    BOOST_TEST(window.entry(3).size() == 3u);
    BOOST_TEST(window.entry(4)[2] == 6u);
    BOOST_TEST(window.class_of(2) == SR_CLASS_REQUIRED);
    BOOST_TEST(window.class_of(3) == SR_CLASS_LOOKAHEAD);
    is(entry_slot(window, 4), SR_OP_NOP, {0, SR_CLASS_LOOKAHEAD, 4, 5, 6});

    const auto error = [](Payloads entries) { return check(Window{.lookahead = entries}).error(); };
    BOOST_TEST((error(Payloads(words, 11)) == Errc::payload_not_whole));
    BOOST_TEST((error(Payloads(words, 0)) == Errc::payload_not_whole));
    BOOST_TEST((error(Payloads(words, 12)) == Errc::payload_too_long));
    BOOST_TEST(check(Window{.required = Payloads(std::span(words).first(10), 10)}).has_value());
    BOOST_TEST(check(Window{.required = Payloads(std::span(words).first(0), 0)}).has_value());
    BOOST_TEST(Payloads(std::span(words).first(0), 5).empty());
}
