// What a kernel that does not finish still uses. Nothing can take memory from it, so that is kept for as long as the
// process lives; and it stays reachable, so that no leak checker reports it.
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
    static std::atomic<Left*> last{nullptr};  // nothing walks the list
    Left* const left = new (std::nothrow) Left{std::move(what), nullptr};
    if (left != nullptr) left->next = last.exchange(left, std::memory_order_acq_rel);
    else static_cast<void>(what.release());  // not moved from: NOLINT(clang-analyzer-cplusplus.Move)
}

}  // namespace slipring
