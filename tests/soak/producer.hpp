// A producer of the soak: it publishes in all ways, reads results, and keeps books of both.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <string>
#include <vector>

#include <slipring/runtime.hpp>

#include "ledger.hpp"
#include "scenario.hpp"

namespace slipring::soak {

using Clock = std::chrono::steady_clock;
// For a slot to finish: far beyond what any machine is late.
constexpr std::chrono::minutes patience{2};

// What the producers of a round share.
struct Round {
    Runtime& runtime;
    Plan plan;
    Marks& marks;
    bool has_marks;
    bool may_be_lost;
    bool is_alone;  // the producer, who therefore knows that the ring keeps its results
    Clock::time_point end;
    std::atomic<bool> stop{false};
};

struct Counts {
    std::uint64_t published = 0, results = 0, full_rings = 0;
    std::uint64_t bad = 0;  // slots that must fault
    std::uint64_t fences = 0;
    std::uint64_t losses = 0;  // results that told of a lost device
};

class Producer {
public:
    Producer(std::uint32_t self, std::uint32_t seed, bool in_order)
        : sequence_(in_order), random_(seed), self_(self) {}

    // Between rounds. Its marked slots of the round are numbered from `first_mark`.
    void begin_round(std::uint32_t first_mark);
    // Publishes until the round is over or the device is lost, and reads what results it can.
    void run(Round& round);
    // Reads what results are left, after a recovery. False: the device is lost (again), or something is wrong.
    bool settle(Round& round);

    const Counts& counts() const noexcept { return counts_; }
    const Sums& sums() const noexcept { return sums_; }
    const Sequence& sequence() const noexcept { return sequence_; }
    // The first thing that was wrong; empty: nothing.
    const std::string& wrong() const noexcept { return wrong_; }

private:
    // How a slot with a result must end.
    enum class What : std::uint32_t { nothing, sequence, marked, bad };
    struct Expected {
        What what = What::nothing;
        std::uint32_t number = 0;
    };

    bool is_over(const Round& round);
    void pause(const Round& round);
    Slot make(const Round& round, Quiet quiet, bool only_adds, Expected& expected);
    void make_all(const Round& round, Way way, Quiet quiet, std::uint32_t n);
    bool publish_some(Round& round);
    std::expected<Ticket, Errc> publish(Round& round, Way way, Quiet quiet, std::uint32_t n);
    template <class Attempt>
    auto until_room(Round& round, std::uint32_t n, Attempt attempt) -> decltype(attempt());
    bool read_oldest(Round& round);
    bool read_until(Round& round, std::uint64_t end);
    void check_end(Round& round, const Result& result, Expected expected);
    bool failed(Round& round, Errc why, const char* doing);
    void found(Round& round, std::string what);

    Sums sums_;
    Sequence sequence_;
    Random random_;
    Counts counts_;
    std::uint32_t self_;
    std::string wrong_{};

    std::vector<Slot> slots_{};           // of the next publish
    std::vector<Expected> expected_{};    // of each of them
    std::vector<std::uint32_t> words_{};  // of a window's entries
    std::deque<Ticket> unread_{};
    std::deque<Expected> unread_ends_{};  // of all their slots that have not been read
    std::uint64_t end_ = 0;               // of what it published last
    std::uint64_t of_round_ = 0;          // slots published
    std::uint32_t next_mark_ = 0, end_of_marks_ = 0;
    std::uint32_t turns_ = 0;
    bool lost_ = false;
};

}  // namespace slipring::soak
