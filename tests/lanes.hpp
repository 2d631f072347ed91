// Units of 32 lanes, natively: what a warp is to the device code, without a GPU. Each lane has a stack of its own, all of
// them run on one thread, and which unit goes on is drawn from a seed: a schedule can be run again.
//
//   #include "lanes.hpp"   // then shim.hpp: wide/subgroup.h takes these in place of its own
//
// Lanes of a unit go on one after the other, from one place where they meet to the next; a unit may be held up there, and
// in front of any access that another unit or the host can see.
#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace lanes {

constexpr std::uint32_t of_a_unit = 32;

class Machine {
public:
    // kernel(unit) is what each lane of a unit runs. One machine at a time.
    Machine(std::uint32_t units, std::function<void(std::uint32_t)> kernel, std::uint32_t seed)
        : kernel_(std::move(kernel)), state_(seed * 0x9E3779B97F4A7C15u | 1), units_(units) {
        std::size_t stacks = 0;
        for (Unit& unit : units_)
            for (ucontext_t& lane : unit.lanes) prepare(lane, stack(stacks++));
        current() = this;
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine() { current() = nullptr; }

    bool ended() const noexcept { return ended_ == units_.size(); }
    std::uint32_t unit() const noexcept { return at_; }  // the one that runs
    std::uint32_t lane() const noexcept { return units_[at_].next; }

    // A unit goes on for a while. Now and then some of them are left out for long.
    void step() {
        if (++steps_ % 64 == 1) left_out_ = random() & random();
        std::uint32_t alive[32], n = 0;
        for (int pass = 0; pass < 2 && n == 0; ++pass)
            for (std::uint32_t u = 0; u < units_.size(); ++u)
                if (units_[u].ended == 0 && (pass == 1 || (left_out_ >> u & 1) == 0)) alive[n++] = u;
        at_ = alive[random() % n];
        Unit& unit = units_[at_];
        for (;;) {
            event_ = Event::ended;
            swapcontext(&home_, &unit.lanes[unit.next]);
            if (event_ == Event::held_up) return;
            unit.ended += event_ == Event::ended ? 1 : 0;
            if (++unit.next < of_a_unit) continue;
            unit.next = 0;
            unit.taken = unit.given;
            if (unit.ended != 0 && unit.ended != of_a_unit) std::abort();  // some lanes met others that had gone
            ended_ += unit.ended != 0 ? 1 : 0;
            return;
        }
    }

    // What each lane of the unit gave, to all of them.
    const std::array<std::uint32_t, of_a_unit>& meet(std::uint32_t value) {
        Unit& unit = units_[at_];
        unit.given[unit.next] = value;
        leave(Event::met);
        return units_[at_].taken;
    }
    void hold_up() { leave(Event::held_up); }
    void may_hold_up() {
        if (random() % 8 == 0) hold_up();
    }

    static Machine*& current() {
        static Machine* machine = nullptr;
        return machine;
    }

private:
    enum class Event { met, held_up, ended };
    static constexpr std::size_t stack_bytes = 128 * 1024;

    struct Unit {
        std::array<ucontext_t, of_a_unit> lanes{};
        std::array<std::uint32_t, of_a_unit> given{}, taken{};
        std::uint32_t next = 0, ended = 0;
    };

    static std::byte* stack(std::size_t index) {
        static std::vector<std::unique_ptr<std::byte[]>> stacks;  // for the next machine too
        while (stacks.size() <= index) stacks.push_back(std::make_unique_for_overwrite<std::byte[]>(stack_bytes));
        return stacks[index].get();
    }
    static void prepare(ucontext_t& lane, void* stack) {
        getcontext(&lane);
        lane.uc_stack.ss_sp = stack;
        lane.uc_stack.ss_size = stack_bytes;
        lane.uc_link = nullptr;
        makecontext(&lane, &Machine::run, 0);
    }
    static void run() {
        Machine& machine = *current();
        machine.kernel_(machine.at_);
        machine.leave(Event::ended);
    }
    void leave(Event event) {
        Unit& unit = units_[at_];
        event_ = event;
        swapcontext(&unit.lanes[unit.next], &home_);
    }
    std::uint32_t random() noexcept {  // xorshift64*
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<std::uint32_t>(state_ * 0x2545F4914F6CDD1Du >> 32);
    }

    std::function<void(std::uint32_t)> kernel_;
    std::uint64_t state_;
    std::vector<Unit> units_;
    ucontext_t home_{};
    Event event_ = Event::met;
    std::uint32_t at_ = 0, ended_ = 0, left_out_ = 0;
    std::uint64_t steps_ = 0;
};

inline void may_hold_up() {
    if (Machine* const machine = Machine::current()) machine->may_hold_up();
}

}  // namespace lanes

#define SR_LANES 1
#define SR_STEP() lanes::may_hold_up()

// What OpenCL C has by itself.
struct uint4 {
    std::uint32_t x, y, z, w;
    uint4() = default;
    explicit uint4(std::uint32_t all) : x(all), y(all), z(all), w(all) {}
};
static inline void vstore4(uint4 v, std::size_t at, std::uint32_t* to) {
    to[4 * at] = v.x;
    to[4 * at + 1] = v.y;
    to[4 * at + 2] = v.z;
    to[4 * at + 3] = v.w;
}
static inline std::uint32_t clz(std::uint32_t v) { return v == 0 ? 32 : static_cast<std::uint32_t>(__builtin_clz(v)); }

// What wide/subgroup.h and wide/fetch.h have for a warp.
static inline std::uint32_t sr_lane() { return lanes::Machine::current()->lane(); }
static inline std::uint32_t sr_ballot(int yes) {
    std::uint32_t mask = 0, bit = 0;
    for (const std::uint32_t each : lanes::Machine::current()->meet(yes != 0 ? 1 : 0)) mask |= each << bit++;
    return mask;
}
static inline std::uint32_t sr_share(std::uint32_t v, std::uint32_t lane) {
    return lanes::Machine::current()->meet(v)[lane % lanes::of_a_unit];
}
static inline void sr_join() { lanes::Machine::current()->meet(0); }
static inline void sr_nap() { lanes::Machine::current()->hold_up(); }
static inline void sr_breathe() { sr_nap(); }
static inline uint4 sr_load16(const std::uint32_t* p) {
    uint4 v;
    v.x = __atomic_load_n(p, __ATOMIC_ACQUIRE);
    v.y = p[1];
    v.z = p[2];
    v.w = p[3];
    return v;
}
static inline std::uint32_t sr_load_volatile(const std::uint32_t* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
