// Descriptors: what one slot, one packed slot or one window asks for. Host only, values, no allocation.
//
//   Slot a = store_u32(7, 160);                                   // built-in operations have typed constructors
//   Slot b = slot(custom_opcode<0x100>(), {1, 2, 3}).for_tenant(4);
//   Slot d = slot(custom_opcode<0x100>(), arguments(1.5f, std::uint64_t{7}));   // see arguments.hpp
//   auto c = packed({inner(store_u32(1, 160)), inner(atomic_add(2, 161))});
//   Window w{.ticket = 9, .opcode = custom_opcode<0x100>(), .required = entries};
//   Window v{.ticket = 9, .opcode = Op::store_u32, .required = Payloads(words, 2)};   // flat words, two an entry
//
// A batch is any contiguous sequence of slots: std::span<const Slot>.
//
// A Slot is always valid and can be encoded. The functions that make one return an error for arguments that cannot be
// a slot. All functions here are pure and thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <initializer_list>
#include <span>
#include <utility>

#include <slipring/arguments.hpp>
#include <slipring/deadline.hpp>
#include <slipring/opcode.hpp>

namespace slipring {

using Words = std::array<std::uint32_t, SR_SLOT_WORDS>;

// One slot, held as its 16 words on the wire: state PUBLISHED, generation 0, priority NORMAL, no flags, and no
// deadline unless by() gave it one.
class alignas(SR_SLOT_BYTES) Slot {
public:
    constexpr Slot() noexcept : Slot(SR_OP_NOP) {}  // a NOP

    constexpr std::uint32_t opcode() const noexcept { return words_[SR_WORD_OPCODE]; }
    constexpr std::uint32_t tenant() const noexcept { return words_[SR_WORD_TENANT]; }
    constexpr bool is_packed() const noexcept { return opcode() == SR_OP_PACKED_SLOT; }

    // All 12 argument words; those not given are zero.
    constexpr std::span<const std::uint32_t, SR_MAX_ARGS> args() const noexcept {
        return std::span(words_).subspan<SR_WORD_ARGS, SR_MAX_ARGS>();
    }

    // The whole slot as it is encoded.
    constexpr const Words& words() const noexcept { return words_; }

    // The same slot on behalf of another tenant (default 0).
    constexpr Slot for_tenant(std::uint32_t tenant) const noexcept {
        Slot copy = *this;
        copy.words_[SR_WORD_TENANT] = tenant;
        return copy;
    }

    // The same slot with a deadline (default: none).
    constexpr Slot by(Deadline deadline) const noexcept {
        Slot copy = *this;
        std::uint32_t& word = copy.words_[SR_WORD_PRIORITY];
        word = (word & ~(SR_TICKS_MASK << SR_DEADLINE_SHIFT)) | std::uint32_t{deadline.ticks()} << SR_DEADLINE_SHIFT;
        return copy;
    }
    constexpr Deadline deadline() const noexcept {
        return Deadline::of_wire(static_cast<std::uint16_t>(words_[SR_WORD_PRIORITY] >> SR_DEADLINE_SHIFT));
    }

    friend constexpr bool operator==(const Slot&, const Slot&) noexcept = default;

private:
    friend struct SlotAccess;

    constexpr explicit Slot(std::uint32_t opcode) noexcept
        : words_{SR_STATE_PUBLISHED, opcode, 0, SR_PRIORITY_NORMAL} {}

    constexpr explicit Slot(const Words& words) noexcept : words_(words) {}

    Words words_;
};

// For the codec and the constructors below: makes slots of words that are known to be valid.
struct SlotAccess {
    template <std::size_t N>
    static constexpr Slot make(std::uint32_t opcode, const std::uint32_t (&args)[N]) noexcept {
        static_assert(N <= SR_MAX_ARGS);
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            // All words at once, in pairs: storing first zeros and then the arguments over them makes the code that
            // copies the slot wait for both (g++ 12: 22 ns a slot instead of 1).
            const auto arg = [&](std::size_t i) -> std::uint64_t { return i < N ? args[i] : 0; };
            return Slot(std::bit_cast<Words>(std::array<std::uint64_t, SR_SLOT_WORDS / 2>{
                SR_STATE_PUBLISHED | std::uint64_t{opcode} << 32, std::uint64_t{SR_PRIORITY_NORMAL} << 32,
                (arg(2 * I) | arg(2 * I + 1) << 32)...}));
        }(std::make_index_sequence<SR_MAX_ARGS / 2>());
    }
    static constexpr Slot make(std::uint32_t opcode) noexcept { return Slot(opcode); }
    static constexpr Words& words(Slot& slot) noexcept { return slot.words_; }
};

// ---- built-in operations ---------------------------------------------------------------------------------
// `control` is a word array in device memory, see Runtime::read_control. Words below first_user_word belong to the
// system; operations may read them, and a write to them ends in FAULT, out of range. `result` is what Runtime::result
// returns for the slot.

// The first control word that operations and Runtime::write_control may write: 160.
inline constexpr std::uint32_t first_user_word = SR_OBSERVABLE_BASE;

// Nothing. Result 0.
constexpr Slot nop() noexcept { return SlotAccess::make(SR_OP_NOP); }

// control[index] = value. Result: value.
constexpr Slot store_u32(std::uint32_t value, std::uint32_t index) noexcept {
    return SlotAccess::make(SR_OP_STORE_U32, {value, index});
}

// control[index] += value, atomically, modulo 2^32. Result: the old value.
constexpr Slot atomic_add(std::uint32_t value, std::uint32_t index) noexcept {
    return SlotAccess::make(SR_OP_ATOMIC_ADD, {value, index});
}

// control[first_user_word + out] = control[index]. Result: the value.
constexpr Slot load_u32(std::uint32_t index, std::uint32_t out) noexcept {
    return SlotAccess::make(SR_OP_LOAD_U32, {index, out});
}

// If control[index] == expected, control[index] = desired, atomically. Result: the old value.
constexpr Slot compare_swap(std::uint32_t index, std::uint32_t expected, std::uint32_t desired) noexcept {
    return SlotAccess::make(SR_OP_COMPARE_SWAP, {index, expected, desired});
}

// Copies `words` words inside `control`; source and destination may overlap. On a GPU a sub-group does more than 1024
// words together, or a team where there are teams. Result: words.
constexpr Slot memcpy_words(std::uint32_t source, std::uint32_t destination, std::uint32_t words) noexcept {
    return SlotAccess::make(SR_OP_MEMCPY, {source, destination, words});
}

// control[first_user_word + out] = table[state * 256 + byte], see Runtime::load_dfa. Result: the next state.
constexpr Slot dfa_step(std::uint32_t state, std::uint32_t byte, std::uint32_t out) noexcept {
    return SlotAccess::make(SR_OP_DFA_STEP, {state, byte, out});
}

// Waits until every earlier slot of the ring is terminal, then bumps the epoch (control word 0) and stores `tag`
// (control word 1). `count` is for the reader of a trace: how many slots the fence closes. Result: the epoch.
constexpr Slot batch_fence(std::uint32_t count, std::uint32_t tag) noexcept {
    return SlotAccess::make(SR_OP_BATCH_FENCE, {count, tag});
}

// One record in the debug log; a full log counts a drop instead, see Runtime::read_log. Result: 1 logged, 0 dropped.
constexpr Slot print(std::uint32_t format, std::uint32_t a, std::uint32_t b) noexcept {
    return SlotAccess::make(SR_OP_PRINTF, {format, a, b});
}

// The kernel leaves once everything published earlier has finished. Result 0. The next publish brings it back;
// to close a runtime for good, call Runtime::shutdown.
constexpr Slot shutdown() noexcept { return SlotAccess::make(SR_OP_SHUTDOWN); }

// ---- any opcode --------------------------------------------------------------------------------------------

// A slot with a literal argument list: more than 12 words do not compile.
template <std::size_t N>
    requires(N <= SR_MAX_ARGS)
constexpr Slot slot(Opcode opcode, const std::uint32_t (&args)[N]) noexcept {
    return SlotAccess::make(opcode.value(), args);
}
constexpr Slot slot(Opcode opcode) noexcept { return SlotAccess::make(opcode.value()); }

// A slot with the words that arguments() made: more than 12 do not compile.
template <std::size_t N>
    requires(N <= SR_MAX_ARGS)
constexpr Slot slot(Opcode opcode, const std::array<std::uint32_t, N>& args) noexcept {
    if constexpr (N == 0) return SlotAccess::make(opcode.value());
    else
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return SlotAccess::make(opcode.value(), {args[I]...});
        }(std::make_index_sequence<N>());
}

// A slot with an argument list of any length. Errors: too_many_arguments.
[[nodiscard]] SLIPRING_API std::expected<Slot, Errc> slot(Opcode opcode,
                                                          std::span<const std::uint32_t> args) noexcept;

// ---- packed slots --------------------------------------------------------------------------------------------

// One operation inside a packed slot. Borrows its arguments: they must outlive it.
struct InnerOp {
    std::uint32_t opcode;  // 0..255: a built-in operation up to 7, or a custom opcode
    std::span<const std::uint32_t> args;
};

// A built-in operation's slot as an inner op; it borrows from the slot, so pass it on in the same expression.
// PRINTF and SHUTDOWN do not fit the one byte that an inner opcode has: packed() refuses them.
constexpr InnerOp inner(const Slot& builtin) noexcept {
    constexpr std::size_t arity[] = {0, 2, 2, 2, 3, 3, 3, 2};
    const std::size_t count = builtin.opcode() <= SR_OP_LAST_BUILTIN ? arity[builtin.opcode()] : SR_MAX_ARGS;
    return {builtin.opcode(), builtin.args().first(count)};
}

// Up to 11 small operations in one slot; they run in order, and the first that faults ends the slot.
// The table of ops (2 + 2 bytes an op, rounded up to words) and all argument words fit in 12 words together.
// Errors: inner_opcode_too_large, too_many_inner_ops, packed_too_long.
[[nodiscard]] SLIPRING_API std::expected<Slot, Errc> packed(std::span<const InnerOp> ops) noexcept;
[[nodiscard]] inline std::expected<Slot, Errc> packed(std::initializer_list<InnerOp> ops) noexcept {
    return packed(std::span(ops.begin(), ops.size()));
}

// ---- windows -------------------------------------------------------------------------------------------------

// What one window entry carries after its ticket and class: at most 10 words.
using Payload = std::span<const std::uint32_t>;

// The entries of one class: a list of payloads, or flat words of which every `stride` are one payload. Borrows them.
class Payloads {
public:
    constexpr Payloads() noexcept = default;
    template <class List>
        requires std::convertible_to<const List&, std::span<const Payload>>
    constexpr Payloads(const List& list) noexcept : Payloads(std::span<const Payload>(list)) {}
    constexpr Payloads(std::span<const Payload> list) noexcept : list_(list.data()), size_(list.size()) {}
    constexpr Payloads(std::span<const std::uint32_t> words, std::size_t stride) noexcept
        : words_(words.data()), stride_(stride), size_(stride == 0 ? 0 : words.size() / stride),
          is_whole_(stride == 0 ? words.empty() : words.size() % stride == 0) {}

    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr Payload operator[](std::size_t i) const noexcept {
        return words_ != nullptr ? Payload(words_ + i * stride_, stride_) : list_[i];
    }
    // False if flat words are left over behind the last whole payload.
    constexpr bool is_whole() const noexcept { return is_whole_; }

private:
    const Payload* list_ = nullptr;
    const std::uint32_t* words_ = nullptr;
    std::size_t stride_ = 0, size_ = 0;
    bool is_whole_ = true;
};

// One operation over many entries: those required now, then those that a lookahead may as well fetch.
// Borrows its entries. It occupies required.size() + lookahead.size() consecutive slots, required first.
struct Window {
    // The user's number for the window, on the wire in every slot. A runtime refuses a number that a window in flight
    // has; any number of windows may have 0.
    std::uint32_t ticket = 0;
    Opcode opcode = Op::nop;
    std::uint32_t tenant = 0;
    Payloads required{};
    Payloads lookahead{};
    Deadline deadline{};  // of each entry

    constexpr std::uint64_t size() const noexcept { return std::uint64_t{required.size()} + lookahead.size(); }
    // Entry i, required ones first; i < size().
    constexpr Payload entry(std::uint64_t i) const noexcept {
        return i < required.size() ? required[i] : lookahead[i - required.size()];
    }
    constexpr std::uint32_t class_of(std::uint64_t i) const noexcept {
        return i < required.size() ? SR_CLASS_REQUIRED : SR_CLASS_LOOKAHEAD;
    }
};

// Ok if every entry of the window fits a slot. Errors: payload_too_long, payload_not_whole.
[[nodiscard]] SLIPRING_API std::expected<void, Errc> check(const Window& window) noexcept;

// Entry i as the slot that it stands for; i < window.size(), and check(window) is ok.
inline Slot entry_slot(const Window& window, std::uint64_t i) noexcept {
    const Payload payload = window.entry(i);
    Slot made = SlotAccess::make(window.opcode.value(), {window.ticket, window.class_of(i)});
    Words& words = SlotAccess::words(made);
    words[SR_WORD_TENANT] = window.tenant;
    words[SR_WORD_PRIORITY] |= std::uint32_t{window.deadline.ticks()} << SR_DEADLINE_SHIFT;
    // The bound holds already; it is said again for compilers that cannot know.
    const std::size_t count = std::min<std::size_t>(payload.size(), SR_WINDOW_MAX_PAYLOAD);
    if (count != 0) std::memcpy(&words[SR_WORD_ARGS + SR_WINDOW_PREFIX], payload.data(), count * 4);
    return made;
}

}  // namespace slipring
