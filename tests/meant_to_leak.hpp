// A scope in which LeakSanitizer, where there is one, lets things be left behind.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
using MeantToLeak = __lsan::ScopedDisabler;
#define HAVE_LEAK_SANITIZER
#endif
#endif
#ifndef HAVE_LEAK_SANITIZER
struct MeantToLeak {
    MeantToLeak() {}  // not trivial, so that nobody calls it unused
};
#endif
