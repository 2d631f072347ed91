// The device code, natively, with a step before each access to shared memory that it makes as an atomic: a test does
// there what somebody else would do at that moment. Include what needs the compiler's own atomics before this.
#pragma once

#include <functional>

// What happens before the device's next access. It may throw, to end a launch that does not end.
inline std::function<void()> before_access = [] {};

// A macro is not expanded in its own expansion: these are the compiler's.
#define __atomic_load_n(...) (before_access(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...) (before_access(), __atomic_store_n(__VA_ARGS__))
#define __atomic_fetch_add(...) (before_access(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (before_access(), __atomic_compare_exchange_n(__VA_ARGS__))

#include "shim.hpp"

#undef __atomic_load_n
#undef __atomic_store_n
#undef __atomic_fetch_add
#undef __atomic_compare_exchange_n
