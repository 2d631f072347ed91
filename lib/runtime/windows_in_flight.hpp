// Which windows are in flight, by their ticket numbers. Any thread may ask and claim, and none waits for another.
//
// A table of buckets. A number's cell is in its home, the bucket that its name hashes to, or, where that was full,
// in one of those behind it. Each home knows how far a number of its own ever had to go, and nobody looks further. A
// cell is not cleared when its window has ended: who needs a cell asks of those that it finds.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <memory>
#include <new>
#include <utility>

#include <slipring/error.hpp>

namespace slipring {

// Where a window stands: `count` positions of ring number `ring`, and if its lookahead stands apart, `apart_count` of
// IDLE's ring. No count reaches 2^25, no ring's number 32.
struct WindowPlace {
    std::uint64_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t ring = 0;
    bool is_quiet = false;
    std::uint64_t apart_first = 0;
    std::uint32_t apart_count = 0;
};

class WindowsInFlight {
    struct Cell;

public:
    // A number that is its holder's: until the window that published() tells of has ended, or without one until it
    // goes. One thread at a time.
    class Claim {
    public:
        Claim() noexcept = default;
        explicit Claim(Cell& cell) noexcept : cell_(&cell) {}
        Claim(Claim&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
        Claim& operator=(Claim&&) = delete;
        ~Claim() { published({}); }

        void published(const WindowPlace& place) noexcept {
            if (Cell* const cell = std::exchange(cell_, nullptr)) cell->settle(place);
        }

    private:
        Cell* cell_ = nullptr;
    };

    // For rings of `slots` slots together, two or more: there are at least twice as many cells, so each window in
    // flight has one, and few are far from home. The memory comes from the system as it is needed. Throws
    // std::bad_alloc.
    explicit WindowsInFlight(std::uint64_t slots)
        : log2_(static_cast<int>(std::bit_width((2 * slots - 1) / cells_in_bucket | 1))),
          buckets_(allocate<Bucket>(std::size_t{1} << log2_)),
          reaches_(allocate<std::uint32_t>(std::size_t{1} << log2_)) {}

    // Claims `number`. Two scopes, below 32, do not know of each other's numbers. 0 is no number: nothing is claimed.
    // `has_ended(place)`: whether all slots there have finished.
    // Errors: ticket_in_flight, also while another thread publishes that window: of two that come at once both may be
    // refused, but one at least. ring_full: as many windows are in flight as there are cells.
    template <class HasEnded>
    std::expected<Claim, Errc> claim(std::uint32_t number, std::uint32_t scope, const HasEnded& has_ended) noexcept {
        if (number == 0) return Claim();
        const std::uint64_t name = named(number, scope);
        for (;;) {
            const Seen own = find(name, has_ended);
            if (own.is_held) return std::unexpected(Errc::ticket_in_flight);
            const Seen room = own.cell != nullptr ? own : find_room(name, has_ended);
            if (room.cell == nullptr) return std::unexpected(Errc::ring_full);
            if (!room.cell->claim(room.owner, name)) continue;  // another thread was faster
            Claim claimed(*room.cell);
            if (find(name, has_ended, room.cell).is_held) return std::unexpected(Errc::ticket_in_flight);
            return claimed;
        }
    }

    // Whether claim() would say ticket_in_flight.
    template <class HasEnded>
    bool contains(std::uint32_t number, std::uint32_t scope, const HasEnded& has_ended) const noexcept {
        return number != 0 && find(named(number, scope), has_ended).is_held;
    }

private:
    // What owner words are made of: a window's name, whether it is just being published, and a count of the claims,
    // so that no thread takes a later claim for the one that it saw, unless 2^26 of that cell came between two of its
    // instructions. 0: the cell was never claimed.
    static constexpr int claimed_shift = 37;
    static constexpr std::uint64_t is_claimed = std::uint64_t{1} << claimed_shift, name_mask = is_claimed - 1;
    static constexpr std::uint64_t named(std::uint32_t number, std::uint32_t scope) noexcept {
        return std::uint64_t{scope} << 32 | number;
    }

    using Word = std::atomic_ref<std::uint64_t>;

    // While it is claimed the other three words are the claimant's to write. Who reads them looks at the owner before
    // and behind, and has read one window's words if that is the same.
    struct Cell {
        std::uint64_t owner, first, apart_first, rest;

        // W1: sequentially consistent, and before the second look for the number, as the loads of that are: of two
        // threads that claim one number in two cells, one at least sees the other.
        bool claim(std::uint64_t seen, std::uint64_t name) noexcept {
            const std::uint64_t claims = (seen >> (claimed_shift + 1)) + 1;
            const std::uint64_t next = claims << (claimed_shift + 1) | is_claimed | name;
            return Word(owner).compare_exchange_strong(seen, next, std::memory_order_seq_cst);
        }

        // W2: each word is released, so a reader that has one of them sees the claim behind it, in look(). The
        // owner's store comes last: a reader that sees it sees all of them.
        void settle(const WindowPlace& place) noexcept {
            Word(first).store(place.first, std::memory_order_release);
            Word(apart_first).store(place.apart_first, std::memory_order_release);
            Word(rest).store(std::uint64_t{place.count} | std::uint64_t{place.apart_count} << 25 |
                                 std::uint64_t{place.ring} << 50 | std::uint64_t{place.is_quiet} << 55,
                             std::memory_order_release);
            Word(owner).store(Word(owner).load(std::memory_order_relaxed) & ~is_claimed, std::memory_order_release);
        }

        WindowPlace place() noexcept {
            const std::uint64_t seen = Word(rest).load(std::memory_order_acquire);  // W2
            const auto bits = [seen](int from, int n) {
                return static_cast<std::uint32_t>(seen >> from & ((std::uint64_t{1} << n) - 1));
            };
            return {.first = Word(first).load(std::memory_order_acquire),
                    .count = bits(0, 25),
                    .ring = bits(50, 5),
                    .is_quiet = bits(55, 1) != 0,
                    .apart_first = Word(apart_first).load(std::memory_order_acquire),
                    .apart_count = bits(25, 25)};
        }
    };
    static constexpr std::size_t cells_in_bucket = 4;
    struct Bucket {
        Cell cells[cells_in_bucket];
    };

    // A cell, the owner that it had, and whether that window is in flight.
    struct Seen {
        Cell* cell = nullptr;
        std::uint64_t owner = 0;
        bool is_held = false;
    };
    template <class HasEnded>
    static Seen look(Cell& cell, const HasEnded& has_ended) noexcept {
        for (;;) {
            const std::uint64_t owner = Word(cell.owner).load(std::memory_order_seq_cst);  // W1
            if (owner == 0 || (owner & is_claimed) != 0) return {&cell, owner, owner != 0};
            const WindowPlace place = cell.place();
            if (Word(cell.owner).load(std::memory_order_relaxed) == owner)
                return {&cell, owner, !has_ended(place)};  // W2
        }
    }

    // The cell with that name, if there is one; of two, one that is held, if there is one.
    template <class HasEnded>
    Seen find(std::uint64_t name, const HasEnded& has_ended, const Cell* but = nullptr) const noexcept {
        Seen found;
        const std::size_t home = home_of(name);
        for (std::uint32_t n = 0; n <= Reach(reaches_[home]).load(std::memory_order_seq_cst); ++n) {  // W3
            for (Cell& cell : bucket(home + n).cells) {
                if (&cell == but || (Word(cell.owner).load(std::memory_order_seq_cst) & name_mask) != name) continue;
                const Seen seen = look(cell, has_ended);
                if ((seen.owner & name_mask) == name && !found.is_held) found = seen;
            }
        }
        return found;
    }

    // A cell that no window in flight has. Those that were never claimed come first: that takes no look at a ring.
    template <class HasEnded>
    Seen find_room(std::uint64_t name, const HasEnded& has_ended) const noexcept {
        const std::size_t home = home_of(name);
        for (std::uint32_t n = 0; n <= mask(); ++n) {
            reach(home, n);
            for (Cell& cell : bucket(home + n).cells)
                if (Word(cell.owner).load(std::memory_order_relaxed) == 0) return {&cell, 0, false};
            for (Cell& cell : bucket(home + n).cells)
                if (const Seen seen = look(cell, has_ended); !seen.is_held) return seen;
        }
        return {};
    }

    // W3: sequentially consistent, as W1, and before the claim of a cell so far from home: who does not see that this
    // is far has claimed a cell before, which the second look behind the claim sees.
    void reach(std::size_t home, std::uint32_t n) const noexcept {
        std::uint32_t was = Reach(reaches_[home]).load(std::memory_order_relaxed);
        while (was < n && !Reach(reaches_[home]).compare_exchange_weak(was, n, std::memory_order_seq_cst)) {}
    }

    // Numbers in a row have buckets in a row, which a processor finds sooner. What lies above them is spread by
    // Fibonacci hashing, so that of numbers that are far apart few meet.
    std::size_t home_of(std::uint64_t name) const noexcept {
        const std::uint64_t spread = (name >> log2_) * 0x9E3779B97F4A7C15u >> (64 - log2_);
        return static_cast<std::size_t>(name + spread) & mask();
    }
    Bucket& bucket(std::size_t number) const noexcept { return buckets_[number & mask()]; }
    std::size_t mask() const noexcept { return (std::size_t{1} << log2_) - 1; }

    using Reach = std::atomic_ref<std::uint32_t>;
    struct Free {
        void operator()(void* memory) const noexcept { std::free(memory); }
    };
    template <class T>
    using Array = std::unique_ptr<T[], Free>;
    // Zeroed, as calloc() has it: of a large table what is not touched takes no memory.
    template <class T>
    static Array<T> allocate(std::size_t n) {
        Array<T> out(static_cast<T*>(std::calloc(n, sizeof(T))));
        if (out == nullptr) throw std::bad_alloc();
        return out;
    }

    int log2_;
    Array<Bucket> buckets_;
    Array<std::uint32_t> reaches_;  // of each home, in buckets
};

}  // namespace slipring
