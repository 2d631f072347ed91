// A program with OpenCL of its own: a context, a queue, a kernel and a buffer, on the device that the tests run on.
#pragma once

#include <CL/cl.h>

#include <cstdint>
#include <vector>

#include "runtime_fixture.hpp"

namespace slipring {

constexpr std::uint32_t count = 4096;  // words of the buffer

// The user's side: a context, a queue, a kernel and a buffer.
struct User {
    cl_platform_id platform = nullptr;
    cl_device_id device = nullptr;
    cl_context context = nullptr;
    cl_command_queue queue = nullptr;
    cl_program program = nullptr;
    cl_kernel add = nullptr;
    cl_mem words = nullptr;

    User() {
        // The device that the other tests have: by its name.
        const auto listed = devices();
        BOOST_REQUIRE(listed.has_value());
        const auto named = Runtime::open(from_environment({}));
        BOOST_REQUIRE(named.has_value());
        cl_platform_id platforms[8];
        cl_uint platform_count = 0;
        BOOST_REQUIRE(clGetPlatformIDs(8, platforms, &platform_count) == CL_SUCCESS);
        for (cl_uint p = 0; p < platform_count && device == nullptr; ++p) {
            cl_device_id found[8];
            cl_uint device_count = 0;
            if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, 8, found, &device_count) != CL_SUCCESS) continue;
            for (cl_uint d = 0; d < device_count && device == nullptr; ++d) {
                char name[256] = {};
                clGetDeviceInfo(found[d], CL_DEVICE_NAME, sizeof name - 1, name, nullptr);
                if (named->device().name == name) device = found[d];
            }
        }
        BOOST_REQUIRE(device != nullptr);
        cl_int status = CL_SUCCESS;
        context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        queue = clCreateCommandQueueWithProperties(context, device, nullptr, &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        const char* source = "__kernel void add(__global uint* words, uint n) { words[get_global_id(0)] += n; }";
        program = clCreateProgramWithSource(context, 1, &source, nullptr, &status);
        BOOST_REQUIRE(clBuildProgram(program, 1, &device, "", nullptr, nullptr) == CL_SUCCESS);
        add = clCreateKernel(program, "add", &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        words = make(CL_MEM_READ_WRITE);
        fill(0);
    }
    ~User() {
        if (words != nullptr) clReleaseMemObject(words);
        clReleaseKernel(add);
        clReleaseProgram(program);
        clReleaseCommandQueue(queue);
        if (context != nullptr) clReleaseContext(context);
    }
    User(const User&) = delete;
    User& operator=(const User&) = delete;

    cl_mem make(cl_mem_flags flags) const {
        cl_int status = CL_SUCCESS;
        const cl_mem made = clCreateBuffer(context, flags, 4 * count, nullptr, &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        return made;
    }
    void fill(std::uint32_t value) const {
        const std::vector<std::uint32_t> all(count, value);
        BOOST_REQUIRE(clEnqueueWriteBuffer(queue, words, CL_TRUE, 0, 4 * count, all.data(), 0, nullptr, nullptr) ==
                      CL_SUCCESS);
    }
    // The user's kernel, then all words; by a read, which waits for no other kernel.
    std::vector<std::uint32_t> add_and_read(std::uint32_t n) const {
        clSetKernelArg(add, 0, sizeof words, &words);
        clSetKernelArg(add, 1, sizeof n, &n);
        const std::size_t global = count;
        std::vector<std::uint32_t> out(count);
        BOOST_REQUIRE(clEnqueueNDRangeKernel(queue, add, 1, nullptr, &global, nullptr, 0, nullptr, nullptr) ==
                      CL_SUCCESS);
        BOOST_REQUIRE(clEnqueueReadBuffer(queue, words, CL_TRUE, 0, 4 * count, out.data(), 0, nullptr, nullptr) ==
                      CL_SUCCESS);
        return out;
    }
};

}  // namespace slipring
