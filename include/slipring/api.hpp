// What a program may link to, and where slipring runs. Every public header includes it.
#pragma once

#if !defined(__linux__) || __SIZEOF_POINTER__ != 8 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "slipring wants 64-bit little-endian Linux: slots are little-endian, positions 64-bit words in one piece"
#endif

// On what the library defines. All else in it is hidden: a program that uses it neither sees nor replaces that.
#define SLIPRING_API __attribute__((visibility("default")))
