/* Shared memory behind a few names, for four compilers. Every access to a word that somebody else may touch at the same
 * time goes through here; the orderings sit on the accesses themselves.
 *
 *   SR_NATIVE          for the host, by a C++ compiler (shim.hpp) or by clang -x cl (fuzz/device.cl): the compiler's
 *                      atomics, which ThreadSanitizer understands
 *   __NV_CL_C_VERSION  NVIDIA: PTX with scopes, since its OpenCL C has none wider than a work-group
 *   OpenCL C 3.0       C11 atomics; device scope, since PoCL 3.1 knows no memory_scope_all_svm_devices
 *   OpenCL C 1.2       volatile and a fence: enough for a bounded launch that nobody races with (relaunch)
 *
 * sr_load_acquire and its like reach the host; those that end in _device reach the launch's other work-items, and on
 * NVIDIA cost a third. sr_load and sr_store order nothing: they are for the control words. Nor does sr_load_host, for
 * what the host writes once. */
#ifndef SLIPRING_MEMORY_H
#define SLIPRING_MEMORY_H

#if defined(SR_NATIVE)

#ifndef SR_STEP /* in front of each access that orders something: a test may hold a unit up there */
#define SR_STEP() ((void)0)
#endif

static inline uint sr_load(__global uint* p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void sr_store(__global uint* p, uint v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline uint sr_load_host(__global uint* p) { return sr_load(p); }
static inline uint sr_load_acquire(__global uint* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint sr_load_seq_cst(__global uint* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void sr_store_release(__global uint* p, uint v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void sr_store_seq_cst(__global uint* p, uint v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline void sr_store64(__global ulong* p, ulong v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void sr_store_release64(__global ulong* p, ulong v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint sr_load_device(__global uint* p) { return SR_STEP(), __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void sr_store_device(__global uint* p, uint v) { SR_STEP(), __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint sr_add_device(__global uint* p, uint v) { return SR_STEP(), __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL); }
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

#elif defined(__NV_CL_C_VERSION)

static inline uint sr_load(__global uint* p) { /* past L1, which no other unit's store reaches */
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
                 : "=r"(old) : "l"(p), "r"(expected), "r"(desired) : "memory");
    return old;
}
static inline uint sr_atomic_add(__global uint* p, uint v) { return atomic_add(p, v); }
static inline uint sr_atomic_cas(__global uint* p, uint expected, uint desired) {
    return atomic_cmpxchg(p, expected, desired);
}
static inline void sr_compiler_fence(void) { __asm__ volatile("" ::: "memory"); }

#elif defined(__opencl_c_atomic_scope_device) && defined(cl_khr_int64_base_atomics)

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

#else

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

/* A clock; the probe measures its unit. A device without one counts in `count` what was done `since` the last look. */
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
