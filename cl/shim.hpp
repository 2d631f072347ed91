// OpenCL C as C++: what the device code needs to be compiled natively, for tests and sanitizers.
//
//   #include "cl/shim.hpp"
//
// A file that includes it defines sr_custom, sr_is_team and sr_custom_team.
#pragma once

#include <cstdint>
#include <thread>

#define SR_NATIVE 1
#ifndef SR_LANES  // one lane a sub-group, and each sub-group a thread
#define SR_CACHED 1
#define SR_YIELD() std::this_thread::yield()
#endif
#define __global
#define __local
#define __private

using uint = std::uint32_t;
using ulong = std::uint64_t;
using uchar = std::uint8_t;

#include "serial.h"
#include "wide/drain.h"
