// Levels of a runtime: which slots run first, and that each level is a ring of its own in everything else.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr Priority every_level[] = {Priority::critical, Priority::high, Priority::normal, Priority::low,
                                    Priority::idle};

Options with_levels(Options options = {}) {
    options.levels = {.critical = 64, .high = 64, .low = 64, .idle = 256};
    options.capacity = 128;
    return options;
}

// One lane, also where the tests run wide: so it is known which slot runs before which.
Options in_order(Options options = {}) {
    options.shape = {1, 1};
    return with_levels(std::move(options));
}

constexpr std::uint32_t word_of = 200;

// Each result says how many ran before.
const Slot next_number = atomic_add(1, word_of);

// Publishes and does not wake: nothing runs before wake().
Ticket put(const Runtime& runtime, Priority level) {
    const auto position = runtime.ring(level)->publish(next_number);
    BOOST_REQUIRE(position.has_value());
    return {.first = *position, .count = 1, .level = level};
}

std::uint64_t value_of(Runtime& runtime, const Ticket& ticket, std::uint32_t index = 0) {
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    const auto result = runtime.result(ticket, index);
    BOOST_REQUIRE(result.has_value());
    BOOST_TEST(result->ok());
    return result->value;
}

}  // namespace

BOOST_DATA_TEST_CASE(what_waits_at_a_higher_level_runs_first, data::make(modes), mode) {
    Runtime runtime = open(mode, in_order());
    std::vector<Ticket> tickets;
    for (std::size_t i = std::size(every_level); i-- > 0;)
        for (int k = 0; k < 3; ++k) tickets.push_back(put(runtime, every_level[i]));
    runtime.wake();
    for (const Ticket& ticket : tickets) {
        const auto level = static_cast<std::uint64_t>(ticket.level);
        BOOST_TEST(value_of(runtime, ticket) == 3 * level + ticket.first);
    }
}

BOOST_DATA_TEST_CASE(a_lower_level_is_served_at_least_once_in_so_many, data::make(modes), mode) {
    Options options = in_order();
    options.lower_every = 8;  // so each of the four has a turn in every two claims' time
    Runtime runtime = open(mode, options);
    std::vector<Ticket> tickets;
    for (int i = 0; i < 60; ++i) tickets.push_back(put(runtime, Priority::critical));
    const Ticket lower = put(runtime, Priority::idle);
    runtime.wake();
    for (const Ticket& ticket : tickets) BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    BOOST_TEST(value_of(runtime, lower) <= 8u);
}

BOOST_DATA_TEST_CASE(each_level_takes_slots_batches_windows_and_quiet_ones, data::make(modes), mode) {
    Runtime runtime = open(mode, with_levels());
    std::uint64_t published = 0;
    for (const Priority level : every_level) {
        const auto one = runtime.publish(store_u32(static_cast<std::uint32_t>(level), 210), Quiet::no, level);
        BOOST_REQUIRE(one.has_value());
        BOOST_TEST((one->level == level));
        BOOST_TEST(one->first == 0u);
        BOOST_TEST(value_of(runtime, *one) == static_cast<std::uint64_t>(level));

        const std::vector<Slot> batch(40, atomic_add(1, 220 + static_cast<std::uint32_t>(level)));
        const auto many = runtime.publish(std::span(batch), Quiet::no, level);
        BOOST_REQUIRE(many.has_value());
        BOOST_REQUIRE(runtime.wait(*many, 1min).has_value());
        std::vector<Result> results(40);
        BOOST_REQUIRE(runtime.results(*many, results).has_value());
        std::ranges::sort(results, {}, &Result::value);  // in some shapes slots run side by side
        for (std::uint64_t i = 0; i < 40; ++i) BOOST_TEST(results[i].value == i);
        BOOST_TEST((many->slice(3, 2).level == level));

        const auto quiet = runtime.publish(std::span(batch), Quiet::yes, level);
        BOOST_REQUIRE(quiet.has_value());
        BOOST_REQUIRE(runtime.wait(*quiet, 1min).has_value());
        BOOST_TEST(control(runtime, 220 + static_cast<std::uint32_t>(level)) == 80u);

        const std::uint32_t required[] = {1, 230, 2, 231}, lookahead[] = {3, 232};
        const Window window{.ticket = 9,
                            .opcode = Op::store_u32,
                            .required = Payloads(required, 2),
                            .lookahead = Payloads(lookahead, 2)};
        const auto windowed = runtime.publish(window, Quiet::no, level);
        BOOST_REQUIRE(windowed.has_value());
        BOOST_TEST(windowed->lookahead == 1u);
        BOOST_TEST((windowed->required_part().level == level));
        BOOST_TEST(value_of(runtime, *windowed, 2) == 3u);

        published += 84;
        BOOST_TEST(runtime.stats().published == published);
        BOOST_TEST(runtime.stats().completed == published);
        BOOST_TEST((inside(*runtime.ring(level)).word(0, SR_WORD_PRIORITY) & SR_PRIORITY_MASK) ==
                   static_cast<std::uint32_t>(level));
    }
    BOOST_REQUIRE(runtime.publish(store_u32(1, 2), Quiet::yes, Priority::idle).has_value());
    BOOST_REQUIRE(runtime.publish(store_u32(1, 2), Quiet::yes, Priority::critical).has_value());
    BOOST_REQUIRE(runtime.shutdown().has_value());
    BOOST_TEST(runtime.stats().faults == 2u);
}

BOOST_DATA_TEST_CASE(a_level_that_is_not_open_takes_nothing, data::make(modes), mode) {
    Options options = with_levels();
    options.levels = {.low = 64};
    Runtime runtime = open(mode, options);
    for (const Priority level : {Priority::critical, Priority::high, Priority::idle, Priority{5}, Priority{~0u}}) {
        BOOST_TEST((runtime.publish(nop(), Quiet::no, level).error() == Errc::level_not_open));
        BOOST_TEST((runtime.wait_for_room(1, 0s, level).error() == Errc::level_not_open));
        BOOST_TEST(runtime.ring(level) == nullptr);
        const Ticket forged{.first = 0, .count = 1, .level = level};
        BOOST_TEST(!runtime.poll(forged));
        BOOST_TEST((runtime.wait(forged, 0s).error() == Errc::bad_ticket));
        BOOST_TEST((runtime.result(forged).error() == Errc::bad_ticket));
        Result result;
        BOOST_TEST((runtime.results(forged, std::span(&result, 1)).error() == Errc::bad_ticket));
    }
    BOOST_TEST(runtime.ring(Priority::normal) == &runtime.ring());
    BOOST_TEST(runtime.ring(Priority::low)->capacity() == 64u);
    BOOST_TEST(run(runtime, store_u32(5, 200)).value == 5u);
}

BOOST_AUTO_TEST_CASE(open_refuses_levels_that_cannot_be) {
    const auto refused = [](Options options) { return Runtime::open(std::move(options)).error().code; };
    BOOST_TEST((refused({.levels = {.critical = 3}}) == Errc::bad_capacity));
    BOOST_TEST((refused({.levels = {.idle = 1}}) == Errc::bad_capacity));
    BOOST_TEST((refused({.levels = {.high = 1u << 25}}) == Errc::bad_capacity));
    BOOST_TEST((refused({.levels = {.low = 64}, .lower_every = 3}) == Errc::bad_options));
    BOOST_TEST((refused({.lower_every = (1u << 16) + 1}) == Errc::bad_options));
}

// A level that is full holds up no other, and its producers wait for its own room.
BOOST_AUTO_TEST_CASE(a_full_level_is_full_alone) {
    Options options = in_order({.ops = {stalling}, .buffers = {release_word}});
    options.hang_timeout = 10min;
    Runtime runtime = open(ExecutionMode::persistent, options);
    const auto held = runtime.publish(slot(stall, {UINT32_MAX / 8}), Quiet::no, Priority::low);
    BOOST_REQUIRE(held.has_value());
    while (inside(*runtime.ring(Priority::low)).claimed() == 0) std::this_thread::yield();
    std::uint32_t taken = 0;
    while (runtime.publish(next_number, Quiet::no, Priority::high)) ++taken;
    BOOST_TEST(taken == 64u);
    BOOST_TEST((runtime.publish(nop(), Quiet::no, Priority::high).error() == Errc::ring_full));
    BOOST_TEST((runtime.wait_for_room(1, 0s, Priority::high).error() == Errc::timed_out));
    BOOST_TEST(runtime.wait_for_room(64, 0s, Priority::critical).has_value());
    const auto idle = runtime.publish(next_number, Quiet::no, Priority::idle);
    const auto critical = runtime.publish(next_number, Quiet::no, Priority::critical);
    BOOST_REQUIRE(critical.has_value());
    word(runtime.buffer("release")).store(1);
    BOOST_TEST(value_of(runtime, *critical) == 0u);  // though it came last
    BOOST_TEST(runtime.wait_for_room(64, 1min, Priority::high).has_value());
    BOOST_TEST(value_of(runtime, *idle) > 15u);  // its turn, not before
}

BOOST_DATA_TEST_CASE(every_level_wakes_a_kernel_that_has_left, data::make(modes), mode) {
    Options options = with_levels();
    options.idle_timeout = 0us;
    Runtime runtime = open(mode, options);
    for (std::uint64_t i = 0; i < 50; ++i)
        for (const Priority level : every_level) {
            const auto ticket = runtime.publish(next_number, Quiet::no, level);
            BOOST_REQUIRE(ticket.has_value());
            BOOST_TEST(value_of(runtime, *ticket) == 5 * i + static_cast<std::uint64_t>(level));
        }
    BOOST_TEST(runtime.stats().launches > 1u);
}

BOOST_DATA_TEST_CASE(producers_at_every_level_at_once, data::make(modes), mode) {
    constexpr std::uint32_t each = 2000;
    Options options = with_levels();
    options.idle_timeout = 20us;
    Runtime runtime = open(mode, options);
    const bool in_order = runtime.device().shape == LaunchShape{1, 1};
    std::array<std::uint32_t, std::size(every_level)> wrong{};
    std::vector<std::thread> producers;
    for (const Priority level : every_level)
        producers.emplace_back([&runtime, &wrong, in_order, level] {
            const auto own = static_cast<std::uint32_t>(level);
            std::uint32_t& bad = wrong[own];
            for (std::uint32_t i = 0; i < each;) {
                const auto ticket = runtime.publish(atomic_add(1, 240 + own), Quiet::no, level);
                if (!ticket) {
                    bad += ticket.error() != Errc::ring_full || !runtime.wait_for_room(1, 1min, level);
                    if (bad != 0) return;
                    continue;
                }
                if (++i % 64 != 0) continue;
                bad += !runtime.wait(*ticket, 1min) || !runtime.result(*ticket)->ok();
                const std::uint64_t before = runtime.result(*ticket)->value;
                bad += in_order ? before != i - 1 : before >= i + 64;
            }
        });
    for (std::thread& producer : producers) producer.join();
    for (const std::uint32_t bad : wrong) BOOST_TEST(bad == 0u);
    BOOST_REQUIRE(runtime.shutdown().has_value());
    BOOST_TEST(runtime.stats().completed == std::size(every_level) * each);
    for (std::uint32_t own = 0; own < std::size(every_level); ++own) BOOST_TEST(control(runtime, 240 + own) == each);
}

// What had been claimed at one level ends as lost; the other levels lose nothing.
BOOST_DATA_TEST_CASE(every_level_goes_on_after_a_lost_device, data::make(modes), mode) {
    Runtime runtime = open(mode, in_order(lossy()));
    const auto early = runtime.publish(store_u32(1, 210), Quiet::no, Priority::idle);
    BOOST_TEST(value_of(runtime, *early) == 1u);
    const Ticket stalled = publish_stall(runtime, stall_alone_on(runtime), Priority::low);
    std::vector<Ticket> waiting;
    for (const Priority level : every_level)
        for (int i = 0; i < 10; ++i) {
            const auto ticket = runtime.publish(slot(tally), Quiet::no, level);
            BOOST_REQUIRE(ticket.has_value());
            waiting.push_back(*ticket);
        }
    is_lost(runtime, stalled);
    for (const Priority level : every_level)
        BOOST_TEST((runtime.publish(nop(), Quiet::no, level).error() == Errc::device_lost));
    const auto recovered = runtime.recover();
    BOOST_REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().text()));

    BOOST_TEST((runtime.result(stalled)->code == Code::device_lost));
    std::uint64_t sum = 0;
    for (const Ticket& ticket : waiting) sum += value_of(runtime, ticket);
    BOOST_TEST(sum == 50u * 49u / 2u);  // each ran once
    BOOST_TEST(runtime.result(*early)->value == 1u);
    BOOST_TEST(runtime.stats().faults == 1u);
    for (const Priority level : every_level) {
        const auto ticket = runtime.publish(store_u32(2, 211), Quiet::no, level);
        BOOST_REQUIRE(ticket.has_value());
        BOOST_TEST(value_of(runtime, *ticket) == 2u);
    }
}
