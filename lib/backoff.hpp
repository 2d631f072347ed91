// How to wait for a thread or a device that cannot wake us: spin for some 50 us, yield for some 200 us, then sleep.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace slipring {

inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class Backoff {
public:
    using Clock = std::chrono::steady_clock;

    explicit Backoff(std::chrono::nanoseconds timeout) noexcept : start_(Clock::now()), timeout_(timeout) {}

    // Some microseconds to a millisecond later; false when the time is up.
    bool pause() noexcept {
        using namespace std::chrono_literals;
        const auto elapsed = Clock::now() - start_;
        if (elapsed >= timeout_) return false;
        spinning_ = elapsed < 50us;
        if (spinning_) {
            for (int i = 0; i < 32; ++i) cpu_relax();
        } else if (elapsed < 250us) {
            std::this_thread::yield();
        } else {
            // An eighth of what it took so far: late by little, and soon cheap.
            const auto nap = std::clamp<std::chrono::nanoseconds>(elapsed / 8, 50us, 1ms);
            std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(nap, timeout_ - elapsed));
        }
        return true;
    }

    bool spinning() const noexcept { return spinning_; }

private:
    Clock::time_point start_;
    std::chrono::nanoseconds timeout_;
    bool spinning_ = true;
};

}  // namespace slipring
