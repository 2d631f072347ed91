// What a preload over the ICD loader is made of: the function behind the one that it replaces, and answers.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

// Internal to each library: RTLD_NEXT finds what is behind the library that asks.
namespace {

template <class Function>
Function real(const char* name) {
    void* const found = dlsym(RTLD_NEXT, name);
    if (found == nullptr) std::abort();
    return reinterpret_cast<Function>(found);
}
#define REAL(name) static const auto call = real<decltype(&name)>(#name)

[[maybe_unused]] cl_int answer(const void* value, std::size_t bytes, std::size_t room, void* to,
                               std::size_t* needed) {
    if (needed != nullptr) *needed = bytes;
    if (to == nullptr) return CL_SUCCESS;
    if (room < bytes) return CL_INVALID_VALUE;
    std::memcpy(to, value, bytes);
    return CL_SUCCESS;
}

// The device's extensions, by the real call, and `more`.
[[maybe_unused]] cl_int answer_extensions(decltype(&clGetDeviceInfo) call, cl_device_id device, const char* more,
                                          std::size_t room, void* to, std::size_t* needed) {
    std::size_t bytes = 0;
    call(device, CL_DEVICE_EXTENSIONS, 0, nullptr, &bytes);
    std::string names(bytes, '\0');
    call(device, CL_DEVICE_EXTENSIONS, bytes, names.data(), nullptr);
    names = names.c_str() + std::string(" ") + more;
    return answer(names.c_str(), names.size() + 1, room, to, needed);
}

}  // namespace
