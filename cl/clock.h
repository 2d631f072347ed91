/* The device's clock. */
#ifndef SLIPRING_CLOCK_H
#define SLIPRING_CLOCK_H

#include "atomics.h"

/* Ticks; the probe measures their length. A device without one counts in `count` what was done `since` the last
 * look. */
SR_WRAPS static inline ulong sr_ticks(ulong* count, uint since) {
#if defined(__NV_CL_C_VERSION)
    ulong now;
    (void)count, (void)since;
    __asm__ volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
#elif defined(SR_CYCLES)
    return (void)count, (void)since, __builtin_readcyclecounter();
#else
    return *count += since;
#endif
}

#endif
