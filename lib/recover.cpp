// After a lost device: another one, and what the lost one had not begun.
#include <algorithm>
#include <cstring>
#include <new>

#include "options.hpp"
#include "runtime_impl.hpp"

namespace slipring {
namespace {

std::atomic_ref<std::uint64_t> word64(const Ring& ring, std::size_t offset) {
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(ring.base() + offset));
}

bool is_published(const Ring& ring, std::uint64_t position) {
    return ring.state_word(position) == ring.tagged(position, SR_STATE_PUBLISHED);
}

// With the slots of the lost ring in `to`, which begins at `first`: what had been begun and has not ended, from
// `completed` on, ends as lost; the number of those.
std::uint32_t end_lost(const Ring& to, std::uint64_t completed, std::uint64_t first) {
    std::uint32_t lost = 0;
    for (std::uint64_t position = completed; position != first; ++position) {
        if (!is_published(to, position)) continue;
        ++lost;
        if ((to.word(position, SR_WORD_PRIORITY) & SR_FLAG_QUIET) != 0) continue;
        std::uint32_t end[SR_SLOT_WORDS] = {};
        end[SR_WORD_STATE] = to.tagged(position, SR_STATE_FAULT);
        end[SR_WORD_CODE] = SR_CODE_DEVICE_LOST;
        to.end_slot(position, end);
    }
    return lost;
}

}  // namespace

std::expected<void, Error> Runtime::Impl::recover(const std::string& device) {
    if (phase.load(std::memory_order_acquire) != Phase::lost) return {};
    Options wanted_options = options;
    if (!device.empty()) wanted_options.device = device;
    auto opened = Engine::open(wanted_options);
    if (!opened) return std::unexpected(opened.error());

    // From here on nobody starts the lost kernel again. It may be late rather than dead.
    engine->forget();
    engine->stop(launch.load(std::memory_order_relaxed));

    // In relaunch mode the lost launch had all that it was given. What is reserved and was never published holds up
    // whatever is behind it, there as here: nothing behind it has been begun (see I1 in wide.h).
    const auto first_open = [this] {
        const std::uint64_t begun = engine->live() ? ring.claimed() : engine->handed_over(ring);
        const std::uint64_t tail = ring.tail();
        return static_cast<std::int64_t>(tail - begun) < 0 ? tail : begun;
    };
    // A late kernel goes on until it looks at STOP: what it begins while its slots are copied must not be taken for open.
    std::expected<Ring, Errc> made = std::unexpected(Errc::bad_memory);
    std::uint64_t completed, first;
    do {
        completed = ring.completed();
        first = first_open();
        made = Ring::create((*opened)->ring_memory(), wanted_options.capacity, first);
        if (!made) return std::unexpected(Error{made.error(), {}});
        std::memcpy(made->base() + SR_RING_SLOTS, ring.base() + SR_RING_SLOTS, std::size_t{ring.capacity()} * SR_SLOT_BYTES);
        std::atomic_thread_fence(std::memory_order_acquire);
    } while (first_open() != first);
    word64(*made, SR_RING_RESERVED).store(ring.reserved(), std::memory_order_release);
    const std::uint32_t lost = end_lost(*made, completed, first);

    dismiss();
    engine = std::move(*opened);
    ring = *made;
    options = std::move(wanted_options);
    static_cast<void>(engine->write_control(SR_CONTROL_FAULTS, std::span(&lost, 1)));
    launch.store(0, std::memory_order_seq_cst);
    listen();
    phase.store(Phase::open, std::memory_order_seq_cst);
    wake();
    return {};
}

std::expected<void, Error> Runtime::recover(std::string device) try {
    return impl_->recover(device);
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

}  // namespace slipring
