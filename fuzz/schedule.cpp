// Target schedule: the device's drain over three levels of hostile slots, launch after launch. Oracle: the model runs
// the same slots one after the other, the highest level that waits first, and a lower one in its turn; so every slot
// ends with the model's code and result, control words are what that order makes of them, and a launch that leaves
// early has run the beginning of it.
#include <array>
#include <optional>

#include "../lib/ring_inside.hpp"
#include "drained_ring.hpp"
#include "levels.hpp"
#include "positions.hpp"

using namespace fuzz;
using slipring::Priority;

namespace fuzz::near {
constexpr std::uint32_t log2_capacity_[] = {0, 1, 2, 3, 5};
constexpr std::uint32_t leaving_[] = {0, 1, 2, 3, 5, 7, 8, 9, 15};
constexpr std::uint32_t then_[] = {0,  1,  2,  4,  5,  6,  8,  9, 10,
                                   32, 33, 34, 16, 17, 18, 65, 68};  // level, launch, many, clock
constexpr Field log2_capacity{log2_capacity_}, leaving{leaving_}, then{then_};
}  // namespace fuzz::near

constexpr Field head[] = {SR_FUZZ_MEMORY_FIELDS, near::log2_capacity, SR_FUZZ_POSITION_FIELDS, near::leaving};
// A slot whose state word says at which level it is published, whether its tenant is what the clock shows from now
// on, and what comes behind it.
constexpr Field record[] = {near::then,      near::opcode,    near::small,     near::attributes,
                            near::first_arg, near::later_arg, near::later_arg, near::later_arg,
                            near::index,     near::index,     near::index,     near::index,
                            near::index,     near::index,     near::index,     near::index};
const Format format{head, record, 24};

namespace {

constexpr std::uint32_t many = 12;
constexpr ulong unbounded = 256 * DrainedRing::max_capacity;
constexpr Priority priorities[level_count] = {Priority::high, Priority::normal, Priority::idle};

// Which level is next, as the manual has it: the highest that waits; but each lower one goes first once in
// `lower_every` claims, one after the other.
class Turns {
public:
    // `waits`: one flag a level. Of those one is set.
    std::size_t next(const std::array<bool, level_count>& waits) noexcept {
        constexpr std::uint32_t lower = level_count - 1, apart = lower_every / lower;
        if (++claims_ % apart == 0) {
            const std::size_t turn = 1 + (claims_ / apart - 1) % lower;
            if (waits[turn]) return turn;
        }
        std::size_t level = 0;
        while (!waits[level]) ++level;
        return level;
    }

private:
    std::uint32_t claims_ = 0;
};

class Schedule {
public:
    explicit Schedule(Input& in) noexcept : memory_(in) {
        const std::uint32_t log2 = 1 + in.word() % 6;
        const std::uint64_t start = hard_position(in, capacity(log2, 0));
        for (std::size_t i = 0; i < level_count; ++i)  // each of another size, at other positions
            levels_[i].emplace(bytes_of(i), capacity(log2, i), start + 5 * i, priorities[i]);
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
            const std::size_t next = turns.next(waits);
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
    static std::uint32_t capacity(std::uint32_t log2, std::size_t level) noexcept {
        return 1u << (1 + (log2 + level) % 6);
    }
    static DrainedRing::Bytes& bytes_of(std::size_t level) noexcept {
        static DrainedRing::Bytes memory[level_count];
        return memory[level];
    }
    slipring::RingInside lead() const noexcept { return slipring::inside(levels_[lead_level]->ring()); }

    Memory memory_;
    std::array<std::optional<DrainedRing>, level_count> levels_{};
    uint launch_ = 0;
    ulong max_time_ = unbounded;
    bool asked_to_leave_ = false;
    uint told_faults_ = 0;
};

}  // namespace

void run(Input& in) {
    Schedule schedule(in);
    while (in.more()) {
        uint words[16];
        in.words(words);
        if (words[0] / 64 % 2 == 1) schedule.set_now(words[2]);
        const std::uint32_t times = words[0] / 32 % 2 == 1 ? many : 1;
        for (std::uint32_t i = 0; i < times; ++i) schedule.add(words[0] % 4 % level_count, words);
        if (words[0] / 4 % 4 == 1) schedule.launch();
    }
    schedule.finish();
}
