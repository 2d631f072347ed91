// What the slots of a ring are to become, and whether they do. The model runs each slot when it gets its position,
// so in the ring's order; by own_words.hpp that is what every order comes to that the fences allow.
#pragma once

#include <optional>

#include <slipring/ring.hpp>

#include "model.hpp"
#include "own_words.hpp"

namespace fuzz {

constexpr std::uint32_t max_capacity = 128, max_prints = 2048;

class Slots {
public:
    Slots(Input& in, std::uint32_t capacity, std::uint64_t start) noexcept
        : capacity_(capacity), end_(start), memory_(in, own_first(capacity)) {
        memory_.has_teams = false;
        memory_.control(SR_CONTROL_FAULTS) = memory_.device_control()[SR_CONTROL_FAULTS] = 0;
        read_ = log(SR_LOG_WRITTEN);
        first_written_ = read_;
        first_dropped_ = log(SR_LOG_DROPPED);
    }

    struct Slot {
        uint given[16], expected[16];
        uint code, inner, print;  // print: 1 + its number
        uint epoch, tag, faults;  // of those before
        uint segment;             // fences before
        bool barrier, quiet, published, ran, was_hole;
        bool alone, again, answered;  // it was claimed by itself; perhaps by two launches; the ring's answer named it
    };
    Slot& at(std::uint64_t position) noexcept { return slots_[position % capacity_]; }
    sr_memory of_device() const noexcept { return memory_.of_device(); }
    std::uint64_t end() const noexcept { return end_; }
    uint faults_before(std::uint64_t position) noexcept { return position == end_ ? faults_ : at(position).faults; }

    // The slot of the next position. Its words become what is to be published.
    void add(uint* words) noexcept {
        const uint index = static_cast<uint>(end_ % capacity_);
        OwnWords(index, own_first(capacity_)).take(words);
        words[0] = generation(end_) + 1;
        Slot& s = slots_[index];
        std::memcpy(s.given, words, 64);
        s.epoch = memory_.control(SR_CONTROL_EPOCH);
        s.tag = memory_.control(SR_CONTROL_FENCE_TAG);
        s.faults = faults_;
        s.segment = segment_;
        s.published = s.ran = s.was_hole = s.alone = s.again = s.answered = false;
        std::memcpy(before_ + own_first(index), &memory_.control(own_first(index)), own_size(index) * 4);
        const sr_outcome out = memory_.run(words, static_cast<uint>(end_));
        s.code = out.code;
        s.inner = out.inner;
        s.quiet = (words[3] & SR_FLAG_QUIET) != 0;
        const bool ok = out.code == SR_CODE_OK;
        if (!ok) ++faults_;
        s.barrier = (ok && words[1] == SR_OP_SHUTDOWN) || memory_.control(SR_CONTROL_EPOCH) != s.epoch;
        if (s.barrier) ++segment_;
        s.print = 0;
        if (ok && words[1] == SR_OP_PRINTF) {
            FUZZ_CHECK(prints_ < max_prints);
            const uint* const args = words + ((words[3] & SR_FLAG_WINDOWED) != 0 ? 6 : 4);
            print_[prints_] = {{args[0], args[1], args[2], static_cast<uint>(end_)}, s.segment, false};
            s.print = ++prints_;
        }
        std::memcpy(s.expected, words, 64);
        s.expected[0] = generation(end_) + (ok ? 3u : out.code == SR_CODE_CANCELLED ? 8u : 7u);
        s.expected[1] = out.code + 256 * out.inner;
        s.expected[2] = out.value;
        ++end_;
    }

    // The slot has ended with these words. All before `completed` have. `answers`: and what was claimed by itself is
    // answered before it ends.
    void check_ended(std::uint64_t position, const uint* words, std::uint64_t completed, bool answers) noexcept {
        Slot& s = at(position);
        FUZZ_CHECK(s.published && !s.quiet);
        answers = answers && s.alone && s.code == SR_CODE_OK && s.inner == 0;
        FUZZ_CHECK(s.again || s.answered == answers);
        s.ran = true;
        for (std::uint64_t p = completed; static_cast<std::int64_t>(position - p) > 0; ++p)
            FUZZ_CHECK(at(p).ran || at(p).quiet || !(s.barrier || at(p).barrier));
        if (s.print != 0) s.expected[2] = words[2] == 0 ? 0 : 1;  // whether the log had room: see check_log
        FUZZ_CHECK(std::memcmp(words, s.expected, 64) == 0);
        check_effect(position);
    }
    void check_effect(std::uint64_t position) noexcept { FUZZ_CHECK(has_words(position, &memory_.control(0))); }
    // It has not run: its words, if it has any yet, are those that it was given, and it had no effect.
    void check_untouched(std::uint64_t position, const uint* words) noexcept {
        FUZZ_CHECK(!at(position).published || std::memcmp(words, at(position).given, 64) == 0);
        FUZZ_CHECK(has_words(position, before_));
    }

    // Records that the device has written since the last look: each of a slot that has one to write, and once.
    void check_log() noexcept {
        for (; read_ != log(SR_LOG_WRITTEN); ++read_) {
            const uint* const record = &log(SR_LOG_RECORDS) + read_ % (of_device().log_mask + 1) * 4;
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

    // A launch has left, and everything before `completed` ran and nothing else.
    void check_all(std::uint64_t completed) noexcept {
        const bool all = completed == end_;
        const std::span<uint> control = memory_.device_control();
        const uint epoch = all ? memory_.control(SR_CONTROL_EPOCH) : at(completed).epoch;
        const uint tag = all ? memory_.control(SR_CONTROL_FENCE_TAG) : at(completed).tag;
        FUZZ_CHECK(control[SR_CONTROL_EPOCH] == epoch && control[SR_CONTROL_FENCE_TAG] == tag);
        FUZZ_CHECK(control[SR_CONTROL_FAULTS] == faults_before(completed));
        for (uint i = 3; i < SR_OBSERVABLE_BASE; ++i) FUZZ_CHECK(control[i] == memory_.control(i));
        check_log();
        uint ran = prints_;
        for (std::uint64_t p = completed; p != end_; ++p) ran -= at(p).print != 0 ? 1 : 0;
        const uint written = read_ - first_written_, dropped = log(SR_LOG_DROPPED) - first_dropped_;
        FUZZ_CHECK(written + dropped == ran);
        const std::uint64_t back = end_ - std::min<std::uint64_t>(capacity_, end_ - first_);
        for (std::uint64_t p = back; p != end_; ++p)
            if (at(p).print != 0 && at(p).ran) FUZZ_CHECK(print_[at(p).print - 1].seen == (at(p).expected[2] == 1));
    }

private:
    struct Print {
        uint record[4], segment;
        bool seen;
    };

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
    MemoryOf<own_first(max_capacity)> memory_;
    Slot slots_[max_capacity];
    uint before_[own_first(max_capacity)];  // each slot's own words before it
    uint faults_ = 0, segment_ = 0;
    Print print_[max_prints];
    uint prints_ = 0, read_ = 0, first_written_ = 0, first_dropped_ = 0, last_segment_ = 0;
};

}  // namespace fuzz
