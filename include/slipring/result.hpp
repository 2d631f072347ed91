// What a runtime returns: tickets, results, the debug log, and counters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <slipring/priority.hpp>
#include <slipring/ring.hpp>
#include <slipring/state.hpp>

namespace slipring {

// What was published: consecutive positions of a level's ring, or of a tenant's.
struct Ticket {
    std::uint64_t first = 0;
    std::uint32_t count = 0;
    Quiet quiet = Quiet::no;      // as published: whether to ask for completions or the ring
    std::uint32_t lookahead = 0;  // of a window: how many of the last entries are lookahead
    Priority level = Priority::normal;
    std::uint32_t tenant = 0;  // whose ring; 0: the program's own

    constexpr std::uint64_t end() const noexcept { return first + count; }

    // Entries [from, from + n), as far as the ticket has them. A slice is a ticket: wait for it, ask for its results.
    constexpr Ticket slice(std::uint32_t from, std::uint32_t n) const noexcept {
        const std::uint32_t begin = std::min(from, count), size = std::min(n, count - begin);
        const std::uint32_t behind = count - begin - size;  // entries of the ticket behind the slice
        return {first + begin, size, quiet, std::min(size, lookahead - std::min(lookahead, behind)), level, tenant};
    }
    // A window's required entries; of any other ticket all. And its lookahead entries; of any other ticket none.
    constexpr Ticket required_part() const noexcept { return slice(0, count - lookahead); }
    constexpr Ticket lookahead_part() const noexcept { return slice(count - lookahead, lookahead); }
};

// What publish_apart published: a window's two parts, in the rings of two levels. Each is a ticket like any other.
struct WindowTicket {
    Ticket required{};
    Ticket lookahead{};
};

// How far a ticket's slots have come: how many finished in which way, and how many have not. One that finished and
// keeps no result, since it is quiet or its result has expired, counts as done.
struct Progress {
    struct Part {
        std::uint32_t done = 0, faulted = 0, cancelled = 0, pending = 0;

        friend constexpr bool operator==(const Part&, const Part&) noexcept = default;
    };
    Part required{};
    Part lookahead{};  // a window's; of any other ticket all slots are required
};

// A copy that was begun: see Runtime::begin_upload.
struct CopyTicket {
    std::uint64_t number = 0;  // copies of a runtime are counted from 1
    std::uint64_t device = 0;  // how often the runtime had recovered
};

// How one slot finished.
struct Result {
    State state = State::empty;  // done, fault or cancelled
    Code code = Code::ok;        // why it faulted
    std::uint32_t inner = 0;     // in a packed slot: the operation that faulted, from 0
    std::uint64_t value = 0;     // the operation's result

    constexpr bool ok() const noexcept { return state == State::done; }
};

// One PRINTF, with its format's text and the arguments filled in.
struct LogRecord {
    std::uint32_t position = 0;  // the low word of the slot's position
    std::uint32_t format = 0;
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    std::string text{};
};

struct Log {
    std::vector<LogRecord> records;
    std::uint32_t dropped = 0;  // PRINTFs that found the log full, ever
};

// Counters since open; each is read on its own.
struct Stats {
    std::uint64_t published = 0;  // slots
    std::uint64_t completed = 0;  // slots that have finished, in any state
    std::uint64_t faults = 0;     // modulo 2^32: of the slots before `completed` at least
    std::uint64_t launches = 0;   // of the persistent kernel
};

}  // namespace slipring
