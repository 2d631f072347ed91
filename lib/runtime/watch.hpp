// When a device counts as lost: it has work, and for the whole of Options::hang_timeout shows no progress.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace slipring {

// The device's silence, added up from look to look. Not thread-safe.
class Watch {
public:
    using Clock = std::chrono::steady_clock;

    // What one look can add. A process that was stopped, a debugger or a machine that slept is no silence of the
    // device's: it was as silent for the device.
    static constexpr std::chrono::milliseconds longest_look{100};

    // True if that makes more than `hang_timeout`. `completed` is the device's progress; without work it owes none.
    // has_work() is asked where there was no progress alone: to know it may take a walk over slots that the device
    // writes.
    template <class HasWork>
    bool look(std::uint64_t completed, HasWork has_work, std::chrono::nanoseconds hang_timeout,
              Clock::time_point now = Clock::now()) {
        const bool silent = completed == completed_ && has_work();
        const auto since =
            std::clamp<std::chrono::nanoseconds>(now - last_, std::chrono::nanoseconds(0), longest_look);
        silence_ = silent && had_work_ ? silence_ + since : std::chrono::nanoseconds(0);
        had_work_ = silent;
        completed_ = completed;
        last_ = now;
        return silence_ > hang_timeout;
    }

    std::chrono::nanoseconds silence() const noexcept { return silence_; }

private:
    bool had_work_ = false;  // when it was looked at last, and no progress then
    std::uint64_t completed_ = 0;
    Clock::time_point last_{};
    std::chrono::nanoseconds silence_{0};
};

}  // namespace slipring
