/* Atomics of NVIDIA: PTX with scopes, since its OpenCL C has none wider than a work-group. */
#ifndef SLIPRING_ATOMICS_NVIDIA_H
#define SLIPRING_ATOMICS_NVIDIA_H

static inline uint sr_load(__global uint* p) { /* past L1, which no other sub-group's store reaches */
    uint v;
    __asm__ volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p));
    return v;
}
static inline void sr_store(__global uint* p, uint v) {
    __asm__ volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v));
}
static inline uint sr_load_host(__global uint* p) {
    uint v;
    __asm__ volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(p));
    return v;
}
static inline uint sr_load_acquire(__global uint* p) {
    uint v;
    __asm__ volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}
static inline uint sr_load_seq_cst(__global uint* p) {
    __asm__ volatile("fence.sc.sys;" ::: "memory");
    return sr_load_acquire(p);
}
static inline void sr_store_release(__global uint* p, uint v) {
    __asm__ volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
static inline void sr_store_seq_cst(__global uint* p, uint v) {
    __asm__ volatile("fence.sc.sys;" ::: "memory");
    sr_store_release(p, v);
    __asm__ volatile("fence.sc.sys;" ::: "memory");
}
static inline ulong sr_load_host64(__global ulong* p) {
    ulong v;
    __asm__ volatile("ld.relaxed.sys.global.u64 %0, [%1];" : "=l"(v) : "l"(p) : "memory");
    return v;
}
static inline void sr_store64(__global ulong* p, ulong v) {
    __asm__ volatile("st.relaxed.sys.global.u64 [%0], %1;" ::"l"(p), "l"(v) : "memory");
}
static inline void sr_store_release64(__global ulong* p, ulong v) {
    __asm__ volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(p), "l"(v) : "memory");
}
static inline uint sr_load_device(__global uint* p) {
    uint v;
    __asm__ volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}
static inline void sr_store_device(__global uint* p, uint v) {
    __asm__ volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
static inline uint sr_add_device(__global uint* p, uint v) {
    uint old;
    __asm__ volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;" : "=r"(old) : "l"(p), "r"(v) : "memory");
    return old;
}
static inline uint sr_cas_device(__global uint* p, uint expected, uint desired) {
    uint old;
    __asm__ volatile("atom.acq_rel.gpu.global.cas.b32 %0, [%1], %2, %3;"
                     : "=r"(old)
                     : "l"(p), "r"(expected), "r"(desired)
                     : "memory");
    return old;
}
static inline uint sr_atomic_add(__global uint* p, uint v) { return atomic_add(p, v); }
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    return atomic_cmpxchg(p, expected, desired);
}
static inline void sr_compiler_fence(void) { __asm__ volatile("" ::: "memory"); }
static inline void sr_fence_device(void) { __asm__ volatile("fence.acq_rel.gpu;" ::: "memory"); }
static inline void sr_fence_system(void) { __asm__ volatile("fence.acq_rel.sys;" ::: "memory"); }

#endif
