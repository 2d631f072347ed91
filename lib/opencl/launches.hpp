// Who is told when a launch has ended. OpenCL tells on a thread of its own, so the two of them may be gone by then, or be
// going: each launch's end is counted, and nobody is told once `forget` has returned.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

#include "cl.hpp"

namespace slipring {

class Launches {
public:
    // `told` is called after a launch, on OpenCL's thread; it must not wait.
    void tell(std::function<void()> told) {
        const std::scoped_lock lock(mutex_);
        told_ = std::move(told);
    }
    void forget() noexcept {
        const std::scoped_lock lock(mutex_);
        told_ = nullptr;
    }

    cl_int add(cl::Event& launch) noexcept {
        pending_.fetch_add(1, std::memory_order_relaxed);
        const cl_int status = launch.setCallback(CL_COMPLETE, &Launches::ended, this);
        if (status != CL_SUCCESS) pending_.fetch_sub(1, std::memory_order_relaxed);
        return status;
    }
    // Every launch's end has been told.
    bool settled() const noexcept { return pending_.load(std::memory_order_acquire) == 0; }

private:
    static void CL_CALLBACK ended(cl_event, cl_int, void* self) {
        auto& launches = *static_cast<Launches*>(self);
        {
            const std::scoped_lock lock(launches.mutex_);
            if (launches.told_) launches.told_();
        }
        launches.pending_.fetch_sub(1, std::memory_order_release);  // the last access
    }

    std::mutex mutex_;
    std::function<void()> told_;
    std::atomic<int> pending_{0};
};

}  // namespace slipring
