// Slots a second through the device, in every shape. Producers republish slots that were made beforehand.
#include <algorithm>
#include <atomic>
#include <thread>

#include "drive.hpp"

namespace slipring::bench {
namespace {

constexpr unsigned producer_counts[] = {1, 2, 4, 8};
constexpr unsigned batches[] = {1, 8, 32, 128, 512, 2048, 8192};
constexpr unsigned some_batches[] = {32, 512};  // for what the plot does not show
constexpr unsigned max_rounds = 3;
constexpr Seconds shortest_turn{0.005};  // of several

// Stores to words that differ, as real work would.
Slot store(unsigned i) { return store_u32(i, SR_OBSERVABLE_BASE + i % 1024); }

std::vector<Slot> make_slots(Want want, unsigned count) {
    std::vector<Slot> slots;
    for (unsigned i = 0; i < count; ++i) {
        if (want != Want::packed) {
            slots.push_back(store(i));
        } else {
            const Slot a = store(i), b = store(i + 1), c = store(i + 2), d = store(i + 3);
            if (const auto four = packed({inner(a), inner(b), inner(c), inner(d)})) slots.push_back(*four);
        }
    }
    return slots;
}

class Producer {
public:
    Producer(Runtime& runtime, Want want, Shape shape)
        : runtime_(runtime), want_(want), slots_(make_slots(want, shape.batch)),
          in_flight_(std::max<std::size_t>(1, runtime.ring().capacity() / (2 * shape.producers * shape.batch))),
          results_(shape.batch) {}

    // Publishes until the time is up, and waits for what it published; the slots that ended as wanted.
    std::uint64_t run(Clock::time_point end) {
        const unsigned clock_every = std::max(1u, 512u / static_cast<unsigned>(slots_.size()));
        do {
            for (unsigned i = 0; i < clock_every && !failed; ++i) publish_batch();
        } while (!failed && Clock::now() < end);
        if (want_ == Want::result)
            while (!failed && oldest_ != newest_) read_oldest();
        last_.quiet = Quiet::yes;  // to be told by the ring, which knows of everything before it too
        if (!failed && last_.count != 0) note(finish(runtime_, last_));
        return ended_;
    }

    std::optional<Errc> failed{};

private:
    void note(const Done& done) {
        if (!done) failed = done.error();
    }

    void publish_batch() {
        const Quiet quiet = want_ == Want::quiet || want_ == Want::packed ? Quiet::yes : Quiet::no;
        const auto ticket = slots_.size() == 1 ? publish(runtime_, slots_[0], quiet)
                                               : publish(runtime_, std::span<const Slot>(slots_), quiet);
        if (!ticket) {
            failed = ticket.error();
            return;
        }
        last_ = *ticket;
        if (want_ != Want::result) {
            ended_ += ticket->count;
            return;
        }
        if (newest_ - oldest_ == in_flight_.size()) read_oldest();
        in_flight_[newest_++ % in_flight_.size()] = *ticket;
    }

    // A result that another producer's slot has replaced, because this thread was held up, does not count.
    void read_oldest() {
        const Ticket ticket = in_flight_[oldest_++ % in_flight_.size()];
        note(finish(runtime_, ticket));
        if (!failed && runtime_.results(ticket, results_)) {
            ended_ += ticket.count;
            return;
        }
        for (std::uint32_t i = 0; i < ticket.count && !failed; ++i) {
            const auto result = runtime_.result(ticket, i);
            if (result) ++ended_;
            else if (result.error() != Errc::result_expired) failed = result.error();
        }
    }

    Runtime& runtime_;
    Want want_;
    std::vector<Slot> slots_;
    std::vector<Ticket> in_flight_;  // whose results are yet to be read; no more than half the ring in all
    std::size_t oldest_ = 0, newest_ = 0;
    std::vector<Result> results_;
    Ticket last_{};
    std::uint64_t ended_ = 0;
};

std::expected<double, Errc> turn(Runtime& runtime, Want want, Shape shape, Seconds length) {
    const auto ticks = std::chrono::duration_cast<Clock::duration>(length);
    std::vector<Producer> producers;
    producers.reserve(shape.producers);
    for (unsigned i = 0; i < shape.producers; ++i) producers.emplace_back(runtime, want, shape);

    std::atomic<std::uint64_t> ended{0};
    std::atomic<bool> go{false};
    Clock::time_point begin;
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 1; i < shape.producers; ++i)
            threads.emplace_back([&, i] {
                while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
                ended.fetch_add(producers[i].run(begin + ticks), std::memory_order_relaxed);
            });
        begin = Clock::now();
        go.store(true, std::memory_order_release);
        ended.fetch_add(producers[0].run(begin + ticks), std::memory_order_relaxed);
    }
    const Seconds took = Clock::now() - begin;
    for (const Producer& each : producers)
        if (each.failed) return std::unexpected(*each.failed);
    return static_cast<double>(ended.load()) / took.count();
}

struct Cell {
    Want want;
    Shape shape;
    std::vector<double> turns{};
};

std::vector<Cell> cells(std::uint32_t capacity) {
    std::vector<Cell> made;
    const unsigned most = std::max(1u, std::thread::hardware_concurrency());
    for (const Want want : wants) {
        const bool plotted = want == Want::quiet || want == Want::state;
        const std::span<const unsigned> sizes = plotted ? std::span<const unsigned>(batches) : some_batches;
        for (const unsigned producers : producer_counts)
            for (const unsigned batch : sizes)
                if (producers <= most && std::uint64_t{producers} * batch <= capacity / 2)
                    made.push_back({want, {producers, batch}});
    }
    return made;
}

}  // namespace

Done measure_rates(Runtime& runtime, Seconds time, DeviceNumbers& to) {
    std::vector<Cell> all = cells(runtime.ring().capacity());
    const Seconds each = time / static_cast<double>(all.size());
    const unsigned rounds = each / max_rounds >= shortest_turn ? max_rounds : 1;
    for (unsigned round = 0; round < rounds; ++round) {
        for (Cell& cell : all) {
            const auto rate = turn(runtime, cell.want, cell.shape, each / rounds);
            if (!rate) return std::unexpected(rate.error());
            cell.turns.push_back(*rate);
        }
    }
    to.rate_capacity = runtime.ring().capacity();
    for (Cell& cell : all) to.rates.push_back({cell.want, cell.shape, median(std::move(cell.turns))});
    return {};
}

}  // namespace slipring::bench
