// Coroutines that wait for tickets: resumed by the program's own loop, and destroyed while they wait.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <poll.h>

#include <atomic>
#include <coroutine>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <slipring/awaitable.hpp>
#include <slipring/event_fd.hpp>

#include "lost_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

// A coroutine of a program's: begins at once, stays at its end, and goes with this.
class Task {
public:
    struct promise_type {
        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    ~Task() { destroy(); }
    void destroy() {
        if (handle_) std::exchange(handle_, {}).destroy();
    }
    bool has_ended() const { return handle_.done(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

// How a ticket was awaited.
struct Seen {
    int resumed = 0;
    std::optional<std::expected<void, Errc>> outcome;
};

Task await(CompletionQueue& queue, Ticket ticket, Seen& seen) {
    const auto outcome = co_await until_finished(queue, ticket);
    ++seen.resumed;
    seen.outcome = outcome;
}

// `rounds` slots, each published when the one before has finished. `wrong` counts what is not as it should be.
Task chain(Runtime& runtime, CompletionQueue& queue, std::uint32_t rounds, std::atomic<std::uint32_t>& wrong,
           std::atomic<std::uint32_t>& ended) {
    for (std::uint32_t i = 0; i < rounds; ++i) {
        const auto ticket = runtime.publish(store_u32(i, 160));
        if (!ticket || !co_await until_finished(queue, *ticket)) ++wrong;
        const auto result = ticket ? runtime.result(*ticket) : std::unexpected(ticket.error());
        if (!result || result->value != i) ++wrong;
    }
    ++ended;
}

CompletionQueue queue_of(Runtime& runtime) {
    auto queue = CompletionQueue::open(runtime);
    BOOST_REQUIRE(queue.has_value());
    return std::move(*queue);
}

const Slot slow = slot(stall, {UINT32_MAX / 8});
void let_go(Runtime& runtime) { word(runtime.buffer("release")).store(1); }

Runtime open_with_slow_slots() {
    return open(ExecutionMode::persistent, {.ops = {stalling}, .buffers = {release_word}, .hang_timeout = 20min});
}

Ticket published(Runtime& runtime, const Slot& slot) {
    const auto ticket = runtime.publish(slot);
    BOOST_REQUIRE(ticket.has_value());
    return *ticket;
}

}  // namespace

BOOST_DATA_TEST_CASE(what_has_finished_does_not_suspend, data::make(modes), mode) {
    Runtime runtime = open(mode);
    CompletionQueue queue = queue_of(runtime);
    const Ticket ticket = published(runtime, store_u32(1, 0));  // a fault is no error of the wait
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    for (const Ticket& one : {ticket, Ticket{}}) {
        Seen seen;
        const Task task = await(queue, one, seen);
        BOOST_TEST(task.has_ended());
        BOOST_TEST(seen.resumed == 1);
        BOOST_TEST(seen.outcome->has_value());
        BOOST_TEST(queue.pending() == 0u);
    }
}

BOOST_AUTO_TEST_CASE(what_has_not_finished_goes_on_in_the_call_that_takes_it) {
    Runtime runtime = open_with_slow_slots();
    CompletionQueue queue = queue_of(runtime);
    Seen first, second;
    const Ticket ticket = published(runtime, slow);
    const Task one = await(queue, ticket, first), other = await(queue, ticket, second);
    BOOST_TEST(queue.pending() == 2u);
    BOOST_TEST(resume_finished(queue) == 0u);
    BOOST_TEST(first.resumed == 0);
    let_go(runtime);
    const auto next = queue.wait_any(1min);
    BOOST_REQUIRE(next.has_value());
    BOOST_TEST(first.resumed == 0);
    resume(*next);
    BOOST_TEST(first.resumed == 1);
    BOOST_TEST(first.outcome->has_value());
    BOOST_TEST(second.resumed == 0);
    BOOST_TEST(resume_finished(queue) == 1u);
    BOOST_TEST(second.resumed == 1);
    BOOST_TEST((one.has_ended() && other.has_ended()));
}

// The loop sleeps in poll(), and takes whatever has finished.
BOOST_DATA_TEST_CASE(many_coroutines_on_one_event_loop, data::make(modes), mode) {
    constexpr std::uint32_t coroutines = 20, rounds = 15;
    Runtime runtime = open(mode);
    auto events = EventFd::open(runtime);
    BOOST_REQUIRE(events.has_value());
    CompletionQueue& queue = events->queue();
    std::atomic<std::uint32_t> wrong{0}, ended{0};
    std::vector<Task> tasks;
    for (std::uint32_t i = 0; i < coroutines; ++i) tasks.push_back(chain(runtime, queue, rounds, wrong, ended));
    while (ended.load() < coroutines) {
        pollfd fd{.fd = events->fd(), .events = POLLIN, .revents = 0};
        BOOST_REQUIRE(::poll(&fd, 1, 60'000) == 1);
        const std::size_t pending = queue.pending();
        BOOST_TEST(resume_finished(queue) <= pending);  // whatever the coroutines add: the loop gets its turn
    }
    BOOST_TEST(wrong.load() == 0u);
    BOOST_TEST(queue.pending() == 0u);
    for (const Task& task : tasks) BOOST_TEST(task.has_ended());
}

// A coroutine goes on where it was taken: on several threads, one after the other.
BOOST_DATA_TEST_CASE(coroutines_go_from_thread_to_thread, data::make(modes), mode) {
    constexpr std::uint32_t coroutines = 8, rounds = 25;
    Runtime runtime = open(mode, {.idle_timeout = 0us});
    CompletionQueue queue = queue_of(runtime);
    std::atomic<std::uint32_t> wrong{0}, ended{0};
    std::vector<Task> tasks;
    std::vector<std::thread> pool;
    for (int t = 0; t < 2; ++t) {
        pool.emplace_back([&] {
            eventually([&] {
                if (const auto next = queue.wait_any(2ms)) resume(*next);
                return ended.load() == coroutines;
            });
        });
    }
    for (std::uint32_t i = 0; i < coroutines; ++i) tasks.push_back(chain(runtime, queue, rounds, wrong, ended));
    for (std::thread& thread : pool) thread.join();
    BOOST_TEST(wrong.load() == 0u);
    BOOST_TEST(ended.load() == coroutines);
}

BOOST_AUTO_TEST_CASE(a_coroutine_may_be_destroyed_while_it_waits) {
    Runtime runtime = open_with_slow_slots();
    CompletionQueue queue = queue_of(runtime);
    const Ticket ticket = published(runtime, slow), behind = published(runtime, store_u32(9, 160));
    Seen waiting, found, kept;
    Task first = await(queue, behind, waiting);
    BOOST_TEST(queue.pending() == 1u);
    first.destroy();  // nothing has finished
    BOOST_TEST(queue.pending() == 0u);

    Task second = await(queue, ticket, kept), third = await(queue, ticket, found);
    let_go(runtime);
    const auto next = queue.wait_any(1min);  // one look finds both
    BOOST_REQUIRE(next.has_value());
    BOOST_TEST(queue.pending() == 1u);
    third.destroy();  // its ticket has finished and was not taken
    BOOST_TEST(queue.pending() == 0u);
    resume(*next);
    BOOST_TEST(kept.resumed == 1);
    BOOST_TEST((waiting.resumed == 0 && found.resumed == 0));
    BOOST_TEST(second.has_ended());
    BOOST_REQUIRE(runtime.wait(behind, 1min).has_value());  // the slots run all the same
    BOOST_TEST(runtime.result(behind)->value == 9u);
}

namespace {

Task await_then(CompletionQueue& queue, Ticket ticket, std::function<void()> then) {
    static_cast<void>(co_await until_finished(queue, ticket));
    then();
}

}  // namespace

// Also by another one that goes on in the same call.
BOOST_AUTO_TEST_CASE(a_coroutine_may_destroy_another_that_waits) {
    Runtime runtime = open_with_slow_slots();
    CompletionQueue queue = queue_of(runtime);
    const Ticket ticket = published(runtime, slow);
    Seen never;
    std::optional<Task> other;
    const Task killer = await_then(queue, ticket, [&] { other.reset(); });
    other.emplace(await(queue, ticket, never));
    let_go(runtime);
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    std::size_t resumed = 0;
    BOOST_TEST(eventually([&] { return (resumed += resume_finished(queue)) != 0; }));
    BOOST_TEST(resumed == 1u);
    BOOST_TEST(killer.has_ended());
    BOOST_TEST(never.resumed == 0);
    BOOST_TEST(queue.pending() == 0u);
}

namespace {

// Lets its exceptions out.
struct Throwing {
    struct promise_type {
        Throwing get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() { throw; }
    };
    std::coroutine_handle<promise_type> handle;
};

Throwing await_and_throw(CompletionQueue& queue, Ticket ticket) {
    static_cast<void>(co_await until_finished(queue, ticket));
    throw 7;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_coroutine_throws_comes_out_of_resume) {
    Runtime runtime = open_with_slow_slots();
    CompletionQueue queue = queue_of(runtime);
    const Throwing task = await_and_throw(queue, published(runtime, slow));
    let_go(runtime);
    const auto next = queue.wait_any(1min);
    BOOST_REQUIRE(next.has_value());
    BOOST_CHECK_EXCEPTION(resume(*next), int, [](int thrown) { return thrown == 7; });
    BOOST_TEST(task.handle.done());
    task.handle.destroy();
    BOOST_TEST(queue.pending() == 0u);
}

BOOST_DATA_TEST_CASE(a_loss_ends_the_wait_and_it_can_be_awaited_again, data::make(modes), mode) {
    const MeantToLeak session;
    let_them_end();
    Runtime runtime = open(mode, lossy());
    CompletionQueue queue = queue_of(runtime);
    const auto old_release = runtime.buffer("release");
    const Ticket ticket = publish_stall(runtime);
    Seen lost, again;
    const Task first = await(queue, ticket, lost);
    const auto next = queue.wait_any(1min);
    BOOST_REQUIRE(next.has_value());
    resume(*next);
    BOOST_REQUIRE(lost.resumed == 1);
    BOOST_TEST((!*lost.outcome && lost.outcome->error() == Errc::device_lost));
    BOOST_REQUIRE(eventually([&] { return runtime.recover().has_value(); }));
    const Task second = await(queue, ticket, again);
    if (!second.has_ended()) {
        const auto one = queue.wait_any(1min);
        BOOST_REQUIRE(one.has_value());
        resume(*one);
    }
    BOOST_REQUIRE(second.has_ended());
    BOOST_TEST(again.outcome->has_value());
    BOOST_TEST(runtime.result(ticket).has_value());
    if (mode == ExecutionMode::persistent) word(old_release).store(1);
}
