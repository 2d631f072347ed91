/* A sub-group: lanes that work in lock-step. On NVIDIA the 32 lanes of a warp; elsewhere one work-item. All lanes of
 * a sub-group call each of these at once. */
#ifndef SLIPRING_WIDE_SUBGROUP_H
#define SLIPRING_WIDE_SUBGROUP_H

#include "../atomics.h"

#if defined(__NV_CL_C_VERSION) || defined(SR_LANES)

#define SR_SUBGROUP_LANES 32u

#ifdef __NV_CL_C_VERSION /* natively, with SR_LANES, tests/lanes.hpp has made them */

static inline uint sr_lane(void) { return (uint)get_local_id(0) % SR_SUBGROUP_LANES; }

/* A bit for each lane. */
static inline uint sr_ballot(int yes) {
    uint mask;
    __asm__ volatile("{ .reg .pred p; setp.ne.s32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xffffffff; }"
                     : "=r"(mask)
                     : "r"(yes));
    return mask;
}

/* What `lane` has. */
static inline uint sr_share(uint v, uint lane) {
    uint out;
    __asm__ volatile("shfl.sync.idx.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(out) : "r"(v), "r"(lane));
    return out;
}

/* Every lane is here, and sees what the others wrote. */
static inline void sr_join(void) { __asm__ volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }

/* A tenth of a microsecond: see sr_poll. */
static inline void sr_breathe(void) {
    ulong begin, now;
    __asm__ volatile("mov.u64 %0, %%clock64;" : "=l"(begin));
    do __asm__ volatile("mov.u64 %0, %%clock64;" : "=l"(now));
    while (now - begin < 200ul);
}

static inline void sr_nap(void) { __asm__ volatile("nanosleep.u32 200;"); }

#endif

/* The lowest bit that is set. */
static inline uint sr_lowest(uint mask) { return 31u - clz(mask & sr_minus(0, mask)); }

static inline uint sr_count(uint mask) { return popcount(mask); }

/* How many lanes, from the first on, say yes. */
static inline uint sr_leading(int yes) {
    const uint missing = ~sr_ballot(yes);
    return missing == 0 ? SR_SUBGROUP_LANES : sr_lowest(missing);
}

#else

#define SR_SUBGROUP_LANES 1u
#ifndef SR_YIELD /* natively, where sub-groups are threads that may have to share a core */
#define SR_YIELD()
#endif
static inline uint sr_lane(void) { return 0; }
static inline uint sr_ballot(int yes) { return yes != 0 ? 1u : 0u; }
static inline uint sr_leading(int yes) { return yes != 0 ? 1u : 0u; }
static inline uint sr_lowest(uint mask) { return (void)mask, 0; }
static inline uint sr_count(uint mask) { return mask; }
static inline uint sr_share(uint v, uint lane) { return (void)lane, v; }
static inline void sr_join(void) { SR_YIELD(); }
static inline void sr_breathe(void) {}
static inline void sr_nap(void) { SR_YIELD(); }

#endif

/* A bit for each of the first `n` lanes. */
static inline uint sr_lanes_below(uint n) { return n < 32u ? (1u << n) - 1u : 0xFFFFFFFFu; }

#endif
