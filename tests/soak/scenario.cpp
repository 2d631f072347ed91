#include "scenario.hpp"

#include <algorithm>
#include <thread>

namespace slipring::soak {
namespace {

using namespace std::chrono_literals;

// By Kind. The times make bulk most of them; the slots are those of a brief run, for each producer.
struct Amount {
    const char* name;
    std::uint32_t rounds;
    std::chrono::milliseconds time;
    std::uint64_t slots;
};
constexpr Amount amounts[kinds] = {
    {"bulk", 4, 400ms, 200'000},       {"results", 2, 200ms, 20'000}, {"leaves", 2, 150ms, 1'000},
    {"relaunches", 2, 150ms, 200'000}, {"full", 2, 150ms, 10'000},    {"pauses", 1, 200ms, 200},
    {"mixed", 3, 150ms, 10'000},       {"marks", 2, 200ms, 10'000},   {"per_launch", 1, 200ms, 2'000},
    {"lost", 2, 200ms, 5'000},
};
const Amount& amount(Kind kind) { return amounts[static_cast<std::uint32_t>(kind)]; }

template <class T, std::size_t N>
T one_of(Random& random, const T (&list)[N]) {
    return list[random.below(N)];
}

// One producer and the kernel fill two cores: in bulk more of them only where there is room.
std::uint32_t bulk_producers(Random& random) {
    const std::uint32_t cores = std::max(std::thread::hardware_concurrency(), 2u);
    return random.once_in(8) ? 2 : 1 + random.below(std::min(cores - 1, 4u));
}

}  // namespace

const char* name(Kind kind) noexcept { return amount(kind).name; }

Kind kind_of(std::uint64_t opening) noexcept {
    return opening % 2 == 0 ? Kind::bulk : static_cast<Kind>(1 + opening / 2 % (kinds - 1));
}

// Neighbours share nothing (splitmix64).
Random random_of(std::uint32_t seed, std::uint64_t opening) {
    std::uint64_t z = (std::uint64_t{seed} << 32) + (opening + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return Random(static_cast<std::uint32_t>((z ^ z >> 31) >> 32));
}

Setting draw_setting(Random& random, Kind kind) {
    Setting setting{.kind = kind, .rounds = amount(kind).rounds};
    setting.capacity = one_of(random, {2u, 64u, 1024u, 8192u});
    switch (kind) {
        case Kind::bulk: setting.capacity = one_of(random, {1024u, 8192u, 8192u, 65536u}); break;
        case Kind::results: setting.capacity = one_of(random, {64u, 1024u, 8192u}); break;
        case Kind::leaves: setting.idle_timeout = one_of(random, {0us, 0us, 2us}); break;
        case Kind::relaunches:
            setting.capacity = one_of(random, {64u, 1024u, 8192u});
            setting.max_launch_time = 1ms, setting.idle_timeout = 1s;
            break;
        case Kind::full: setting.capacity = one_of(random, {2u, 64u}); break;
        case Kind::mixed:
        case Kind::marks:
        case Kind::lost:
            if (random.once_in(3)) setting.idle_timeout = 0us;
            if (random.once_in(3)) setting.max_launch_time = 2ms;
            break;
        case Kind::pauses:
        case Kind::per_launch: break;
    }
    return setting;
}

Plan draw_plan(Random& random, const Setting& setting, bool brief) {
    constexpr std::uint32_t all_ways = single | batch | window | reservation;
    Plan plan{.producers = 1 + random.below(4)};
    plan.ways = 1 + random.below(all_ways);
    plan.max_slots = std::min(setting.capacity, 1 + random.below(64));
    plan.quiet_of_8 = random.below(9);
    plan.unread = 1 + random.below(setting.capacity);
    plan.spins = random.once_in(2);
    plan.time = amount(setting.kind).time;
    plan.slots = UINT64_MAX;
    switch (setting.kind) {
        case Kind::bulk:
            plan.producers = bulk_producers(random);
            plan.ways = random.once_in(4) ? reservation : batch;
            plan.max_slots = std::min(setting.capacity / 4, one_of(random, {64u, 256u, 512u}));
            plan.quiet_of_8 = 8;
            break;
        case Kind::results:
            plan.producers = bulk_producers(random);
            plan.quiet_of_8 = 0;
            plan.unread = setting.capacity / (1 + random.below(4));
            break;
        case Kind::leaves:
            plan.max_slots = std::min(setting.capacity, 3u);
            plan.pause_once_in = 2, plan.pause = 4us;
            plan.leave_once_in = random.once_in(2) ? 50 : 0;
            break;
        case Kind::relaunches: plan.packed_once_in = 4; break;
        case Kind::full: plan.max_slots = 1 + random.below(setting.capacity); break;
        case Kind::pauses: plan.pause_once_in = 1 + random.below(4), plan.pause = 5ms; break;
        case Kind::mixed:
            plan.packed_once_in = 8, plan.fence_once_in = 100, plan.bad_once_in = 50, plan.leave_once_in = 500;
            plan.pause_once_in = random.once_in(2) ? 0 : 50, plan.pause = 100us;
            break;
        case Kind::marks:
        case Kind::lost: plan.fence_once_in = random.once_in(2) ? 0 : 100; break;
        case Kind::per_launch: plan.bad_once_in = 100, plan.packed_once_in = 8; break;
    }
    if (brief) plan.slots = amount(setting.kind).slots, plan.time = 24h;
    return plan;
}

std::string text(const Setting& setting) {
    const std::string idle = setting.idle_timeout ? std::to_string(setting.idle_timeout->count()) + " us" : "default";
    return std::string(name(setting.kind)) + ", capacity " + std::to_string(setting.capacity) + ", idle_timeout " +
           idle + ", max_launch_time " + std::to_string(setting.max_launch_time.count()) + " ms";
}

std::string text(const Plan& plan) {
    std::string ways;
    for (const auto& [way, word] :
         {std::pair{single, "singles"}, {batch, "batches"}, {window, "windows"}, {reservation, "reservations"}})
        if ((plan.ways & way) != 0) ways += (ways.empty() ? "" : ", ") + std::string(word);
    return std::to_string(plan.producers) + " producers of " + ways + ", up to " + std::to_string(plan.max_slots) +
           " slots each, " + std::to_string(plan.quiet_of_8) + " of 8 quiet, " + std::to_string(plan.unread) +
           " unread, " + (plan.spins ? "spinning" : "waiting") + " where the ring is full";
}

}  // namespace slipring::soak
