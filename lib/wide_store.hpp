// A slot of 64 bytes as one store, for write-combining memory behind a bus, which may pass smaller stores on one by
// one and in any order. Which store there is, the processor says at run time; no compiler flag is needed.
//
// What was measured on a Xeon with an H200 over PCIe 5, and decides the shape of this:
//  - of 1.2e9 slots by each of these stores none was seen torn; by 4 bytes at a time slots are seen in pieces;
//  - the round trip is the same by both stores, and with a fence behind them or without: no store is held back;
//  - a fence for each slot costs 150 ns of the producer's, so 7 M slots/s are left; for each 16 slots, 77;
//  - one producer stores 190 to 200 M slots/s by MOVDIR64B and 250 to 280 by AVX-512, two 250 to 310 and 480 to 505;
//    from four on the bus is full, at about 500.
#pragma once

#include <cstddef>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace slipring {

enum class WideStore {
    none,       // the widest store is narrower than a slot
    avx512,     // one aligned store of a register, which arrives together as far as was seen
    movdir64b,  // MOVDIR64B: the processor promises that the 64 bytes arrive together
};

#if defined(__x86_64__)

// The best that this processor and its operating system have. AVX-512 of Intel's alone: others may store halves.
inline WideStore find_widest_store() noexcept {
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned movdir64b = 1u << 28;  // leaf 7, ECX
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & movdir64b) != 0) return WideStore::movdir64b;
    return __builtin_cpu_is("intel") && __builtin_cpu_supports("avx512f") ? WideStore::avx512 : WideStore::none;
}
// Asked once: CPUID leaves a virtual machine for its host, for 2.8 us.
inline WideStore widest_store() noexcept {
    static const WideStore widest = find_widest_store();
    return widest;
}

[[gnu::target("movdir64b")]] inline void store_by_movdir64b(std::byte* to, const std::byte* from,
                                                            std::size_t slots) noexcept {
    for (; slots != 0; --slots, to += 64, from += 64) _movdir64b(to, from);
}

[[gnu::target("avx512f")]] inline void store_by_avx512(std::byte* to, const std::byte* from,
                                                       std::size_t slots) noexcept {
    for (; slots != 0; --slots, to += 64, from += 64) _mm512_store_si512(to, _mm512_loadu_si512(from));
}

// Copies so many times 64 bytes to `to`, which is aligned to 64. `how` is what widest_store() gave, and not none.
//
// Orders nothing. Slots may arrive in another order than they were stored in: of 100,000 looks at a slot that had
// just come some 50 found one of the 32 before it missing. What the device is to find in other memory when it sees
// the slot needs a store_fence() before the slot.
inline void store_wide(WideStore how, void* to, const void* from, std::size_t slots = 1) noexcept {
    auto* const begin = static_cast<std::byte*>(to);
    if (how == WideStore::movdir64b) store_by_movdir64b(begin, static_cast<const std::byte*>(from), slots);
    else store_by_avx512(begin, static_cast<const std::byte*>(from), slots);
}

// What was stored before this leaves the processor before what is stored after it.
inline void store_fence() noexcept { _mm_sfence(); }

#else

inline WideStore widest_store() noexcept { return WideStore::none; }
inline void store_wide(WideStore, void*, const void*, std::size_t = 1) noexcept {}
inline void store_fence() noexcept {}

#endif

}  // namespace slipring
