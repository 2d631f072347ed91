// Work in the background and questions that must be prompt, on one device: each at a level of its own.
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>
#include <slipring/runtime.hpp>

int main() {
    using namespace slipring;
    auto runtime = Runtime::open({.levels = {.critical = 64, .idle = 4096}});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    // As much background work as the level takes, until the questions are answered.
    std::atomic<bool> answered = false;
    std::uint32_t published = 0;
    std::thread background([&] {
        const std::vector<Slot> batch(64, atomic_add(1, first_user_word));
        while (!answered) {
            if (runtime->publish(batch, Quiet::yes, Priority::idle)) published += 64;
            else static_cast<void>(runtime->wait_for_room(64, std::chrono::seconds(1), Priority::idle));
        }
    });

    std::uint32_t right = 0;
    for (std::uint32_t question = 0; question < 100; ++question) {
        const auto ticket = runtime->publish(store_u32(question, first_user_word + 1), Quiet::no, Priority::critical);
        if (ticket && runtime->wait(*ticket, std::chrono::seconds(60)))
            right += runtime->result(*ticket)->value == question;
    }
    answered = true;
    background.join();
    std::printf("%u of 100 questions were answered\n", right);

    // A level that was not opened takes nothing.
    std::printf("low: %s\n", message(runtime->publish(nop(), Quiet::no, Priority::low).error()).data());

    if (!runtime->shutdown()) return std::fputs("the rings were not drained\n", stderr), 1;
    std::uint32_t count = 0;
    if (!runtime->read_control(first_user_word, std::span(&count, 1))) return 1;
    std::printf("the background work %s\n", count == published ? "was all done" : "was lost");
    return count == published && right == 100 ? 0 : 1;
}
