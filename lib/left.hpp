// What a kernel that does not end still uses. Nothing can take memory from it, so that is kept for as long as the
// process lives; and stays reachable, so that nobody takes it for a leak.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <utility>

namespace slipring {

// Thread-safe.
template <class T>
void leave_to_kernel(std::unique_ptr<T> what) noexcept {
    struct Left {
        std::unique_ptr<T> what;
        Left* next;
    };
    static std::atomic<Left*> last{nullptr};  // nobody walks the list
    Left* const left = new (std::nothrow) Left{std::move(what), nullptr};
    if (left != nullptr) left->next = last.exchange(left, std::memory_order_acq_rel);
    else static_cast<void>(what.release());  // not moved from: NOLINT(clang-analyzer-cplusplus.Move)
}

}  // namespace slipring
