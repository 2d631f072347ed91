// ThreadSanitizer sees the host's threads, and not a kernel that OpenCL compiled: a slot that goes from a producer
// through the kernel to the next producer looks like a race to it. So it is told of what the kernel has handed over.
// A program under ThreadSanitizer wants a library that is built with it, too: as a Meson subproject it is.
#pragma once

#include <slipring/api.hpp>

#if defined(__SANITIZE_THREAD__)
#define SLIPRING_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLIPRING_TSAN 1
#endif
#endif

#ifdef SLIPRING_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace slipring {

// Orders this thread behind the last release store to `address`, which it has not loaded: the kernel did.
// Nothing at all without ThreadSanitizer.
inline void acquire_unseen([[maybe_unused]] void* address) noexcept {
#ifdef SLIPRING_TSAN
    __tsan_acquire(address);
#endif
}

// The other end: for a store to `address` that ThreadSanitizer does not see.
inline void release_unseen([[maybe_unused]] void* address) noexcept {
#ifdef SLIPRING_TSAN
    __tsan_release(address);
#endif
}

}  // namespace slipring
