/* Atomics of OpenCL C 3.0; device scope, since PoCL 3.1 knows no memory_scope_all_svm_devices. */
#ifndef SLIPRING_ATOMICS_C11_H
#define SLIPRING_ATOMICS_C11_H

#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#pragma OPENCL EXTENSION cl_khr_int64_extended_atomics : enable
#define SR_ATOMIC(p) ((volatile __global atomic_uint*)(p))
#define SR_ATOMIC64(p) ((volatile __global atomic_ulong*)(p))
static inline uint sr_load(__global uint* p) {
    return atomic_load_explicit(SR_ATOMIC(p), memory_order_relaxed, memory_scope_device);
}
static inline void sr_store(__global uint* p, uint v) {
    atomic_store_explicit(SR_ATOMIC(p), v, memory_order_relaxed, memory_scope_device);
}
static inline uint sr_load_host(__global uint* p) { return sr_load(p); }
static inline uint sr_load_acquire(__global uint* p) {
    return atomic_load_explicit(SR_ATOMIC(p), memory_order_acquire, memory_scope_device);
}
static inline uint sr_load_seq_cst(__global uint* p) {
    return atomic_load_explicit(SR_ATOMIC(p), memory_order_seq_cst, memory_scope_device);
}
static inline void sr_store_release(__global uint* p, uint v) {
    atomic_store_explicit(SR_ATOMIC(p), v, memory_order_release, memory_scope_device);
}
static inline void sr_store_seq_cst(__global uint* p, uint v) {
    atomic_store_explicit(SR_ATOMIC(p), v, memory_order_seq_cst, memory_scope_device);
}
static inline ulong sr_load_host64(__global ulong* p) {
    return atomic_load_explicit(SR_ATOMIC64(p), memory_order_relaxed, memory_scope_device);
}
static inline void sr_store64(__global ulong* p, ulong v) {
    atomic_store_explicit(SR_ATOMIC64(p), v, memory_order_relaxed, memory_scope_device);
}
static inline void sr_store_release64(__global ulong* p, ulong v) {
    atomic_store_explicit(SR_ATOMIC64(p), v, memory_order_release, memory_scope_device);
}
static inline uint sr_load_device(__global uint* p) { return sr_load_acquire(p); }
static inline void sr_store_device(__global uint* p, uint v) { sr_store_release(p, v); }
static inline uint sr_add_device(__global uint* p, uint v) {
    return atomic_fetch_add_explicit(SR_ATOMIC(p), v, memory_order_acq_rel, memory_scope_device);
}
static inline uint sr_cas_device(__global uint* p, uint expected, uint desired) {
    atomic_compare_exchange_strong_explicit(SR_ATOMIC(p), &expected, desired, memory_order_acq_rel,
                                            memory_order_acquire, memory_scope_device);
    return expected;
}
static inline uint sr_atomic_add(__global uint* p, uint v) {
    return atomic_fetch_add_explicit(SR_ATOMIC(p), v, memory_order_relaxed, memory_scope_device);
}
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    atomic_compare_exchange_strong_explicit(SR_ATOMIC(p), &expected, desired, memory_order_relaxed,
                                            memory_order_relaxed, memory_scope_device);
    return expected;
}
static inline void sr_compiler_fence(void) {
    atomic_work_item_fence(CLK_GLOBAL_MEM_FENCE, memory_order_acquire, memory_scope_device);
}

/* The accesses carry their orderings themselves. */
static inline void sr_fence_device(void) {}
static inline void sr_fence_system(void) {}

#endif
