/* Atomics of the host's compiler, which ThreadSanitizer understands. */
#ifndef SLIPRING_ATOMICS_NATIVE_H
#define SLIPRING_ATOMICS_NATIVE_H

#ifndef SR_STEP /* in front of each access that orders something: a test may delay a sub-group there */
#define SR_STEP() ((void)0)
#endif

static inline uint sr_load(__global uint* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void sr_store(__global uint* p, uint v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline uint sr_load_host(__global uint* p) { return sr_load(p); }
static inline uint sr_load_acquire(__global uint* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint sr_load_seq_cst(__global uint* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void sr_store_release(__global uint* p, uint v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void sr_store_seq_cst(__global uint* p, uint v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline ulong sr_load_host64(__global ulong* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void sr_store64(__global ulong* p, ulong v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void sr_store_release64(__global ulong* p, ulong v) {
    SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELEASE);
}
static inline uint sr_load_device(__global uint* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void sr_store_device(__global uint* p, uint v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint sr_add_device(__global uint* p, uint v) {
    return SR_STEP(), __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
}
static inline uint sr_cas_device(__global uint* p, uint expected, uint desired) {
    SR_STEP();
    __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return expected;
}
static inline uint sr_atomic_add(__global uint* p, uint v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
static inline void sr_compiler_fence(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

/* The accesses carry their orderings themselves. */
static inline void sr_fence_device(void) {}
static inline void sr_fence_system(void) {}

#endif
