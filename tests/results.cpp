// A result that is asked for at the very moment that its slot ends: threads that spin on poll, on result or on the
// ring itself, and read the outcome at once, of slots that end in every way.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "patience.hpp"
#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace results {

// Fails in its inner operation `n` % 3, or not at all; each way with values that no other slot has.
Slot some_slot(std::uint32_t n, Result& expected) {
    const std::uint32_t at = n % 4;
    const Slot reads = compare_swap(160, 0xFFFFFFFF, n);  // a word that is always 5
    const Slot fails = store_u32(n, 2);
    const InnerOp good = inner(reads), bad = inner(fails);
    if (n % 8 < 4) {
        expected = {State::done, Code::ok, at == 0 ? 0 : at - 1, 5};
        if (at == 0) return reads;
        const InnerOp ops[] = {good, good, good};
        return *packed(std::span(ops).first(at));
    }
    expected = {State::fault, Code::out_of_range, at == 0 ? 0 : at - 1, 0};
    if (at == 0) return fails;
    const InnerOp ops[] = {at == 1 ? bad : good, at == 2 ? bad : good, bad};
    return *packed(ops);
}

bool same(const Result& a, const Result& b) {
    return a.state == b.state && a.code == b.code && a.inner == b.inner && a.value == b.value;
}

enum class Way { poll, result, last_of_a_batch };

// Publishes and asks for a while; what it got wrong.
std::size_t ask(Runtime& runtime, Way way, std::uint32_t seed) {
    std::size_t wrong = 0;
    const auto enough = std::chrono::steady_clock::now() + std::chrono::milliseconds(80);
    for (std::uint32_t n = seed; wrong == 0 && std::chrono::steady_clock::now() < enough; n += 3) {
        std::vector<Result> expected(way == Way::last_of_a_batch ? 3 : 1);
        std::vector<Slot> slots;
        for (std::uint32_t i = 0; i < expected.size(); ++i) slots.push_back(some_slot(n + i, expected[i]));
        std::expected<Ticket, Errc> ticket;
        if (!eventually([&] {
                if (slots.size() == 1) ticket = runtime.publish(slots[0]);
                else ticket = runtime.publish(std::span<const Slot>(slots));
                return ticket.has_value();
            }))
            return wrong + 1;
        std::expected<Result, Errc> result;
        const auto last = static_cast<std::uint32_t>(slots.size() - 1);
        const bool ended = eventually([&] {
            for (int spin = 0; spin < 1000; ++spin) {
                if (way != Way::result && !runtime.poll(*ticket)) continue;
                result = runtime.result(*ticket, last);
                if (result || result.error() != Errc::not_finished) return true;
                if (way != Way::result) return true;  // poll said that it has ended
            }
            runtime.wake();
            return false;
        });
        wrong += !ended;
        // A thread that was taken off its core for long may find its slot used again.
        const auto expired = [](const auto& one) { return !one && one.error() == Errc::result_expired; };
        for (std::uint32_t i = 0; ended && i <= last; ++i) {
            const auto one = i == last ? result : runtime.result(*ticket, i);
            wrong += !expired(one) && (!one || !same(*one, expected[i]));
        }
    }
    return wrong;
}

}  // namespace results

using namespace results;

BOOST_DATA_TEST_CASE(a_slot_that_has_ended_has_its_result, data::make(modes), mode) {
    for (const bool patient : {true, false}) {
        Options options{.capacity = 1024};
        if (!patient) options.idle_timeout = std::chrono::microseconds(0);
        Runtime runtime = open(mode, options);
        run(runtime, store_u32(5, 160));
        std::atomic<std::size_t> wrong = 0;
        std::vector<std::thread> threads;
        for (const Way way : {Way::poll, Way::result, Way::last_of_a_batch})
            threads.emplace_back([&, way] { wrong += ask(runtime, way, static_cast<std::uint32_t>(way) * 1000); });
        for (std::thread& thread : threads) thread.join();
        BOOST_TEST(wrong.load() == 0u);
        BOOST_TEST(eventually([&] { return runtime.stats().completed == runtime.stats().published; }));
    }
}

// One thread, so that it and the kernel have a core each.
BOOST_DATA_TEST_CASE(one_after_the_other, data::make(modes), mode) {
    Runtime runtime = open(mode);
    run(runtime, store_u32(5, 160));
    for (const Way way : {Way::poll, Way::result, Way::last_of_a_batch}) BOOST_TEST(ask(runtime, way, 7) == 0u);
}

// A reader that lags: with more completions than slots, results stay while the ring goes round.
BOOST_DATA_TEST_CASE(results_stay_while_there_are_completions, data::make(modes), mode) {
    for (const std::uint32_t completions : {0u, 16u, 128u}) {
        Runtime runtime = open(mode, {.capacity = 16, .completions = completions});
        const std::uint32_t kept = completions == 0 ? 16 : completions;
        BOOST_TEST(runtime.ring().completions() == kept);
        std::vector<Ticket> tickets;
        for (std::uint32_t i = 0; i < 3 * kept + 5; ++i) {
            const bool quiet = i % 7 == 3;
            const auto ticket = runtime.publish(atomic_add(1, 160), quiet ? Quiet::yes : Quiet::no);
            BOOST_REQUIRE(ticket.has_value());
            BOOST_REQUIRE(runtime.wait(*ticket, std::chrono::minutes(1)).has_value());
            tickets.push_back(*ticket);
            const std::uint64_t oldest = runtime.ring().oldest_result();
            BOOST_TEST(oldest == std::uint64_t{i} + 1 - kept);
            if (i % 16 != 0 && i + 4 < 3 * kept) continue;
            for (std::uint32_t k = 0; k <= i; ++k) {
                const auto result = runtime.result(tickets[k]);
                const bool expired = static_cast<std::int64_t>(oldest - k) > 0;
                if (expired) BOOST_TEST((!result && result.error() == Errc::result_expired));
                else if (k % 7 == 3) BOOST_TEST((!result && result.error() == Errc::no_result));
                else BOOST_TEST((result && result->value == k));
                BOOST_TEST(runtime.poll(tickets[k]));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(fewer_completions_than_slots_are_refused) {
    for (const std::uint32_t bad : {8u, 15u, 17u, 24u, (1u << 24) + 1, 1u << 25}) {
        const auto runtime = Runtime::open({.device = test_device(), .capacity = 16, .completions = bad});
        BOOST_REQUIRE(!runtime);
        BOOST_TEST((runtime.error().code == Errc::bad_capacity));
        BOOST_TEST(runtime.error().detail.find(std::to_string(bad)) != std::string::npos);
    }
}

// Those of a batch at once, each as result() has it.
BOOST_DATA_TEST_CASE(results_of_a_batch_are_read_at_once, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 32});
    run(runtime, store_u32(5, 160));
    std::vector<Result> expected(16), read(17);
    std::vector<Slot> slots;
    for (std::uint32_t n = 0; n < 16; ++n) slots.push_back(some_slot(n, expected[n]));
    const auto ticket = runtime.publish(std::span<const Slot>(slots));
    BOOST_REQUIRE(ticket.has_value());
    BOOST_REQUIRE(runtime.wait(*ticket, std::chrono::minutes(1)).has_value());

    constexpr Errc none{};
    const auto error = [&](const Ticket& of, std::size_t n) {
        const auto done = runtime.results(of, std::span(read).first(n));
        return done ? none : done.error();
    };
    BOOST_TEST((error(*ticket, 16) == none));
    for (std::uint32_t n = 0; n < 16; ++n) BOOST_TEST(same(read[n], expected[n]));
    BOOST_TEST((error(ticket->slice(5, 2), 2) == none));
    BOOST_TEST((same(read[0], expected[5]) && same(read[1], expected[6]) && same(read[2], expected[2])));
    BOOST_TEST((error(*ticket, 0) == none));
    BOOST_TEST((error(*ticket, 17) == Errc::bad_ticket));

    // Behind a quiet slot there is nothing to find.
    const auto quiet = runtime.publish(nop(), Quiet::yes);
    BOOST_REQUIRE((quiet && runtime.wait(*quiet, std::chrono::minutes(1))));
    BOOST_TEST((error({.first = ticket->first, .count = 17}, 17) == Errc::no_result));
    BOOST_TEST((error({.first = ticket->first, .count = 17}, 16) == none));

    // The first two expire as soon as their places' next positions are reserved. Their completions are there still.
    const std::uint64_t next = runtime.ring().reserved(), until = ticket->first + 2 + runtime.ring().completions();
    {
        auto reservation = runtime.ring().reserve(until - next);
        BOOST_REQUIRE(reservation.has_value());
        BOOST_TEST((error(*ticket, 16) == Errc::result_expired));
        BOOST_TEST((error(*ticket, 2) == Errc::result_expired));
        BOOST_TEST((error(ticket->slice(1, 3), 3) == Errc::result_expired));
        BOOST_TEST((error(ticket->slice(2, 14), 14) == none));
        for (std::uint32_t n = 0; n < 14; ++n) BOOST_TEST(same(read[n], expected[n + 2]));
        BOOST_TEST((error({.first = next, .count = 1}, 1) == Errc::not_finished));
    }
}
