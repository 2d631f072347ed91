// An idle kernel leaves and gives its core back; the next publish starts it again, and no slot is lost in between.
#include <chrono>
#include <cstdio>
#include <thread>
#include <slipring/runtime.hpp>

int main() {
    using namespace slipring;
    using namespace std::chrono_literals;
    auto runtime = Runtime::open({.idle_timeout = 200us, .max_launch_time = 50ms});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    std::uint32_t published = 0;
    while (runtime->stats().launches < 3 && published < 1000) {
        const auto ticket = runtime->publish(atomic_add(1, first_user_word));  // starts the kernel if it has left
        if (!ticket || !runtime->wait(*ticket)) return std::fputs("the device did not answer\n", stderr), 1;
        ++published;
        std::this_thread::sleep_for(20ms);  // far longer than idle_timeout: the kernel leaves
    }

    std::uint32_t counted = 0;
    if (!runtime->read_control(first_user_word, std::span(&counted, 1))) return 1;
    const bool again = runtime->stats().launches >= 3;
    std::printf("%s, %s\n", again ? "the kernel was started again" : "the kernel never left",
                counted == published ? "and ran every slot once" : "and a slot is missing");
    return again && counted == published ? 0 : 1;
}
