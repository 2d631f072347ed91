// After a lost device: another one, and what the lost one had not begun.
#include <algorithm>
#include <cstring>
#include <new>
#include <thread>

#include "impl.hpp"

namespace slipring {
namespace {

using namespace std::chrono_literals;

// To open a device takes less, unless something else occupies it.
constexpr auto opening_patience = 5s;
// A kernel that had looked at a slot just before its ring was revoked has said by then that it claimed it: it needs
// nanoseconds for that, or as long as a driver gives its time to another.
constexpr auto claim_grace = 20ms;

void set_state(const RingInside& ring, std::uint64_t position, std::uint32_t word) {
    std::atomic_ref(*ring.slot(position)).store(word, std::memory_order_release);
}

bool is_published(const RingInside& ring, std::uint64_t position) { return ring.state(position) == State::published; }

// It waits to be run, or has finished.
bool was_published(const RingInside& ring, std::uint64_t position) {
    return ring.state(position).value_or(State::empty) != State::empty;
}

// Where a lost device's ring stands: [completed, first) had been begun, [first, reserved) had not.
struct Positions {
    std::uint64_t completed, first, reserved;
};

// The device wrote some of these words, and a handler may have written any: one that is out of its range counts as
// the least of that range.
Positions positions_of(const RingInside& ring, const Session& session) {
    const std::uint64_t reserved = ring.reserved();
    const auto within = [reserved](std::uint64_t position, std::uint64_t least) {
        return position - least <= reserved - least ? position : least;
    };
    const std::uint64_t oldest = reserved - ring.capacity();
    const std::uint64_t reclaimed = within(ring.word64(SR_RING_RECLAIMED).load(std::memory_order_acquire), oldest);
    const std::uint64_t completed = within(ring.completed(), reclaimed);
    const std::uint64_t begun = within(session.begun(ring, completed, reserved), completed);
    // A slot that is reserved and was never published holds up every slot behind it, on the device as here: none
    // of those has been begun (see I1 in wide/state.h).
    std::uint64_t first = completed;
    while (first != begun && was_published(ring, first)) ++first;
    return {completed, first, reserved};
}

// A slot as it is now: its state first, so that what the device wrote before that is copied too.
void copy_slot(const RingInside& from, const RingInside& to, std::uint64_t position) {
    const std::uint32_t state = from.state_word(position);
    std::memcpy(to.slot(position) + 1, from.slot(position) + 1, SR_SLOT_BYTES - sizeof state);
    set_state(to, position, state);
}

// The slots of `from`, with their results, in `to`, whose positions begin with the first that has not been begun.
// What had been begun and has not ended ends as lost. The number of slots that have ended in FAULT and that no device
// counted.
std::uint32_t move_slots(const RingInside& from, const RingInside& to, const Positions& at) {
    for (std::uint64_t i = 0; i < from.capacity(); ++i) copy_slot(from, to, i);
    std::uint32_t faults = 0;
    for (std::uint64_t position = at.completed; position != at.first; ++position) {
        if (!is_published(to, position)) {
            faults += (to.state_word(position) & SR_STATE_MASK) != SR_STATE_DONE;
            continue;
        }
        ++faults;
        if ((to.word(position, SR_WORD_PRIORITY) & SR_FLAG_QUIET) != 0) continue;
        std::uint32_t end[SR_SLOT_WORDS] = {};
        end[SR_WORD_STATE] = to.tagged(position, SR_STATE_FAULT);
        end[SR_WORD_CODE] = SR_CODE_DEVICE_LOST;
        to.end_slot(position, end);
    }
    // A producer that has reserved slots and not published them writes to the old ring, if anywhere: the slots in
    // their place here end as lost.
    for (std::uint64_t position = at.first; position != at.reserved; ++position) {
        if (is_published(to, position)) continue;
        std::memset(to.slot(position) + 1, 0, SR_SLOT_BYTES - 4);
        to.slot(position)[SR_WORD_OPCODE] = SR_OP_LOST;
        set_state(to, position, to.tagged(position, SR_STATE_PUBLISHED));
    }
    to.word64(SR_RING_RESERVED).store(at.reserved, std::memory_order_release);
    return faults;
}

}  // namespace

std::expected<void, Error> Runtime::Impl::recover(const std::string& device) {
    if (phase.load(std::memory_order_acquire) != Phase::lost) return {};
    session->forget();  // no more launches of it
    session->revoke();
    session->stop(launch.load(std::memory_order_relaxed));
    const auto revoked = Watch::Clock::now();

    Options next = options;
    if (!device.empty()) next.device = device;
    if (opening == nullptr || opening->options().device != next.device) {
        auto begun = Opening::begin(next);
        if (!begun) return std::unexpected(begun.error());
        opening = std::move(*begun);
    }
    auto opened = opening->wait(opening_patience);
    if (!opened) {
        const char* const detail =
            "the device is still being opened: something holds it. To recover later goes on with that";
        return std::unexpected(Error{Errc::no_device, detail});
    }
    opening.reset();
    if (!*opened) return std::unexpected(opened->error());
    std::this_thread::sleep_until(revoked + claim_grace);
    return replace(std::move(**opened), std::move(next));
}

// Everything that may fail first: then the runtime is as it was.
std::expected<void, Error> Runtime::Impl::replace(std::unique_ptr<Session> opened, Options next) {
    lost_sessions.reserve(lost_sessions.size() + 1);
    const Positions at = positions_of(inside(ring), *session);
    const auto made = Ring::create(opened->ring_memory(), next.capacity, at.first);
    if (!made) return std::unexpected(Error{made.error(), {}});

    const std::uint32_t counted = faults_of(ring);
    lost_faults.fetch_add(counted + move_slots(inside(ring), inside(*made), at), std::memory_order_relaxed);
    lost_sessions.push_back(std::exchange(session, std::move(opened)));
    ring = *made;
    options = std::move(next);
    watch = {};
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
