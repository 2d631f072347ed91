// An event loop that waits for a device beside its other events: coroutines publish slots, and go on when epoll says
// that these have finished.
#include <sys/epoll.h>
#include <unistd.h>

#include <coroutine>
#include <cstdio>
#include <exception>
#include <slipring/awaitable.hpp>
#include <slipring/event_fd.hpp>
#include <slipring/runtime.hpp>

namespace {

using namespace slipring;

// Any coroutine type does. This one begins at once, and frees itself at its end.
struct Detached {
    struct promise_type {
        Detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

// Adds 1 to a control word, so often; each addition is published when the one before has finished. Then writes to a
// pipe.
Detached count(Runtime& runtime, CompletionQueue& queue, std::uint32_t word, int times, int done) {
    for (int i = 0; i < times; ++i) {
        const auto ticket = runtime.publish(atomic_add(1, word));
        if (!ticket || !co_await until_finished(queue, *ticket)) break;
    }
    if (write(done, "", 1) != 1) std::terminate();
}

int failed(const char* what) { return std::fprintf(stderr, "%s\n", what), 1; }

}  // namespace

int main() {
    auto runtime = Runtime::open();
    if (!runtime) return failed(runtime.error().text().c_str());
    auto events = EventFd::open(*runtime);
    if (!events) return failed(events.error().text().c_str());

    // Two things to wait for: the device, and a pipe by which each coroutine says that it has ended.
    int pipe_ends[2];
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (pipe(pipe_ends) != 0 || epoll < 0) return failed("no file descriptors");
    for (const int fd : {events->fd(), pipe_ends[0]}) {
        epoll_event readable{.events = EPOLLIN, .data = {.fd = fd}};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &readable) != 0) return failed("epoll_ctl");
    }

    constexpr int coroutines = 3;
    for (int i = 0; i < coroutines; ++i)
        count(*runtime, events->queue(), first_user_word + static_cast<std::uint32_t>(i), 10 << i, pipe_ends[1]);

    for (int ended = 0; ended < coroutines;) {
        epoll_event event{};
        if (epoll_wait(epoll, &event, 1, -1) != 1) continue;  // a signal, say
        if (event.data.fd == events->fd()) resume_finished(events->queue());
        char byte;
        if (event.data.fd == pipe_ends[0] && read(pipe_ends[0], &byte, 1) == 1) ++ended;
    }
    std::uint32_t words[coroutines];
    if (!runtime->read_control(first_user_word, words)) return failed("the device did not answer");
    std::printf("counted: %u, %u, %u\n", words[0], words[1], words[2]);
}
