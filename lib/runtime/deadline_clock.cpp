#include "deadline_clock.hpp"

#include <system_error>

#include <slipring/runtime.hpp>

#include "impl.hpp"
#include "own_thread.hpp"

namespace slipring {

std::expected<Deadline, Errc> DeadlineClock::deadline(std::chrono::milliseconds after) noexcept try {
    if (after > Deadline::furthest) return std::unexpected(Errc::deadline_too_far);
    const std::scoped_lock held(lock_);
    if (!thread_.joinable()) thread_ = own_thread("slipring_clock", [this] { run(); });
    const auto now = Clock::now();
    // Not before the whole time is over; one in the past is over at once, also by a clock that is a tick or two
    // behind. 0 would be none.
    const bool ahead = after > after.zero();
    std::int64_t due = ahead ? ticks(now + after) + 1 : ticks(now) - 2;
    if (static_cast<std::uint16_t>(due) == 0) due += ahead ? 1 : -1;
    tell(ticks(now));
    if (due > last_) {
        last_ = due;
        changed_.notify_one();
    }
    return Deadline::of_wire(static_cast<std::uint16_t>(due));
} catch (const std::system_error&) {
    return std::unexpected(Errc::out_of_memory);
}

void DeadlineClock::serve(Session& session) noexcept {
    const std::scoped_lock held(lock_);
    session_ = &session;
    if (thread_.joinable()) tell(ticks(Clock::now()));
}

void DeadlineClock::stop() noexcept {
    {
        const std::scoped_lock held(lock_);
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void DeadlineClock::run() noexcept {
    std::unique_lock held(lock_);
    while (!stopping_) {
        const std::int64_t now = ticks(Clock::now());
        tell(now);
        if (now >= last_) changed_.wait(held);
        else changed_.wait_until(held, Clock::time_point(Deadline::Tick(now + 1)));
    }
}

std::expected<Deadline, Errc> Runtime::deadline(std::chrono::milliseconds after) noexcept {
    return impl_->clock.deadline(after);
}

}  // namespace slipring
