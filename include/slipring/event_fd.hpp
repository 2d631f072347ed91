// A completion queue that an event loop waits for: a file descriptor that is readable while a ticket has finished.
//
//   auto events = slipring::EventFd::open(*runtime);
//   if (!events) return report(events.error().text());
//   epoll_event readable{.events = EPOLLIN, .data = {.fd = events->fd()}};
//   epoll_ctl(epoll, EPOLL_CTL_ADD, events->fd(), &readable);
//   handle(events->queue().add(*ticket, tag));
//   ... epoll_wait says that events->fd() is readable:
//   while (const auto next = events->queue().poll_any()) use(next->tag, next->ticket);
//
// With Asio: asio::posix::stream_descriptor(io, dup(events->fd())).async_wait(wait_read, ...).
//
// Readable: from the look that finds a finished ticket until the last one is taken out of the queue. Any thread may
// take it, so a thread that was told may find nothing left. Level-triggered and edge-triggered loops both work; with
// edges (EPOLLET), call poll_any until it returns nothing. Never read the fd or write to it.
//
// Cost: one thread of slipring's, named slipring_events, which blocks all signals. It sleeps while nothing is
// pending, and while there is something to take. In between it looks (see completion_queue.hpp) and naps, for 20 us
// at first and then twice as long each time, up to 1 ms. A ticket that is added ends a nap of 100 us or more, and
// makes the next ones short again. So the fd is late by no more than a millisecond or what the ticket took,
// whichever is less, and what the system adds to a sleep; and a slow ticket costs a thousand looks a second. The
// thread also starts a kernel that has left, and finds out that a device is lost. The fd changes by a system call
// each time.
//
// Lost devices, shutdown and recover(): see completion_queue.hpp; the thread needs no care.
//
// Thread-safety: any thread may call any function at any time; open, move and destruction need the object to
// themselves. It goes before its runtime.
#pragma once

#include <expected>
#include <memory>

#include <slipring/completion_queue.hpp>
#include <slipring/error.hpp>

namespace slipring {

class SLIPRING_API EventFd {
public:
    // With a queue of its own. Errors: out_of_memory (detail: if the system has no descriptor or no thread left).
    [[nodiscard]] static std::expected<EventFd, Error> open(Runtime& runtime) noexcept;

    // A moved-from object may be assigned to or destroyed, nothing else. fd and queue stay what they are.
    EventFd(EventFd&&) noexcept;
    EventFd& operator=(EventFd&&) noexcept;
    // Ends the thread and closes the fd; in a millisecond or so.
    ~EventFd();

    int fd() const noexcept;

    // Stays in here: not to be moved from.
    CompletionQueue& queue() noexcept;

private:
    struct [[gnu::visibility("hidden")]] Impl;
    explicit EventFd(std::unique_ptr<Impl> impl) noexcept;

    std::unique_ptr<Impl> impl_;
};

}  // namespace slipring
