#include "plain_opencl.hpp"

#include <vector>

namespace slipring::bench {

std::string text(cl_device_id device, cl_device_info what) {
    std::size_t size = 0;
    clGetDeviceInfo(device, what, 0, nullptr, &size);
    std::string out(size, '\0');
    clGetDeviceInfo(device, what, size, out.data(), nullptr);
    return out.c_str();
}

bool find(const DeviceInfo& info, cl_platform_id& platform, cl_device_id& device) {
    cl_uint count = 0;
    clGetPlatformIDs(0, nullptr, &count);
    std::vector<cl_platform_id> platforms(count);
    clGetPlatformIDs(count, platforms.data(), nullptr);
    for (cl_platform_id each : platforms) {
        cl_uint devices = 0;
        clGetDeviceIDs(each, CL_DEVICE_TYPE_ALL, 0, nullptr, &devices);
        std::vector<cl_device_id> found(devices);
        clGetDeviceIDs(each, CL_DEVICE_TYPE_ALL, devices, found.data(), nullptr);
        for (cl_device_id one : found) {
            if (text(one, CL_DEVICE_NAME) != info.name || text(one, CL_DRIVER_VERSION) != info.driver) continue;
            platform = each;
            device = one;
            return true;
        }
    }
    return false;
}

cl_int build(cl_context context, cl_device_id device, const char* source, Program& to, std::string& log) {
    cl_int status = CL_SUCCESS;
    to.reset(clCreateProgramWithSource(context, 1, &source, nullptr, &status));
    if (status != CL_SUCCESS) return status;
    status = clBuildProgram(to.get(), 1, &device, "", nullptr, nullptr);
    if (status != CL_SUCCESS) {
        log.resize(4096);
        clGetProgramBuildInfo(to.get(), device, CL_PROGRAM_BUILD_LOG, log.size(), log.data(), nullptr);
        log = log.c_str();
    }
    return status;
}

}  // namespace slipring::bench
