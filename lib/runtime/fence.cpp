// The fence over all levels. Slots of two rings have no order on the device, so the host holds the fence's slots
// back: one of each ring is reserved, which holds up what comes behind it, and all are published as soon as what
// stands in front of each has finished. Any thread that waits, polls or publishes finds that wake() is needed, which
// looks; and a kernel that finds nothing more to do leaves, which wakes too.
//
// F: what ran in front of the fence is seen by what runs behind it: COMPLETED, which open_fences() acquires, was
// released behind those slots (A2), and what it publishes is released to the device (R1).
#include <algorithm>
#include <new>

#include "impl.hpp"

namespace slipring {

std::expected<Ticket, Errc> Runtime::publish_fence() noexcept { return impl_->publish_fence(); }

std::expected<Ticket, Errc> Runtime::Impl::publish_fence() noexcept {
    if (auto ok = is_open(); !ok) return std::unexpected(ok.error());
    const auto ticket = reserve_fence();
    wake();
    if (!ticket) return std::unexpected(refused(ticket.error()));
    return ticket;
}

// One thread at a time: so of two fences one stands behind the other in every ring, and opens later.
std::expected<Ticket, Errc> Runtime::Impl::reserve_fence() noexcept try {
    const std::scoped_lock lock(fencing);
    for (const Priority level : every_level)
        if (const Ring* const ring = rings.find(level); ring != nullptr && !has_room(*ring, 1))
            return std::unexpected(Errc::ring_full);
    LevelFence& fence = fences.emplace_back();
    for (const Priority level : every_level) {
        const Ring* const ring = rings.find(level);
        if (ring == nullptr) continue;
        auto slot = ring->reserve(1);
        if (!slot) {  // others were faster; what was reserved is NOPs
            fences.pop_back();
            return std::unexpected(slot.error());
        }
        fence.slots[static_cast<std::size_t>(level)].emplace(std::move(*slot));
    }
    is_fenced.store(true, std::memory_order_relaxed);
    return Ticket{.first = fence.slots[SR_PRIORITY_NORMAL]->first(), .count = 1};
} catch (const std::bad_alloc&) {
    return std::unexpected(Errc::out_of_memory);
}

// One thread at a time looks, and no other waits for it. A slot that goes publishes itself, as a NOP.
void Runtime::Impl::open_fences() noexcept {
    if (!is_fenced.load(std::memory_order_relaxed)) return;
    const std::unique_lock lock(fencing, std::try_to_lock);
    if (!lock.owns_lock()) return;
    const auto is_due = [this](const LevelFence& fence) {
        for (std::size_t number = 0; number < fence.slots.size(); ++number)
            if (fence.slots[number] && !rings.at(number)->is_complete(fence.slots[number]->first()))
                return false;  // F
        return true;
    };
    while (!fences.empty() && is_due(fences.front())) fences.pop_front();
    is_fenced.store(!fences.empty(), std::memory_order_relaxed);
}

// Of rings that are about to go, or that no kernel reads any more.
void Runtime::Impl::open_all_fences() noexcept {
    const std::scoped_lock lock(fencing);
    fences.clear();
    is_fenced.store(false, std::memory_order_relaxed);
}

// As far as can be seen without waiting.
bool Runtime::Impl::is_fence(std::size_t number, std::uint64_t position) const noexcept {
    const std::unique_lock lock(fencing, std::try_to_lock);
    if (!lock.owns_lock() || number >= RingNumbers::tenants) return false;
    return std::ranges::any_of(fences, [&](const LevelFence& fence) {
        return fence.slots[number] && fence.slots[number]->first() == position;
    });
}

}  // namespace slipring
