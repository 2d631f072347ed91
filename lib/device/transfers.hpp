// Copies to and from buffers that are under way. Each has a number, from 1 up, and they finish in that order: they
// are on one queue. Any thread may call any function.
#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <mutex>
#include <new>

#include <slipring/error.hpp>

#include "cl.hpp"
#include "session.hpp"

namespace slipring {

class Transfers {
public:
    // Counts a copy. enqueue(event) enqueues it, and sets `event` to one that is told when it has finished, or leaves
    // that alone if it has already. What it returns is OpenCL's: after an error nothing is counted.
    // Errors: out_of_memory, and then nothing was enqueued; opencl_failed.
    template <class Enqueue>
    std::expected<std::uint64_t, Errc> begin(std::uint64_t bytes, const Enqueue& enqueue) noexcept {
        const std::scoped_lock in_order(beginning_);
        std::list<Copy> one;
        try {
            one.emplace_back(bytes);
        } catch (const std::bad_alloc&) {
            return std::unexpected(Errc::out_of_memory);
        }
        if (enqueue(one.front().event) != CL_SUCCESS) return std::unexpected(Errc::opencl_failed);
        const std::scoped_lock lock(mutex_);
        pending_.splice(pending_.end(), one);
        bytes_ += bytes;
        return ++begun_;
    }

    Copied progress() noexcept {
        const std::scoped_lock lock(mutex_);
        for (; !pending_.empty(); pending_.pop_front()) {
            const Copy& first = pending_.front();
            const cl_int status =
                first.event() == nullptr ? CL_COMPLETE : first.event.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>();
            if (status > CL_COMPLETE) break;
            failed_ = failed_ || status < CL_COMPLETE;
            bytes_ -= first.bytes;
            ++finished_;
        }
        return {begun_, finished_, bytes_, failed_};
    }

private:
    struct Copy {
        explicit Copy(std::uint64_t size) noexcept : bytes(size) {}
        cl::Event event;
        std::uint64_t bytes;
    };
    // One begins at a time, in the order of the numbers. That may take long, as a driver may copy there and then; so
    // another one guards the rest, which progress() asks without waiting for that.
    std::mutex beginning_;
    std::mutex mutex_;
    std::list<Copy> pending_;
    std::uint64_t begun_ = 0, finished_ = 0, bytes_ = 0;
    bool failed_ = false;
};

}  // namespace slipring
