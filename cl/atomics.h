/* The memory model: every access to a word that another thread or device may touch at the same time goes through
 * these names, and the orderings sit on the accesses. One backend a compiler.
 *
 *   sr_load, sr_store                    order nothing; for control words
 *   sr_load_host                         orders nothing; for words of the host's
 *   sr_load_acquire, sr_store_release    with the host
 *   sr_load_seq_cst, sr_store_seq_cst    with the host, for store->load edges
 *   sr_load_host64                       the same, of 64 bits
 *   sr_store64, sr_store_release64       positions
 *   sr_..._device                        acquire and release with the launch's other work-items; on NVIDIA a third of
 *                                        the price
 *   sr_atomic_add, sr_atomic_cas         on control words, order nothing
 *   sr_add_local, sr_min_local           on words of a team's local memory, order nothing
 *   sr_fence_device, sr_fence_system     acquire and release for many accesses at once, where none of them can
 *                                        carry it: empty but on NVIDIA
 *
 * Where PTX or OpenCL promise less than is relied on, and what was seen (H200, driver 580.159; PoCL 3.1 and 5):
 *
 *   M1  A slot is read by loads of 16 bytes in four lanes (sr_glance, sr_fetch), and its words count as those that
 *       were written before its state. PTX takes a vector for scalar accesses in no order. 0 torn slots of 1.2e9,
 *       in which each of 16 words was checked, in a prototype whose slots lay in the device's memory; in the host's,
 *       the tests.
 *   M2  A completion is one store of 16 bytes (sr_complete), and the host takes result and code for those of the
 *       state that it sees. PTX as above. No wrong result in tests/results.cpp.
 *   M3  What an operation writes to the device's own memory has a fence at device scope behind it
 *       (sr_fence_output). A later slot that the host publishes, and a copy, read it in L2, where it is. PTX
 *       promises that to no chain of events that leads through the host.
 *   M4  A kernel that runs and the host see each other's accesses at all. OpenCL promises it for fine-grained SVM
 *       with atomics alone; NVIDIA's location-host buffer says nothing. The probe asks each device
 *       (lib/device/probe.cpp).
 *   M5  In c11.h what is ordered with the host has device scope, since PoCL 3.1 has no scope of all SVM devices.
 *       Its device is the host's cores, which share their caches.
 *   M6  Sub-groups wait for each other across work-groups. Neither model promises that a group goes on while
 *       another spins. No launch has more groups than run at once, and a group that has not begun is waited for by
 *       none but the retirer, which gives up (SR_ALONE_AFTER). On PoCL groups are threads.
 *   M7  REVOKED: the host waits 20 ms for a store that a kernel has begun (launch.h). No model bounds that time.
 *   M8  opencl12.h orders by volatile and mem_fence, which OpenCL 1.2 defines within a work-group alone. It serves
 *       launches that have their memory to themselves. */
#ifndef SLIPRING_ATOMICS_H
#define SLIPRING_ATOMICS_H

#if defined(SR_NATIVE) /* for the host, by a C++ compiler (shim.hpp) or by clang -x cl (fuzz/device.cl) */
#include "atomics/native.h"
#elif defined(__NV_CL_C_VERSION)
#include "atomics/nvidia.h"
#elif defined(__opencl_c_atomic_scope_device) && defined(cl_khr_int64_base_atomics)
#include "atomics/c11.h"
#else
#include "atomics/opencl12.h"
#endif

#if defined(SR_NATIVE)
static inline uint sr_add_local(__local uint* p, uint v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
static inline void sr_min_local(__local uint* p, uint v) {
    uint seen = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (v < seen && !__atomic_compare_exchange_n(p, &seen, v, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}
#else
static inline uint sr_add_local(__local uint* p, uint v) { return atomic_add(p, v); }
static inline void sr_min_local(__local uint* p, uint v) { atomic_min(p, v); }
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

#endif
