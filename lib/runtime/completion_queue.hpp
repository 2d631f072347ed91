// A completion queue's insides. Its threads are those that wait for it, and an EventFd's.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>

#include <slipring/completion_queue.hpp>

#include "impl.hpp"

namespace slipring {

struct CompletionQueue::Impl {
    using Clock = std::chrono::steady_clock;
    using Held = std::unique_lock<std::mutex>;

    explicit Impl(Runtime::Impl& of) noexcept : runtime(of), numbers(of.rings.numbers()) {}

    Runtime::Impl& runtime;
    const RingNumbers numbers;  // recover() writes the rings anew, while threads add tickets

    std::mutex lock;  // all that follows
    std::condition_variable changed;
    // Of each ring, in the order of the positions that they wait for.
    std::array<std::list<Finished>, Rings::max> waiting;
    std::size_t unfinished = 0;    // how many all these are
    std::list<Finished> finished;  // and not taken, in the order of finishing
    std::list<Finished> spare;     // nodes: add() alone allocates
    std::uint64_t added = 0;       // tickets, ever
    std::uint32_t sleepers = 0;    // threads that are told of changes
    int fd = -1;                   // of the EventFd, if there is one
    bool readable = false;         // that fd is: `finished` is not empty

    // Takes the first finished ticket. With the lock held, which it gives up while it looks at the device. `spins`:
    // the next look follows at once.
    std::optional<Finished> poll(Held& held, bool spins) noexcept;

    bool is_idle() const noexcept { return unfinished == 0; }  // nothing waits

    // Moves tickets that have ended from `waiting` to `finished`. The lock as above.
    void look(Held& held, bool spins) noexcept;

    // With the lock held, which it gives up meanwhile: sleeps for `nap`. A nap of long_nap or more ends with tell().
    // If shorter ones did, a producer that adds all the time would keep this thread awake.
    void sleep(Held& held, std::chrono::nanoseconds nap) noexcept;
    static constexpr std::chrono::microseconds long_nap{100};

    // After `finished` or `waiting` changed: wakes those who sleep for long, and makes the fd say what there is.
    void tell() noexcept;

private:
    void attend(bool spins) noexcept;
    void find() noexcept;
    void find(const Ring& ring, std::list<Finished>& own) noexcept;
    void give_up() noexcept;
    std::optional<Finished> take() noexcept;
};

// The sleeps of a thread between two looks: longer and longer.
class Naps {
public:
    std::chrono::nanoseconds next() noexcept {
        return std::exchange(nap_, std::min<std::chrono::nanoseconds>(2 * nap_, std::chrono::milliseconds(1)));
    }

private:
    std::chrono::nanoseconds nap_ = std::chrono::microseconds(20);
};

}  // namespace slipring
