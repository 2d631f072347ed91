// The device that tests run on: SLIPRING_TEST_DEVICE, a part of its name as in Options::device, or auto.
#pragma once

#include <cstdlib>
#include <string>

namespace slipring {

inline std::string test_device() {
    const char* const wanted = std::getenv("SLIPRING_TEST_DEVICE");
    return wanted == nullptr || *wanted == '\0' ? "auto" : wanted;
}

}  // namespace slipring
