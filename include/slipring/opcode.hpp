// What a slot asks the device to do: a built-in operation or a custom opcode.
#pragma once

#include <cstdint>
#include <expected>

#include <slipring/abi.h>
#include <slipring/error.hpp>

namespace slipring {

// The built-in operations; each has a typed constructor in descriptor.hpp, where its arguments are explained.
enum class Op : std::uint32_t {
    nop = SR_OP_NOP,
    store_u32 = SR_OP_STORE_U32,
    atomic_add = SR_OP_ATOMIC_ADD,
    load_u32 = SR_OP_LOAD_U32,
    compare_swap = SR_OP_COMPARE_SWAP,
    memcpy_words = SR_OP_MEMCPY,
    dfa_step = SR_OP_DFA_STEP,
    batch_fence = SR_OP_BATCH_FENCE,
    printf = SR_OP_PRINTF,
    shutdown = SR_OP_SHUTDOWN,
};

// True for a value that a user may give a custom operation: not 0..7, not 0xFFF0..0xFFFF, no high bit.
constexpr bool is_custom(std::uint32_t value) noexcept {
    return value > SR_OP_LAST_BUILTIN && (value < SR_OP_RESERVED_FIRST || value > SR_OP_RESERVED_LAST) &&
           (value & SR_OP_HIGH_BIT) == 0;
}

constexpr bool is_builtin(std::uint32_t value) noexcept {
    return value <= SR_OP_LAST_BUILTIN || value == SR_OP_PRINTF || value == SR_OP_SHUTDOWN;
}

// A valid opcode: built-in, or custom outside the reserved ranges. PACKED_SLOT is neither: see packed().
class Opcode {
public:
    constexpr Opcode(Op op) noexcept : value_(static_cast<std::uint32_t>(op)) {}

    // Errors: reserved_opcode.
    [[nodiscard]] static constexpr std::expected<Opcode, Errc> custom(std::uint32_t value) noexcept {
        if (!is_custom(value)) return std::unexpected(Errc::reserved_opcode);
        return Opcode(value);
    }

    constexpr std::uint32_t value() const noexcept { return value_; }
    friend constexpr bool operator==(Opcode, Opcode) noexcept = default;

private:
    template <std::uint32_t Value>
        requires(is_custom(Value))
    friend constexpr Opcode custom_opcode() noexcept;

    constexpr explicit Opcode(std::uint32_t value) noexcept : value_(value) {}

    std::uint32_t value_;
};

// A custom opcode known at compile time; a reserved one does not compile.
template <std::uint32_t Value>
    requires(is_custom(Value))
constexpr Opcode custom_opcode() noexcept {
    return Opcode(Value);
}

}  // namespace slipring
