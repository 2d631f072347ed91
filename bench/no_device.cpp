// Stands in for device.cpp in a build without OpenCL.
#include "bench.hpp"

namespace slipring::bench {

std::expected<DeviceNumbers, Error> measure_device(const std::string&, std::chrono::duration<double>) {
    return std::unexpected(Error{Errc::no_platform, "slipring was built without OpenCL"});
}

}  // namespace slipring::bench
