// Arguments of any arithmetic type or enumeration, as the words of a slot.
//
//   Slot a = slot(opcode, arguments(1.5f, std::uint64_t{7}, 3u));   // words: 1.5f, low half of 7, high half of 7, 3
//
// A value of up to 32 bits takes one word; a smaller one is widened, by its sign if it has one. A value of 64 bits
// takes two, the low half first, with no padding in front. A handler reads a float as as_float(a.word[0]), and a
// 64-bit value as sr_arg64(a, 1), or as_double(sr_arg64(a, 1)): see handler.h.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <slipring/api.hpp>

namespace slipring {

template <class T>
concept Argument = (std::is_arithmetic_v<T> || std::is_enum_v<T>) && sizeof(T) <= 8;

namespace detail {

template <Argument T>
inline constexpr std::size_t words_of = sizeof(T) == 8 ? 2 : 1;

template <Argument T>
constexpr std::uint64_t bits_of(T value) noexcept {
    if constexpr (std::is_enum_v<T>) return bits_of(static_cast<std::underlying_type_t<T>>(value));
    else if constexpr (std::is_same_v<T, double>) return std::bit_cast<std::uint64_t>(value);
    else if constexpr (std::is_same_v<T, float>) return std::bit_cast<std::uint32_t>(value);
    else return static_cast<std::uint64_t>(value);
}

}  // namespace detail

template <Argument... T>
[[nodiscard]] constexpr auto arguments(T... values) noexcept {
    std::array<std::uint32_t, (detail::words_of<T> + ... + 0)> words{};
    [[maybe_unused]] std::size_t at = 0;
    [[maybe_unused]] const auto put = [&](std::uint64_t bits, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) words[at++] = static_cast<std::uint32_t>(bits >> (32 * i));
    };
    (put(detail::bits_of(values), detail::words_of<T>), ...);
    return words;
}

}  // namespace slipring
