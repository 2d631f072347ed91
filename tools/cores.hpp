// How many cores this process may use: fewer than the machine has, in a container or under taskset.
#pragma once

#include <cstdint>

std::uint32_t usable_cores() noexcept;  // at least 1
