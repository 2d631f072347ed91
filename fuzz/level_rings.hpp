// Rings of three levels that the device drains and the model runs once more, launch after launch. Oracle: the model
// runs the same slots one after the other, the highest level that waits first, and a lower one in its turn; so every
// slot ends with the model's code and result, control words are what that order makes of them, and a launch that
// leaves early has run the beginning of it.
#pragma once

#include <array>
#include <optional>

#include "drained_ring.hpp"
#include "levels.hpp"
#include "positions.hpp"

namespace fuzz {

// The words of an input that LevelRings reads.
namespace near {
inline constexpr std::uint32_t log2_capacity_[] = {0, 1, 2, 3, 5};
inline constexpr std::uint32_t leaving_[] = {0, 1, 2, 3, 5, 7, 8, 9, 15};
inline constexpr Field log2_capacity{log2_capacity_}, leaving{leaving_};
}  // namespace near
#define SR_FUZZ_LEVELS_FIELDS SR_FUZZ_MEMORY_FIELDS, near::log2_capacity, SR_FUZZ_POSITION_FIELDS, near::leaving

// Which level is next, as the manual has it: the highest that waits; but each lower one goes first once in
// `lower_every` claims, one after the other. The lowest level's slots that were promoted go in front of another's.
class Turns {
public:
    // `waits`: one flag a level. Of those one is set. `promoted_to`: a level, if the lowest one's next slot was.
    std::size_t next(const std::array<bool, level_count>& waits, std::optional<uint> promoted_to) noexcept {
        constexpr std::uint32_t lower = level_count - 1, apart = lower_every / lower;
        if (++claims_ % apart == 0) {
            const std::size_t turn = 1 + (claims_ / apart - 1) % lower;
            if (waits[turn]) return turn;
        }
        std::size_t level = 0;
        while (!waits[level] && promoted_to != level) ++level;
        return promoted_to == level ? level_count - 1 : level;
    }

private:
    std::uint32_t claims_ = 0;
};

class LevelRings {
public:
    explicit LevelRings(Input& in) noexcept : memory_(in) {
        const std::uint32_t log2 = 1 + in.word() % 6;
        const std::uint64_t start = hard_position(in, capacity(log2, 0));
        for (std::size_t i = 0; i < level_count; ++i)  // each of another size, at other positions
            levels_[i].emplace(bytes_of(i), capacity(log2, i), start + 5 * i, priorities[i]);
        promoted_end_ = lowest().head();
        memory_.set_left(0);
        const std::uint32_t leave = in.word();
        if (leave % 2 == 1) max_time_ = leave % 8;
        asked_to_leave_ = leave / 8 % 4 == 1;
        if (asked_to_leave_) lead().word32(SR_RING_STOP).store(1);
    }

    void add(std::size_t level, const uint* words) noexcept {
        while (levels_[level]->is_full()) launch();
        levels_[level]->add(words);
    }

    // Makes room for n slots. False if the ring has not so many.
    bool make_room(std::size_t level, std::uint64_t n) noexcept {
        const slipring::Ring& ring = levels_[level]->ring();
        if (n > ring.capacity()) return false;
        while (ring.capacity() - (ring.reserved() - levels_[level]->head()) < n) launch();
        return true;
    }
    DrainedRing& at(std::size_t level) noexcept { return *levels_[level]; }

    // Of the lowest level, to any level, there or not.
    void promote(std::uint64_t end, uint level) noexcept {
        slipring::inside(lowest().ring()).promote(end, level);
        if (!is_ahead(end)) return;
        if (is_ahead(promoted_end_)) level = std::min(level, promoted_level_);
        if (!is_ahead(promoted_end_) || static_cast<std::int64_t>(end - promoted_end_) > 0) promoted_end_ = end;
        promoted_level_ = level;
    }

    void set_now(uint now) noexcept { memory_.set_now(now); }

    void launch() noexcept {
        sr_ring rings[level_count];
        for (std::size_t i = 0; i < level_count; ++i) rings[i] = levels_[i]->of_device();
        const sr_memory memory = memory_.of_device();
        const sr_bounds bounds{++launch_, 0, 0, max_time_, 0};
        device_drain_serial(rings, &memory, &bounds);
        FUZZ_CHECK(lead().has_left(launch_));

        std::array<std::uint64_t, level_count> run{};
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < level_count; ++i) all += run[i] = levels_[i]->run();
        Turns turns;
        for (std::uint64_t n = 0; n < all; ++n) {
            std::array<bool, level_count> waits{};
            for (std::size_t i = 0; i < level_count; ++i) waits[i] = !levels_[i]->is_empty();
            const std::size_t next = turns.next(waits, promoted_to());
            FUZZ_CHECK(run[next]-- != 0);
            if (levels_[next]->check_next(memory_).code != SR_CODE_OK)
                told_faults_ = ++memory_.control(SR_CONTROL_FAULTS);
        }
        bool empty = true;
        for (const auto& level : levels_) {
            FUZZ_CHECK(slipring::inside(level->ring()).claimed() == level->ring().completed());
            empty = empty && level->is_empty();
        }
        // All of them; but a bounded launch, or one that is asked to leave, may do so behind 8 or more.
        FUZZ_CHECK(empty || ((max_time_ != unbounded || asked_to_leave_) && all >= 8));
        const uint left = memory_.take_left();
        FUZZ_CHECK(left == launch_ || (left == (launch_ | SR_LEFT_IDLE) && empty));
        memory_.check();
        FUZZ_CHECK(lead().word32(SR_RING_FAULTS).load() == told_faults_);
        asked_to_leave_ = false;
    }

    void finish() noexcept {
        for (const auto& level : levels_)
            while (!level->is_empty()) launch();
        launch();
    }

private:
    const DrainedRing& lowest() const noexcept { return *levels_[level_count - 1]; }
    bool is_ahead(std::uint64_t end) const noexcept { return static_cast<std::int64_t>(end - lowest().head()) > 0; }
    std::optional<uint> promoted_to() const noexcept {
        if (!is_ahead(promoted_end_) || lowest().is_empty()) return std::nullopt;
        return promoted_level_;
    }
    static std::uint32_t capacity(std::uint32_t log2, std::size_t level) noexcept {
        return 1u << (1 + (log2 + level) % 6);
    }
    static DrainedRing::Bytes& bytes_of(std::size_t level) noexcept {
        static DrainedRing::Bytes memory[level_count];
        return memory[level];
    }
    slipring::RingInside lead() const noexcept { return slipring::inside(levels_[lead_level]->ring()); }

    static constexpr ulong unbounded = 256 * DrainedRing::max_capacity;
    static constexpr slipring::Priority priorities[level_count] = {
        slipring::Priority::high, slipring::Priority::normal, slipring::Priority::idle};

    Memory memory_;
    std::array<std::optional<DrainedRing>, level_count> levels_{};
    uint launch_ = 0;
    ulong max_time_ = unbounded;
    bool asked_to_leave_ = false;
    uint told_faults_ = 0;
    std::uint64_t promoted_end_ = 0;
    uint promoted_level_ = 0;
};

}  // namespace fuzz
