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

void set_state(const Ring& ring, std::uint64_t position, std::uint32_t state) {
    const std::size_t slot = static_cast<std::size_t>(position & (ring.capacity() - 1));
    std::byte* const at = ring.base() + SR_RING_SLOTS + slot * SR_SLOT_BYTES;
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at)).store(ring.tagged(position, state), std::memory_order_seq_cst);
}

bool is_published(const Ring& ring, std::uint64_t position) {
    return ring.state_word(position) == ring.tagged(position, SR_STATE_PUBLISHED);
}

// Takes back from a live kernel what it has not claimed, so that it finds nothing to do if it comes back after all.
// Between its look at a slot and its claim nobody can come; see recover, which reads the claim much later.
void withdraw(const Ring& ring) {
    for (std::uint64_t position = ring.claimed(); position != ring.reserved(); ++position)
        if (is_published(ring, position)) set_state(ring, position, SR_STATE_REQUEUE);
}

// The slots of `from`, with their results, in `to`, whose positions begin where nothing has been begun. What had been
// begun and has not ended ends as lost; the number of those. What was withdrawn is published again.
std::uint32_t take_over(const Ring& from, const Ring& to, std::uint64_t first) {
    std::memcpy(to.base() + SR_RING_SLOTS, from.base() + SR_RING_SLOTS, std::size_t{from.capacity()} * SR_SLOT_BYTES);
    for (std::uint64_t position = from.completed(); position != from.reserved(); ++position)
        if (to.state_word(position) == to.tagged(position, SR_STATE_REQUEUE)) set_state(to, position, SR_STATE_PUBLISHED);
    std::uint32_t lost = 0;
    for (std::uint64_t position = from.completed(); position != first; ++position) {
        if (!is_published(to, position)) continue;
        ++lost;
        if ((to.word(position, SR_WORD_PRIORITY) & SR_FLAG_QUIET) != 0) continue;
        std::uint32_t end[SR_SLOT_WORDS] = {};
        end[SR_WORD_STATE] = to.tagged(position, SR_STATE_FAULT);
        end[SR_WORD_CODE] = SR_CODE_DEVICE_LOST;
        to.end_slot(position, end);
    }
    word64(to, SR_RING_RESERVED).store(from.reserved(), std::memory_order_release);
    return lost;
}

}  // namespace

std::expected<void, Error> Runtime::Impl::recover(const std::string& device) {
    if (phase.load(std::memory_order_acquire) != Phase::lost) return {};
    engine->forget();  // no more launches of it
    engine->stop(launch.load(std::memory_order_relaxed));
    if (engine->live()) withdraw(ring);
    Options wanted_options = options;
    if (!device.empty()) wanted_options.device = device;
    auto opened = Engine::open(wanted_options);
    if (!opened) return std::unexpected(opened.error());

    // In relaunch mode the lost launch had all that it was given. What is reserved and was never published holds up
    // whatever is behind it, there as here: nothing behind it has been begun (see I1 in entry.h).
    // A live kernel that found a slot before it was withdrawn has said so by now: to open takes milliseconds.
    const std::uint64_t begun = engine->live() ? ring.claimed() : engine->handed_over(ring);
    const std::uint64_t tail = ring.tail();
    const std::uint64_t first = static_cast<std::int64_t>(tail - begun) < 0 ? tail : begun;
    const auto made = Ring::create((*opened)->ring_memory(), wanted_options.capacity, first);
    if (!made) return std::unexpected(Error{made.error(), {}});
    const std::uint32_t lost = take_over(ring, *made, first);
    Backoff backoff(options.deadline);
    const Engine::GoOn go_on = [&backoff] { return backoff.pause(); };
    if (auto ok = (*opened)->write_control(SR_CONTROL_FAULTS, std::span(&lost, 1), go_on); !ok) {
        if ((*opened)->abandoned()) static_cast<void>(opened->release());
        return std::unexpected(Error{Errc::opencl_failed, "writing control words"});
    }

    dismiss();
    engine = std::move(*opened);
    ring = *made;
    options = std::move(wanted_options);
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
