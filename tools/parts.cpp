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
    split_.notify_one();
}

bool Parts::has_ended() const { return abandoned_ || (closed_ && opening_ == 0 && parts_.empty()); }

void Parts::wake_all() {
    pushed_.notify_all();
    split_.notify_all();
    popped_.notify_all();
}

std::vector<Part> Parts::pop(bool opens) {
    std::unique_lock lock(mutex_);
    const auto has_one = [&] { return !parts_.empty() && (opens || parts_.front().file != nullptr); };
    (opens ? pushed_ : split_).wait(lock, [&] { return has_one() || has_ended(); });
    std::vector<Part> taken;
    for (std::size_t n = std::clamp<std::size_t>(parts_.size() / 16, 1, 16); n != 0 && has_one(); --n) {
        taken.push_back(std::move(parts_.front()));
        parts_.pop_front();
        if (taken.back().file == nullptr) ++opening_;
    }
    if (has_ended()) wake_all();
    popped_.notify_one();
    return taken;
}

void Parts::opened() {
    const std::lock_guard lock(mutex_);
    --opening_;
    if (has_ended()) wake_all();
}

void Parts::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_all();
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
