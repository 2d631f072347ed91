// Four threads on one runtime: publish, wait, results, control words, log and tables at once, while a kernel without
// patience leaves and comes back all the time.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

BOOST_DATA_TEST_CASE(everything_at_once_loses_nothing, data::make(visible), residency) {
    constexpr std::uint32_t threads = 4;
    constexpr std::uint32_t rounds = 100;
    Runtime runtime = open(residency, {.capacity = 64, .linger = std::chrono::microseconds(0)});
    std::atomic<std::uint32_t> wrong{0};
    std::vector<std::thread> pool;
    for (std::uint32_t t = 0; t < threads; ++t) {
        pool.emplace_back([&, t] {
            const std::vector<Slot> batch(5, atomic_add(1, 160 + t));
            for (std::uint32_t done = 0; done < rounds;) {
                const auto ticket = runtime.publish(std::span<const Slot>(batch));
                if (!ticket) {
                    if (ticket.error() != Errc::ring_full) ++wrong;
                    std::this_thread::yield();
                    continue;
                }
                ++done;
                if (!runtime.wait(*ticket, std::chrono::minutes(2))) {
                    ++wrong;
                    return;
                }
                if (t == 3 && done % 16 == 0 && !runtime.load_dfa(std::vector<std::uint32_t>(256, 0))) ++wrong;
                std::uint32_t word = 0;
                if (!runtime.read_control(160 + t, std::span(&word, 1)) || word != 5 * done) ++wrong;
                const auto value = runtime.result(*ticket, 4);  // others may have used the slot again
                if (value ? value->value != 5 * done - 1 : value.error() != Errc::result_expired) ++wrong;
            }
        });
    }
    for (std::thread& thread : pool) thread.join();
    BOOST_TEST(wrong.load() == 0u);
    BOOST_TEST(runtime.stats().completed == threads * rounds * 5);
    BOOST_TEST(runtime.shutdown().has_value());
}
