// Target tenants: the device's drain over the rings of the program and of three tenants, with any rights, launch
// after launch; and hostile slots alone, of no ring. Oracle: the model runs the same slots one after the other, in
// the order that levels and weights make. A slot of another tenant, and an operation that its tenant has no right to,
// is denied and changes nothing. And whatever the model says: a launch changes only words that somebody whose ring it
// served may write.
#include <array>
#include <optional>

#include "../lib/ring_inside.hpp"
#include "drained_ring.hpp"
#include "positions.hpp"

using namespace fuzz;
using slipring::Priority;

namespace fuzz::near {
constexpr std::uint32_t log2_capacity_[] = {0, 1, 2, 3, 4, 5};
constexpr std::uint32_t leaving_[] = {0, 0, 1, 3, 5, 7, 8, 9};
constexpr std::uint32_t id_[] = {1, 2, 3, 7, 0xFFFFFFFF};
constexpr std::uint32_t rights_[] = {0x1017F, 0x1017F, 0x2017F, 0x2017F, 0x17F, 0x301FF, 0x10000, 0x1015F};
constexpr std::uint32_t ops_[] = {1, 2, 3, 0x80000001, 0x80000000, 0xFFFFFFFF, 0};
constexpr std::uint32_t first_[] = {0, 160, 160, 161, 165, 199, 0xFFFFFFFF};
constexpr std::uint32_t count_[] = {1, 2, 39, 40, 41, 96, 96, 200, 256, 0xFFFFFFFF};
constexpr std::uint32_t then_[] = {0,  1,  2,  3,  4,  5,  6,   7,   17,  18,
                                   19, 49, 50, 51, 65, 68, 128, 129, 130, 131};  // ring, launch, many, clock, alone
constexpr std::uint32_t whose_[] = {0, 0, 0, 0, 1, 2, 3, 8, 8, 16, 24, 24};  // and arguments at the ends of ranges
constexpr Field log2_capacity{log2_capacity_}, leaving{leaving_}, id{id_}, rights{rights_}, ops{ops_}, first{first_},
    count{count_}, then{then_}, whose{whose_};
}  // namespace fuzz::near

#define SR_FUZZ_ROW_FIELDS \
    near::id, near::rights, near::ops, near::ops, near::first, near::count, near::first, near::count
constexpr Field head[] = {SR_FUZZ_MEMORY_FIELDS, near::log2_capacity, SR_FUZZ_POSITION_FIELDS, near::leaving,
                          SR_FUZZ_ROW_FIELDS,    SR_FUZZ_ROW_FIELDS,  SR_FUZZ_ROW_FIELDS};
// A slot whose state word says in which ring it is published, how often, whether its last word is what the clock
// shows from now on, and what comes behind it; and whose tenant says whether that is the ring's, and which arguments
// lie at the end of what the tenant may read or write.
constexpr Field record[] = {near::then,      near::opcode,    near::whose,     near::attributes,
                            near::first_arg, near::later_arg, near::later_arg, near::later_arg,
                            near::index,     near::index,     near::index,     near::index,
                            near::index,     near::index,     near::index,     near::index};
const Format format{head, record, 24};

namespace {

// The rings as they stand for the device, and whose each is: a row of the table of tenants, from 1, or the program.
struct Place {
    Priority priority;
    uint level, row;
};
constexpr Place places[] = {
    {Priority::high, 0, 2}, {Priority::normal, 1, 0}, {Priority::normal, 1, 1}, {Priority::normal, 1, 3}};
constexpr std::size_t ring_count = 4, lead_ring = 1, tenant_count = 3, level_count = 2;
constexpr ulong lower_every = 8;
static_assert(SR_RINGS == ring_count && SR_LEAD == lead_ring && SR_TENANTS == tenant_count);
static_assert(SR_LEVELS == level_count && SR_LOWER_EVERY == lower_every);
constexpr ulong unbounded = 256 * ring_count * DrainedRing::max_capacity;

using Flags = std::array<bool, ring_count>;

// Which ring is next, as the manual has it: one of the higher level, if one waits there; but once in `lower_every`
// claims the lower level goes first. Of one level each ring that waits has its turn, of so many slots as its weight
// says; one that ends to wait gives up the rest.
class Turns {
public:
    explicit Turns(const std::array<Rights, ring_count>& rights) noexcept : rights_(rights) {}

    // `waits`: one flag a ring. Of those one is set.
    std::size_t next(const Flags& waits) noexcept {
        const std::size_t first = ++claims_ % lower_every == 0 ? 1 : 0;
        return shares_[first].wait(waits) ? next_of(shares_[first], waits) : next_of(shares_[1 - first], waits);
    }

private:
    struct Share {
        std::size_t begin, end;  // the level's rings
        std::size_t ring;        // whose turn it is
        ulong left = 0;          // slots of it
        bool wait(const Flags& waits) const noexcept {
            for (std::size_t i = begin; i < end; ++i)
                if (waits[i]) return true;
            return false;
        }
    };

    std::size_t next_of(Share& share, const Flags& waits) noexcept {
        if (share.left == 0 || !waits[share.ring]) {
            do share.ring = share.ring + 1 == share.end ? share.begin : share.ring + 1;
            while (!waits[share.ring]);
            share.left = rights_[share.ring].slots_a_turn();
        }
        --share.left;
        return share.ring;
    }

    const std::array<Rights, ring_count>& rights_;
    ulong claims_ = 0;
    Share shares_[level_count] = {{0, lead_ring, lead_ring - 1}, {lead_ring, ring_count, ring_count - 1}};
};

class Sharing {
public:
    explicit Sharing(Input& in) noexcept : memory_(in) {
        const std::uint32_t log2 = 1 + in.word() % 6;
        const std::uint64_t start = hard_position(in, capacity(log2, 0));
        for (std::size_t i = 0; i < ring_count; ++i)
            rings_[i].emplace(bytes_of(i), capacity(log2, i), start + 5 * i, places[i].priority);
        memory_.set_left(0);
        memory_.handlers.buffers.set_running(&running_);
        const std::uint32_t leave = in.word();
        if (leave % 2 == 1) max_time_ = 1 + 256 * (leave / 2 % 4);  // a look at the clock, or several
        asked_to_leave_ = leave / 8 % 4 == 1;
        if (asked_to_leave_) lead().word32(SR_RING_STOP).store(1);
        for (std::size_t i = 0; i < tenant_count; ++i) declare(i, in);
        for (std::size_t i = 0; i < ring_count; ++i)
            if (places[i].row != 0) rights_[i] = tenants_[places[i].row - 1];
    }

    // `whose`: the slot names its ring's tenant, the program, another ring's, or somebody else.
    uint tenant(std::size_t ring, std::uint32_t whose) const noexcept {
        switch (whose) {
            case 1: return 0;
            case 2: return rights_[(ring + 1) % ring_count].id();
            case 3: return rights_[ring].id() ^ 1u << 31;
            default: return rights_[ring].id();
        }
    }

    // Arguments of which one is near the end of a range.
    void move_to_ends(std::size_t ring, uint* words, std::uint32_t which) const noexcept {
        if (which % 2 == 1) words[4] = static_cast<uint>(rights_[ring].end_of_reads() - words[4] % 4);
        if (which / 2 == 1) words[5] = static_cast<uint>(rights_[ring].end_of_writes() - words[5] % 4);
    }

    void add(std::size_t ring, const uint* words) noexcept {
        while (rings_[ring]->is_full()) launch();
        rings_[ring]->add(words);
    }

    void set_now(uint now) noexcept { memory_.set_now(now); }

    void launch() noexcept {
        sr_ring rings[ring_count];
        for (std::size_t i = 0; i < ring_count; ++i) {
            rings[i] = rings_[i]->of_device();
            rings[i].level = places[i].level;
            rings[i].tenant = places[i].row;
        }
        const sr_memory memory = of_device();
        const sr_bounds bounds{++launch_, 0, 0, max_time_, 0};
        keep_words();
        device_drain_serial(rings, &memory, &bounds);
        FUZZ_CHECK(lead().has_left(launch_));

        std::array<std::uint64_t, ring_count> run{};
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < ring_count; ++i) all += run[i] = rings_[i]->run();
        check_words(run);
        Turns turns(rights_);
        for (std::uint64_t n = 0; n < all; ++n) {
            Flags waits{};
            for (std::size_t i = 0; i < ring_count; ++i) waits[i] = !rings_[i]->is_empty();
            const std::size_t next = turns.next(waits);
            FUZZ_CHECK(run[next]-- != 0);
            set_rights(rights_[next]);
            if (rings_[next]->check_next(memory_).code != SR_CODE_OK)
                told_faults_ = ++memory_.control(SR_CONTROL_FAULTS);
        }
        bool empty = true;
        for (const auto& ring : rings_) {
            FUZZ_CHECK(slipring::inside(ring->ring()).claimed() == ring->ring().completed());
            empty = empty && ring->is_empty();
        }
        // All of them; but a bounded launch, or one that is asked to leave, may do so behind 8 or more.
        FUZZ_CHECK(empty || ((max_time_ != unbounded || asked_to_leave_) && all >= 8));
        const uint left = memory_.take_left();
        FUZZ_CHECK(left == launch_ || (left == (launch_ | SR_LEFT_IDLE) && empty));
        memory_.check();
        FUZZ_CHECK(lead().word32(SR_RING_FAULTS).load() == told_faults_);
        asked_to_leave_ = false;
    }

    // Runs a slot of no ring: it is of the first tenant with its word's id, or the program's.
    void run_alone(const uint* words) noexcept {
        uint copy[18] = {};
        std::copy_n(words, 16, copy);
        sr_memory memory = of_device();
        memory.ringless = 1;
        sr_outcome out{};
        device_run_slot(copy, 7, &memory, &out);
        const Rights program;
        const auto whose =
            std::ranges::find_if(tenants_, [&](const Rights& it) { return it.id() != 0 && it.id() == words[2]; });
        set_rights(whose == tenants_.end() ? program : *whose);
        memory_.ringless = true;
        const sr_outcome expected = memory_.run_in_time(words, 7);
        memory_.ringless = false;
        FUZZ_CHECK(out.code == expected.code && out.inner == expected.inner && out.value == expected.value);
        memory_.check();
    }

    void finish() noexcept {
        for (const auto& ring : rings_)
            while (!ring->is_empty()) launch();
        launch();
    }

private:
    static std::uint32_t capacity(std::uint32_t log2, std::size_t ring) noexcept {
        return 1u << (1 + (log2 + 5 * ring) % 6);
    }
    static DrainedRing::Bytes& bytes_of(std::size_t ring) noexcept {
        static DrainedRing::Bytes memory[ring_count];
        return memory[ring];
    }
    slipring::RingInside lead() const noexcept { return slipring::inside(rings_[lead_ring]->ring()); }

    sr_memory of_device() noexcept {
        sr_memory memory = memory_.of_device();
        memory.running = &running_;
        return memory;
    }

    // A host writes no range that ends behind 2^32.
    void declare(std::size_t tenant, Input& in) noexcept {
        std::array<uint, 8> row;
        in.words(row);
        for (const std::size_t range : {4u, 6u}) row[range + 1] = std::min(row[range + 1], ~row[range]);
        tenants_[tenant] = Rights(row);
        memory_.write(32 + 8 * tenant, row);
    }
    void set_rights(const Rights& rights) noexcept {
        memory_.rights = &rights;
        memory_.handlers.tenant = rights.id();
    }

    void keep_words() noexcept { std::ranges::copy(memory_.device_control(), before_.begin()); }
    // `run`: slots of each ring.
    void check_words(const std::array<std::uint64_t, ring_count>& run) const noexcept {
        const auto words = memory_.device_control();
        for (std::size_t word = SR_CONTROL_TENANTS; word < words.size(); ++word) {
            if (words[word] == before_[word]) continue;
            bool may = false;
            for (std::size_t i = 0; i < ring_count; ++i) may = may || (run[i] != 0 && rights_[i].may_write(word));
            FUZZ_CHECK(word >= SR_OBSERVABLE_BASE && may);
        }
    }

    Memory memory_;
    std::array<Rights, tenant_count> tenants_{};  // in the order of their rows
    std::array<Rights, ring_count> rights_{};     // of whose ring it is
    std::array<std::optional<DrainedRing>, ring_count> rings_{};
    std::array<uint, Memory::max_words> before_;
    sr_running running_{};
    uint launch_ = 0;
    ulong max_time_ = unbounded;
    bool asked_to_leave_ = false;
    uint told_faults_ = 0;
};

}  // namespace

void run(Input& in) {
    constexpr std::uint32_t times[] = {1, 12, 1, 40};
    Sharing sharing(in);
    while (in.more()) {
        uint words[16];
        in.words(words);
        const uint then = words[0];
        const std::size_t ring = then % ring_count;
        sharing.move_to_ends(ring, words, words[2] / 8 % 4);
        words[2] = sharing.tenant(ring, words[2] % 8);
        if (then / 64 % 2 == 1) sharing.set_now(words[15]);
        if (then / 128 % 2 == 1) {
            sharing.run_alone(words);
            continue;
        }
        for (std::uint32_t i = 0; i < times[then / 16 % 4]; ++i) sharing.add(ring, words);
        if (then / 4 % 4 == 1) sharing.launch();
    }
    sharing.finish();
}
