// Waiting for many tickets: a completion queue, and a thread that does nothing else.
#include <cstdio>
#include <slipring/completion_queue.hpp>
#include <slipring/runtime.hpp>
#include <thread>

namespace {

using namespace slipring;

int failed(const char* what) { return std::fprintf(stderr, "%s\n", what), 1; }

}  // namespace

int main() {
    auto runtime = Runtime::open();
    if (!runtime) return failed(runtime.error().text().c_str());
    auto queue = CompletionQueue::open(*runtime);
    if (!queue) return failed(message(queue.error()).data());

    // Each ticket with a number of the program's own, which comes back with it.
    std::uint64_t tag = 0;
    for (const std::uint32_t value : {3u, 1u, 4u, 1u, 5u}) {
        const auto ticket = runtime->publish(store_u32(value, first_user_word + value));
        if (!ticket || !queue->add(*ticket, ++tag)) return failed("not published");
    }
    std::uint64_t tags = 0, values = 0;
    while (queue->pending() != 0) {
        const auto next = queue->wait_any();
        if (!next || !next->outcome) return failed("the device did not answer");
        const auto result = runtime->result(next->ticket);
        if (!result) return failed(message(result.error()).data());
        tags += next->tag;
        values += result->value;
    }
    std::printf("tags: %lu, values: %lu\n", tags, values);

    // A thread for all that finishes, while others publish. An empty ticket has finished: by its tag the thread
    // stops.
    constexpr std::uint64_t stop = 0;
    int finished = 0;
    std::thread waiter([&] {
        for (;;) {
            const auto next = queue->wait_any();
            if (!next || next->tag == stop) return;
            ++finished;
        }
    });
    for (std::uint64_t i = 1; i <= 10; ++i)
        if (const auto ticket = runtime->publish(nop())) static_cast<void>(queue->add(*ticket, i));
    while (queue->pending() != 0) std::this_thread::yield();
    static_cast<void>(queue->add({}, stop));
    waiter.join();
    std::printf("finished: %d\n", finished);
}
