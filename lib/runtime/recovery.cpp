// After a lost device: another one, and what the lost one had not begun.
#include <algorithm>
#include <array>
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

// Where a lost device's ring stands: [completed, first) had been begun, [first, reserved) had not.
struct Positions {
    std::uint64_t completed, first, reserved;
};

// The device wrote some of these words, and a handler may have written any: one that is out of its range counts as
// the least of that range.
Positions positions_of(std::size_t number, const RingInside& ring, const Session& session) {
    const std::uint64_t reserved = ring.reserved();
    const auto within = [reserved](std::uint64_t position, std::uint64_t least) {
        return position - least <= reserved - least ? position : least;
    };
    const std::uint64_t oldest = reserved - ring.capacity();
    const std::uint64_t reclaimed =
        within(ring.producers(&detail::Producers::reclaimed).load(std::memory_order_acquire), oldest);
    const std::uint64_t completed = within(ring.completed(), reclaimed);
    const std::uint64_t begun = within(session.begun(number, ring, completed, reserved), completed);
    // A slot that is reserved and was never published holds up every slot behind it, on the device as here: none
    // of those has been begun (see I1 in wide/state.h). One that a tenant has taken back held up none: some of that
    // tenant's slots may run once more.
    std::uint64_t first = completed;
    while (first != begun && ring.is_published(first)) ++first;
    return {completed, first, reserved};
}

// Puts the slots of `from` that have not been begun into `to`, whose positions begin with the first of them, and all
// completions. What had been begun and has not finished ends as lost. Returns how many slots ended in FAULT and were
// counted by no device. They are `tenant`'s.
std::uint32_t move_slots(const RingInside& from, const RingInside& to, const Positions& at, std::uint32_t tenant) {
    for (std::uint64_t position = at.first - from.completions(); position != at.first; ++position) {
        // One of a slot that was never published, or had not been begun, is forged.
        if (from.is_finished(position + from.completions())) continue;
        const std::uint64_t head = from.completion_ref(position, 0).load(std::memory_order_acquire);  // A1: first
        to.completion_ref(position, 1)
            .store(from.completion_ref(position, 1).load(std::memory_order_relaxed), std::memory_order_relaxed);
        to.completion_ref(position, 0).store(head, std::memory_order_relaxed);
    }
    std::uint32_t faults = 0;
    for (std::uint64_t position = at.completed; position != at.first; ++position) {
        if (to.is_finished(position)) {
            faults +=
                (to.completion_ref(position, 0).load(std::memory_order_relaxed) & SR_STATE_MASK) != SR_STATE_DONE;
            continue;
        }
        ++faults;
        if ((from.word(position, SR_WORD_PRIORITY) & SR_FLAG_QUIET) == 0)
            to.complete(position, {State::fault, Code::device_lost});
    }
    // A producer that has reserved slots and not published them writes to the old ring, if anywhere: the slots in
    // their place here end as lost.
    for (std::uint64_t position = at.first; position != at.reserved; ++position) {
        std::uint32_t* const slot = to.slot(position);
        const bool is_cancelled = from.state_word(position) == from.tagged(position, SR_STATE_CANCELLED);
        if (from.is_published(position)) {
            std::memcpy(slot + 1, from.slot(position) + 1, SR_SLOT_BYTES - sizeof *slot);
        } else {
            std::memset(slot + 1, 0, SR_SLOT_BYTES - sizeof *slot);
            slot[SR_WORD_OPCODE] = SR_OP_LOST;
            slot[SR_WORD_TENANT] = tenant;
        }
        const std::uint32_t state = to.tagged(position, is_cancelled ? SR_STATE_CANCELLED : SR_STATE_PUBLISHED);
        std::atomic_ref(*slot).store(state, std::memory_order_release);
    }
    to.copy_to_window(at.first, at.reserved - at.first);
    to.producers(&detail::Producers::reserved).store(at.reserved, std::memory_order_release);
    if (const auto promoted = from.promoted()) to.promote(promoted->end, promoted->level);
    return faults;
}

}  // namespace

std::expected<void, Error> Runtime::Impl::recover(const std::string& device) {
    const std::scoped_lock alone(recovering);
    if (phase.load(std::memory_order_acquire) != Phase::lost) return {};
    session->forget();  // no more launches of it
    session->revoke();
    session->stop(launch.load(std::memory_order_relaxed));
    const auto revoked = Watch::Clock::now();
    open_all_fences();  // their slots are published like any others, and move with them

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
    Rings made;
    std::array<Positions, Rings::max> positions{};
    for (const RingPlace& place : opened->places()) {
        const std::size_t number = RingNumbers::of_row(place.level, place.row);
        Positions& at = positions[number];
        at = positions_of(number, inside(*rings.at(number)), *session);
        const auto ring = Ring::create(opened->ring_memory(place), place.capacity, at.first, place.completions);
        if (!ring) return std::unexpected(Error{ring.error(), {}});
        made.open(place.level, place.tenant, place.row, *ring);
    }
    if (auto ok = tenants.tell(*opened, next.shutdown_timeout); !ok)
        return std::unexpected(Error{ok.error(), "the table of tenants"});

    std::uint32_t faults = faults_of(rings);
    rings.each([&](std::size_t number, const Ring& lost) {
        faults +=
            move_slots(inside(lost), inside(*made.at(number)), positions[number], made.numbers().tenant_of(number));
    });
    lost_faults.fetch_add(faults, std::memory_order_relaxed);
    clock.serve(*opened);  // before its kernel can look at a deadline
    lost_sessions.push_back(std::exchange(session, std::move(opened)));
    rings = made;
    options = std::move(next);
    watch = {};
    silence.store({}, std::memory_order_relaxed);
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
