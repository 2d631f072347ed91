// The thread that looks at a completion queue for those who wait for a file descriptor.
#include <slipring/event_fd.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <new>
#include <system_error>
#include <thread>

#include "completion_queue.hpp"
#include "own_thread.hpp"

namespace slipring {

struct EventFd::Impl {
    explicit Impl(CompletionQueue given) : queue(std::move(given)) {}
    ~Impl();

    // False if the system has no descriptor left; throws if it has no thread.
    bool start();

    CompletionQueue queue;

private:
    CompletionQueue::Impl& inside() noexcept { return *queue.impl_; }
    void run() noexcept;

    bool closing_ = false;  // guarded by the queue's lock
    std::thread thread_;
};

bool EventFd::Impl::start() {
    CompletionQueue::Impl& q = inside();
    q.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q.fd < 0) return false;
    thread_ = own_thread("slipring_events", [this] { run(); });
    return true;
}

EventFd::Impl::~Impl() {
    CompletionQueue::Impl& q = inside();
    if (thread_.joinable()) {
        {
            const std::scoped_lock held(q.lock);
            closing_ = true;
            q.changed.notify_all();
        }
        thread_.join();
    }
    if (q.fd >= 0) close(q.fd);
}

void EventFd::Impl::run() noexcept {
    CompletionQueue::Impl& q = inside();
    CompletionQueue::Impl::Held held(q.lock);
    std::uint64_t added = 0;
    Naps naps;
    while (!closing_) {
        if (q.is_idle() || !q.finished.empty()) {
            q.sleep(held, std::chrono::nanoseconds::max());
            naps = {};
            continue;
        }
        q.look(held, false);
        if (std::exchange(added, q.added) != q.added) naps = {};
        if (q.finished.empty() && !closing_) q.sleep(held, naps.next());
    }
}

EventFd::EventFd(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
EventFd::EventFd(EventFd&&) noexcept = default;
EventFd& EventFd::operator=(EventFd&&) noexcept = default;
EventFd::~EventFd() = default;

int EventFd::fd() const noexcept { return impl_->queue.impl_->fd; }
CompletionQueue& EventFd::queue() noexcept { return impl_->queue; }

std::expected<EventFd, Error> EventFd::open(Runtime& runtime) noexcept try {
    auto queue = CompletionQueue::open(runtime);
    if (!queue) return std::unexpected(Error{queue.error(), {}});
    auto impl = std::make_unique<Impl>(std::move(*queue));
    if (!impl->start()) return std::unexpected(Error{Errc::out_of_memory, "no file descriptor is left"});
    return EventFd(std::move(impl));
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
} catch (const std::system_error&) {
    return std::unexpected(Error{Errc::out_of_memory, "no thread to look on"});
}

}  // namespace slipring
