// Sub-groups of 32 lanes, natively: what a warp is to the device code, without a GPU. Each lane has a stack of its
// own, all of them run on one thread, and which sub-group goes on is drawn from a seed: a schedule can be run again.
//
//   #include "lanes.hpp"   // then shim.hpp: wide/subgroup.h takes these in place of its own
//
// Lanes of a sub-group go on one after the other, from one place where they meet to the next; a sub-group may be held
// up there, and in front of any access that another sub-group or the host can see. Sub-groups of one work-group also
// meet at barriers. Lanes that do not all reach the same barrier end the program with a word of it.
//
// A fuzzer takes millions of steps: on x86-64 a lane hands over to the next one by itself, without swapcontext, which
// calls the kernel twice and lets AddressSanitizer clean a whole stack.
#pragma once

#ifndef __x86_64__
#include <ucontext.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#ifdef __x86_64__
// Saves what a call preserves on the stack of `from`, and goes on where `to` was left.
extern "C" void sr_lanes_switch(void** from, void* to);
__asm__(R"(
    .text
    .weak sr_lanes_switch
    .type sr_lanes_switch, @function
sr_lanes_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size sr_lanes_switch, . - sr_lanes_switch
)");
#endif

namespace lanes {

constexpr std::uint32_t of_a_subgroup = 32;

#ifdef __x86_64__
using Context = void*;  // the stack's pointer
inline void go(Context& from, Context& to) { sr_lanes_switch(&from, to); }
inline void prepare(Context& lane, std::byte* stack, std::size_t bytes, void (*entry)()) {
    auto* const top = reinterpret_cast<void**>(stack + bytes);
    for (int i = 1; i <= 8; ++i) top[-i] = nullptr;
    top[-2] = reinterpret_cast<void*>(entry);  // where the first switch returns to; above it, where `entry` would
    lane = top - 8;
}
#else
using Context = ucontext_t;
inline void go(Context& from, Context& to) { swapcontext(&from, &to); }
inline void prepare(Context& lane, std::byte* stack, std::size_t bytes, void (*entry)()) {
    getcontext(&lane);
    lane.uc_stack.ss_sp = stack;
    lane.uc_stack.ss_size = bytes;
    lane.uc_link = nullptr;
    makecontext(&lane, entry, 0);
}
#endif

// Sub-groups that have a work-group with others: from the `first` on, `size` a group.
struct Groups {
    std::uint32_t first = ~std::uint32_t{0}, size = 1;
};

class Machine {
public:
    // kernel(sub-group) is what each lane of a sub-group runs. One machine at a time.
    Machine(std::uint32_t subgroups, std::function<void(std::uint32_t)> kernel, std::uint32_t seed,
            Groups groups = {})
        : kernel_(std::move(kernel)), groups_(groups), subgroups_(subgroups) {
        reseed(seed);
        std::size_t stacks = 0;
        for (Subgroup& subgroup : subgroups_)
            for (Context& lane : subgroup.lanes) {
                // Tops a power of two apart would share a few sets of the cache.
                const std::size_t off = stacks % 64 * 832;
                prepare(lane, stack(stacks++), stack_bytes - off, &Machine::run);
            }
        current() = this;
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine() { current() = nullptr; }

    bool ended() const noexcept { return ended_ == subgroups_.size(); }
    std::uint32_t subgroup() const noexcept { return at_; }  // the one that runs
    std::uint32_t lane() const noexcept { return now_->next; }

    // From here on another schedule, which leaves out the sub-groups of `held` while there are others.
    void reseed(std::uint32_t seed) noexcept { state_ = seed * 0x9E3779B97F4A7C15u | 1; }
    void hold(std::uint32_t held) noexcept { held_ = held; }

    // A sub-group goes on for a while. Now and then some of them are left out for long.
    void step() {
        if (++steps_ % 64 == 1) left_out_ = random() & random();
        std::uint32_t alive[32], n = 0;
        for (const std::uint32_t not_now : {left_out_ | held_, held_, std::uint32_t{0}}) {
            for (std::uint32_t u = 0; u < subgroups_.size(); ++u)
                if (goes_on(subgroups_[u]) && (not_now >> u & 1) == 0) alive[n++] = u;
            if (n != 0) break;
        }
        at_ = alive[random() % n];
        now_ = &subgroups_[at_];
        go(home_, now_->lanes[now_->next]);
    }

    // What each lane of the sub-group gave, to all of them.
    const std::array<std::uint32_t, of_a_subgroup>& meet(std::uint32_t value) {
        Subgroup& subgroup = *now_;
        subgroup.given[subgroup.next] = value;
        leave(Event::met);
        return subgroup.taken;
    }
    // A bit for each lane that says yes.
    std::uint32_t vote(bool yes) {
        Subgroup& subgroup = *now_;
        subgroup.votes |= std::uint32_t{yes} << subgroup.next;
        leave(Event::met);
        return subgroup.voted;
    }
    // With all lanes of the work-group.
    void barrier() {
        ++now_->at_barrier;
        leave(Event::met);
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

    struct Subgroup {
        std::array<Context, of_a_subgroup> lanes{};
        std::array<std::uint32_t, of_a_subgroup> given{}, taken{};
        std::uint32_t votes = 0, voted = 0, next = 0, ended = 0;
        std::uint32_t at_barrier = 0;  // lanes
        bool waits = false;            // for the other sub-groups
    };

    static std::byte* stack(std::size_t index) {
        static std::vector<std::unique_ptr<std::byte[]>> stacks;  // for the next machine too
        while (stacks.size() <= index) stacks.push_back(std::make_unique_for_overwrite<std::byte[]>(stack_bytes));
        return stacks[index].get();
    }
    static void run() {
        Machine& machine = *current();
        machine.kernel_(machine.at_);
        machine.leave(Event::ended);
    }
    // To the sub-group's next lane; behind the last one, or where the sub-group is held up, back to step().
    void leave(Event event) {
        Subgroup& subgroup = *now_;
        Context& own = subgroup.lanes[subgroup.next];
        if (event != Event::held_up) {
            subgroup.ended += event == Event::ended ? 1 : 0;
            if (++subgroup.next < of_a_subgroup) return go(own, subgroup.lanes[subgroup.next]);
            subgroup.next = 0;
            subgroup.taken = subgroup.given;
            subgroup.voted = std::exchange(subgroup.votes, 0);
            if (subgroup.ended % of_a_subgroup != 0) fail("some lanes of a sub-group ended, others met");
            if (subgroup.at_barrier % of_a_subgroup != 0) fail("some lanes of a sub-group are at a barrier");
            ended_ += subgroup.ended != 0 ? 1 : 0;
            subgroup.waits = std::exchange(subgroup.at_barrier, 0) != 0;
            if (subgroup.waits || subgroup.ended != 0) meet_group();
        }
        go(own, home_);
    }
    static bool goes_on(const Subgroup& subgroup) noexcept { return subgroup.ended == 0 && !subgroup.waits; }
    // The work-group of the sub-group that runs goes on once all of it waits.
    void meet_group() {
        if (at_ < groups_.first) {
            now_->waits = false;
            return;
        }
        const std::uint32_t first = at_ - (at_ - groups_.first) % groups_.size;
        std::uint32_t waiting = 0, ended = 0;
        for (std::uint32_t u = first; u < first + groups_.size; ++u) {
            waiting += subgroups_[u].waits ? 1 : 0;
            ended += subgroups_[u].ended != 0 ? 1 : 0;
        }
        if (waiting != 0 && ended != 0) fail("a sub-group ended, others of its work-group are at a barrier");
        if (waiting != groups_.size) return;
        for (std::uint32_t u = first; u < first + groups_.size; ++u) subgroups_[u].waits = false;
    }
    [[noreturn]] static void fail(const char* what) {
        std::fprintf(stderr, "lanes: %s\n", what);
        std::abort();
    }
    std::uint32_t random() noexcept {  // xorshift64*
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<std::uint32_t>(state_ * 0x2545F4914F6CDD1Du >> 32);
    }

    std::function<void(std::uint32_t)> kernel_;
    std::uint64_t state_ = 1;
    Groups groups_;
    std::vector<Subgroup> subgroups_;
    Subgroup* now_ = nullptr;  // the one of at_
    Context home_{};
    std::uint32_t at_ = 0, ended_ = 0, left_out_ = 0, held_ = 0;
    std::uint64_t steps_ = 0;
};

inline void may_hold_up() {
    if (Machine* const machine = Machine::current()) machine->may_hold_up();
}

}  // namespace lanes

#define SR_LANES 1
#define SR_STEP() lanes::may_hold_up()
#define SR_TEAM_BARRIER(team) lanes::Machine::current()->barrier()

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
static inline std::uint32_t clz(std::uint32_t v) {
    return v == 0 ? 32 : static_cast<std::uint32_t>(__builtin_clz(v));
}
static inline std::uint32_t popcount(std::uint32_t v) { return static_cast<std::uint32_t>(std::popcount(v)); }

// What wide/subgroup.h and wide/fetch.h have for a warp.
static inline std::uint32_t sr_lane() { return lanes::Machine::current()->lane(); }
static inline std::uint32_t sr_ballot(int yes) { return lanes::Machine::current()->vote(yes != 0); }
static inline std::uint32_t sr_share(std::uint32_t v, std::uint32_t lane) {
    return lanes::Machine::current()->meet(v)[lane % lanes::of_a_subgroup];
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
struct uint2 {
    std::uint32_t x, y;
};
static inline uint2 sr_load8(const std::uint32_t* p) { return {__atomic_load_n(p, __ATOMIC_ACQUIRE), p[1]}; }
static inline std::uint32_t sr_load_volatile(const std::uint32_t* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
