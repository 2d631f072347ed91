// What the slots of a ring are to become, and whether they do. The model runs each slot when it gets its position,
// so in the ring's order; by own_words.hpp that is what every order comes to that the fences allow.
#pragma once

#include <optional>
#include <utility>

#include <slipring/ring.hpp>

#include "completions.hpp"
#include "own_words.hpp"
#include "wide_model.hpp"

namespace fuzz {

constexpr std::uint32_t max_capacity = 128, max_prints = 2048;

class Slots {
public:
    Slots(Input& in, std::span<std::byte> ring, std::uint32_t capacity, std::uint64_t start) noexcept
        : capacity_(capacity), end_(start), entries_(ring, capacity), bytes_(in, capacity),
          memory_(in, own_first(capacity), {&bytes_}) {
        memory_.control(SR_CONTROL_FAULTS) = memory_.device_control()[SR_CONTROL_FAULTS] = 0;
        memory_.set_left(0);
        read_ = log(SR_LOG_WRITTEN);
        first_written_ = read_;
        first_dropped_ = log(SR_LOG_DROPPED);
    }

    struct Slot {
        uint given[16];
        Entry before, expected;  // the completion in its place
        sr_outcome outcomes[3];  // by each Runner: they differ for a team's slot alone
        uint print;              // 1 + its number
        uint epoch, tag;         // of those before
        uint segment;            // fences before
        bool is_team, is_long_copy, barrier, quiet, may_fault, published, settled, ran, was_hole;
        sr_outcome& outcome(Runner runner) noexcept { return outcomes[static_cast<uint>(runner)]; }
    };
    Slot& at(std::uint64_t position) noexcept { return slots_[position % capacity_]; }
    // `revoked` as in sr_buffers.
    sr_memory of_device(uint* revoked) noexcept { return memory_.of_device(revoked); }
    // The host's clock, which stands still.
    void set_now(uint now) noexcept { memory_.set_now(now); }
    std::uint64_t end() const noexcept { return end_; }
    // Faults of the slots that pass() was told of; and at most so many of those behind them.
    uint faults() const noexcept { return faults_; }
    uint faults_behind() const noexcept { return may_fault_; }

    // The slot of the next position. Its words become what is to be published.
    void add(uint* words) noexcept {
        const uint index = static_cast<uint>(end_ % capacity_);
        OwnWords(index, own_first(capacity_), bytes_).take(words);
        words[0] = generation(end_) + 1;
        Slot& s = slots_[index];
        std::memcpy(s.given, words, 64);
        s.epoch = memory_.control(SR_CONTROL_EPOCH);
        s.tag = memory_.control(SR_CONTROL_FENCE_TAG);
        s.segment = segment_;
        s.published = s.settled = s.ran = s.was_hole = false;
        s.before = s.expected = entries_.at(end_);
        s.quiet = (words[3] & SR_FLAG_QUIET) != 0;
        std::memcpy(before_ + own_first(index), &memory_.control(own_first(index)), own_size(index) * 4);
        bytes_.remember(index);
        run_model(s);
        const bool ok = !s.may_fault;
        s.barrier = (ok && words[1] == SR_OP_SHUTDOWN) || memory_.control(SR_CONTROL_EPOCH) != s.epoch;
        if (s.barrier) ++segment_;
        s.print = 0;
        const uint* const args = words + ((words[3] & SR_FLAG_WINDOWED) != 0 ? 6 : 4);
        s.is_long_copy = words[1] == SR_OP_MEMCPY && args[2] > 1024;
        if (ok && words[1] == SR_OP_PRINTF) {
            FUZZ_CHECK(prints_ < max_prints);
            print_[prints_] = {{args[0], args[1], args[2], static_cast<uint>(end_)}, s.segment, false};
            s.print = ++prints_;
        }
        ++end_;
    }

    // A slot of no ring, with the first one's own words: what it is to come to where a team runs it.
    sr_outcome add_alone(uint* words) noexcept {
        OwnWords(0, own_first(capacity_), bytes_).take(words);
        memory_.handlers.runner = Runner::team;
        memory_.ringless = true;
        const sr_outcome out = memory_.run_in_time(words, 0);
        memory_.ringless = false;
        return out;
    }
    void check_alone() noexcept { check_effect(0); }

    // The slot has been run, by `runner`.
    void settle(std::uint64_t position, Runner runner) noexcept {
        Slot& s = at(position);
        if (std::exchange(s.settled, true)) return;
        if (!s.quiet) s.expected = entries_.of(position, s.outcome(runner));
        if (s.is_team && runner == Runner::lanes) bytes_.take_back(static_cast<uint>(position % capacity_));
    }
    // All before it have, and it has.
    void pass(std::uint64_t position, Runner runner) noexcept {
        settle(position, runner);
        Slot& s = at(position);
        may_fault_ -= s.may_fault ? 1 : 0;
        faults_ += s.outcome(runner).code != SR_CODE_OK ? 1 : 0;
        FUZZ_CHECK(entries_.at(position) == s.expected);
        check_effect(position);
    }

    // The slot has a completion that was not there before. All before `completed` have finished.
    void check_ended(std::uint64_t position, std::uint64_t completed, Runner runner) noexcept {
        Slot& s = at(position);
        FUZZ_CHECK(s.published && !s.quiet);
        settle(position, runner);
        s.ran = true;
        for (std::uint64_t p = completed; static_cast<std::int64_t>(position - p) > 0; ++p)
            FUZZ_CHECK(at(p).ran || at(p).quiet || !(s.barrier || at(p).barrier));
        const Entry entry = entries_.at(position);
        if (s.print != 0) s.expected.result = entry.result == 0 ? 0 : 1;  // whether the log had room: see check_log
        FUZZ_CHECK(entry == s.expected);
        check_effect(position);
    }
    // It has a completion of its own: the one that was there before is gone. The result is written first.
    bool has_completion(std::uint64_t position) noexcept {
        return entries_.at(position).head != at(position).before.head;
    }
    // It has not run: it had no effect.
    void check_untouched(std::uint64_t position) noexcept {
        FUZZ_CHECK(entries_.at(position) == at(position).before);
        FUZZ_CHECK(has_words(position, before_) && bytes_.are_as_before(static_cast<uint>(position % capacity_)));
    }

    // Records that the device has written since the last look: each of a slot that has one to write, and once.
    void check_log() noexcept {
        for (; read_ != log(SR_LOG_WRITTEN); ++read_) {
            const uint* const record = &log(SR_LOG_RECORDS) + read_ % (memory_.of_device().log_mask + 1) * 4;
            uint i = prints_;
            while (i > 0 && (print_[i - 1].seen || std::memcmp(print_[i - 1].record, record, 16) != 0)) --i;
            FUZZ_CHECK(i > 0);
            Print& print = print_[i - 1];
            print.seen = true;
            FUZZ_CHECK(print.segment >= last_segment_);
            last_segment_ = print.segment;
        }
    }
    void consume_log() noexcept {
        check_log();
        log(SR_LOG_CONSUMED) = read_;
    }

    // The launch that has left last, as it told the next one.
    uint take_left() noexcept { return memory_.take_left(); }
    // A launch has left, and everything before `completed` ran and nothing else.
    void check_all(std::uint64_t completed) noexcept {
        const bool all = completed == end_;
        const std::span<uint> control = memory_.device_control();
        const uint epoch = all ? memory_.control(SR_CONTROL_EPOCH) : at(completed).epoch;
        const uint tag = all ? memory_.control(SR_CONTROL_FENCE_TAG) : at(completed).tag;
        FUZZ_CHECK(control[SR_CONTROL_EPOCH] == epoch && control[SR_CONTROL_FENCE_TAG] == tag);
        FUZZ_CHECK(control[SR_CONTROL_FAULTS] == faults_);
        FUZZ_CHECK(bytes_.others_are_untouched());
        for (uint i = 3; i < SR_OBSERVABLE_BASE; ++i) FUZZ_CHECK(control[i] == memory_.control(i));
        check_log();
        uint ran = prints_;
        for (std::uint64_t p = completed; p != end_; ++p) ran -= at(p).print != 0 ? 1 : 0;
        const uint written = read_ - first_written_, dropped = log(SR_LOG_DROPPED) - first_dropped_;
        FUZZ_CHECK(written + dropped == ran);
        const std::uint64_t back = end_ - std::min<std::uint64_t>(capacity_, end_ - first_);
        for (std::uint64_t p = back; p != end_; ++p)
            if (at(p).print != 0 && at(p).ran)
                FUZZ_CHECK(print_[at(p).print - 1].seen == (at(p).expected.result == 1));
    }

private:
    struct Print {
        uint record[4], segment;
        bool seen;
    };

    // Once as each Runner, which leaves the effect of a team.
    void run_model(Slot& s) noexcept {
        s.is_team = memory_.handlers.is_team(s.given[1]);
        s.may_fault = false;
        for (const Runner runner : {Runner::lanes, Runner::one, Runner::team}) {
            memory_.handlers.runner = runner;
            if (s.is_team || runner == Runner::lanes)
                s.outcome(runner) = memory_.run_in_time(s.given, static_cast<uint>(end_));
            else s.outcome(runner) = s.outcome(Runner::lanes);
            s.may_fault = s.may_fault || s.outcome(runner).code != SR_CODE_OK;
        }
        may_fault_ += s.may_fault ? 1 : 0;
    }
    void check_effect(std::uint64_t position) noexcept {
        FUZZ_CHECK(has_words(position, &memory_.control(0)));
        FUZZ_CHECK(bytes_.are_written(static_cast<uint>(position % capacity_)));
    }
    uint generation(std::uint64_t position) const noexcept {
        return static_cast<uint>(position / capacity_ % (1u << 24) * 256);
    }
    uint& log(std::size_t offset) const noexcept { return memory_.device_log()[offset / 4]; }
    bool has_words(std::uint64_t position, const uint* expected) noexcept {
        const uint index = static_cast<uint>(position % capacity_), first = own_first(index);
        return std::memcmp(&memory_.device_control()[first], expected + first, own_size(index) * 4) == 0;
    }

    std::uint32_t capacity_;
    std::uint64_t end_, first_ = end_;
    Entries entries_;
    OwnBytes bytes_;
    MemoryOf<own_first(max_capacity), WideHandlers> memory_;
    Slot slots_[max_capacity];
    uint before_[own_first(max_capacity)];  // each slot's own words before it
    uint faults_ = 0, may_fault_ = 0, segment_ = 0;
    Print print_[max_prints];
    uint prints_ = 0, read_ = 0, first_written_ = 0, first_dropped_ = 0, last_segment_ = 0;
};

}  // namespace fuzz
