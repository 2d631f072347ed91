// Target wide: sub-groups of 32 lanes drain rings of hostile slots together (cl/wide/), while a host publishes,
// leaves holes, asks them to leave or gives them up, launch after launch; the input says which sub-group goes on
// when. Oracle: the model runs the slots one after the other (wide_slots.hpp). At every step a slot is as it was
// given, and its completion as it was before or as the model has it; fences order what is before and behind them, and
// the ring's words say no more than that; a launch ends when it should, and leaves nothing behind that it began; the
// next one on the same scheduler state does the rest.
#include <bit>

#include "../lib/ring_inside.hpp"
#include "../tests/lanes.hpp"

#include "positions.hpp"
#include "wide_alone.hpp"
#include "wide_fields.hpp"
#include "wide_slots.hpp"
#include "wide_teams.hpp"

using namespace fuzz;
using slipring::Ring;

constexpr Field head[] = {near::log2_capacity, SR_FUZZ_POSITION_FIELDS, near::buffer_bytes, near::buffer_bytes,
                          near::log_records,   near::log_counter,       near::log_counter,  near::log_counter,
                          near::choice,        near::subgroups,         near::teams,        near::bound,
                          near::bound,         near::patience,          near::schedule,     near::sched};
// A slot whose state word says what is done, and its tenant what happens then: see Wide::act and Wide::go_on.
constexpr Field record[] = {near::action,      near::wide_opcode, near::schedule, near::wide_attributes,
                            near::wide_first,  near::wide_later,  near::copied,   near::lanes_fault,
                            near::byte_offset, near::high_half,   near::bytes,    near::high_half,
                            near::which,       near::asks,        near::index,    near::mixed};
const Format format{head, record, 8};

namespace {

constexpr ulong for_ever = ~ulong{0};
constexpr uint patience = 200'000;  // steps: far more than anything here takes
constexpr uint max_holes = 8, max_added = 256;

class Wide {
public:
    explicit Wide(Input& in) noexcept
        : capacity_(2u << in.word() % 7), start_(hard_position(in, capacity_)),
          bytes_(ring_memory().take(*Ring::bytes(capacity_))), ring_(*Ring::create(bytes_, capacity_, start_)),
          slots_(in, bytes_, capacity_, start_), sched_(sched_memory().take(SR_SCHED_WORDS(capacity_))),
          completed_(start_), tail_(start_), claimed_(start_), subgroups_(2 + in.word() % 5),
          wanted_teams_(in.word() % (max_teams + 1)), bounds_{0, start_, time(in), time(in), 0} {
        device_alone_after = in.word() % 256 + 1;
        seed_ = in.word();
        set_sched(in.word());
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
        if (!revoked_) {
            end(0);
            bounds_.idle_timeout = 0;
            bounds_.max_time = for_ever;
            do {
                const std::uint64_t completed = completed_;
                launch();
                run_to_end();
                FUZZ_CHECK(completed_ != completed || completed_ == slots_.end());
            } while (completed_ != slots_.end());
        }
        run_to_end();
        for (std::uint32_t i = 0; i < SR_SCHED_TABLES; ++i) FUZZ_CHECK(i % 32 == 0 || sched_[i] == 0);
        machine_.reset();
        if (!revoked_ && wanted_teams_ != 0) run_alone(slots_, teams_, last_, seed_);
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
    std::uint64_t load64(std::size_t offset) const noexcept {
        return *reinterpret_cast<std::uint64_t*>(bytes_.data() + offset);
    }
    uint& word32(std::size_t offset) const noexcept { return *reinterpret_cast<uint*>(bytes_.data() + offset); }
    uint* slot(std::uint64_t position) const noexcept {
        return reinterpret_cast<uint*>(bytes_.data() + SR_RING_SLOTS + position % capacity_ * 64);
    }
    static bool before(std::uint64_t a, std::uint64_t b) noexcept { return static_cast<std::int64_t>(a - b) < 0; }
    // As launches long ago have left it.
    void set_sched(uint old) noexcept {
        std::fill(sched_.begin(), sched_.end(), 0);
        sched_[SR_SCHED_BASE] = sched_[SR_SCHED_QUEUED] = sched_[SR_SCHED_ASKED] = old;
        queued_ = old;
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
        FUZZ_CHECK(*slot(position) == slots_.at(position).given[0]);
        std::memcpy(slot(position), slots_.at(position).given, 64);
        slots_.at(position).published = true;
        slots_.at(position).was_hole = before(position, claimed_);
        while (tail_ != slots_.end() && slots_.at(tail_).published) ++tail_;
        published_since_left_ = published_since_left_ || has_left();
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
    void stop() noexcept { word32(SR_RING_STOP) = bounds_.launch; }
    void revoke() noexcept {
        if (!revoked_) word32(SR_RING_REVOKED) = 1;
        revoked_ = true;
    }
    // False if the ring is revoked, or there is a hole in front of it.
    bool make_room(uint n) noexcept {
        machine_->hold(0);
        for (uint steps = 0; slots_.end() + n - completed_ > capacity_; ++steps) {
            if (revoked_) return false;
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
    bool has_left() const noexcept { return word32(SR_RING_LEFT) == bounds_.launch; }
    // It has not left, or it wants its successor: only after half of its time.
    bool is_there() const noexcept {
        const uint left = word32(SR_RING_LEFT);
        return left == bounds_.launch - 1 ||
               (left == (bounds_.launch | SR_LEFT_WANTED) && bounds_.max_time != for_ever);
    }
    void launch() noexcept {
        if (revoked_) return;
        if (machine_ && !machine_->ended()) return;
        ++bounds_.launch;
        bounds_.first = ring_.completed();
        claimed_ = slipring::inside(ring_).claimed();  // what the last one had claimed and left is claimed again
        claims_ = closed_from_ = claimed_last_ = 0;
        published_since_left_ = has_claimed_ = is_alone_ = false;
        teams_.begin(wanted_teams_, sched_[SR_SCHED_TEAM_ASKED]);
        memory_ = slots_.of_device(&word32(SR_RING_REVOKED));
        memory_.local_memory = teams_.local_of_one();
        memory_.local_bytes = lanes_of_a_team * 4;
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
        look();
        if (machine_->ended()) left();
    }
    // What comes behind an action: steps, without some of the sub-groups.
    void go_on(uint schedule) noexcept {
        if (schedule >> 16 != 0) machine_->reseed(seed_ = schedule >> 16);
        machine_->hold(schedule >> 8 & 255);
        for (uint n = schedule % 256; n > 0 && !machine_->ended(); --n) step();
        if (machine_->ended() && !revoked_) launch();
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

    // ---- the oracle ----
    // Who runs the team slots that this launch runs now. No lanes claim one where there are teams.
    bool is_polled() const noexcept { return sched_[SR_SCHED_STAGE] == SR_STAGE_POLLED; }
    Runner runner() const noexcept {
        return !is_polled() ? Runner::one : teams_.count() != 0 ? Runner::team : Runner::lanes;
    }
    bool is_for_teams(std::uint64_t position) noexcept { return teams_.count() != 0 && slots_.at(position).is_team; }
    // From the last `n` before `claimed` on.
    void check_claim(std::uint64_t claimed, uint n) noexcept {
        uint for_teams = 0, long_copies = 0;
        for (uint k = 1; k <= n; ++k) {
            for_teams += is_for_teams(claimed - k) ? 1 : 0;
            long_copies += slots_.at(claimed - k).is_long_copy ? 1 : 0;
            if (teams_.count() != 0) FUZZ_CHECK(slots_.at(claimed - k).published);
        }
        if (is_polled()) teams_.claim(for_teams, sched_);
        else FUZZ_CHECK(for_teams == 0 || is_alone_);
        // An earlier claim of this launch, up to where those of the last one ended, is not seen: it is part of n.
        const bool is_one = has_claimed_ || claimed_ == bounds_.first;
        if (is_polled() && is_one) FUZZ_CHECK(for_teams == 0 || for_teams + long_copies == n);
    }
    void look() noexcept {
        is_alone_ = is_alone_ || sched_[SR_SCHED_STAGE] == SR_STAGE_ALONE;
        teams_.check(sched_);
        FUZZ_CHECK(is_there() || has_left());
        const std::uint64_t completed = load64(SR_RING_COMPLETED), claimed = load64(SR_RING_CLAIMED);
        FUZZ_CHECK(!before(completed, completed_) && !before(tail_, completed));
        if (claimed != raw_claimed_) {
            // Behind a cut the last sub-group goes on alone at the hole, and claims anew what was claimed and not
            // begun.
            const bool grows = has_claimed_ && !slots_.at(completed_).was_hole;
            FUZZ_CHECK(before(grows ? claimed_ : completed_, claimed) && claimed - completed_ <= capacity_);
            FUZZ_CHECK(!before(slots_.end(), claimed) && slots_.at(claimed - 1).published);
            FUZZ_CHECK(!revoked_ || ++claims_ <= 1);
            claimed_last_ =
                static_cast<uint>(claimed - (has_claimed_ && before(claimed_, claimed) ? claimed_ : completed_));
            check_claim(claimed, claimed_last_);
            has_claimed_ = true;
            raw_claimed_ = claimed_ = claimed;
        }
        FUZZ_CHECK(!before(claimed_, completed));
        for (std::uint64_t p = completed_; p != slots_.end(); ++p) {
            const Slots::Slot& s = slots_.at(p);
            if (s.published) FUZZ_CHECK(std::memcmp(slot(p), s.given, 64) == 0);  // the device writes no slot
            if (s.ran || !slots_.has_completion(p)) continue;
            FUZZ_CHECK(before(p, claimed_));
            slots_.check_ended(p, completed_, runner());
        }
        for (; completed_ != completed; ++completed_) {
            FUZZ_CHECK(slots_.at(completed_).ran || slots_.at(completed_).quiet);
            slots_.pass(completed_, runner());
        }
        check_words();
    }
    // The last one of a launch with teams leaves it to the next launch, whose teams may run long copies as well.
    bool waits_for_a_team(std::uint64_t position) noexcept {
        return is_for_teams(position) || (teams_.count() != 0 && slots_.at(position).is_long_copy);
    }
    void check_words() noexcept {
        // Workers have asked for what is handed to them; for whole entries each of them may ask a moment later.
        const uint queued = sched_[SR_SCHED_QUEUED];
        const int ahead = static_cast<int>(queued - sched_[SR_SCHED_ASKED]);
        if (std::exchange(queued_, queued) != queued)
            FUZZ_CHECK(ahead <= (claimed_last_ % lanes::of_a_subgroup == 0 ? static_cast<int>(subgroups_ - 2) : 0));
        const uint faults = word32(SR_RING_FAULTS);
        FUZZ_CHECK(faults - slots_.faults() <= slots_.faults_behind());
        if (sched_[SR_SCHED_FINISHED] != 0 && closed_from_++ == 0) closed_at_ = completed_;
    }
    // A launch has ended.
    void left() noexcept {
        const uint told_next = slots_.take_left();
        FUZZ_CHECK(has_left() && (told_next & SR_LAUNCH_MASK) == bounds_.launch);
        // A slot that a sub-group found when it said that it has left was published in time.
        FUZZ_CHECK((told_next & SR_LEFT_IDLE) == 0 || published_since_left_ || completed_ == tail_);
        FUZZ_CHECK(word32(SR_RING_STOP) <= bounds_.launch && word32(SR_RING_REVOKED) == (revoked_ ? 1 : 0));
        FUZZ_CHECK(ring_.reserved() == slots_.end());
        for (std::uint64_t p = completed_; p != slots_.end(); ++p) {
            const Slots::Slot& s = slots_.at(p);
            if (s.ran) FUZZ_CHECK(revoked_);
            else if (!s.quiet || !revoked_ || !before(p, claimed_)) slots_.check_untouched(p);
        }
        for (uint word = SR_SCHED_ARRIVED; word <= SR_SCHED_LEFT; word += 32) FUZZ_CHECK(sched_[word] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_ASKED] == sched_[SR_SCHED_QUEUED] && sched_[SR_SCHED_PRINTING] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_TEAM_ASKED] == sched_[SR_SCHED_TEAM_QUEUED]);
        if (revoked_) return slots_.check_log();
        FUZZ_CHECK(word32(SR_RING_FAULTS) == slots_.faults());
        slots_.check_all(completed_);
        // What was claimed has run, but for what is behind a slot that was claimed before it was published.
        FUZZ_CHECK(completed_ == claimed_ || completed_ == tail_ || slots_.at(completed_).was_hole);
        // A launch that was not told to leave has looked again since it said that it has left, unless much came while
        // it did.
        const bool told = bounds_.max_time != for_ever || word32(SR_RING_STOP) == bounds_.launch;
        FUZZ_CHECK(told || published_since_left_ || completed_ == tail_ || completed_ - closed_at_ >= 8 ||
                   waits_for_a_team(completed_));
    }

    std::uint32_t capacity_;
    std::uint64_t start_;
    std::span<std::byte> bytes_;
    Ring ring_;
    Slots slots_;
    std::span<uint> sched_;
    std::uint64_t completed_, tail_, claimed_, raw_claimed_ = claimed_, closed_at_ = 0;
    std::uint32_t subgroups_, wanted_teams_;
    Teams teams_;
    sr_bounds bounds_;
    uint shift_ = static_cast<uint>(std::countr_zero(capacity_));
    sr_ring device_ring_ = sr_ring_of(reinterpret_cast<uchar*>(bytes_.data()), capacity_ - 1, shift_, shift_);
    sr_memory memory_{};
    std::optional<lanes::Machine> machine_;
    std::optional<Ring::Reservation> hole_[max_holes];
    uint last_[16] = {0, 0, 0, 2};
    std::uint32_t queued_ = 0, claimed_last_ = 0, holes_ = 0, added_ = 0, seed_ = 0, claims_ = 0, closed_from_ = 0;
    bool revoked_ = false, published_since_left_ = false, has_claimed_ = false, is_alone_ = false;
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
