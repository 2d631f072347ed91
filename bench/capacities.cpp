// What the capacity of the ring is worth to one producer. It republishes the same batch of quiet slots on each ring:
// only the memory that the ring takes differs, and how many slots may be in flight.
#include <vector>

#include "drive.hpp"

namespace slipring::bench {
namespace {

constexpr std::uint32_t capacities[] = {1u << 8, 1u << 10, 1u << 12, 1u << 14, 1u << 16, 1u << 18};
constexpr unsigned batch = 64;  // four of them fill the smallest ring
constexpr unsigned max_rounds = 5;
constexpr Seconds shortest_turn{0.005};  // of several
constexpr std::size_t max_samples = 400'000;
constexpr std::chrono::milliseconds idle_timeout{1};

struct Contender {
    Runtime runtime;
    std::vector<double> rates{}, publish_ns{};

    // Each slot of the ring once: its pages are there afterwards, the kernel has started, and no launch pends.
    Done go_round(std::span<const Slot> slots) {
        Ticket last;
        for (std::uint32_t i = 0; i < runtime.ring().capacity(); i += batch) {
            const auto ticket = publish(runtime, slots, Quiet::yes);
            if (!ticket) return std::unexpected(ticket.error());
            last = *ticket;
        }
        return finish(runtime, last);
    }

    // Until the last slot has ended. The time of a call of publish counts for the producer if it found room.
    Done turn(std::span<const Slot> slots, Seconds length) {
        Ticket last;
        std::uint64_t published = 0;
        const auto begin = Clock::now();
        const auto end = begin + std::chrono::duration_cast<Clock::duration>(length);
        const auto stuck = end + patience;
        for (auto now = begin; now < end || published == 0;) {
            const auto ticket = runtime.publish(slots, Quiet::yes);
            const auto after = Clock::now();
            if (ticket) {
                last = *ticket;
                published += batch;
                if (publish_ns.size() < max_samples)
                    publish_ns.push_back(std::chrono::duration<double, std::nano>(after - now).count());
                now = after;
            } else if (ticket.error() != Errc::ring_full) {
                return std::unexpected(ticket.error());
            } else if (after > stuck) {
                return std::unexpected(Errc::timed_out);
            } else {
                std::this_thread::yield();
                now = Clock::now();
            }
        }
        if (auto done = finish(runtime, last); !done) return done;
        rates.push_back(static_cast<double>(published) / Seconds(Clock::now() - begin).count());
        return {};
    }
};

}  // namespace

std::expected<void, Error> measure_capacities(const Options& base, Seconds time, DeviceNumbers& to) {
    const auto failed = [](Errc code) { return std::unexpected(Error{code, "while measuring capacities"}); };
    std::vector<Slot> slots;
    slots.reserve(batch);
    for (unsigned i = 0; i < batch; ++i) slots.push_back(store_u32(i, SR_OBSERVABLE_BASE + i));
    std::vector<Contender> contenders;
    Options options = base;
    options.idle_timeout = idle_timeout;
    for (const std::uint32_t capacity : capacities) {
        options.capacity = capacity;
        auto runtime = Runtime::open(options);
        if (!runtime) return std::unexpected(runtime.error());
        contenders.push_back({std::move(*runtime)});
    }

    const Seconds each = time / static_cast<double>(contenders.size());
    const unsigned rounds = each / max_rounds >= shortest_turn ? max_rounds : 1;
    for (unsigned round = 0; round < rounds; ++round) {
        for (Contender& contender : contenders) {
            std::this_thread::sleep_for(5 * idle_timeout);  // the kernel of the one before leaves
            if (auto ok = contender.go_round(slots); !ok) return failed(ok.error());
            if (auto ok = contender.turn(slots, each / rounds); !ok) return failed(ok.error());
        }
    }
    to.capacities_batch = batch;
    for (Contender& contender : contenders)
        to.capacities.push_back({contender.runtime.ring().capacity(), median(std::move(contender.rates)),
                                 median(std::move(contender.publish_ns)) / batch});
    return {};
}

}  // namespace slipring::bench
