// Threads on one runtime; under ThreadSanitizer, too, which does not see the kernel (tsan.hpp).
//
// Four of them: publish, wait, results, control words, log and tables at once, while a kernel without patience leaves
// and comes back all the time.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "patience.hpp"
#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

// Fewer where three groups and all threads share the cores: each round then waits for several of them to have a turn.
std::uint32_t rounds_of(std::uint32_t most) {
    return std::getenv("SLIPRING_TEST_SHAPE") == nullptr ? most : most * 2 / 5;
}

}  // namespace

BOOST_DATA_TEST_CASE(everything_at_once_loses_nothing, data::make(modes), mode) {
    constexpr std::uint32_t threads = 4;
    const std::uint32_t rounds = rounds_of(100);
    Runtime runtime = open(mode, {.capacity = 64, .idle_timeout = std::chrono::microseconds(0)});
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

namespace {

constexpr auto take_in = custom_opcode<0x300>();

// Its result is the word of its input that its argument names.
const CustomOp taking_in{.opcode = 0x300,
                         .name = "take_in",
                         .source = R"(
uint take_in(sr_args a, const sr_buffers* b, ulong* result) {
    if (a.word[0] >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    *result = ((__global const uint*)b->at[0])[a.word[0]];
    return SR_CODE_OK;
}
)",
                         .buffers = {"input"}};

}  // namespace

// A user's program: two threads write one word of an input buffer in turn, each when the slot that read the other's
// has ended. All that each knows of the other is a number, and that is relaxed: the order of the writes is the one
// that publish, the kernel and the wait make. ThreadSanitizer sees the two of the host's, and no race.
BOOST_DATA_TEST_CASE(memory_goes_from_thread_to_thread_through_the_kernel, data::make(modes), mode) {
    const std::uint32_t rounds = rounds_of(200);
    enum class Way { wait, wait_for_quiet, result };
    for (const Way way : {Way::wait, Way::wait_for_quiet, Way::result}) {
        const Quiet quiet = way == Way::wait_for_quiet ? Quiet::yes : Quiet::no;
        Runtime runtime =
            open(mode, {.capacity = 4, .ops = {taking_in}, .buffers = {{.name = "input", .bytes = 64}}});
        auto* const word = reinterpret_cast<std::uint32_t*>(runtime.buffer("input").data());
        std::atomic<std::uint32_t> wrong{0}, published{0};  // of slots, one a round, at the position of that number
        const auto turn = [&](std::uint32_t self) {
            for (std::uint32_t round = self; round < rounds && wrong.load() == 0; round += 2) {
                if (!eventually([&] { return published.load(std::memory_order_relaxed) >= round; })) ++wrong;
                const Ticket before{round - 1, 1, quiet};
                if (round > 0 && way == Way::result) {
                    std::expected<Result, Errc> result = std::unexpected(Errc::not_finished);
                    eventually([&] {
                        runtime.wake();
                        result = runtime.result(before);
                        return result.has_value() || result.error() != Errc::not_finished;
                    });
                    if (!result || result->value != round - 1) ++wrong;
                } else if (round > 0 && !runtime.wait(before, std::chrono::minutes(1))) {
                    ++wrong;
                }
                *word = round;
                std::expected<Ticket, Errc> ticket = std::unexpected(Errc::ring_full);
                eventually([&] {  // a kernel that is busy gives slots back a little later than it ends them
                    ticket = runtime.publish(slot(take_in, {0}), quiet);
                    return ticket.has_value() || ticket.error() != Errc::ring_full;
                });
                if (!ticket || ticket->first != round) ++wrong;
                published.store(round + 1, std::memory_order_relaxed);
            }
        };
        std::thread other(turn, 1);
        turn(0);
        other.join();
        BOOST_TEST(wrong.load() == 0u);
        BOOST_TEST(runtime.shutdown().has_value());
    }
}
