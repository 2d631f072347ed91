// A ticket that a coroutine waits for, by a completion queue that the program's own loop drains.
//
//   Task fetch(Runtime& runtime, CompletionQueue& queue, Slot slot) {            // any coroutine type
//       const auto ticket = runtime.publish(slot);
//       if (!ticket) co_return fail(ticket.error());
//       const auto outcome = co_await slipring::until_finished(queue, *ticket);  // nothing or Errc, as Runtime::wait
//       if (outcome) use(runtime.result(*ticket));
//   }
//
//   // in an event loop, when the queue's EventFd is readable:
//   slipring::resume_finished(events->queue());
//
//   // or on a thread that does nothing else:
//   while (queue.pending() != 0)
//       if (const auto next = queue.wait_any()) slipring::resume(*next);
//
// There is no executor: a coroutine goes on inside resume or resume_finished, on the thread that calls it. If its
// ticket has finished when it comes to the co_await, it goes on at once.
//
// The queue is for coroutines alone: its tags are addresses of theirs. A program that has tags of its own adds them
// to another queue. asio::awaitable waits for nothing but Asio's own: there, wait for the EventFd and call poll_any.
//
// Cancelling: a coroutine that is suspended here may be destroyed. Its ticket leaves the queue, and its slots run all
// the same. Destroy it on the thread that resumes, also from inside another coroutine, or while no thread resumes;
// but not between wait_any or poll_any and the resume of what they returned. Each coroutine ends, or is destroyed,
// before its queue goes.
//
// Cost: that of CompletionQueue::add, and none of it if the ticket has finished. To destroy a coroutine that is
// suspended costs a step for each pending ticket. Exceptions: what a coroutine lets out of itself comes out of
// resume.
#pragma once

// First: it refuses an older C++, which <coroutine> does in other words.
#include <slipring/api.hpp>

#include <bit>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <expected>

#include <slipring/completion_queue.hpp>

namespace slipring {

// What co_await is given. It lies in the coroutine's frame and stays there.
class [[nodiscard]] UntilFinished {
public:
    UntilFinished(CompletionQueue& queue, const Ticket& ticket) noexcept : queue_(queue), ticket_(ticket) {}
    UntilFinished(const UntilFinished&) = delete;
    UntilFinished& operator=(const UntilFinished&) = delete;
    ~UntilFinished() {
        if (is_queued_) queue_.remove(tag());
    }

    bool await_ready() noexcept { return queue_.poll(ticket_); }

    // False if the queue has no memory for the ticket.
    bool await_suspend(std::coroutine_handle<> waiting) noexcept {
        waiting_ = waiting;
        is_queued_ = true;
        // Once it is added, another thread may resume the coroutine, and all this may be gone.
        const auto added = queue_.add(ticket_, tag());
        if (added) return true;
        is_queued_ = false;
        outcome_ = added;
        return false;
    }

    // Errors: device_lost (await again after recover()), out_of_memory (await again, or wait).
    std::expected<void, Errc> await_resume() const noexcept { return outcome_; }

private:
    friend void resume(const Finished& finished);

    std::uint64_t tag() const noexcept { return std::bit_cast<std::uint64_t>(this); }

    CompletionQueue& queue_;
    Ticket ticket_;
    std::coroutine_handle<> waiting_{};
    std::expected<void, Errc> outcome_{};
    bool is_queued_ = false;
};

// To co_await: goes on when every slot of the ticket has finished, in the call that takes it out of the queue.
inline UntilFinished until_finished(CompletionQueue& queue, const Ticket& ticket) noexcept {
    return UntilFinished(queue, ticket);
}

// Goes on with the coroutine whose ticket this is. Call it at once.
inline void resume(const Finished& finished) {
    auto* const one = std::bit_cast<UntilFinished*>(finished.tag);
    one->outcome_ = finished.outcome;
    one->is_queued_ = false;
    one->waiting_.resume();
}

// Goes on with every coroutine whose ticket has finished, and returns how many. It does not wait, and takes no more
// tickets than were pending when it was called: coroutines that keep adding some do not keep it. What has finished
// and is left keeps an EventFd readable.
inline std::size_t resume_finished(CompletionQueue& queue) {
    const std::size_t most = queue.pending();
    for (std::size_t resumed = 0; resumed < most; ++resumed) {
        const auto finished = queue.poll_any();
        if (!finished) return resumed;
        resume(*finished);
    }
    return most;
}

}  // namespace slipring
