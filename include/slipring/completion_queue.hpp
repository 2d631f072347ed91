// Many tickets and one place to wait: which of them finishes next?
//
//   auto queue = slipring::CompletionQueue::open(*runtime);
//   if (!queue) return report(message(queue.error()));
//   for (std::uint64_t i = 0; i < tasks.size(); ++i)
//       if (const auto ticket = runtime->publish(tasks[i])) handle(queue->add(*ticket, i));  // with a tag: i
//   while (queue->pending() != 0) {
//       const auto next = queue->wait_any();
//       if (next && next->outcome) use(next->tag, runtime->result(next->ticket));
//   }
//
// event_fd.hpp has a queue that epoll can wait for; awaitable.hpp lets a coroutine wait for a ticket.
//
// Order: tickets come in the order in which they finished, as far as looks can tell: those that one look finds
// together come in the order of their positions. A ticket ends when Runtime::wait would return, with nothing or with
// device_lost. So in the shape 1 x 1 a slow slot holds up all tickets behind it, and in other shapes those that are
// quiet or have several slots, which end by the completed position.
//
// Cost: publish, poll, wait and result do not know of queues. add() keeps the tickets in the order of their
// positions: one step for each pending ticket of a higher position, so none where tickets are added as they are
// published. A look loads two lines of the ring, and one more for up to four of those pending slots that have begun
// and are not passed yet. So slots that have not begun cost nothing, however many they are. A queue has no thread of
// its own: threads that wait for it spin, yield and sleep as in Runtime::wait, and sleep for good while nothing is
// pending.
//
// Memory: 64 bytes a ticket. A queue has no bound but memory, and keeps what it ever needed at once. open and add
// alone allocate.
//
// Lost devices: every pending ticket that had not finished ends with device_lost, once. It stays valid: add it again
// after recover(), to be told how it finished after all. A ticket that no look found between the loss and recover()
// is not told of the loss, and finishes. recover() need not have the runtime to itself where other threads are in a
// call to a queue: these find nothing until it returns.
//
// Shutdown: what was published before it finishes, and its tickets end as ever. A slot that shutdown() gave up on,
// behind a reservation that is never committed, stays pending.
//
// Thread-safety: any thread may call any function at any time; open, move and destruction need the queue to
// themselves. Options::on_error, which a look may call, must not call the queue.
//
// Ordering: a thread that was given a finished ticket sees what the handlers of its slots wrote, whichever thread
// looked.
//
// Lifetime: a queue goes before its runtime. The runtime may be moved, and may recover. When a queue goes nothing is
// cancelled: slots run all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>

#include <slipring/result.hpp>
#include <slipring/timeout.hpp>

namespace slipring {

class Runtime;

// A ticket that has ended.
struct Finished {
    Ticket ticket{};
    std::uint64_t tag = 0;                // as it was added with
    std::expected<void, Errc> outcome{};  // what Runtime::wait would have returned: nothing, or device_lost
};

class SLIPRING_API CompletionQueue {
public:
    // For tickets of this runtime's, which may have several queues; in a fleet each member has its own, if any.
    // Errors: out_of_memory.
    [[nodiscard]] static std::expected<CompletionQueue, Errc> open(Runtime& runtime) noexcept;

    // A moved-from queue may be assigned to or destroyed, nothing else.
    CompletionQueue(CompletionQueue&&) noexcept;
    CompletionQueue& operator=(CompletionQueue&&) noexcept;
    ~CompletionQueue();

    // Puts a ticket into the queue, or a part of one (see Ticket::slice), finished or not, quiet or not; the same one
    // any number of times. The tag is the caller's. An empty ticket has finished: to tell a thread that waits to do
    // something else, add one with a tag of its own.
    // Errors: out_of_memory (the ticket is not in the queue; its slots run all the same), bad_ticket (of a level that
    // is not open).
    [[nodiscard]] std::expected<void, Errc> add(const Ticket& ticket, std::uint64_t tag = 0) noexcept;

    // Takes the ticket that finished first out of the queue; waits for it. Each ticket comes once, to one thread.
    // While nothing is pending it waits for add(). Errors: timed_out (nothing is lost).
    [[nodiscard]] std::expected<Finished, Errc> wait_any(Timeout timeout = Timeout::never()) noexcept;

    // The same at once, or nothing. Never blocks. If the queue knows of no finished ticket this looks at the ring,
    // and starts a kernel that has left and finds out that a device is lost, as a thread that waits does.
    [[nodiscard]] std::optional<Finished> poll_any() noexcept;

    // Tickets that were added and have not come back.
    std::size_t pending() const noexcept;

    // Takes all tickets with this tag out of the queue, finished or not; their slots run all the same. Returns how
    // many. Costs a step for each pending ticket.
    std::size_t remove(std::uint64_t tag) noexcept;

    // As Runtime::poll: true once every slot of the ticket has finished, whether it is in the queue or not. False
    // while the runtime recovers.
    bool poll(const Ticket& ticket) noexcept;

private:
    friend class EventFd;
    struct [[gnu::visibility("hidden")]] Impl;
    explicit CompletionQueue(std::unique_ptr<Impl> impl) noexcept;

    std::unique_ptr<Impl> impl_;
};

}  // namespace slipring
