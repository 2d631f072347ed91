// How long to wait: any duration, and none that overflows.
#pragma once

#include <chrono>
#include <type_traits>

#include <slipring/api.hpp>

namespace slipring {

// Made of any std::chrono::duration. One that nanoseconds cannot say, as milliseconds::max(), is for ever; one below
// zero, however far, has passed already.
class Timeout {
public:
    template <class Rep, class Period>
    constexpr Timeout(std::chrono::duration<Rep, Period> time) noexcept : time_(in_nanoseconds(time)) {}

    static constexpr Timeout never() noexcept { return std::chrono::nanoseconds::max(); }

    constexpr std::chrono::nanoseconds time() const noexcept { return time_; }

private:
    template <class Duration>
    static constexpr std::chrono::nanoseconds in_nanoseconds(Duration time) noexcept {
        using std::chrono::nanoseconds;
        if constexpr (std::is_same_v<Duration, nanoseconds>) {
            return time < nanoseconds::zero() ? nanoseconds::zero() : time;
        } else {
            constexpr double max_seconds = 9.2e9;  // seconds: 2^63 ns are some more
            const double seconds = std::chrono::duration<double>(time).count();
            if (!(seconds < max_seconds)) return nanoseconds::max();
            if (seconds < 0) return nanoseconds::zero();
            return std::chrono::duration_cast<nanoseconds>(time);
        }
    }

    std::chrono::nanoseconds time_;
};

}  // namespace slipring
