// Target wide_tenants: sub-groups of 32 lanes and teams of 64 drain the rings of the program and of three tenants
// (cl/shares.h, cl/tenants.h, cl/wide/levels.h), one of whom writes over its slots: states of this lap and of later
// ones, and any other word. The input says which sub-group goes on when. Oracle: each slot of the others runs once,
// with its own tenant's rights, and ends as these say; their words and the system's change by nothing else; no ring
// has more chunks under way than it has slots; and a launch that is asked to leave does.
#define SR_ALONE_AFTER device_alone_after
#define SR_SHARE_CREDIT 2u
#define SR_RINGS 4u
#define SR_TENANTS 3u
#define SR_LEVELS 2u
#define SR_LEAD 1u
#define SR_LOWER_EVERY 8u
#define SR_TEAMS 1
static unsigned device_alone_after;
#include "../tests/lanes.hpp"

#include "../cl/shim.hpp"

#include <algorithm>
#include <array>
#include <bit>
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
constexpr std::uint32_t log2_capacity_[] = {0, 1, 2, 3, 4, 5, 6};
constexpr std::uint32_t subgroups_[] = {0, 1, 1, 2, 3, 7};
constexpr std::uint32_t teams_[] = {0, 0, 1, 1, 2};
constexpr std::uint32_t alone_after_[] = {3, 200, 200, 200};
constexpr std::uint32_t weight_[] = {0, 1, 1, 2, 3, 200};
// What is done, in which ring, how often or where, and with what word.
constexpr std::uint32_t what_[] = {0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 5, 6, 6, 7, 8};
constexpr std::uint32_t ring_[] = {0, 1, 2, 2, 3, 3};
constexpr std::uint32_t where_[] = {1, 1, 2, 3, 8, 9, 15, 24, 30, 31, 32, 33, 34, 64};
constexpr std::uint32_t word_[] = {0,    11,    22,      33,   0x101, 0x200,  SR_OP_MEMCPY, SR_OP_BATCH_FENCE, 0xFFFE,
                                   1000, 2000,  3000,    3001, 4000,  0xFFFF, 1025,         SR_OP_SHUTDOWN,    0x102,
                                   0x02, 0x202, 0x10002, 160,  5,     1};
// As in target wide: how many steps, which sub-groups not, and what else is drawn.
constexpr std::uint32_t schedule_[] = {0,     1,      8,      0x20,   0x40,      0xFF,      0xFF,
                                       0xFF,  0xFF,   0x130,  0x160,  0x2FF,     0x240,     0x4FF,
                                       0x840, 0x1440, 0x3C40, 0xC060, 0x1FF0010, 0x2800020, 0x3000060};
constexpr Field log2_capacity{log2_capacity_}, subgroups{subgroups_}, teams{teams_}, alone_after{alone_after_},
    weight{weight_}, what{what_}, ring{ring_}, where{where_}, word{word_}, schedule{schedule_};
}  // namespace fuzz::near

constexpr Field head[] = {near::log2_capacity, SR_FUZZ_POSITION_FIELDS, near::subgroups, near::teams,
                          near::alone_after,   near::schedule,          near::weight,    near::weight,
                          near::weight};
constexpr Field record[] = {near::what, near::ring, near::where, near::word, near::schedule};
const Format format{head, record, 24};

namespace {

constexpr uint patience = 2'000'000;  // steps: far more than anything here takes
constexpr uint max_capacity = 128, max_slots = 192, max_teams = 2, team_lanes = 64;
constexpr uint hostile = 2;  // the ring of the one who writes over its slots
constexpr uint row_of[SR_RINGS] = {1, 0, 2, 3}, id_of[SR_RINGS] = {11, 0, 22, 33};
constexpr uint words_of[SR_RINGS] = {1000, 2000, 3000, 4000}, own_words = 1000;

enum class Kind { add, says, team, foreign, fence };
struct Published {
    Kind kind;
    uint ring;
    std::uint64_t position;
    uint ran = 0;  // lanes
};

class WideTenants;
WideTenants* current = nullptr;  // whose slots run

class WideTenants {
public:
    explicit WideTenants(Input& in) noexcept : capacity_(2u << in.word() % 7) {
        const std::uint64_t start = hard_position(in, capacity_);
        for (std::size_t i = 0; i < SR_RINGS; ++i)
            rings_[i].emplace(*Ring::create(bytes_of(i).take(*Ring::bytes(capacity_)), capacity_, start + 5 * i));
        sched_ = sched_memory().take(SR_RINGS * SR_SCHED_WORDS(capacity_));
        std::fill(sched_.begin(), sched_.end(), 0);
        subgroups_ = 2 + in.word() % 8;
        teams_ = in.word() % (max_teams + 1);
        device_alone_after = in.word() % 256 + 1;
        seed_ = in.word();
        for (const uint ring : {0u, hostile, 3u}) declare(ring, in.word());
        current = this;
        launch();
    }
    ~WideTenants() { current = nullptr; }
    WideTenants(const WideTenants&) = delete;
    WideTenants& operator=(const WideTenants&) = delete;

    void act(const uint* words) noexcept {
        const uint ring = words[1] % SR_RINGS, times = words[2] % 128;
        switch (words[0] % 9) {
            case 0: publish(Kind::add, ring, times); break;
            case 1: publish(Kind::says, ring, times); break;
            case 2: publish(teams_ == 0 ? Kind::says : Kind::team, ring, times); break;
            case 3: publish(Kind::foreign, ring, 1); break;
            case 4: publish(Kind::fence, SR_LEAD, 1); break;
            case 5: forge(times); break;
            case 6: scribble(words[1], times, words[3]); break;
            case 7: declare(hostile, words[3]); break;
            default: stop(); break;
        }
        go_on(words[4]);
    }
    void finish() noexcept {
        machine_->hold(0);
        for (uint steps = 0; !is_complete(); ++steps) {
            FUZZ_CHECK(steps < patience);
            machine_->ended() ? launch() : step();
        }
        stop();
        run_to_end();
        check_all();
    }

    // 0x101 and 0x200, by each lane.
    void ran(const uint* args, const sr_running& running) noexcept {
        const uint id = running.rights == nullptr ? 0 : running.rights[SR_TENANT_ID];
        if (id == id_of[hostile]) return;
        FUZZ_CHECK(args[0] < slots_.size());
        FUZZ_CHECK(id_of[slots_[args[0]].ring] == id);
        ++slots_[args[0]].ran;
    }
    void run_lane(uint subgroup) noexcept {
        sr_running running{};
        const sr_memory memory = {control_.data(),
                                  static_cast<uint>(control_.size()),
                                  nullptr,
                                  0,
                                  log_.data(),
                                  0,
                                  nullptr,
                                  0,
                                  reinterpret_cast<uchar*>(local_of_one_.data()),  // a team's, if one lane runs it
                                  team_lanes * 4,
                                  sched_.data() + SR_SCHED_NOW,
                                  &running};
        if (subgroup < subgroups_)
            return sr_drain_wide(own_.data(), &memory, &bounds_, sched_.data(), subgroup, subgroups_, teams_);
        const uint group = (subgroup - subgroups_) / 2;
        const sr_team team{(subgroup - subgroups_) % 2 * 32 + sr_lane(), team_lanes,
                           reinterpret_cast<uchar*>(locals_[group].data()), team_lanes * 4};
        sr_drain_team(own_.data(), &memory, &bounds_, sched_.data(), subgroups_, teams_, &team,
                      boards_[group].data());
    }

private:
    static Guarded<std::byte, *Ring::bytes(max_capacity)>& bytes_of(std::size_t ring) noexcept {
        static Guarded<std::byte, *Ring::bytes(max_capacity)> memory[SR_RINGS];
        return memory[ring];
    }
    static Guarded<uint, SR_RINGS * SR_SCHED_WORDS(max_capacity)>& sched_memory() noexcept {
        static Guarded<uint, SR_RINGS * SR_SCHED_WORDS(max_capacity)> memory;
        return memory;
    }
    static std::uint64_t claimed_of(const Ring& ring) noexcept {
        return slipring::inside(ring).word64(SR_RING_CLAIMED).load();
    }
    std::array<uint, SR_TENANT_WORDS> row(uint ring) const noexcept {
        return {id_of[ring],
                0x7Fu | weights_[ring] << SR_TENANT_WEIGHT_SHIFT,
                3,
                0,
                words_of[ring],
                own_words,
                words_of[ring],
                own_words};
    }

    // ---- the host ----
    void declare(uint ring, uint weight) noexcept {
        weights_[ring] = weight % 256;
        std::ranges::copy(row(ring), control_.begin() + SR_CONTROL_TENANTS + (row_of[ring] - 1) * SR_TENANT_WORDS);
    }
    slipring::Slot slot_of(Kind kind, uint ring, uint id) const noexcept {
        switch (kind) {
            case Kind::add: return slipring::atomic_add(1, words_of[ring] + id);
            case Kind::says: return slipring::slot(slipring::custom_opcode<0x101>(), {id});
            case Kind::team: return slipring::slot(slipring::custom_opcode<0x200>(), {id});
            case Kind::fence: return slipring::batch_fence(1, id);
            case Kind::foreign: break;
        }
        const uint others = words_of[(ring + 1) % SR_RINGS];
        switch (id % 3) {
            case 0: return slipring::store_u32(1, others + own_words - 1);
            case 1: return slipring::print(1, 2, 3);
            default: return slipring::memcpy_words(others, words_of[ring], SR_LONG_COPY + 1);
        }
    }
    // One after the other, as far as there is room. Of the hostile one's no note is taken.
    void publish(Kind kind, uint ring, uint times) noexcept {
        if (kind == Kind::foreign && row_of[ring] == 0) kind = Kind::add;
        for (uint i = 0; i < times && slots_.size() < max_slots; ++i) {
            const auto id = static_cast<uint>(slots_.size());
            const auto position = rings_[ring]->publish(slot_of(kind, ring, id).for_tenant(id_of[ring]));
            if (!position) return;
            if (ring != hostile) slots_.push_back({.kind = kind, .ring = ring, .position = *position});
        }
    }
    void store(std::uint64_t position, uint index, uint value) noexcept {
        __atomic_store_n(slipring::inside(*rings_[hostile]).slot(position) + index, value, __ATOMIC_RELEASE);
    }
    // Slots that nobody reserved look as if they were published.
    void forge(uint times) noexcept {
        const std::uint64_t from = claimed_of(*rings_[hostile]);
        for (std::uint64_t at = from; at != from + std::min(times, capacity_); ++at)
            store(at, SR_WORD_STATE, sr_awaited(&own_[hostile], at));
    }
    // Around where the next claim begins.
    void scribble(uint index, uint where, uint value) noexcept {
        store(claimed_of(*rings_[hostile]) + where - 32, index % SR_SLOT_WORDS, value);
    }
    void stop() noexcept { slipring::inside(*rings_[SR_LEAD]).word32(SR_RING_STOP).store(bounds_.launch); }
    bool is_complete() const noexcept {
        for (uint i = 0; i < SR_RINGS; ++i)
            if (i != hostile && rings_[i]->completed() != rings_[i]->reserved()) return false;
        return true;
    }

    // ---- launches ----
    void launch() noexcept {
        bounds_ = {bounds_.launch + 1, 0, ~ulong{0}, ~ulong{0}, 0};
        const auto shift = static_cast<uint>(std::countr_zero(capacity_));
        for (uint i = 0; i < SR_RINGS; ++i) {
            own_[i] = sr_ring_of(reinterpret_cast<uchar*>(slipring::inside(*rings_[i]).base()), capacity_ - 1, shift,
                                 shift);
            own_[i].level = i == 0 ? 0 : 1;
            own_[i].tenant = row_of[i];
        }
        machine_.reset();
        machine_.emplace(
            subgroups_ + 2 * teams_, [this](uint subgroup) { run_lane(subgroup); }, seed_ + bounds_.launch,
            lanes::Groups{subgroups_, 2});
    }
    void step() noexcept {
        machine_->step();
        for (uint i = 0; i < SR_RINGS; ++i) {
            const std::uint64_t completed = rings_[i]->completed(), claimed = claimed_of(*rings_[i]);
            FUZZ_CHECK(static_cast<std::int64_t>(claimed - completed) >= 0);
            if (i != hostile) FUZZ_CHECK(static_cast<std::int64_t>(rings_[i]->reserved() - claimed) >= 0);
        }
        // The lead's state is in front, those of the others in their order.
        const uint* const own = sched_.data() + hostile * SR_SCHED_WORDS(capacity_);
        FUZZ_CHECK(own[SR_SCHED_CLAIMED] <= own[SR_SCHED_RETIRED] + capacity_ || machine_->ended());
        if (machine_->ended()) check_left();
    }
    void check_left() const noexcept {
        FUZZ_CHECK((slipring::inside(*rings_[SR_LEAD]).left() & SR_LAUNCH_MASK) == bounds_.launch);
        FUZZ_CHECK(sched_[SR_SCHED_ASKED] == sched_[SR_SCHED_QUEUED] && sched_[SR_SCHED_PRINTING] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_TEAM_ASKED] == sched_[SR_SCHED_TEAM_QUEUED]);
    }
    void go_on(uint schedule) noexcept {
        if (schedule >> 16 != 0) machine_->reseed(seed_ = schedule >> 16);
        machine_->hold(schedule >> 8 & 255);
        for (uint n = schedule % 256 * 4; n > 0 && !machine_->ended(); --n) step();
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
        std::array<uint, 8192> expected{};
        uint fences = 0;
        for (uint id = 0; id < slots_.size(); ++id) {
            const Published& slot = slots_[id];
            if (slot.kind == Kind::add) expected[words_of[slot.ring] + id] = 1;
            if (slot.kind == Kind::fence) ++fences;
            if (slot.kind == Kind::says) FUZZ_CHECK(slot.ran == 1);
            if (slot.kind == Kind::team) FUZZ_CHECK(slot.ran == team_lanes || slot.ran == 1);
            const auto end = rings_[slot.ring]->completion(slot.position);
            if (!end) continue;  // its completion has made room for a later one's
            FUZZ_CHECK(end->code == (slot.kind == Kind::foreign ? slipring::Code::denied : slipring::Code::ok));
        }
        FUZZ_CHECK(control_[SR_CONTROL_EPOCH] == fences);
        FUZZ_CHECK(log_[SR_LOG_WRITTEN / 4] == 0 && log_[SR_LOG_DROPPED / 4] == 0);
        for (const uint ring : {0u, hostile, 3u}) {
            const auto told = row(ring);
            FUZZ_CHECK(std::equal(told.begin(), told.end(),
                                  control_.begin() + SR_CONTROL_TENANTS + (row_of[ring] - 1) * SR_TENANT_WORDS));
        }
        for (uint word = SR_OBSERVABLE_BASE; word < expected.size(); ++word)
            if (word - words_of[hostile] >= own_words) FUZZ_CHECK(control_[word] == expected[word]);
    }

    std::uint32_t capacity_, subgroups_ = 2, teams_ = 0;
    std::array<uint, SR_RINGS> weights_{};
    std::array<std::optional<Ring>, SR_RINGS> rings_{};
    std::span<uint> sched_{};
    std::array<sr_ring, SR_RINGS> own_{};
    alignas(8) std::array<uint, 8192> control_{};
    std::array<uint, SR_LOG_RECORDS / 4 + SR_LOG_RECORD_WORDS> log_{};
    std::array<std::array<uint, SR_BOARD_WORDS>, max_teams> boards_{};
    std::array<std::array<uint, team_lanes>, max_teams> locals_{};
    std::array<uint, team_lanes> local_of_one_{};
    sr_bounds bounds_{};
    std::optional<lanes::Machine> machine_{};
    std::vector<Published> slots_{};
    uint seed_ = 0;
};

}  // namespace

static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, ulong*) {
    if (opcode != 0x101) return SR_CODE_UNKNOWN_OPCODE;
    for (uint naps = args[0] % 4 * 64; naps > 0; --naps) sr_nap();  // some take long
    current->ran(args, *memory->running);
    return SR_CODE_OK;
}
static int sr_is_team(uint opcode) { return opcode == 0x200; }
static uint sr_custom_team(uint, const uint* args, const sr_memory* memory, const sr_team* team, ulong*) {
    sr_team_barrier(team);
    current->ran(args, *memory->running);
    return SR_CODE_OK;
}
static uint sr_op_number(uint opcode) { return opcode == 0x101 ? 0 : opcode == 0x200 ? 1 : SR_MAX_TENANT_OPS; }

void run(Input& in) {
    WideTenants rings(in);
    for (uint n = 0; in.more() && n < 40; ++n) {
        uint words[5];
        in.words(words);
        rings.act(words);
    }
    rings.finish();
}
