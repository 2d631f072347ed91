// The OpenCL C++ bindings, without exceptions. Only files of this folder include it.
//
// The bindings are inline functions in namespace cl. A program that uses them, too, may have built them otherwise:
// with CL_HPP_ENABLE_EXCEPTIONS they throw. The linker keeps one of both. So ours are in a namespace of their own.
#pragma once

#define CL_HPP_MINIMUM_OPENCL_VERSION 200
#define CL_HPP_TARGET_OPENCL_VERSION 300
#define CL_TARGET_OPENCL_VERSION CL_HPP_TARGET_OPENCL_VERSION

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wignored-qualifiers"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
#include <CL/opencl.h>  // before `cl` is another word
#define cl slipring_cl
#include <CL/opencl.hpp>
#undef cl
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <expected>
#include <string>

#include <slipring/error.hpp>

namespace slipring {

namespace cl = ::slipring_cl;

// The error that a failed call is: `what` says which.
inline std::unexpected<Error> cl_error(const char* what, cl_int status) {
    const bool memory = status == CL_MEM_OBJECT_ALLOCATION_FAILURE || status == CL_OUT_OF_HOST_MEMORY ||
                        status == CL_OUT_OF_RESOURCES;
    return std::unexpected(Error{memory ? Errc::out_of_memory : Errc::opencl_failed,
                                 std::string(what) + " gave " + std::to_string(status)});
}

}  // namespace slipring
