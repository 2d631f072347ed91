/* Shared memory behind a few names, for four compilers. Every access to a word that the other side may touch at the
 * same time goes through here; the orderings sit on the accesses themselves.
 *
 *   SR_NATIVE          for the host, by a C++ compiler (shim.hpp) or by clang -x cl (fuzz/device.cl): the compiler's
 *                      atomics, which ThreadSanitizer understands
 *   __NV_CL_C_VERSION  NVIDIA: system-scope PTX, since its OpenCL C has no scope wider than a work-group
 *   OpenCL C 3.0       C11 atomics; device scope, since PoCL 3.1 knows no memory_scope_all_svm_devices
 *   OpenCL C 1.2       volatile and a fence: enough for a bounded launch that nobody races with (relaunch) */
#ifndef SLIPRING_MEMORY_H
#define SLIPRING_MEMORY_H

#if defined(SR_NATIVE)

static inline uint sr_load_acquire(__global uint* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint sr_load_seq_cst(__global uint* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void sr_store_release(__global uint* p, uint v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void sr_store_seq_cst(__global uint* p, uint v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline void sr_store_release64(__global ulong* p, ulong v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint sr_atomic_add(__global uint* p, uint v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
static inline void sr_compiler_fence(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

#elif defined(__NV_CL_C_VERSION)

static inline uint sr_load_acquire(__global uint* p) {
    uint v;
    asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}
static inline uint sr_load_seq_cst(__global uint* p) {
    asm volatile("fence.sc.sys;" ::: "memory");
    return sr_load_acquire(p);
}
static inline void sr_store_release(__global uint* p, uint v) {
    asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
static inline void sr_store_seq_cst(__global uint* p, uint v) {
    asm volatile("fence.sc.sys;" ::: "memory");
    sr_store_release(p, v);
    asm volatile("fence.sc.sys;" ::: "memory");
}
static inline void sr_store_release64(__global ulong* p, ulong v) {
    asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(p), "l"(v) : "memory");
}
static inline uint sr_atomic_add(__global uint* p, uint v) { return atomic_add(p, v); }
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    return atomic_cmpxchg(p, expected, desired);
}
static inline void sr_compiler_fence(void) { asm volatile("" ::: "memory"); }

#elif defined(__opencl_c_atomic_scope_device) && defined(cl_khr_int64_base_atomics)

#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#pragma OPENCL EXTENSION cl_khr_int64_extended_atomics : enable
#define SR_ATOMIC(p) ((volatile __global atomic_uint*)(p))
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
static inline void sr_store_release64(__global ulong* p, ulong v) {
    atomic_store_explicit((volatile __global atomic_ulong*)p, v, memory_order_release, memory_scope_device);
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

#else

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
static inline void sr_store_release64(__global ulong* p, ulong v) {
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    *(volatile __global ulong*)p = v;
}
static inline uint sr_atomic_add(__global uint* p, uint v) { return atomic_add(p, v); }
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    return atomic_cmpxchg(p, expected, desired);
}
static inline void sr_compiler_fence(void) { mem_fence(CLK_GLOBAL_MEM_FENCE); }

#endif

/* Modulo 2^32: for counters that wrap. Anywhere else an unsigned sum or difference that wraps is a bug, which
 * clang's integer sanitizer reports. */
#if defined(SR_NATIVE) && defined(__clang__)
#define SR_WRAPS __attribute__((no_sanitize("unsigned-integer-overflow")))
#else
#define SR_WRAPS
#endif
SR_WRAPS static inline uint sr_plus(uint a, uint b) { return a + b; }
SR_WRAPS static inline uint sr_minus(uint a, uint b) { return a - b; }

/* Copies a slot's 16 words, once. The fence keeps the compiler from reading the slot a second time behind a check:
 * what was checked is what is executed, whatever a hostile writer does to the slot meanwhile. */
static inline void sr_copy_slot(uint* to, const __global uint* from) {
#if defined(SR_NATIVE) /* word by word: the fuzzers look at every load */
    for (uint i = 0; i < SR_SLOT_WORDS; ++i) to[i] = *(const volatile __global uint*)(from + i);
#else
    const __global uint4* wide = (const __global uint4*)from;
    const uint4 a = wide[0], b = wide[1], c = wide[2], d = wide[3];
    vstore4(a, 0, to);
    vstore4(b, 1, to);
    vstore4(c, 2, to);
    vstore4(d, 3, to);
#endif
    sr_compiler_fence();
}

#endif
