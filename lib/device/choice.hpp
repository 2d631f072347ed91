// What Options::device means: any device, one by its number, or those with a part of a name.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <slipring/device.hpp>

namespace slipring {

inline bool is_auto(std::string_view wanted) noexcept { return wanted.empty() || wanted == "auto"; }

// N of "#N". Anything else after a # is a part of a name like every other text.
inline std::optional<std::size_t> device_number(std::string_view wanted) noexcept {
    if (!wanted.starts_with('#')) return std::nullopt;
    const char* const end = wanted.data() + wanted.size();
    std::size_t number = 0;
    const auto [stopped, error] = std::from_chars(wanted.data() + 1, end, number);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return number;
}

// "#N". Appended, for g++ 12 takes "literal" + string for an overlapping copy (GCC 105651).
inline std::string numbered(std::size_t index) { return std::string("#").append(std::to_string(index)); }

// Whether `wanted` means device `index` of devices().
inline bool means(std::string_view wanted, std::size_t index, const DeviceInfo& device) noexcept {
    if (is_auto(wanted)) return true;
    if (const auto number = device_number(wanted)) return *number == index;
    const auto has = [wanted](std::string_view text) {
        const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
        return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), same) != text.end();
    };
    return has(device.name) || has(device.platform);
}

}  // namespace slipring
