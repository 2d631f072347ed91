// How much a launch takes along in per_launch mode. What it did is seen when it has finished, and that must be long
// before its silence counts as a hang: so of each kind of slot it has as many as have been seen to finish soon.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include <slipring/options.hpp>
#include <slipring/ring.hpp>

namespace slipring {

class Pace {
public:
    Pace() = default;
    Pace(std::span<const CustomOp> ops, std::chrono::milliseconds hang_timeout);

    // Begins a launch. Then, for each ring that it drains, where the launch's part of that ends which begins at
    // `first`, no more than `at_most` slots: of the first ring that has one at least one slot.
    void begin_launch() noexcept;
    std::uint64_t end_of_launch(const RingView& ring, std::uint64_t first,
                                std::uint64_t at_most = UINT64_MAX) noexcept;

    // What end_of_launch has given since begin_launch() took so long. One slot alone has all of hang_timeout.
    void took(std::chrono::nanoseconds time) noexcept;

private:
    struct Kind {
        std::uint32_t opcode;
        std::uint64_t limit;      // in a launch, now
        std::uint64_t max_limit;  // in a launch, ever
        std::uint64_t seen = 0;   // in this launch
    };
    Kind& kind(std::uint32_t opcode) noexcept;

    std::vector<Kind> kinds_;  // the first stands for all that are not named: a few words each
    std::chrono::nanoseconds hang_timeout_{};
};

}  // namespace slipring
