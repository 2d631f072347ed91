#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 sees an overflow in concurrentqueue's bulk calls where a block pointer is never null.
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

#include <utility>

#include "bench.hpp"
#include "queues.hpp"
#include "throughput.hpp"

namespace slipring::bench {
namespace {

struct Contender {
    const char* name;
    bool single_producer;
    std::uint32_t (*capacity)(unsigned producers);
    Throughput (*one)(unsigned producers, std::chrono::nanoseconds length);
    Throughput (*many)(unsigned producers, std::chrono::nanoseconds length);

    bool can(Shape shape) const { return shape.producers == 1 || !single_producer; }
    Throughput run(Shape shape, std::chrono::nanoseconds length) const {
        return (shape.batch == 1 ? one : many)(shape.producers, length);
    }
};

template <class Queue>
constexpr Contender contender(bool single_producer = false) {
    return {Queue::name, single_producer, Queue::capacity, measure<Queue, 1>, measure<Queue, 32>};
}

constexpr Contender contenders[] = {
    contender<RingQueue<false>>(),   contender<RingQueue<true>>(),
#if HAVE_ATOMIC_QUEUE
    contender<AtomicQueue<false>>(), contender<AtomicQueue<true>>(true),
#endif
#if HAVE_CONCURRENTQUEUE
    contender<Moodycamel<false>>(),  contender<Moodycamel<true>>(),
#endif
#if HAVE_BOOST_LOCKFREE
    contender<BoostQueue>(),         contender<BoostSpsc>(true),
#endif
};

constexpr std::chrono::duration<double> shortest_turn{0.002}, longest_turn{0.05};
constexpr unsigned fewest_rounds = 3;

}  // namespace

std::vector<RingNumbers> measure_rings(std::chrono::duration<double> time) {
    struct Cell {
        const Contender* contender;
        Shape shape;
        std::vector<double> turns{};
        bool intact = true;
    };
    std::vector<std::vector<Cell>> by_shape;
    std::size_t cells = 0;
    for (const Shape shape : shapes) {
        auto& row = by_shape.emplace_back();
        for (const Contender& each : contenders)
            if (each.can(shape)) row.push_back({&each, shape});
        cells += row.size();
    }

    // At least 9 turns each if the time allows turns of some length; a tenth of each is warm-up.
    const auto one_round = time / static_cast<double>(cells);
    const auto turn = std::clamp(one_round / 9, shortest_turn, longest_turn);
    const auto rounds = std::max(fewest_rounds, static_cast<unsigned>(one_round / (turn * 1.1)));
    for (unsigned round = 0; round < rounds; ++round) {
        for (auto& row : by_shape) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                Cell& cell = row[(i + round) % row.size()];  // no cell always follows the same neighbour
                const auto length = std::chrono::duration_cast<std::chrono::nanoseconds>(turn);
                const Throughput result = cell.contender->run(cell.shape, length);
                cell.turns.push_back(result.slots_per_s);
                cell.intact &= result.intact;
            }
        }
    }

    std::vector<RingNumbers> numbers;
    for (auto& row : by_shape) {
        for (Cell& cell : row) {
            std::ranges::sort(cell.turns);
            numbers.push_back({cell.contender->name, cell.shape, cell.contender->capacity(cell.shape.producers),
                               quantile(cell.turns, 0.5), quantile(cell.turns, 0.25), quantile(cell.turns, 0.75),
                               cell.intact});
        }
    }
    return numbers;
}

}  // namespace slipring::bench
