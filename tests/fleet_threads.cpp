// Four threads on one fleet, whose kernels leave and come back all the time: everything published ends exactly once.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "fleet_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

BOOST_DATA_TEST_CASE(everything_ends_exactly_once, data::make(modes), mode) {
    constexpr std::uint32_t threads = 4;
    constexpr std::uint32_t rounds = 60;
    Fleet fleet = open_two(mode, {.capacity = 32, .idle_timeout = std::chrono::microseconds(0)});
    std::atomic<std::uint32_t> wrong{0};
    std::atomic<std::uint32_t> given[2] = {};  // slots
    std::vector<std::thread> pool;
    for (std::uint32_t t = 0; t < threads; ++t) {
        pool.emplace_back([&, t] {
            const std::array<std::uint32_t, 2> add{1, 160 + t};
            const std::vector<Payload> entries(5, Payload(add));
            const Window window{.opcode = Op::atomic_add, .required = entries};
            const std::vector<Slot> batch(5, atomic_add(1, 160 + t));
            std::uint32_t own[2] = {};  // slots of this thread's, by device
            for (std::uint32_t done = 0; done < rounds;) {
                const auto ticket =
                    done % 2 == 0 ? fleet.publish(window) : fleet.publish(std::span<const Slot>(batch));
                if (!ticket) {
                    if (ticket.error() != Errc::ring_full) ++wrong;
                    std::this_thread::yield();
                    continue;
                }
                ++done;
                given[ticket->device] += 5;
                if (!finishes(fleet, *ticket)) {
                    ++wrong;
                    return;
                }
                const std::uint32_t before = own[ticket->device];
                own[ticket->device] += 5;
                const auto value = fleet.result(*ticket, 4);  // others may have used the slot again
                if (value ? value->value != before + 4 : value.error() != Errc::result_expired) ++wrong;
                if (fleet.outstanding(0) > 32 || fleet.outstanding(1) > 32) ++wrong;
            }
            // And one batch for all devices, as far as it gets.
            std::span<const Slot> rest = batch;
            while (!rest.empty()) {
                const auto spread = fleet.spread(rest, Quiet::yes);
                if (!spread) {
                    if (spread.error() != Errc::ring_full) ++wrong;
                    std::this_thread::yield();
                    continue;
                }
                for (std::uint32_t i = 0; i < spread->count; ++i)
                    given[spread->pieces[i].device] += spread->pieces[i].ticket.count;
                rest = rest.subspan(static_cast<std::size_t>(spread->slots));
                if (!finishes(fleet, *spread)) {
                    ++wrong;
                    return;
                }
            }
        });
    }
    for (std::thread& thread : pool) thread.join();
    BOOST_TEST(wrong.load() == 0u);
    BOOST_TEST(fleet.stats().completed == threads * (rounds + 1) * 5);
    BOOST_TEST(fleet.shutdown().has_value());
    for (std::uint32_t t = 0; t < threads; ++t) BOOST_TEST(sum(fleet, 160 + t) == (rounds + 1) * 5);
    for (const std::size_t i : {0u, 1u}) {
        std::array<std::uint32_t, threads> words{};
        BOOST_REQUIRE(fleet.runtime(i).read_control(160, words).has_value());
        BOOST_TEST(words[0] + words[1] + words[2] + words[3] == given[i].load());
        BOOST_TEST(given[i].load() > 0u);
    }
}
