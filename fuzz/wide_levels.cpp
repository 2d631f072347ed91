// Target wide_levels: sub-groups of 32 lanes and teams of 64 drain rings of five levels together (cl/wide/levels.h),
// while a host publishes, leaves holes, cancels, promotes, asks them to leave or gives them up, launch after launch;
// the input says which sub-group goes on when. What slots say is no part of it: target wide has hostile ones. Oracle:
// nothing runs before its ring's CLAIMED says so, nor twice, nor in front of a fence that it is behind; a slot ends
// cancelled or has run, and cancelled only if it was asked to; no ring's watermarks overtake each other; and once
// nothing is in the way, every slot finishes.
#define SR_ALONE_AFTER device_alone_after
#define SR_CHUNKS_BESIDE 1u
#define SR_LEVELS 5u
#define SR_LEAD 2u
#define SR_LOWER_EVERY 12u
#define SR_LOOKAHEAD 4u
#define SR_TEAMS 1
static unsigned device_alone_after;
#include "../tests/lanes.hpp"

#include "../cl/shim.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <optional>
#include <vector>

#include <slipring/codec.hpp>
#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "fields.hpp"
#include "fuzz.hpp"
#include "guarded.hpp"
#include "positions.hpp"

using namespace fuzz;
using slipring::Ring;

namespace fuzz::near {
constexpr std::uint32_t log2_capacity_[] = {0, 1, 2, 3, 4, 5, 5, 6};
constexpr std::uint32_t subgroups_[] = {0, 1, 1, 2, 3, 7, 8};
constexpr std::uint32_t teams_[] = {0, 0, 1, 1, 2};
constexpr std::uint32_t bound_[] = {0, 1, 5, 20, 100, 0xFFFFFFFF, 0xFFFFFFFF};
constexpr std::uint32_t alone_after_[] = {3, 200, 200, 200};
// What is done; to which level; how often, or where.
constexpr std::uint32_t what_[] = {0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 10, 10, 11};
constexpr std::uint32_t level_[] = {0, 0, 0, 1, 2, 3, 4, 4};
constexpr std::uint32_t times_[] = {1, 1, 1, 2, 3, 8, 9, 31, 32, 33, 64};
// As in target wide: how many steps, which sub-groups not, and what else is drawn.
constexpr std::uint32_t schedule_[] = {0,     1,      8,      0x20,   0x40,      0xFF,      0xFF,
                                       0xFF,  0xFF,   0x130,  0x160,  0x2FF,     0x240,     0x4FF,
                                       0x840, 0x1440, 0x3C40, 0xC060, 0x1FF0010, 0x2800020, 0x3000060};
constexpr Field log2_capacity{log2_capacity_}, subgroups{subgroups_}, teams{teams_}, bound{bound_},
    alone_after{alone_after_}, what{what_}, level{level_}, times{times_}, schedule{schedule_};
}  // namespace fuzz::near

constexpr Field head[] = {near::log2_capacity, SR_FUZZ_POSITION_FIELDS, near::subgroups, near::teams, near::bound,
                          near::bound,         near::alone_after,       near::schedule};
constexpr Field record[] = {near::what, near::level, near::times, near::schedule};
const Format format{head, record, 24};

namespace {

constexpr uint patience = 2'000'000;  // steps: far more than anything here takes
constexpr uint max_capacity = 128, max_slots = 192, max_holes = 8, max_teams = 2, team_lanes = 64;
constexpr uint first_added = 200;  // a control word for each slot
constexpr ulong for_ever = ~ulong{0};
constexpr slipring::Priority levels[] = {slipring::Priority::critical, slipring::Priority::high,
                                         slipring::Priority::normal, slipring::Priority::low,
                                         slipring::Priority::idle};

enum class Kind { add, says, team, fence, shutdown };
struct Published {
    Kind kind;
    uint level;
    std::uint64_t position;
    bool quiet, asked_to_end = false;
    uint ran = 0, width = 1;  // how many lanes did, of how many
};

class WideLevels;
WideLevels* current = nullptr;  // whose slots run

class WideLevels {
public:
    explicit WideLevels(Input& in) noexcept : capacity_(2u << in.word() % 6) {
        const std::uint64_t start = hard_position(in, capacity_);
        std::size_t scheduled = 0;
        for (std::size_t i = 0; i < SR_RINGS; ++i) {
            const std::span<std::byte> bytes = bytes_of(i).take(*Ring::bytes(capacity(i)));
            const std::size_t shared = *Ring::shared_bytes(capacity(i));
            rings_[i].emplace(*Ring::create(
                {.shared = bytes.first(shared), .producers = bytes.subspan(shared), .window = {}, .level = levels[i]},
                capacity(i), start + 5 * i));
            scheduled += SR_SCHED_WORDS(capacity(i));
        }
        sched_ = sched_memory().take(scheduled);
        std::fill(sched_.begin(), sched_.end(), 0);
        subgroups_ = 2 + in.word() % 9;
        teams_ = in.word() % (max_teams + 1);
        idle_timeout_ = time(in.word());
        max_time_ = time(in.word());
        device_alone_after = in.word() % 256 + 1;
        seed_ = in.word();
        current = this;
        launch();
    }
    ~WideLevels() { current = nullptr; }
    WideLevels(const WideLevels&) = delete;
    WideLevels& operator=(const WideLevels&) = delete;

    void act(const uint* words) noexcept {
        const uint what = words[0] % 12, level = words[1] % SR_LEVELS, times = words[2] % 128;
        const bool quiet = words[0] / 16 % 2 == 1;
        switch (what) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4: publish(static_cast<Kind>(what), level, times, quiet); break;
            case 5: reserve(level); break;
            case 6: fill(times); break;
            case 7: cancel(level, times); break;
            case 8: slipring::inside(*rings_[SR_LOOKAHEAD]).promote(reserved(SR_LOOKAHEAD) - times % 8, level); break;
            case 9:
                if (times == 1) revoke();
                else stop();
                break;
            case 10: critical_trips(level, times % 8); break;
            case 11:
                stop();
                run_to_end();
                subgroups_ = 2 + times % 9;
                launch();
                break;
        }
        go_on(words[3]);
    }

    // Nothing is in the way any more.
    void finish() noexcept {
        while (!holes_.empty()) fill(0);
        if (!revoked_) {
            stop();
            run_to_end();
            idle_timeout_ = 0;
            max_time_ = for_ever;
            for (uint launches = 0; !is_complete(); ++launches) {
                FUZZ_CHECK(launches <= max_slots);  // each goes up to a SHUTDOWN at least
                launch();
                run_to_end();
            }
        }
        run_to_end();
        machine_.reset();
        if (!revoked_) check_all();
    }

    // By every lane that runs it.
    void ran(uint id, uint width) noexcept {
        FUZZ_CHECK(id < slots_.size());
        Published& slot = slots_[id];
        if (slot.ran == 0) slot.width = width;
        FUZZ_CHECK(slot.width == width && slot.ran < width);
        if (slot.ran++ == 0) check_order(id);
    }

    void run_lane(uint subgroup) noexcept {
        if (subgroup < subgroups_)
            return sr_drain_wide(own_.data(), &memory_, &bounds_, sched_.data(), subgroup, subgroups_, teams_);
        const uint group = (subgroup - subgroups_) / 2;
        const sr_team team{(subgroup - subgroups_) % 2 * 32 + sr_lane(), team_lanes,
                           reinterpret_cast<uchar*>(locals_[group].data()), team_lanes * 4};
        sr_drain_team(own_.data(), &memory_, &bounds_, sched_.data(), subgroups_, teams_, &team,
                      boards_[group].data());
    }

private:
    // The word itself, wherever COMPLETED is.
    static std::uint64_t claimed_of(const Ring& ring) noexcept {
        return slipring::inside(ring).word64(SR_RING_CLAIMED).load();
    }
    // What ran now was claimed, and what fences are in front of it waited for.
    void check_order(uint id) const noexcept {
        const Published& slot = slots_[id];
        const std::uint64_t claimed = claimed_of(*rings_[slot.level]);
        FUZZ_CHECK(static_cast<std::int64_t>(claimed - slot.position) > 0);
        bool fenced = false;
        for (uint before = id; before-- != 0;) {
            const Published& other = slots_[before];
            if (other.level != slot.level) continue;
            if (other.kind == Kind::fence && !other.asked_to_end) fenced = true;
            if (fenced && is_seen(other)) FUZZ_CHECK(has_run(before) || other.asked_to_end);
        }
    }
    static bool is_seen(const Published& slot) noexcept {
        return slot.kind == Kind::add || slot.kind == Kind::says || slot.kind == Kind::team;
    }
    bool has_run(uint id) const noexcept {
        return slots_[id].kind == Kind::add ? control_[first_added + id] != 0 : slots_[id].ran != 0;
    }
    // The slots that only add, each to a word of its own, call nobody.
    void look_at_added() noexcept {
        std::erase_if(adding_, [this](uint id) {
            if (control_[first_added + id] == 0) return false;
            slots_[id].ran = 1;
            check_order(id);
            return true;
        });
    }

    static Guarded<std::byte, *Ring::bytes(max_capacity)>& bytes_of(std::size_t level) noexcept {
        static Guarded<std::byte, *Ring::bytes(max_capacity)> memory[SR_RINGS];
        return memory[level];
    }
    static Guarded<uint, SR_RINGS * SR_SCHED_WORDS(max_capacity)>& sched_memory() noexcept {
        static Guarded<uint, SR_RINGS * SR_SCHED_WORDS(max_capacity)> memory;
        return memory;
    }
    static ulong time(uint word) noexcept { return word >= 256 ? for_ever : word; }
    std::uint32_t capacity(std::size_t level) const noexcept {
        return level == SR_LOOKAHEAD ? 2 * capacity_ : capacity_;
    }
    std::uint64_t reserved(uint level) const noexcept { return rings_[level]->reserved(); }
    slipring::RingInside lead() const noexcept { return slipring::inside(*rings_[SR_LEAD]); }
    bool is_complete() const noexcept {
        return std::ranges::all_of(rings_, [](const auto& ring) { return ring->completed() == ring->reserved(); });
    }

    // ---- the host ----
    slipring::Slot slot_of(Kind kind, uint id) const noexcept {
        switch (kind) {
            case Kind::add: return slipring::atomic_add(1, first_added + id);
            case Kind::says: return slipring::slot(slipring::custom_opcode<0x101>(), {id});
            case Kind::team: return slipring::slot(slipring::custom_opcode<0x200>(), {id});
            case Kind::fence: return slipring::batch_fence(1, id);
            case Kind::shutdown: break;
        }
        return slipring::shutdown();
    }
    // One after the other, as far as there is room.
    void publish(Kind kind, uint level, uint times, bool quiet) noexcept {
        if (kind == Kind::team && teams_ == 0) kind = Kind::says;
        for (uint i = 0; i < times && slots_.size() < max_slots; ++i) {
            const auto position = rings_[level]->publish(slot_of(kind, static_cast<uint>(slots_.size())),
                                                         quiet ? slipring::Quiet::yes : slipring::Quiet::no);
            if (!position) return;
            if (kind == Kind::add) adding_.push_back(static_cast<uint>(slots_.size()));
            slots_.push_back({.kind = kind, .level = level, .position = *position, .quiet = quiet});
        }
    }
    // A slot of its own at a higher level, as soon as the one before has finished.
    void critical_trips(uint level, uint trips) noexcept {
        for (uint i = 0; i < trips && !revoked_; ++i) {
            publish(Kind::add, level, 1, false);
            go_on(0xFF);
        }
    }
    void reserve(uint level) noexcept {
        if (holes_.size() == max_holes || slots_.size() == max_slots) return;
        auto reservation = rings_[level]->reserve(1);
        if (!reservation) return;
        reservation->put(slot_of(Kind::says, static_cast<uint>(slots_.size())));
        slots_.push_back({.kind = Kind::says, .level = level, .position = reservation->first(), .quiet = false});
        holes_.push_back(std::make_unique<Ring::Reservation>(std::move(*reservation)));
    }
    void fill(uint which) noexcept {
        if (holes_.empty()) return;
        const auto at = holes_.begin() + static_cast<std::ptrdiff_t>(which % holes_.size());
        (*at)->commit();
        holes_.erase(at);
    }
    // Of the last few slots of a level each.
    void cancel(uint level, uint times) noexcept {
        for (std::size_t id = slots_.size(); id-- != 0 && times != 0;) {
            Published& slot = slots_[id];
            if (slot.level != level) continue;
            --times;
            if (slipring::inside(*rings_[level]).cancel(slot.position)) slot.asked_to_end = true;
        }
    }
    void stop() noexcept { lead().word32(SR_RING_STOP).store(bounds_.launch); }
    void revoke() noexcept {
        lead().word32(SR_RING_REVOKED).store(1);
        revoked_ = true;
    }

    // ---- launches ----
    void launch() noexcept {
        if (revoked_ || (machine_ && !machine_->ended())) return;
        bounds_ = {bounds_.launch + 1, 0, idle_timeout_, max_time_, 0};
        for (std::size_t i = 0; i < SR_RINGS; ++i) {
            const auto shift = static_cast<uint>(std::countr_zero(capacity(i)));
            own_[i] = sr_ring_of(reinterpret_cast<uchar*>(slipring::inside(*rings_[i]).base()), capacity(i) - 1,
                                 shift, shift);
        }
        memory_ = {control_.data(),
                   static_cast<uint>(control_.size()),
                   nullptr,
                   0,
                   log_.data(),
                   0,
                   nullptr,
                   0,
                   nullptr,
                   0,
                   sched_.data() + SR_SCHED_NOW,
                   nullptr};
        memory_.local_memory =
            reinterpret_cast<uchar*>(local_of_one_.data());  // a team operation's, if one lane runs it
        memory_.local_bytes = team_lanes * 4;
        machine_.reset();
        machine_.emplace(
            subgroups_ + 2 * teams_, [this](uint subgroup) { run_lane(subgroup); }, seed_ + bounds_.launch,
            lanes::Groups{subgroups_, 2});
    }
    void step() noexcept {
        machine_->step();
        look_at_added();
        for (const auto& ring : rings_) {
            const std::uint64_t completed = ring->completed(), claimed = claimed_of(*ring);
            FUZZ_CHECK(static_cast<std::int64_t>(claimed - completed) >= 0);
            FUZZ_CHECK(static_cast<std::int64_t>(ring->reserved() - claimed) >= 0);
        }
        if (machine_->ended()) check_left();
    }
    void check_left() const noexcept {
        FUZZ_CHECK((lead().left() & SR_LAUNCH_MASK) == bounds_.launch);
        for (uint word = SR_SCHED_ARRIVED; word <= SR_SCHED_LEFT; word += 32) FUZZ_CHECK(sched_[word] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_ASKED] == sched_[SR_SCHED_QUEUED] && sched_[SR_SCHED_PRINTING] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_TEAM_ASKED] == sched_[SR_SCHED_TEAM_QUEUED]);
    }
    void go_on(uint schedule) noexcept {
        if (schedule >> 16 != 0) machine_->reseed(seed_ = schedule >> 16);
        machine_->hold(schedule >> 8 & 255);
        for (uint n = schedule % 256; n > 0 && !machine_->ended(); --n) step();
        if (machine_->ended()) launch();
    }
    void run_to_end() noexcept {
        machine_->hold(0);
        for (uint steps = 0; !machine_->ended(); ++steps) {
            FUZZ_CHECK(steps < patience);
            step();
        }
    }

    void check_all() const noexcept {
        uint asked = 0;
        for (uint id = 0; id < slots_.size(); ++id) {
            const Published& slot = slots_[id];
            if (is_seen(slot)) FUZZ_CHECK(slot.ran == slot.width || (slot.ran == 0 && slot.asked_to_end));
            FUZZ_CHECK(control_[first_added + id] <= 1);
            if (slot.asked_to_end) ++asked;
            if (slot.quiet) continue;
            const auto state = rings_[slot.level]->state(slot.position);
            if (!state) continue;  // its completion has made room for a later one's
            FUZZ_CHECK(*state == slipring::State::done || *state == slipring::State::cancelled);
            FUZZ_CHECK(*state == slipring::State::done || slot.asked_to_end);
            if (is_seen(slot)) FUZZ_CHECK((*state == slipring::State::done) == (slot.ran != 0));
        }
        FUZZ_CHECK(control_[SR_CONTROL_FAULTS] <= asked);  // one that ends so counts
    }

    std::uint32_t capacity_, subgroups_ = 2, teams_ = 0;
    ulong idle_timeout_ = 0, max_time_ = 0;
    std::array<std::optional<Ring>, SR_RINGS> rings_{};
    std::span<uint> sched_{};
    std::array<sr_ring, SR_RINGS> own_{};
    std::array<uint, first_added + max_slots> control_{};
    std::array<uint, SR_LOG_RECORDS / 4 + SR_LOG_RECORD_WORDS> log_{};
    std::array<std::array<uint, SR_BOARD_WORDS>, max_teams> boards_{};
    std::array<std::array<uint, team_lanes>, max_teams> locals_{};
    std::array<uint, team_lanes> local_of_one_{};
    sr_memory memory_{};
    sr_bounds bounds_{};
    std::optional<lanes::Machine> machine_{};
    std::vector<Published> slots_{};
    std::vector<uint> adding_{};  // of which it is not seen that they have run
    std::vector<std::unique_ptr<Ring::Reservation>> holes_{};
    bool revoked_ = false;
    uint seed_ = 0;
};

}  // namespace

static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong*) {
    if (opcode != 0x101) return SR_CODE_UNKNOWN_OPCODE;
    for (uint naps = args[0] % 4 * 128; naps > 0; --naps) sr_nap();  // some take long
    current->ran(args[0], 1);
    return SR_CODE_OK;
}
static int sr_is_team(uint opcode) { return opcode == 0x200; }
static uint sr_custom_team(uint, const uint* args, const sr_memory*, const sr_team* team, ulong*) {
    current->ran(args[0], team->width);
    return SR_CODE_OK;
}

void run(Input& in) {
    WideLevels rings(in);
    for (uint n = 0; in.more() && n < 40; ++n) {
        uint words[4];
        in.words(words);
        rings.act(words);
    }
    rings.finish();
}
