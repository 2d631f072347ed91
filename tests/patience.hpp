// Waiting in tests: with an end to it, so that a defect is a failure and no hang.
#pragma once

#include <chrono>
#include <thread>

// Yields until `condition` holds. False if it did not for very long: far beyond what any machine is late.
template <class Condition>
bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}
