// A ring whose producers can be stopped at every step of publish.
#pragma once

#include <atomic>

#include <slipring/ring.hpp>

#include "patience.hpp"

class StepListener {
public:
    virtual void at(slipring::detail::RingStep step) noexcept = 0;

protected:
    ~StepListener() = default;
};

// The policy: each thread's steps go to its own listener, if it has one.
struct Suspendable {
    static constexpr bool unseen_consumer = false;
    static constexpr std::memory_order publish_order = std::memory_order_seq_cst;
    static inline thread_local StepListener* listener = nullptr;
};
template <>
inline void slipring::detail::at_step<Suspendable>(RingStep step) noexcept {
    if (Suspendable::listener != nullptr) Suspendable::listener->at(step);
}

using SuspendableRing = slipring::BasicRing<Suspendable>;

// Stops its thread when that reaches `step` for the `nth` time, until it is opened.
class Gate final : public StepListener {
public:
    explicit Gate(slipring::detail::RingStep step, unsigned nth = 1) : step_(step), left_(nth) {}

    void at(slipring::detail::RingStep step) noexcept override {
        if (step != step_ || left_ == 0 || --left_ != 0) return;
        reached_ = true;
        eventually([this] { return open_.load(); });
    }

    bool wait_until_reached() const {
        return eventually([this] { return reached_.load(); });
    }
    void open() { open_ = true; }

private:
    slipring::detail::RingStep step_;
    unsigned left_;
    std::atomic<bool> reached_ = false, open_ = false;
};
