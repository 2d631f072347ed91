/* The probe: does a running kernel see the host's stores, and the host the kernel's? The host writes 1, 2, .. `pings`
 * to from[32], each when the kernel has answered the one before in word[0]; word[64] and word[65] are the clock when
 * the kernel saw the last. `from` is the window, or the same memory as `word`: then these lie cache lines apart. It
 * gives up after `max_polls` polls. */
#include "abi.h"
#include "atomics.h"
#include "clock.h"

__kernel void slipring_probe(__global uint* word, __global uint* from, uint pings, ulong max_polls) {
    if (get_global_id(0) == 0) {
        if (pings == 0) sr_store_release(word, SR_PROBE_RUNS);
        ulong count = 0;
        uint next = 1;
        for (ulong polls = 0; next <= pings && polls < max_polls; ++polls) {
            const ulong now = sr_ticks(&count, 1u);
            if (sr_load_acquire(from + 32) != next) continue;
            word[64] = (uint)now;
            word[65] = (uint)(now >> 32);
            sr_store_release(word, next);
            ++next;
        }
    }
}
