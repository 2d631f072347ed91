// A runtime's insides. publish.cpp, completion.cpp, cancel.cpp, buffers.cpp, control.cpp and log.cpp have the calls
// that a user makes all the time, lookahead.cpp those for a window in two rings, fence.cpp the fence over all levels;
// tenants.cpp has what tenants may do,
// and quiesce.cpp how one comes to rest; lifecycle.cpp opens a runtime and starts its kernel, shutdown.cpp ends both,
// watchdog.cpp finds out that a device hangs, diagnose.cpp what it was at, recovery.cpp replaces one that is lost,
// options.cpp checks what open() is given.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include <slipring/runtime.hpp>

#include "../backoff.hpp"
#include "../device/session.hpp"
#include "../ring_inside.hpp"
#include "../rings.hpp"
#include "deadline_clock.hpp"
#include "opening.hpp"
#include "tenants.hpp"
#include "watch.hpp"
#include "windows_in_flight.hpp"

namespace slipring {

// Slots of these rings that ended in FAULT or CANCELLED, as the device says.
inline std::uint32_t faults_of(const Rings& rings) noexcept {
    return inside(rings.lead()).word32(SR_RING_FAULTS).load(std::memory_order_relaxed);
}

// A slot of each of the program's rings, by level, which is reserved and not published before the fence opens.
struct LevelFence {
    std::array<std::optional<Ring::Reservation>, RingNumbers::tenants> slots;
};

inline bool has_room(const Ring& ring, std::uint64_t n) noexcept {
    // `completed` is read first: read last, it could be ahead of an older `reserved`.
    const std::uint64_t completed = ring.completed();
    return ring.reserved() + n - completed <= ring.capacity();
}

struct Runtime::Impl {
    enum class Phase : std::uint32_t { open, closed, lost };

    Options options;
    std::unique_ptr<Session> session;
    Rings rings;
    Tenants tenants{options};
    WindowsInFlight windows{rings.capacity()};

    std::atomic<Phase> phase{Phase::open};
    // The newest launch's number, modulo 2^31; it may be queued behind one that runs. LEFT in the lead equals it
    // while no kernel runs: 0 before the first.
    std::atomic<std::uint32_t> launch{0};
    std::atomic<std::uint64_t> launches{0};
    std::atomic<Watch::Clock::time_point> launched_at{};  // the newest one

    // The thread that holds `busy` has the session's kernel to itself. Only load_dfa and shutdown wait for `busy`: a
    // producer that finds it held sets `wanted`, which the holder looks at after it has cleared `busy`.
    std::atomic<bool> busy{false};
    std::atomic<bool> wanted{false};

    std::mutex declaring;  // one declaration of a tenant at a time
    std::mutex data;       // the session's copies
    std::mutex launching;  // and its launches of a slot alone, which have no time limit
    std::mutex formats_mutex;
    std::vector<std::string> formats;

    // One thread looks at a time: a waiter, or a producer that finds the ring full.
    std::mutex watching;
    Watch watch;
    Watch::Clock::time_point looked_at{};
    std::atomic<std::chrono::nanoseconds> silence{};  // as `watch` has it, for diagnose(), which waits for no lock

    DeadlineClock clock{*session};

    // Fences over all levels that have not opened, the oldest first: see fence.cpp.
    mutable std::mutex fencing;
    std::deque<LevelFence> fences;
    std::atomic<bool> is_fenced{false};  // there are some

    // Recovery's. Sessions that were lost: users, or their kernels, may use their memory until the runtime goes.
    std::vector<std::unique_ptr<Session>> lost_sessions;
    std::shared_ptr<Opening> opening;           // one that was not ready when recover() gave up
    std::atomic<std::uint32_t> lost_faults{0};  // slots that ended in FAULT before the rings were these
    std::shared_mutex recovering;               // recover() holds it alone; a completion queue's look shares it

    Impl(Options given, std::unique_ptr<Session> opened, const Rings& made)
        : options(std::move(given)), session(std::move(opened)), rings(made) {
        listen();
    }
    ~Impl();

    // Errors: shut_down, device_lost.
    std::expected<void, Errc> is_open() const noexcept {
        const Phase now = phase.load(std::memory_order_acquire);
        if (now == Phase::open) return {};
        return std::unexpected(now == Phase::lost ? Errc::device_lost : Errc::shut_down);
    }
    // What a producer is told that a ring refused: one that waits for room must learn that there will be none.
    Errc refused(Errc why) noexcept;

    // When a launch has finished, starts the next at once if there is more to do, whether a thread waits or not.
    void listen() {
        session->tell([this] { wake(); });
    }

    // Where the kernel may have left, starts it; where it wants its successor, queues that. In per_launch mode also
    // takes in what a launch has done. Opens fences over all levels.
    void wake() noexcept;
    bool wake_needed() const noexcept {
        if (is_fenced.load(std::memory_order_relaxed)) [[unlikely]]
            return true;
        return session->telling().by_reap || inside(rings.lead()).wake_needed(launch.load(std::memory_order_seq_cst));
    }

    // Whether the completion of the ticket's last slot says that all of them have finished; otherwise the completed
    // position does alone.
    bool tells_by_completion(const Ticket& ticket) const noexcept {
        return ticket.quiet == Quiet::no && (session->telling().by_last || ticket.count == 1);
    }
    // Of a level that is not open nothing has finished.
    bool done(const Ticket& ticket) const noexcept {
        const Ring* const ring = rings.find(ticket.level, ticket.tenant);
        return ring != nullptr && done(*ring, ticket);
    }
    bool done(const Ring& ring, const Ticket& ticket) const noexcept;
    bool all_ended(const Ring& ring, const Ticket& ticket) const noexcept;
    bool all_ended(const WindowPlace& place) const noexcept;

    // A window's ticket number becomes its publisher's. Errors: ticket_in_flight, ring_full (that many windows are in
    // flight), device_lost.
    std::expected<WindowsInFlight::Claim, Errc> claim(std::uint32_t window, std::uint32_t tenant) noexcept;
    bool is_in_flight(std::uint32_t window, std::uint32_t tenant) const noexcept;
    std::uint32_t scope_of(std::uint32_t tenant) const noexcept;
    WindowPlace place_of(const Ticket& ticket) const noexcept;

    // A look at the device's progress: loses the device if it has made none for too long, or if its progress is
    // impossible. A thread that waits for the device calls this again and again.
    void look() noexcept;
    // What a thread that waits for slots does between two looks at them: starts a kernel that has left, looks whether
    // the device died, and starts the clock on a reservation that holds up the tail (held()). Leaves a kernel that
    // runs alone while the thread spins.
    void attend(const Backoff& backoff) noexcept;
    // The same, at most once a millisecond, for a thread that may call it a million times a second: a producer that
    // finds the ring full, one that polls a completion queue.
    void look_at_times() noexcept;

    // How long a call may take: as long as a slot, or as long as it takes.
    enum class Takes { copy, own_time };
    // One wait of the session's: no longer than until the device is lost, which a copy that the device does not come
    // to loses, too. It begins by yielding and does not spin, since what it waits for may need this core.
    class Wait {
    public:
        Wait(Impl& impl, Takes takes) noexcept : impl_(impl), takes_(takes) {}
        bool operator()() noexcept;

    private:
        Impl& impl_;
        Takes takes_;
        Backoff::Clock::time_point yield_until_ = Backoff::Clock::now() + std::chrono::microseconds(250);
        Backoff backoff_{std::chrono::nanoseconds::max()};
        Watch watch_;
    };
    // A call to the session, alone with its copies, or with its launches of a slot alone.
    template <class Call>
    auto on_session(std::mutex& alone, Takes takes, Call call) noexcept {
        const std::scoped_lock lock(alone);
        Wait wait(*this, takes);
        return call(Session::GoOn([&wait] { return wait(); }));
    }
    template <class Call>
    auto copying(Call call) noexcept {
        return on_session(data, Takes::copy, std::move(call));
    }

    template <class Begin>
    std::expected<CopyTicket, Errc> begin_copy(std::string_view name, std::uint64_t offset, std::uint64_t size,
                                               const Begin& begin) noexcept;
    std::expected<void, Errc> wait(const CopyTicket& copy, Timeout timeout) noexcept;

    // Waits until every slot that is reserved by now has finished; false when the time is up or the device is lost.
    bool drained(Backoff& backoff) noexcept;

    std::expected<Ticket, Errc> publish_fence() noexcept;
    std::expected<Ticket, Errc> reserve_fence() noexcept;
    void open_fences() noexcept;
    void open_all_fences() noexcept;
    bool is_fence(std::size_t number, std::uint64_t position) const noexcept;

    // With `busy` held: asks the kernel to leave and waits for it.
    bool leave(Backoff& backoff) noexcept;
    // Waits for `busy` and locks it; false when the time is up.
    bool lock_kernel(Backoff& backoff) noexcept;
    void unlock_kernel() noexcept;

    std::expected<void, Errc> wait_for_room(const Ring& ring, std::uint32_t n, Timeout timeout) noexcept;
    std::expected<Result, Errc> run_alone(const Slot& slot) noexcept;
    std::expected<Log, Errc> read_log(const Session::GoOn& go_on) noexcept;
    std::expected<void, Errc> shutdown() noexcept;
    Diagnosis diagnose() const;
    Diagnosis::Level diagnose(std::size_t number, const Ring& ring) const;
    std::expected<void, Error> recover(const std::string& device);
    // Every thread that waits sees the loss. `what` has static storage; `status` is OpenCL's, if it gave one.
    void lose(const char* what, int status = 0) noexcept;

private:
    void step() noexcept;
    // True if the device can be where it says that it is; otherwise loses it.
    bool check_progress() noexcept;
    std::expected<void, Error> replace(std::unique_ptr<Session> opened, Options next);
};

}  // namespace slipring
