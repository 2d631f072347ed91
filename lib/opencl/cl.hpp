// The OpenCL C++ bindings, without exceptions. Only files of this folder include it.
#pragma once

#define CL_HPP_MINIMUM_OPENCL_VERSION 200
#define CL_HPP_TARGET_OPENCL_VERSION 300

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wignored-qualifiers"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
#include <CL/opencl.hpp>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <expected>
#include <string>

#include <slipring/error.hpp>

namespace slipring {

// The error that a failed call is: `what` says which.
inline std::unexpected<Error> cl_error(const char* what, cl_int status) {
    const bool memory = status == CL_MEM_OBJECT_ALLOCATION_FAILURE || status == CL_OUT_OF_HOST_MEMORY ||
                        status == CL_OUT_OF_RESOURCES;
    return std::unexpected(Error{memory ? Errc::out_of_memory : Errc::opencl_failed,
                                 std::string(what) + " gave " + std::to_string(status)});
}

}  // namespace slipring
