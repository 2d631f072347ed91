// What a program may link to, and what slipring wants of a machine and of a compiler. Every public header includes
// it.
#pragma once

// Each refusal below is one #error. The compiler would go on behind it, with a hundred lines about std::expected, so
// each ends with a file that does not exist: that ends the compilation.
#if !defined(__linux__) || __SIZEOF_POINTER__ != 8 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "slipring wants 64-bit little-endian Linux: slots are little-endian, positions 64-bit words in one piece"
#include <slipring/see_the_error_above>
#endif

#if __cplusplus <= 202002L
#error "slipring wants C++23: compile with -std=c++23, or -std=c++2b, by g++ 12 or clang 19 or later"
#include <slipring/see_the_error_above>
#endif

#include <version>
#ifndef __cpp_lib_expected
#error "slipring wants std::expected, which this compiler and its library lack: g++ 12, clang 19 and later have it"
#include <slipring/see_the_error_above>
#endif

// On what the library defines. All else in it is hidden: a program that uses it neither sees nor replaces that.
#define SLIPRING_API __attribute__((visibility("default")))
