// The books of the soak: what was published, what came back, and whether each slot finished exactly once.
//
//   Sums       quiet slots: each adds a value of its own to a control word. A slot that ran twice, or never, changes
//              a sum.
//   Sequence   slots with results: each adds 1 to one word, and its result is the old value. No two may be equal.
//   Marks      slots of a device that may be lost: each has a word of its own, which counts how often it ran.
//
// A check returns what is wrong, or an empty text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace slipring::soak {

// One producer's quiet slots. No two of 2^32 consecutive slots add the same value: a slot that ran twice in place of
// another one changes a sum too.
class Sums {
public:
    static constexpr std::uint32_t words = 64;
    struct Add {
        std::uint32_t value, word;
    };

    // What the next slot adds, and to which word. The slot must be published.
    Add next() noexcept {
        const std::uint32_t n = next_++;
        const Add add{(n + 1) * 0x9E3779B1u, n % words};
        expected_[add.word] += add.value;
        return add;
    }

    // `found`: the words once all slots have finished.
    std::string check(std::span<const std::uint32_t, words> found) const {
        for (std::uint32_t i = 0; i < words; ++i)
            if (found[i] != expected_[i])
                return "word " + std::to_string(i) + " of the sums: expected " + std::to_string(expected_[i]) +
                       ", found " + std::to_string(found[i]);
        return {};
    }

private:
    std::array<std::uint32_t, words> expected_{};
    std::uint32_t next_ = 0;
};

// One producer's slots with results, a round at a time. `in_order`: the device runs slots one after the other, so
// that each result is known. Else the results are known together.
class Sequence {
public:
    explicit Sequence(bool in_order) noexcept : in_order_(in_order) {}

    void begin_round() {
        first_ = next_;
        seen_.clear();
        told_ = untold_ = 0;
    }

    // The number of the next slot. The slot must be published.
    std::uint32_t next() {
        if ((next_ - first_) % 64 == 0) seen_.push_back(0);
        return next_++;
    }

    // The result of slot `number` of this round.
    std::string told(std::uint32_t number, std::uint64_t value) {
        const std::uint32_t place = static_cast<std::uint32_t>(value) - first_;
        if (value > UINT32_MAX || place >= next_ - first_)
            return about(number, value) + "no slot of this round has it";
        if (in_order_ && static_cast<std::uint32_t>(value) != number)
            return about(number, value) + "it is another slot's";
        std::uint64_t& bits = seen_[place / 64];
        const std::uint64_t bit = std::uint64_t{1} << place % 64;
        if ((bits & bit) != 0) return about(number, value) + "a second slot has it";
        bits |= bit;
        ++told_;
        return {};
    }

    // A result that the ring did not keep.
    void untold() noexcept { ++untold_; }

    // `found`: the word once all slots have finished.
    std::string check(std::uint32_t found) const {
        const std::uint32_t published = next_ - first_;
        if (told_ + untold_ != published)
            return "of " + std::to_string(published) + " slots with results " + std::to_string(told_) +
                   " told theirs and " + std::to_string(untold_) + " did not";
        if (found != next_)
            return "the word of the results: expected " + std::to_string(next_) + ", found " + std::to_string(found);
        return {};
    }

private:
    static std::string about(std::uint32_t number, std::uint64_t value) {
        return "slot " + std::to_string(number) + " has the result " + std::to_string(value) + ": ";
    }

    std::vector<std::uint64_t> seen_{};  // a bit a result of this round
    std::uint32_t first_ = 0, next_ = 0;
    std::uint32_t told_ = 0, untold_ = 0;
    bool in_order_;
};

// Slots with a word each. Threads may write the ends of different slots at once.
class Marks {
public:
    enum class End : std::uint8_t {
        unpublished,
        open,    // nobody knows yet
        untold,  // it has finished, and nobody can say how: quiet, or its result was not kept
        done,
        lost,  // FAULT with Code::device_lost
    };

    explicit Marks(std::uint32_t slots) : ends_(slots) {}

    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(ends_.size()); }
    void set(std::uint32_t slot, End end) noexcept { ends_[slot] = end; }

    // What the handler returns for a slot.
    static constexpr std::uint32_t result(std::uint32_t slot) noexcept { return slot * 2654435761u; }

    // Once all slots have finished. `ran`: how often each slot ran, on all devices together; `here`: on the newest
    // one alone. `untold_losses`: how many slots ended as lost beside those that are told here.
    //
    // A slot that a lost device had begun may have had its effect there, and ends as lost all the same. It never has
    // an effect on the next device. Any other slot ran once.
    std::string check(std::span<const std::uint32_t> ran, std::span<const std::uint32_t> here,
                      std::uint32_t untold_losses) const {
        std::uint32_t never = 0, elsewhere = 0;  // of the untold ones
        for (std::uint32_t i = 0; i < size(); ++i) {
            const bool may_be_lost = ends_[i] == End::lost || ends_[i] == End::untold;
            const std::uint32_t most = ends_[i] == End::unpublished ? 0 : 1;
            if (ends_[i] == End::open) return about(i, ran[i]) + "it was published and its end is not known";
            if (ran[i] > most || (ran[i] < most && !may_be_lost))
                return about(i, ran[i]) + "expected " + std::to_string(most);
            if (ends_[i] == End::lost && here[i] != 0) return about(i, ran[i]) + "it was lost, and ran here";
            if (ends_[i] != End::untold || here[i] != 0) continue;
            ++(ran[i] == 0 ? never : elsewhere);
        }
        if (untold_losses < never || untold_losses - never > elsewhere)
            return std::to_string(untold_losses) + " slots were lost without a word, but " + std::to_string(never) +
                   " of those never ran, and " + std::to_string(elsewhere) + " ran on a lost device";
        return {};
    }

private:
    static std::string about(std::uint32_t slot, std::uint32_t times) {
        return "marked slot " + std::to_string(slot) + " ran " + std::to_string(times) + " times: ";
    }

    std::vector<End> ends_;
};

}  // namespace slipring::soak
