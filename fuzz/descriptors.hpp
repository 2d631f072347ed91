// Slots and images as inputs describe them, made by the library and by the reference.
#pragma once

#include <algorithm>
#include <expected>

#include <slipring/codec.hpp>

#include "fields.hpp"
#include "guarded.hpp"
#include "reference.hpp"

namespace fuzz {

// ---- slots: a record of 28 words -------------------------------------------------------------------------------

namespace near {
// An inner op: its opcode in the lower half, its number of arguments in the upper one.
inline constexpr std::uint32_t inner_[] = {0x00000000, 0x00020001, 0x00020002, 0x000100FF, 0x00000007, 0x00010100,
                                           0x00030004, 0x000B0005, 0x000C0005, 0x000A0006, 0x00090000};
inline constexpr Field inner{inner_};
}  // namespace near

#define SR_FUZZ_DESCRIPTOR_FIELDS                                                                                \
    near::choice, near::opcode, near::anything, near::small, near::index, near::index, near::index, near::index, \
        near::index, near::index, near::index, near::index, near::index, near::index, near::index, near::index,  \
        near::inner, near::inner, near::inner, near::inner, near::inner, near::inner, near::inner, near::inner,  \
        near::inner, near::inner, near::inner, near::inner

class Descriptor {
public:
    explicit Descriptor(Input& in) noexcept : kind_(in.word() % 8), opcode_(in.word()), tenant_(in.word()) {
        count_ = in.word() % 16;
        if (is_typed()) count_ = opcode_ == 0xFFFE ? 3 : opcode_ == 0xFFFFFFFF ? 0 : arity[opcode_];
        std::uint32_t given[12];
        in.words(given);
        for (std::size_t i = 0; i < std::size(args_); ++i) args_[i] = given[i % 12];
        std::uint32_t inner[12];
        in.words(inner);
        std::size_t first = 0;
        for (std::size_t i = 0; i < std::size(ops_); ++i) {
            const std::uint32_t size = inner[i % 12] >> 16 & 15;
            ops_[i] = {inner[i % 12] & 0x1FF, std::span(args_).subspan(first, size)};
            first = (first + size) % 12;
        }
    }
    Descriptor(const Descriptor&) = delete;

    bool is_packed() const noexcept { return kind_ % 2 == 1; }
    bool is_typed() const noexcept { return kind_ == 4 && is_builtin(opcode_); }
    std::uint32_t tenant() const noexcept { return tenant_; }
    std::uint32_t opcode() const noexcept { return opcode_; }
    std::span<const std::uint32_t> args() const noexcept { return std::span(args_).first(count_); }
    std::span<const slipring::InnerOp> ops() const noexcept { return std::span(ops_).first(count_ % 14); }

    std::expected<slipring::Slot, slipring::Errc> make() const noexcept {
        using namespace slipring;
        if (is_packed()) {
            const auto made = packed(ops());
            return made ? finish(*made) : made;
        }
        if (is_typed()) return finish(typed());
        const bool builtin = !as_custom() && is_builtin(opcode_);
        const auto opcode = builtin ? Opcode(static_cast<Op>(opcode_)) : Opcode::custom(opcode_);
        if (!opcode) return std::unexpected(opcode.error());
        if (count_ == 0) return finish(slot(*opcode));
        const auto made = slot(*opcode, args());
        return made ? finish(*made) : made;
    }
    reference::Made expected() const noexcept {
        reference::Inner inner[14];
        std::ranges::transform(ops(), inner, [](const auto& op) { return reference::Inner{op.opcode, op.args}; });
        reference::Made made = is_packed() ? reference::packed(tenant_, std::span(inner, ops().size()))
                                           : reference::single(opcode_, as_custom(), tenant_, args());
        if (!made.error) made.slot[3] |= tenant_ / 65536 * 65536;
        return made;
    }

private:
    static constexpr std::uint32_t arity[] = {0, 2, 2, 2, 3, 3, 3, 2};

    // For its tenant, whose upper half is the deadline as well.
    slipring::Slot finish(const slipring::Slot& made) const noexcept {
        return made.for_tenant(tenant_).by(slipring::Deadline::of_wire(static_cast<std::uint16_t>(tenant_ >> 16)));
    }
    static bool is_builtin(std::uint32_t opcode) noexcept { return reference::is_builtin(opcode); }
    bool as_custom() const noexcept { return kind_ == 2; }

    // By the operation's own constructor.
    slipring::Slot typed() const noexcept {
        using namespace slipring;
        const std::uint32_t a = args_[0], b = args_[1], c = args_[2];
        switch (opcode_) {
            case 0: return nop();
            case 1: return store_u32(a, b);
            case 2: return atomic_add(a, b);
            case 3: return load_u32(a, b);
            case 4: return compare_swap(a, b, c);
            case 5: return memcpy_words(a, b, c);
            case 6: return dfa_step(a, b, c);
            case 7: return batch_fence(a, b);
            case 0xFFFE: return print(a, b, c);
            default: return shutdown();
        }
    }

    std::uint32_t kind_, opcode_, tenant_, count_;
    std::uint32_t args_[32];
    slipring::InnerOp ops_[14];
};

// ---- images: 5 words of a head ---------------------------------------------------------------------------------

namespace near {
inline constexpr std::uint32_t slots_[] = {0, 1, 2, 4, 7, 8};
inline constexpr std::uint32_t cut_[] = {0, 0, 0, 0, 1, 4, 63, 64, 128, 192, 256, 320};  // and a level
inline constexpr std::uint32_t skip_[] = {0, 1, 3, 4, 8};
inline constexpr std::uint32_t start_[] = {0, 0,          1,          2,          4,          7,          8,
                                           9, 0x03FFFFFF, 0x04000000, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFE, 0xFFFFFFFF};
inline constexpr std::uint32_t states_[] = {0,          0,          0x33333333, 0x30303030, 0x00000001,
                                            0x00000020, 0x00003000, 0xAB9ABAB9, 0x12345678, 0xA0000000};
inline constexpr Field slots{slots_}, cut{cut_}, skip{skip_}, start{start_}, states{states_};
}  // namespace near

#define SR_FUZZ_IMAGE_FIELDS near::slots, near::cut, near::skip, near::start, near::states

// An image of up to 8 slots of noise, and what it is expected to become.
class Image {
public:
    static constexpr std::size_t most = 8;

    explicit Image(Input& in) noexcept {
        slots_ = in.word() % (most + 1);
        const std::uint32_t cut_and_level = in.word();
        const std::size_t cut = cut_and_level % 64;
        level_ = (cut_and_level / 64 + 2) % 6;  // 0: NORMAL, and one of six is none
        skip_ = in.word() % 16;
        start_ = in.word();
        std::uint32_t states = in.word();
        size_ = slots_ == 0 ? 0 : slots_ * 64 - cut;
        image_ = memory().take(size_, skip_);
        for (std::size_t i = 0; i < size_; ++i) image_[i] = noise()[i];
        for (std::size_t i = 0; i + 4 <= size_; i += 64, states >>= 4)
            std::memcpy(&image_[i], &state[states % 16], 4);
        if (size_ != 0) std::memcpy(expected_, image_.data(), size_);
    }
    Image(const Image&) = delete;

    std::uint32_t start() const noexcept { return start_; }
    slipring::Priority level() const noexcept { return static_cast<slipring::Priority>(level_); }
    std::span<std::byte> bytes() noexcept { return image_; }
    bool in_words() const noexcept { return skip_ % 4 == 0 && size_ % 4 == 0; }
    std::span<std::uint32_t> words() noexcept { return {reinterpret_cast<std::uint32_t*>(image_.data()), size_ / 4}; }

    // The library's answer and the image are what the reference makes of the same slots.
    void check(std::span<const reference::Slot> slots,
               const std::expected<std::uint32_t, slipring::Errc>& answer) noexcept {
        const auto error = reference::encode(slots, {expected_, size_}, start_, level_);
        FUZZ_CHECK(answer.has_value() == !error.has_value());
        if (error) FUZZ_CHECK(answer.error() == *error);
        else FUZZ_CHECK(*answer == slots.size());
        check_untouched();
    }
    // No byte differs from what is expected.
    void check_untouched() const noexcept {
        FUZZ_CHECK(size_ == 0 || std::memcmp(image_.data(), expected_, size_) == 0);
    }
    // For a second encoding of the same.
    void restore() noexcept {
        if (size_ != 0) std::memcpy(image_.data(), before_, size_);
    }
    void remember() noexcept {
        if (size_ != 0) std::memcpy(before_, image_.data(), size_);
    }

private:
    // Nine states, and some with a generation.
    static constexpr std::uint32_t state[16] = {0, 1,     2,     3,          4,     5, 6,    7,
                                                8, 0x100, 0x103, 0xFFFFFF03, 0x102, 9, 0x83, 255};

    static Guarded<std::byte, most * 64 + 16>& memory() noexcept {
        static Guarded<std::byte, most * 64 + 16> memory;
        return memory;
    }
    static const std::byte* noise() noexcept {
        static const auto bytes = [] {
            std::array<std::byte, most * 64> made;
            for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::byte>(i * 167 + 13);
            return made;
        }();
        return bytes.data();
    }

    std::size_t slots_, skip_, size_;
    std::uint32_t start_, level_;
    std::span<std::byte> image_;
    std::byte expected_[most * 64], before_[most * 64];
};

}  // namespace fuzz
