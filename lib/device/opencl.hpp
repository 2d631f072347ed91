// What the user's OpenCL objects are inside: see slipring/opencl.hpp.
#pragma once

#include <cstdint>

#include <slipring/options.hpp>

#include "cl.hpp"

namespace slipring {

class OpenClContext {
public:
    cl::Context context;
    cl::Device device;
};

class OpenClMemory {
public:
    cl::Buffer buffer;
    cl::Context context;  // that it belongs to
    std::uint64_t bytes = 0;
};

}  // namespace slipring
