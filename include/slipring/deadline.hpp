// By when a slot is to begin. Runtime::deadline makes one; a slot or a window carries it:
//
//   auto soon = runtime->deadline(5ms);
//   if (!soon) return report(soon.error());
//   auto ticket = runtime->publish(store_u32(7, 160).by(*soon));
//
// A slot that has not begun by then ends in State::cancelled with Code::deadline, in its turn and without being run.
// One that has begun goes on: sr_should_stop(b) tells its handler that the time is over.
//
// The clock is std::chrono::steady_clock in ticks of a millisecond, rounded so that no slot is cancelled early; a
// tick or two late is possible, and on a busy machine what its scheduler adds. On the wire a deadline is 16 bits: a
// slot that still waits half a minute after its deadline, while newer deadlines keep the clock going, may be run.
#pragma once

#include <chrono>
#include <cstdint>

#include <slipring/abi.h>
#include <slipring/api.hpp>

namespace slipring {

class Deadline {
public:
    using Tick = std::chrono::milliseconds;
    // How far ahead one may lie.
    static constexpr Tick furthest{16'383};

    constexpr Deadline() noexcept = default;  // none
    // As it stands on the wire.
    static constexpr Deadline of_wire(std::uint16_t ticks) noexcept {
        Deadline deadline;
        deadline.ticks_ = ticks;
        return deadline;
    }
    constexpr std::uint16_t ticks() const noexcept { return ticks_; }
    constexpr explicit operator bool() const noexcept { return ticks_ != 0; }

    friend constexpr bool operator==(const Deadline&, const Deadline&) noexcept = default;

private:
    std::uint16_t ticks_ = 0;
};

static_assert(std::chrono::microseconds(Deadline::Tick(1)).count() == SR_TICK_US);

}  // namespace slipring
