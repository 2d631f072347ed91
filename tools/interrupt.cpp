#include "interrupt.hpp"

#include <signal.h>

#include <atomic>

namespace {
std::atomic<bool> caught{false};
static_assert(std::atomic<bool>::is_always_lock_free);
}  // namespace

void catch_interrupt() {
    struct sigaction action{};
    action.sa_handler = [](int) { caught.store(true, std::memory_order_relaxed); };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, nullptr);
}

bool interrupted() noexcept { return caught.load(std::memory_order_relaxed); }
