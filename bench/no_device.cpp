// Stands in for device.cpp, coexistence.cpp and prefetch.cpp in a build without OpenCL.
#include "bench.hpp"

namespace slipring::bench {

namespace {
const Error no_opencl{Errc::no_platform, "slipring was built without OpenCL"};
}

std::expected<DeviceNumbers, Error> measure_device(const Options&, std::chrono::duration<double>) {
    return std::unexpected(no_opencl);
}

std::expected<Coexistence, Error> measure_coexistence(const Options&, std::chrono::duration<double>) {
    return std::unexpected(no_opencl);
}

std::expected<Prefetch, Error> measure_prefetch(const Options&, std::chrono::duration<double>) {
    return std::unexpected(no_opencl);
}

}  // namespace slipring::bench
