// The encoding, written a second time from the contract's text, as plainly as can be: no helper of the library's, and
// arithmetic in 128 bits, where nothing wraps.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include <slipring/error.hpp>

namespace reference {

using slipring::Errc;
using u32 = std::uint32_t;
using wide = unsigned __int128;
using Slot = std::array<u32, 16>;

inline bool is_builtin(u32 op) { return op <= 7 || op == 0xFFFE || op == 0xFFFFFFFF; }
inline bool is_reserved(u32 op) { return op <= 7 || (op >= 0xFFF0 && op <= 0xFFFF) || op >= 0x80000000; }

struct Made {
    std::optional<Errc> error;
    Slot slot{};
};

inline Made single(u32 opcode, bool as_custom, u32 tenant, std::span<const u32> args) {
    if ((as_custom || !is_builtin(opcode)) && is_reserved(opcode)) return {Errc::reserved_opcode};
    if (args.size() > 12) return {Errc::too_many_arguments};
    Made made{{}, {1, opcode, tenant, 2}};
    for (wide i = 0; i < args.size(); ++i) made.slot[std::size_t(4 + i)] = args[std::size_t(i)];
    return made;
}

struct Inner {
    u32 opcode;
    std::span<const u32> args;
};

inline Made packed(u32 tenant, std::span<const Inner> ops) {
    if (ops.size() > 11) return {Errc::too_many_inner_ops};
    wide table = 1;  // words: two bytes of counts, two bytes an op, rounded up
    while (4 * table < 2 + 2 * wide(ops.size())) ++table;
    unsigned char bytes[48] = {};
    wide words = 0;
    bytes[0] = static_cast<unsigned char>(ops.size());
    for (std::size_t i = 0; i < ops.size(); ++i) {
        if (ops[i].opcode > 255) return {Errc::inner_opcode_too_large};
        if (table + words + ops[i].args.size() > 12) return {Errc::packed_too_long};
        bytes[2 + 2 * i] = static_cast<unsigned char>(ops[i].opcode);
        bytes[3 + 2 * i] = static_cast<unsigned char>(words);
        for (const u32 arg : ops[i].args) {
            for (unsigned k = 0; k < 4; ++k)
                bytes[std::size_t(4 * (table + words)) + k] = static_cast<unsigned char>(arg >> (8 * k));
            ++words;
        }
    }
    bytes[1] = static_cast<unsigned char>(words);
    Made made{{}, {1, 0x80000001, tenant, 2}};
    for (std::size_t i = 0; i < 48; ++i) made.slot[4 + i / 4] |= u32{bytes[i]} << (8 * (i % 4));
    return made;
}

inline u32 load(std::span<const std::byte> image, wide byte) {
    u32 value;
    std::memcpy(&value, &image[std::size_t(byte)], 4);
    return value;
}

// Writes the slots, or says why not and writes nothing.
inline std::optional<Errc> encode(std::span<const Slot> slots, std::span<std::byte> image, u32 start, u32 level) {
    const wide end = wide(start) + slots.size();
    if (level > 4) return Errc::bad_flags;
    if (image.size() % 64 != 0) return Errc::image_not_whole_slots;
    if (end > 0xFFFFFFFFu) return Errc::index_overflow;
    if (end * 64 > image.size()) return Errc::out_of_image;
    for (wide i = start; i < end; ++i) {
        const u32 state = load(image, i * 64) % 256;
        if (state != 0 && state != 3) return Errc::slot_in_use;
    }
    for (wide i = 0; i < slots.size(); ++i) {
        Slot slot = slots[std::size_t(i)];
        slot[3] = slot[3] / 256 * 256 + level;
        std::memcpy(&image[std::size_t((start + i) * 64)], &slot, 64);  // on a little-endian machine
    }
    return std::nullopt;
}

// Whether an encoder made this slot; if not, why.
inline std::optional<Errc> refusal(const Slot& slot) {
    if (slot[0] != 1) return Errc::not_published;
    const bool is_packed = slot[1] == 0x80000001;
    if (!is_packed && !is_builtin(slot[1]) && is_reserved(slot[1])) return Errc::unknown_opcode;
    if (slot[3] % 256 > 4 || slot[3] / 256 % 256 != 0) return Errc::bad_flags;
    if (!is_packed) return std::nullopt;

    // Packs again what the bytes say, as far as they say anything; an encoder's bytes come out as they were.
    unsigned char bytes[48];
    for (std::size_t i = 0; i < 48; ++i) bytes[i] = static_cast<unsigned char>(slot[4 + i / 4] >> (8 * (i % 4)));
    const std::size_t count = bytes[0];
    if (count > 11) return Errc::malformed_packed;
    const std::size_t table = (2 + 2 * count + 3) / 4;
    Inner ops[11];
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t begin = bytes[3 + 2 * i];
        const std::size_t end = i + 1 < count ? bytes[5 + 2 * i] : bytes[1];
        if (begin > end || table + end > 12) return Errc::malformed_packed;
        ops[i] = {bytes[2 + 2 * i], std::span(slot).subspan(4 + table + begin, end - begin)};
    }
    Made again = packed(slot[2], {ops, count});
    again.slot[3] = slot[3];  // as far as that may differ
    return again.error || again.slot != slot ? std::optional(Errc::malformed_packed) : std::nullopt;
}

}  // namespace reference
