// The device's drain over several levels: device.cl once more, built for three of them. Its device_drain_serial takes
// a ring for each, the highest level's first.
#pragma once

#include <cstddef>

#include "device.hpp"

// meson.build gives the device code the same numbers.
inline constexpr std::size_t level_count = 3, lead_level = 1;
inline constexpr std::uint32_t lower_every = 8;
