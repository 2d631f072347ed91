// Target program: the device's drain runs whole rings of hostile slots: fences, packed slots, faults, quiet ones,
// shutdowns, launch after launch, also as the sub-group of a wide launch that finds itself alone. Oracle: the model
// runs the same slots one after the other; so every slot ends in one terminal state with the model's code and result,
// quiet ones are left alone, a fence's epoch is what those before it made it, the counters are right, and behind a
// launch nothing is left that it should have run.
#include <bit>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "../cl/wide/layout.h"
#include "completions.hpp"
#include "model.hpp"
#include "positions.hpp"

using namespace fuzz;
using slipring::Ring;

namespace fuzz::near {
constexpr std::uint32_t log2_capacity_[] = {0, 1, 2, 3, 8};
constexpr std::uint32_t bound_[] = {0, 1, 2, 200, 0xFFFFFFFF};
constexpr std::uint32_t leaving_[] = {0, 1, 2, 3, 5, 7, 8, 9, 15, 32, 33, 35, 40, 41, 43};
constexpr std::uint32_t then_[] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 7, 8, 9, 13};
constexpr Field log2_capacity{log2_capacity_}, bound{bound_}, leaving{leaving_}, then{then_};
}  // namespace fuzz::near

constexpr Field head[] = {SR_FUZZ_MEMORY_FIELDS, near::log2_capacity, SR_FUZZ_POSITION_FIELDS, near::bound,
                          near::leaving};
// A slot whose state word says whether it is cancelled, whether its tenant is what the clock shows from now on, and
// what comes behind it: nothing, a launch, or hundreds of the same.
constexpr Field record[] = {near::then,      near::opcode,    near::small,     near::attributes,
                            near::first_arg, near::later_arg, near::later_arg, near::later_arg,
                            near::index,     near::index,     near::index,     near::index,
                            near::index,     near::index,     near::index,     near::index};
const Format format{head, record, 8};

namespace {

constexpr std::uint32_t max_capacity = 512;
constexpr ulong unbounded = 64 * max_capacity;  // ticks: no launch has that much to do; one that goes astray ends

class Program {
public:
    explicit Program(Input& in) noexcept
        : memory_(in), capacity_(2u << in.word() % 9), start_(hard_position(in, capacity_)),
          bytes_(ring_memory().take(*Ring::bytes(capacity_))), ring_(*Ring::create(bytes_, capacity_, start_)),
          entries_(bytes_, capacity_), head_(start_), bounds_{1, start_, in.word() % 256, unbounded, 0} {
        memory_.set_left(0);
        const std::uint32_t leave = in.word();
        if (leave % 2 == 1) bounds_.max_time = leave % 8;  // after 256 slots, of which a slow one counts for 32
        alone_ = leave / 32 % 2 == 1;
        asked_to_leave_ = leave / 8 % 4 == 1;
        if (asked_to_leave_) std::atomic_ref(word32(SR_RING_STOP)).store(1);
    }

    // Publishes a slot with these words; the state's is the ring's business.
    void add(const uint* words, bool cancels) noexcept {
        if (ring_.reserved() - head_ == capacity_) launch();
        const auto position = ring_.publish(slipring::nop());
        FUZZ_CHECK(position == ring_.reserved() - 1);
        std::memcpy(slot(*position) + 1, words + 1, 60);
        if (cancels) FUZZ_CHECK(slipring::inside(ring_).cancel(*position));
    }

    void set_now(uint now) noexcept {
        memory_.set_now(now);
        word32(SR_RING_NOW) = now;  // a launch that goes on alone looks there
    }

    void launch() noexcept {
        sr_memory memory = memory_.of_device();
        if (alone_) memory.now = &sched_[SR_SCHED_NOW];
        const uint shift = static_cast<uint>(std::countr_zero(capacity_));
        const sr_ring ring = sr_ring_of(reinterpret_cast<uchar*>(bytes_.data()), capacity_ - 1, shift, shift);
        const std::uint64_t end = ring_.reserved();
        for (std::uint64_t p = head_; p != end; ++p) {
            std::memcpy(before_[p % capacity_], slot(p), 64);
            entry_before_[p % capacity_] = entries_.at(p);
        }
        if (alone_) device_drain_alone(&ring, &memory, &bounds_, sched_);
        else device_drain_serial(&ring, &memory, &bounds_);
        FUZZ_CHECK(slipring::inside(ring_).has_left(bounds_.launch));

        // All of them; but a bounded launch, or one that is asked to leave, may do so behind 8 or more.
        const std::uint64_t done = ring_.completed();
        const bool may_leave = bounds_.max_time != unbounded || asked_to_leave_;
        FUZZ_CHECK(done == end || (may_leave && end - head_ > done - head_ && done - head_ >= 8));
        FUZZ_CHECK(done != head_ || end == head_);
        FUZZ_CHECK(slipring::inside(ring_).claimed() == done);
        for (; head_ != done; ++head_) check_slot(head_);
        const uint left = memory_.take_left();
        FUZZ_CHECK(left == bounds_.launch || (left == (bounds_.launch | SR_LEFT_IDLE) && done == end));
        memory_.check();
        FUZZ_CHECK(word32(SR_RING_FAULTS) == told_faults_);
        ++bounds_.launch;
        asked_to_leave_ = false;
    }

    void finish() noexcept {
        while (head_ != ring_.reserved()) launch();
        launch();
        FUZZ_CHECK(ring_.tail() == ring_.reserved() && !ring_.held());
    }

private:
    static Guarded<std::byte, *Ring::bytes(max_capacity)>& ring_memory() noexcept {
        static Guarded<std::byte, *Ring::bytes(max_capacity)> memory;
        return memory;
    }
    uint* slot(std::uint64_t position) const noexcept {
        return reinterpret_cast<uint*>(bytes_.data() + SR_RING_SLOTS + position % capacity_ * 64);
    }
    uint& word32(std::size_t offset) const noexcept { return *reinterpret_cast<uint*>(bytes_.data() + offset); }

    // The slot as it was given, and its completion as the model has it: one that was cancelled has no effect.
    void check_slot(std::uint64_t position) noexcept {
        const uint* const given = before_[position % capacity_];
        const bool cancelled = given[0] % 256 == 8;
        const sr_outcome out = cancelled ? Memory::end_unrun(given, SR_CODE_CANCELLED)
                                         : memory_.run_in_time(given, static_cast<uint>(position));
        if (out.code != SR_CODE_OK) told_faults_ = ++memory_.control(SR_CONTROL_FAULTS);
        const bool quiet = (given[3] >> 9 & 1) != 0;
        FUZZ_CHECK(entries_.at(position) ==
                   (quiet ? entry_before_[position % capacity_] : entries_.of(position, out)));
        FUZZ_CHECK(std::memcmp(slot(position) + 1, given + 1, 60) == 0);
        FUZZ_CHECK(cancelled || slot(position)[0] == given[0]);
    }

    Memory memory_;
    std::uint32_t capacity_;
    std::uint64_t start_;
    std::span<std::byte> bytes_;
    Ring ring_;
    Entries entries_;
    std::uint64_t head_;
    sr_bounds bounds_;
    bool alone_;  // in the wide kernel, which must come to the same
    bool asked_to_leave_;
    uint told_faults_ = 0;                           // what the counter was at the last fault
    uint sched_[SR_SCHED_WORDS(max_capacity)] = {};  // each launch leaves it ready for the next
    uint before_[max_capacity][16];
    Entry entry_before_[max_capacity];
};

}  // namespace

void run(Input& in) {
    Program program(in);
    std::uint32_t many = 0;
    while (in.more()) {
        uint words[16];
        in.words(words);
        if (words[0] / 8 % 2 == 1) program.set_now(words[2]);
        const std::uint32_t times = words[0] % 4 == 3 && many++ == 0 ? 300 : 1;
        for (std::uint32_t i = 0; i < times; ++i) program.add(words, words[0] / 4 % 2 == 1);
        if (words[0] % 4 == 1) program.launch();
    }
    program.finish();
}
