// The codec: descriptors to slot words and back. Pure functions on the caller's memory: no atomics, no allocation
// (but for to_batch), no exceptions. For a live ring, which other threads and a device look at, see ring.hpp.
//
// An image is whole slots, 64 bytes or 16 words each, little-endian, of any alignment. The number of slots
// written is returned. On any error the image is byte for byte what it was.
//
// Thread-safety: calls on disjoint images are independent; one image has one user at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include <slipring/descriptor.hpp>
#include <slipring/priority.hpp>

namespace slipring {

// ---- encode ----------------------------------------------------------------------------------------------
// Slots [start, start + n) must lie in the image and be EMPTY or DONE; their state is written last. That holds for
// nothing at all, too: n = 0 is 0 slots written where start is in the image or its end, and out_of_image behind that.
// A level is what publish() takes as well; it is in the image, and in no descriptor.
// Errors: bad_flags (there is no such level), image_not_whole_slots, index_overflow (start + n exceeds u32),
// out_of_image, slot_in_use, and for a window payload_too_long, payload_not_whole.

[[nodiscard]] SLIPRING_API std::expected<std::uint32_t, Errc> encode(const Slot& slot, std::span<std::byte> image,
                                                                     std::uint32_t start,
                                                                     Priority level = Priority::normal) noexcept;

// All of the batch or nothing.
[[nodiscard]] SLIPRING_API std::expected<std::uint32_t, Errc> encode(std::span<const Slot> batch,
                                                                     std::span<std::byte> image, std::uint32_t start,
                                                                     Priority level = Priority::normal) noexcept;

// All of the window or nothing; the same image as encoding to_batch(window).
[[nodiscard]] SLIPRING_API std::expected<std::uint32_t, Errc> encode(const Window& window, std::span<std::byte> image,
                                                                     std::uint32_t start,
                                                                     Priority level = Priority::normal) noexcept;

// The same into an image of words.
template <class Descriptor>
[[nodiscard]] std::expected<std::uint32_t, Errc> encode(const Descriptor& descriptor, std::span<std::uint32_t> image,
                                                        std::uint32_t start,
                                                        Priority level = Priority::normal) noexcept {
    return encode(descriptor, std::as_writable_bytes(image), start, level);
}

// The batch that a window stands for. Errors: payload_too_long, payload_not_whole, out_of_memory.
[[nodiscard]] SLIPRING_API std::expected<std::vector<Slot>, Errc> to_batch(const Window& window) noexcept;

// ---- decode ----------------------------------------------------------------------------------------------
// What comes in is hostile until checked. Decoding an encoded slot gives the Slot that was encoded, exactly;
// how many trailing zero words an argument list had is not on the wire.

// Slot `index` of the image. Errors: image_not_whole_slots, out_of_image, not_published (also: a generation,
// which only a live ring writes), unknown_opcode, bad_flags, malformed_packed.
[[nodiscard]] SLIPRING_API std::expected<Slot, Errc> decode(std::span<const std::byte> image,
                                                            std::uint32_t index) noexcept;

// The level that slot `index` was encoded with. Errors: those of decode.
[[nodiscard]] SLIPRING_API std::expected<Priority, Errc> decode_level(std::span<const std::byte> image,
                                                                      std::uint32_t index) noexcept;

// The ops of a packed slot. They borrow from the slot.
struct InnerOps {
    std::array<InnerOp, SR_PACKED_MAX_OPS> op{};
    std::uint32_t count = 0;

    const InnerOp* begin() const noexcept { return op.data(); }
    const InnerOp* end() const noexcept { return op.data() + count; }
};

// Errors: not_packed, malformed_packed. A slot that decode() or packed() returned is never malformed.
[[nodiscard]] SLIPRING_API std::expected<InnerOps, Errc> unpack(const Slot& slot) noexcept;
[[nodiscard]] std::expected<InnerOps, Errc> unpack(Slot&&) = delete;  // it would borrow from a temporary

// What consecutive slots say of the window that they are.
struct WindowHead {
    std::uint32_t ticket = 0;
    Opcode opcode = Op::nop;
    std::uint32_t tenant = 0;
    std::uint32_t required = 0;   // entries
    std::uint32_t lookahead = 0;  // entries, behind the required ones
    Deadline deadline{};
    Priority level = Priority::normal;
};

// Slots [start, start + count) as a window, count >= 1. Errors: those of decode, index_overflow, and malformed_window
// (ticket, opcode, tenant, deadline or level differ, an unknown class, or required behind lookahead).
[[nodiscard]] SLIPRING_API std::expected<WindowHead, Errc> decode_window(std::span<const std::byte> image,
                                                                         std::uint32_t start,
                                                                         std::uint32_t count) noexcept;

// A window entry's payload: the 10 argument words behind ticket and class, zero where none was given.
constexpr std::span<const std::uint32_t, SR_WINDOW_MAX_PAYLOAD> payload(const Slot& entry) noexcept {
    return entry.args().subspan<SR_WINDOW_PREFIX>();
}

}  // namespace slipring
