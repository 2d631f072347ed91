#include "parts.hpp"

#include <algorithm>
#include <utility>

bool Parts::push(Part& part, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!popped_.wait_for(lock, patience, [&] { return closed_ || parts_.size() < max_length; })) return false;
    if (closed_) return false;
    parts_.push_back(std::move(part));
    pushed_.notify_one();
    return true;
}

void Parts::push_front(Part part) {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return;
    parts_.push_front(std::move(part));
    pushed_.notify_one();
}

std::vector<Part> Parts::pop() {
    std::unique_lock lock(mutex_);
    pushed_.wait(lock, [&] { return !parts_.empty() || abandoned_ || (closed_ && opening_ == 0); });
    std::vector<Part> taken;
    for (std::size_t n = std::clamp<std::size_t>(parts_.size() / 16, 1, 16); n != 0 && !parts_.empty(); --n) {
        taken.push_back(std::move(parts_.front()));
        parts_.pop_front();
        if (taken.back().file == nullptr) ++opening_;
    }
    popped_.notify_one();
    return taken;
}

void Parts::opened() {
    const std::lock_guard lock(mutex_);
    if (--opening_ == 0 && closed_) pushed_.notify_all();
}

void Parts::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    pushed_.notify_all();
    popped_.notify_all();
}

void Parts::abandon() {
    {
        const std::lock_guard lock(mutex_);
        abandoned_ = true;
        parts_.clear();
    }
    close();
}

bool Parts::abandoned() const {
    const std::lock_guard lock(mutex_);
    return abandoned_;
}
