// An error of slipring's as a sentence for the user.
#pragma once

#include <string>

#include <slipring/error.hpp>

inline std::string sentence(slipring::Errc code) {
    return std::string(slipring::message(code)) + "; " + std::string(slipring::hint(code));
}
