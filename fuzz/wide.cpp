// Target wide: sub-groups of 32 lanes drain rings of hostile slots together (cl/wide/), while a host publishes,
// leaves holes, asks them to leave or gives them up, launch after launch; the input says which sub-group goes on
// when. Oracle: the model runs the slots one after the other (wide_slots.hpp). At every step (wide_oracle.hpp) a slot
// is as it was given, and its completion as it was before or as the model has it; fences order what is before and
// behind them, and the ring's words say no more than that; a launch ends when it should, and leaves nothing behind
// that it began; the next one on the same scheduler state does the rest.
#include <bit>

#include "../lib/ring_inside.hpp"
#include "../tests/lanes.hpp"

#include "positions.hpp"
#include "ring_words.hpp"
#include "wide_alone.hpp"
#include "wide_fields.hpp"
#include "wide_oracle.hpp"
#include "wide_slots.hpp"
#include "wide_teams.hpp"

using namespace fuzz;
using slipring::Ring;

constexpr Field head[] = {near::log2_capacity,
                          SR_FUZZ_POSITION_FIELDS,
                          near::buffer_bytes,
                          near::buffer_bytes,
                          near::log_records,
                          near::log_counter,
                          near::log_counter,
                          near::log_counter,
                          near::choice,
                          near::subgroups,
                          near::teams,
                          near::bound,
                          near::bound,
                          near::patience,
                          near::schedule,
                          near::sched,
                          near::now};
// A slot whose state word says what is done, and its tenant what happens then: see Wide::act and Wide::go_on.
constexpr Field record[] = {near::action,      near::wide_opcode, near::schedule, near::wide_attributes,
                            near::wide_first,  near::wide_later,  near::copied,   near::lanes_fault,
                            near::byte_offset, near::high_half,   near::bytes,    near::high_half,
                            near::which,       near::asks,        near::index,    near::mixed};
const Format format{head, record, 8};

namespace {

constexpr uint patience = 200'000;  // steps: far more than anything here takes
constexpr uint max_holes = 8, max_added = 256;

class Wide {
public:
    explicit Wide(Input& in) noexcept
        : capacity_(2u << in.word() % 7), start_(hard_position(in, capacity_)),
          bytes_(ring_memory().take(*Ring::bytes(capacity_))), ring_(*Ring::create(bytes_, capacity_, start_)),
          slots_(in, bytes_, capacity_, start_), sched_(sched_memory().take(SR_SCHED_WORDS(capacity_))),
          subgroups_(2 + in.word() % 5), wanted_teams_(in.word() % (max_teams + 1)),
          bounds_{0, start_, time(in), time(in), 0} {
        device_alone_after = in.word() % 256 + 1;
        seed_ = in.word();
        set_sched(in.word());
        words_.word32(SR_RING_NOW) = in.word();
        slots_.set_now(words_.word32(SR_RING_NOW));
        launch();
    }

    void act(uint* words) noexcept {
        const uint kind = words[0] % 8, detail = words[0] / 256 % 64, then = words[2];
        switch (kind) {
            case 0:
                for (uint n = 0; n <= detail; ++n) publish(words, 1);
                break;
            case 1: publish(words, detail + 1); break;
            case 2: reserve(words); break;
            case 3: fill(detail); break;
            case 4: tell(detail % 4); break;
            case 5: publish_around_holes(words, detail); break;
            case 6:
                end(detail % 4);
                bounds_.idle_timeout = time(words[4]);
                bounds_.max_time = time(words[5]);
                subgroups_ = 2 + words[6] % 5;
                wanted_teams_ = words[6] / 8 % (max_teams + 1);
                launch();
                break;
        }
        std::memcpy(last_, words, 64);
        go_on(then);
    }

    // Nothing is in the way any more: every slot finishes. Each launch goes up to a SHUTDOWN at least.
    void finish() noexcept {
        while (holes_ > 0) fill(0);
        if (!oracle_.is_revoked()) {
            end(0);
            bounds_.idle_timeout = 0;
            bounds_.max_time = for_ever;
            do {
                const std::uint64_t completed = oracle_.completed();
                launch();
                run_to_end();
                FUZZ_CHECK(oracle_.completed() != completed || completed == slots_.end());
            } while (oracle_.completed() != slots_.end());
        }
        run_to_end();
        for (std::uint32_t i = 0; i < SR_SCHED_TABLES; ++i) FUZZ_CHECK(i % 32 == 0 || sched_[i] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_NOW] == words_.word32(SR_RING_NOW) || sched_[SR_SCHED_NOW] == 0);
        machine_.reset();
        if (!oracle_.is_revoked() && wanted_teams_ != 0) run_alone(slots_, teams_, last_, seed_);
    }

private:
    static Guarded<std::byte, *Ring::bytes(max_capacity)>& ring_memory() noexcept {
        static Guarded<std::byte, *Ring::bytes(max_capacity)> memory;
        return memory;
    }
    static Guarded<uint, SR_SCHED_WORDS(max_capacity)>& sched_memory() noexcept {
        static Guarded<uint, SR_SCHED_WORDS(max_capacity)> memory;
        return memory;
    }
    static ulong time(uint word) noexcept { return word >= 256 ? for_ever : word; }
    static ulong time(Input& in) noexcept { return time(in.word()); }
    // As launches long ago have left it.
    void set_sched(uint old) noexcept {
        std::fill(sched_.begin(), sched_.end(), 0);
        sched_[SR_SCHED_BASE] = sched_[SR_SCHED_QUEUED] = sched_[SR_SCHED_ASKED] = old;
        Teams::set_sched(sched_, capacity_, old);
        uint* const queue = &sched_[SR_SCHED_TABLES + 2 * capacity_];
        if (old != 0)
            for (uint k = 0; k < capacity_; ++k) queue[4 * ((old + k) % capacity_)] = old + k + 1 - capacity_;
    }

    // ---- the host ----
    void publish(const uint* words, uint n) noexcept {
        n = std::min(n, capacity_);
        if (n == 0 || added_ + n > max_added || !make_room(n)) return;
        const std::uint64_t first = slots_.end();
        auto reservation = ring_.reserve(n);
        FUZZ_CHECK(reservation.has_value() && reservation->first() == first);
        reservation->commit();
        for (uint i = 0; i < n; ++i) {
            add(words);
            show(first + i);
        }
    }
    // 32 of them, as one sub-group takes them at once whatever lies behind the first 8, and some more of those.
    void publish_around_holes(const uint* words, uint hole) noexcept {
        for (uint block = 0; block <= words[14] % 4; ++block, hole += 12) {
            const uint at = (words[13] | 1) >> block % 32 & 1 ? hole % lanes::of_a_subgroup : lanes::of_a_subgroup;
            publish(words, at);
            if (at == lanes::of_a_subgroup) continue;
            reserve(words);
            publish(words, lanes::of_a_subgroup - 1 - at);
        }
    }
    // Now and then the slot of the action before.
    void add(const uint* words) noexcept {
        uint own[16];
        std::memcpy(own, (words[15] >> slots_.end() % 32 & 1) != 0 ? last_ : words, 64);
        slots_.add(own);
        ++added_;
    }
    // It is committed: so it has the words that it was given, too.
    void show(std::uint64_t position) noexcept {
        FUZZ_CHECK(*words_.slot(position) == slots_.at(position).given[0]);
        std::memcpy(words_.slot(position), slots_.at(position).given, 64);
        oracle_.publish(position);
    }
    void reserve(const uint* words) noexcept {
        if (holes_ == max_holes || added_ == max_added || !make_room(1)) return;
        hole_[holes_].emplace(*ring_.reserve(1));
        add(words);
        ++holes_;
    }
    void fill(uint which) noexcept {
        if (holes_ == 0) return;
        which %= holes_;
        const std::uint64_t position = hole_[which]->first();
        hole_[which]->commit();
        show(position);
        for (uint i = which + 1; i < holes_; ++i) {
            hole_[i - 1].reset();
            hole_[i - 1].emplace(std::move(*hole_[i]));
        }
        hole_[--holes_].reset();
    }
    void tell(uint what) noexcept {
        if (what == 0) slots_.consume_log();
        else if (what == 1) stop();
        else if (what == 2) revoke();
    }
    void stop() noexcept { words_.word32(SR_RING_STOP) = bounds_.launch; }
    void revoke() noexcept {
        if (!oracle_.is_revoked()) words_.word32(SR_RING_REVOKED) = 1;
        oracle_.revoke();
    }
    // False if the ring is revoked, or there is a hole in front of it.
    bool make_room(uint n) noexcept {
        machine_->hold(0);
        for (uint steps = 0; slots_.end() + n - oracle_.completed() > capacity_; ++steps) {
            if (oracle_.is_revoked()) return false;
            FUZZ_CHECK(steps < patience);
            if (steps > 2000 && holes_ > 0) fill(0);
            if (!machine_->ended()) step();
            if (!machine_->ended()) continue;
            if (steps > 2000) bounds_.max_time = for_ever;  // in none at all a launch need not come to anything
            launch();
        }
        return true;
    }

    // ---- launches ----
    void launch() noexcept {
        if (oracle_.is_revoked()) return;
        if (machine_ && !machine_->ended()) return;
        ++bounds_.launch;
        bounds_.first = ring_.completed();
        oracle_.begin(bounds_, subgroups_, slipring::inside(ring_).claimed());
        teams_.begin(wanted_teams_, sched_[SR_SCHED_TEAM_ASKED]);
        memory_ = slots_.of_device(&words_.word32(SR_RING_REVOKED));
        memory_.local_memory = teams_.local_of_one();
        memory_.local_bytes = lanes_of_a_team * 4;
        memory_.now = &sched_[SR_SCHED_NOW];
        machine_.reset();
        machine_.emplace(
            subgroups_ + teams_.subgroups(), [this](uint subgroup) { run_lane(subgroup); }, seed_ + bounds_.launch,
            lanes::Groups{subgroups_, Teams::subgroups_of_one});
    }
    void run_lane(uint subgroup) noexcept {
        const uint teams = teams_.count();
        if (subgroup < subgroups_)
            return device_drain_lane(&device_ring_, &memory_, &bounds_, sched_.data(), subgroup, subgroups_, teams);
        const sr_team team = teams_.of_lane(subgroup - subgroups_, lanes::Machine::current()->lane());
        device_drain_team_lane(&device_ring_, &memory_, &bounds_, sched_.data(), subgroups_, teams, &team,
                               teams_.board_of(subgroup - subgroups_));
    }
    void step() noexcept {
        machine_->step();
        oracle_.look();
        if (machine_->ended()) oracle_.left();
    }
    // What comes behind an action: steps, without some of the sub-groups.
    void go_on(uint schedule) noexcept {
        if (schedule >> 16 != 0) machine_->reseed(seed_ = schedule >> 16);
        machine_->hold(schedule >> 8 & 255);
        for (uint n = schedule % 256; n > 0 && !machine_->ended(); --n) step();
        if (machine_->ended() && !oracle_.is_revoked()) launch();
    }
    void end(uint how) noexcept {
        if (machine_->ended()) return;
        if (how == 1 || how == 2)
            while (holes_ > 0) fill(0);
        if (how == 1 && bounds_.idle_timeout == for_ever) how = 0;
        if (how == 2) {
            const uint words[16] = {0, SR_OP_SHUTDOWN, 0, 2};
            const uint launched = bounds_.launch;
            publish(words, 1);
            if (bounds_.launch != launched || added_ == max_added) how = 0;
        }
        if (how == 0) stop();
        if (how == 3) revoke();
        run_to_end();
    }
    void run_to_end() noexcept {
        machine_->hold(0);
        for (uint steps = 0; !machine_->ended(); ++steps) {
            FUZZ_CHECK(steps < patience);
            step();
        }
    }

    std::uint32_t capacity_;
    std::uint64_t start_;
    std::span<std::byte> bytes_;
    RingWords words_{bytes_, capacity_};
    Ring ring_;
    Slots slots_;
    std::span<uint> sched_;
    Teams teams_;
    Oracle oracle_{ring_, words_, capacity_, start_, slots_, teams_, sched_};
    std::uint32_t subgroups_, wanted_teams_;
    sr_bounds bounds_;
    uint shift_ = static_cast<uint>(std::countr_zero(capacity_));
    sr_ring device_ring_ = sr_ring_of(reinterpret_cast<uchar*>(bytes_.data()), capacity_ - 1, shift_, shift_);
    sr_memory memory_{};
    std::optional<lanes::Machine> machine_;
    std::optional<Ring::Reservation> hole_[max_holes];
    uint last_[16] = {0, 0, 0, 2};
    std::uint32_t holes_ = 0, added_ = 0, seed_ = 0;
};

}  // namespace

void run(Input& in) {
    Wide wide(in);
    for (uint n = 0; in.more() && n < 32; ++n) {
        uint words[16];
        in.words(words);
        wide.act(words);
    }
    wide.finish();
}
