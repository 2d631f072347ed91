// The clock that deadlines count by, told to the device while one of them lies ahead.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <mutex>
#include <thread>

#include <slipring/deadline.hpp>
#include <slipring/error.hpp>

#include "../device/session.hpp"

namespace slipring {

// The device has no clock that counts as this one does: its ticks have another length, and stand still where it is
// halted. So it is told each tick, by a thread that sleeps between two of them, and until the next deadline() once
// what was told last is behind every deadline. Before the first deadline there is no thread.
//
// Any thread may call deadline(). serve() and stop() have the runtime to themselves.
class DeadlineClock {
public:
    explicit DeadlineClock(Session& session) noexcept : session_(&session) {}
    ~DeadlineClock() { stop(); }

    // Before it returns the device's clock is past each moment at which this was called: a slot that carries the
    // deadline is published behind that, so no device takes it for late by a clock that stood still.
    std::expected<Deadline, Errc> deadline(std::chrono::milliseconds after) noexcept;

    // From now on another session, which no deadline was told yet.
    void serve(Session& session) noexcept;

    // For good.
    void stop() noexcept;

private:
    using Clock = std::chrono::steady_clock;
    static std::int64_t ticks(Clock::time_point time) noexcept {
        return std::chrono::floor<Deadline::Tick>(time.time_since_epoch()).count();
    }
    void tell(std::int64_t now) noexcept { session_->tell_time(static_cast<std::uint32_t>(now)); }
    void run() noexcept;

    std::mutex lock_;  // guards what follows
    std::condition_variable changed_;
    Session* session_;
    std::int64_t last_ = 0;  // the latest deadline's tick
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace slipring
