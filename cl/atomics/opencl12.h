/* Atomics of OpenCL C 1.2: volatile and a fence. Enough for a launch that has its memory to itself while it runs
 * (per_launch). */
#ifndef SLIPRING_ATOMICS_OPENCL12_H
#define SLIPRING_ATOMICS_OPENCL12_H

static inline uint sr_load(__global uint* p) { return *(volatile __global uint*)p; }
static inline void sr_store(__global uint* p, uint v) { *(volatile __global uint*)p = v; }
static inline uint sr_load_host(__global uint* p) { return sr_load(p); }
static inline uint sr_load_acquire(__global uint* p) {
    const uint v = *(volatile __global uint*)p;
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    return v;
}
static inline uint sr_load_seq_cst(__global uint* p) { return sr_load_acquire(p); }
static inline void sr_store_release(__global uint* p, uint v) {
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    *(volatile __global uint*)p = v;
}
static inline void sr_store_seq_cst(__global uint* p, uint v) {
    sr_store_release(p, v);
    mem_fence(CLK_GLOBAL_MEM_FENCE);
}
static inline ulong sr_load_host64(__global ulong* p) { return *(volatile __global ulong*)p; }
static inline void sr_store64(__global ulong* p, ulong v) { *(volatile __global ulong*)p = v; }
static inline void sr_store_release64(__global ulong* p, ulong v) {
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    *(volatile __global ulong*)p = v;
}
static inline uint sr_load_device(__global uint* p) { return sr_load_acquire(p); }
static inline void sr_store_device(__global uint* p, uint v) { sr_store_release(p, v); }
static inline uint sr_atomic_add(__global uint* p, uint v) { return atomic_add(p, v); }
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    return atomic_cmpxchg(p, expected, desired);
}
static inline uint sr_add_device(__global uint* p, uint v) {
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    const uint old = atomic_add(p, v);
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    return old;
}
static inline uint sr_cas_device(__global uint* p, uint expected, uint desired) {
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    const uint old = atomic_cmpxchg(p, expected, desired);
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    return old;
}
static inline void sr_compiler_fence(void) { mem_fence(CLK_GLOBAL_MEM_FENCE); }

/* The accesses carry their orderings themselves. */
static inline void sr_fence_device(void) {}
static inline void sr_fence_system(void) {}

#endif
