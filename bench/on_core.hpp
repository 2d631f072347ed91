// Keeps the calling thread on one core for as long as this lives: where the system puts two threads makes a third of
// what is measured.
#pragma once

#include <sched.h>

namespace slipring::bench {

class OnCore {
public:
    // The process's core number `index`, counted from 0. Does nothing if it has no such core; -1: none.
    explicit OnCore(int index) noexcept {
        if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
        int core = 0;
        for (; core < CPU_SETSIZE; ++core)
            if (CPU_ISSET(core, &before_) && index-- == 0) break;
        if (core == CPU_SETSIZE) return;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        moved_ = sched_setaffinity(0, sizeof one, &one) == 0;
    }
    OnCore(const OnCore&) = delete;
    OnCore& operator=(const OnCore&) = delete;
    ~OnCore() {
        if (moved_) (void)sched_setaffinity(0, sizeof before_, &before_);
    }

private:
    cpu_set_t before_{};
    bool moved_ = false;
};

}  // namespace slipring::bench
