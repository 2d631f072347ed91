// A program that uses the OpenCL C++ bindings itself, and wants exceptions of them: slipring's errors stay values.
// usage: exceptions build|platform: what fails is the handler, or, where there is no platform, the first call.
#define CL_HPP_ENABLE_EXCEPTIONS
#define CL_HPP_MINIMUM_OPENCL_VERSION 200
#define CL_HPP_TARGET_OPENCL_VERSION 300
#include <CL/opencl.hpp>

#include <cstdio>
#include <cstring>

#include <slipring/runtime.hpp>

namespace {

// The bindings that slipring calls, too, as this program has built them: they throw.
const char* thrown_here(bool platform) {
    try {
        std::vector<cl::Platform> platforms;
        cl::Platform::get(&platforms);
        if (platform) return "nothing";
        std::vector<cl::Device> devices;
        platforms.at(0).getDevices(CL_DEVICE_TYPE_ALL, &devices);
        const cl::Context context(devices.at(0));
        cl::Program(context, "no OpenCL C").build(devices.at(0));
    } catch (const cl::BuildError&) {
        return "build";
    } catch (const cl::Error&) {
        return "platform";
    }
    return "nothing";
}

}  // namespace

int main(int argc, char** argv) {
    const bool platform = argc == 2 && std::strcmp(argv[1], "platform") == 0;
    const char* const expected = platform ? "platform" : "build";
    if (const char* const thrown = thrown_here(platform); std::strcmp(thrown, expected) != 0) {
        std::fprintf(stderr, "this program's own bindings threw: %s\n", thrown);
        return 1;
    }
    const slipring::CustomOp broken{.opcode = 0x100, .name = "broken", .source = "no OpenCL C"};
    try {
        const auto runtime = slipring::Runtime::open({.ops = {broken}});
        if (runtime) return 2;
        std::printf("an error value: %s\n", std::string(slipring::message(runtime.error().code)).c_str());
        const auto wanted = platform ? slipring::Errc::no_platform : slipring::Errc::build_failed;
        return runtime.error().code == wanted ? 0 : 3;
    } catch (...) {
        std::fputs("slipring threw\n", stderr);
        return 4;
    }
}
