// The callback that is told when a launch has finished. OpenCL calls it on a thread of its own; or, where the launch
// has finished already, on the thread that asks for it, even within another such call. Once `forget` has returned, no
// call is under way and none will come.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "cl.hpp"

namespace slipring {

class Launches {
public:
    // `told` is called after a launch; it must not wait. Once, before the first launch.
    void tell(std::function<void()> told) { told_ = std::move(told); }
    void forget() noexcept {
        forgotten_.store(true, std::memory_order_seq_cst);
        while (telling_.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
    }

    cl_int add(cl::Event& launch) noexcept {
        pending_.fetch_add(1, std::memory_order_relaxed);
        const cl_int status = launch.setCallback(CL_COMPLETE, &Launches::ended, this);
        if (status != CL_SUCCESS) pending_.fetch_sub(1, std::memory_order_relaxed);
        return status;
    }
    // Every launch's end has been told: this may go.
    bool settled() const noexcept { return pending_.load(std::memory_order_acquire) == 0; }

private:
    static void CL_CALLBACK ended(cl_event, cl_int, void* self) {
        auto& launches = *static_cast<Launches*>(self);
        // Either this sees `forgotten_`, or forget() sees this: both store before they load.
        launches.telling_.fetch_add(1, std::memory_order_seq_cst);
        if (!launches.forgotten_.load(std::memory_order_seq_cst)) launches.told_();
        launches.telling_.fetch_sub(1, std::memory_order_seq_cst);
        launches.pending_.fetch_sub(1, std::memory_order_release);  // the last access
    }

    std::function<void()> told_;
    std::atomic<bool> forgotten_{false};
    std::atomic<int> telling_{0};
    std::atomic<int> pending_{0};
};

}  // namespace slipring
