// Windows whose lookahead stands in IDLE's ring: when it runs, what promotes it, and that both parts are published or
// neither is.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr std::uint32_t word_of = 200;

Options with_idle(std::uint32_t lower_every = 0) {
    Options options;
    options.shape = {1, 1};  // also where the tests run wide
    options.levels = {.critical = 64, .high = 64, .low = 64, .idle = 256};
    options.capacity = 128;
    options.lower_every = lower_every;
    options.ops = {stalling};
    options.buffers = {release_word};
    options.hang_timeout = 30s;
    return options;
}

// A window each of whose results says how many operations ran before. Each has another ticket number.
class Numbers {
public:
    Numbers(std::uint32_t required, std::uint32_t lookahead) : ticket_(++tickets), required_(2 * required) {
        for (std::uint32_t i = 0; i < required + lookahead; ++i) words_.insert(words_.end(), {1, word_of});
    }
    Window window() const {
        return {.ticket = ticket_,
                .opcode = Op::atomic_add,
                .required = Payloads(std::span(words_).first(required_), 2),
                .lookahead = Payloads(std::span(words_).subspan(required_), 2)};
    }

private:
    static inline std::uint32_t tickets = 0;
    std::uint32_t ticket_;
    std::size_t required_;
    std::vector<std::uint32_t> words_;
};

WindowTicket publish(Runtime& runtime, const Numbers& numbers, Priority level = Priority::normal) {
    const auto ticket = runtime.publish_apart(numbers.window(), Quiet::no, level);
    BOOST_REQUIRE(ticket.has_value());
    return *ticket;
}

// What is published while a slot stalls waits, whatever its level.
class Stalled {
public:
    explicit Stalled(Runtime& runtime) : runtime_(runtime) { publish_stall(runtime); }
    ~Stalled() {  // in per_launch mode the slot ends by itself: a launch has a copy
        if (runtime_.device().mode == ExecutionMode::persistent) word(runtime_.buffer("release")).store(1);
    }

private:
    Runtime& runtime_;
};

std::vector<std::uint64_t> values(Runtime& runtime, const Ticket& ticket) {
    BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
    std::vector<std::uint64_t> values;
    for (std::uint32_t i = 0; i < ticket.count; ++i) {
        const auto result = runtime.result(ticket, i);
        BOOST_REQUIRE(result.has_value());
        BOOST_REQUIRE(result->ok());
        values.push_back(result->value);
    }
    return values;
}

void ran(Runtime& runtime, const Ticket& ticket, std::uint64_t first) {
    std::vector<std::uint64_t> expected;
    for (std::uint32_t i = 0; i < ticket.count; ++i) expected.push_back(first + i);
    BOOST_TEST(values(runtime, ticket) == expected, boost::test_tools::per_element());
}

}  // namespace

BOOST_DATA_TEST_CASE(lookahead_runs_when_no_required_work_waits, data::make(modes), mode) {
    Runtime runtime = open(mode, with_idle());
    const Numbers first(3, 5);
    std::vector<WindowTicket> windows;
    std::vector<Ticket> others;
    {
        const Stalled stalled(runtime);
        windows = {publish(runtime, first), publish(runtime, {2, 4})};
        for (const Priority level : {Priority::normal, Priority::low}) {
            const auto other = runtime.publish(atomic_add(1, word_of), Quiet::no, level);
            BOOST_REQUIRE(other.has_value());
            others.push_back(*other);
        }
        BOOST_TEST((runtime.progress(windows[0].required).required == Progress::Part{.pending = 3}));
        BOOST_TEST((runtime.progress(windows[0].lookahead).lookahead == Progress::Part{.pending = 5}));
    }
    ran(runtime, windows[0].required, 0);
    ran(runtime, windows[1].required, 3);
    ran(runtime, others[0], 5);
    ran(runtime, others[1], 6);
    ran(runtime, windows[0].lookahead, 7);
    ran(runtime, windows[1].lookahead, 12);
    BOOST_TEST((windows[0].lookahead.level == Priority::idle));
    BOOST_TEST((runtime.progress(windows[0].lookahead).lookahead == Progress::Part{.done = 5}));
    const RingInside idle = inside(*runtime.ring(Priority::idle));
    BOOST_TEST((idle.word(0, SR_WORD_PRIORITY) & SR_PRIORITY_MASK) == SR_PRIORITY_IDLE);
    BOOST_TEST((idle.word(0, SR_WORD_PRIORITY) & SR_FLAG_WINDOWED) != 0u);
    BOOST_TEST(idle.word(0, SR_WORD_ARGS) == first.window().ticket);
    BOOST_TEST(idle.word(0, SR_WORD_ARGS + 1) == SR_CLASS_LOOKAHEAD);
}

// While critical slots publish themselves again and again nothing lower runs, unless the levels have turns.
BOOST_DATA_TEST_CASE(lookahead_starves_only_where_it_may, data::make({0u, 8u}), lower_every) {
    Runtime runtime = open(ExecutionMode::persistent, with_idle(lower_every));
    std::vector<Ticket> critical;
    WindowTicket window;
    {
        const Stalled stalled(runtime);
        window = publish(runtime, {0, 2});
        for (int i = 0; i < 60; ++i) {
            const auto one = runtime.publish(atomic_add(1, word_of), Quiet::no, Priority::critical);
            BOOST_REQUIRE(one.has_value());
            critical.push_back(*one);
        }
    }
    const auto first = values(runtime, window.lookahead).front();
    if (lower_every == 0) BOOST_TEST(first == 60u);
    else BOOST_TEST(first <= 8u);
}

BOOST_DATA_TEST_CASE(promoted_lookahead_goes_in_front_of_its_windows_level, data::make(modes), mode) {
    Runtime runtime = open(mode, with_idle());
    WindowTicket before, window, behind;
    Ticket critical;
    {
        const Stalled stalled(runtime);
        before = publish(runtime, {0, 1});
        window = publish(runtime, {2, 3}, Priority::high);
        behind = publish(runtime, {2, 4});
        critical = runtime.publish(atomic_add(1, word_of), Quiet::no, Priority::critical).value();
        BOOST_TEST(runtime.promote(window).value() == 3u);
    }
    ran(runtime, critical, 0);
    ran(runtime, before.lookahead, 1);  // it stands before the window's in the ring
    ran(runtime, window.lookahead, 2);
    ran(runtime, window.required, 5);
    ran(runtime, behind.required, 7);
    ran(runtime, behind.lookahead, 9);
    BOOST_TEST(runtime.promote(window).value() == 0u);  // it has run
    BOOST_TEST(runtime.promote(behind).value() == 0u);
}

BOOST_DATA_TEST_CASE(of_two_promotions_both_hold, data::make(modes), mode) {
    Runtime runtime = open(mode, with_idle());
    WindowTicket high, normal, last;
    Ticket other;
    {
        const Stalled stalled(runtime);
        high = publish(runtime, {0, 2}, Priority::high);
        normal = publish(runtime, {0, 3});
        last = publish(runtime, {1, 1});
        other = runtime.publish(atomic_add(1, word_of), Quiet::no, Priority::high).value();
        BOOST_TEST(runtime.promote(normal).value() == 3u);
        BOOST_TEST(runtime.promote(high).value() == 2u);
    }
    ran(runtime, high.lookahead, 0);
    ran(runtime, normal.lookahead, 2);
    ran(runtime, other, 5);
    ran(runtime, last.required, 6);
    ran(runtime, last.lookahead, 7);
}

BOOST_DATA_TEST_CASE(what_was_cancelled_stays_so_when_it_is_promoted, data::make(modes), mode) {
    Runtime runtime = open(mode, with_idle());
    if (runtime.device().memory == SharedMemory::bus_window) return;  // none is cancelled there
    WindowTicket window;
    {
        const Stalled stalled(runtime);
        window = publish(runtime, {2, 6});
        BOOST_TEST(runtime.cancel(window.lookahead.slice(0, 2)).value() == 2u);
        BOOST_TEST(runtime.promote(window).value() == 6u);
        BOOST_TEST(runtime.cancel(window.lookahead.slice(5, 1)).value() == 1u);  // and a promoted one can be
    }
    BOOST_REQUIRE(runtime.wait(window.lookahead, 1min).has_value());
    BOOST_TEST((runtime.progress(window.lookahead).lookahead == Progress::Part{.done = 3, .cancelled = 3}));
    ran(runtime, window.lookahead.slice(2, 3), 0);
    ran(runtime, window.required, 3);
}

// ---- both parts or neither ---------------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(a_window_that_does_not_fit_publishes_nothing, data::make(modes), mode) {
    Runtime runtime = open(mode, with_idle());
    const auto refused = [&runtime](const Numbers& numbers, Errc why) {
        const std::uint64_t normal = runtime.ring().reserved(), idle = runtime.ring(Priority::idle)->reserved();
        const auto ticket = runtime.publish_apart(numbers.window());
        BOOST_REQUIRE(!ticket.has_value());
        BOOST_TEST((ticket.error() == why));
        BOOST_TEST(runtime.ring().reserved() == normal);
        BOOST_TEST(runtime.ring(Priority::idle)->reserved() == idle);
    };
    refused({129, 1}, Errc::larger_than_ring);
    refused({1, 257}, Errc::larger_than_ring);
    std::vector<WindowTicket> windows;
    {
        const Stalled stalled(runtime);
        windows.push_back(publish(runtime, {100, 1}));
        refused({28, 1}, Errc::ring_full);  // the stall has a slot too
        windows.push_back(publish(runtime, {1, 250}));
        refused({1, 6}, Errc::ring_full);
        windows.push_back(publish(runtime, {0, 5}));
        windows.push_back(publish(runtime, {26, 0}));
    }
    for (const WindowTicket& window : windows) {
        values(runtime, window.required);
        values(runtime, window.lookahead);
    }
    BOOST_TEST(control(runtime, word_of) == 100u + 1 + 1 + 250 + 5 + 26);
}

BOOST_DATA_TEST_CASE(a_window_in_two_rings_keeps_its_number_until_both_parts_have_ended, data::make(modes), mode) {
    Runtime runtime = open(mode, with_idle());
    const Numbers numbers(2, 3);
    std::optional held = runtime.ring(Priority::idle)->reserve(1);
    BOOST_REQUIRE(held->has_value());
    const WindowTicket window = publish(runtime, numbers);
    BOOST_REQUIRE(runtime.wait(window.required, 1min).has_value());
    BOOST_TEST(runtime.is_in_flight(numbers.window().ticket));
    BOOST_TEST((runtime.publish_apart(numbers.window()).error() == Errc::ticket_in_flight));
    BOOST_TEST((runtime.publish(numbers.window()).error() == Errc::ticket_in_flight));
    held.reset();
    runtime.wake();
    BOOST_REQUIRE(runtime.wait(window.lookahead, 1min).has_value());
    BOOST_TEST(!runtime.is_in_flight(numbers.window().ticket));
    // A window of one ring, too; and one that did not fit keeps nothing.
    const Ring& idle = *runtime.ring(Priority::idle);
    BOOST_REQUIRE(runtime.wait_for_room(idle.capacity(), 1min, Priority::idle).has_value());
    const auto room = idle.reserve(idle.capacity());
    BOOST_REQUIRE(room.has_value());
    BOOST_TEST((runtime.publish_apart(numbers.window()).error() == Errc::ring_full));
    BOOST_TEST(runtime.publish(numbers.window()).has_value());
}

BOOST_AUTO_TEST_CASE(a_window_has_two_parts_where_there_are_two_levels) {
    const Numbers numbers(1, 1);
    const auto refused = [](const auto& result, Errc why) {
        BOOST_REQUIRE(!result.has_value());
        BOOST_TEST((result.error() == why));
    };
    Runtime plain = open(ExecutionMode::persistent);
    refused(plain.publish_apart(numbers.window()), Errc::level_not_open);
    refused(plain.promote({}), Errc::bad_ticket);

    Options options = with_idle();
    options.levels.high = 0;
    Tenant tenant{.id = 7, .quota = 16};
    tenant.writes = tenant.reads = {word_of, 1};
    tenant.opcodes = {Op::atomic_add};
    options.tenants = {tenant};
    Runtime runtime = open(ExecutionMode::persistent, options);
    refused(runtime.publish_apart(numbers.window(), Quiet::no, Priority::idle), Errc::level_not_open);
    refused(runtime.publish_apart(numbers.window(), Quiet::no, Priority::high), Errc::level_not_open);
    Window window = numbers.window();
    window.tenant = 7;
    refused(runtime.publish_apart(window), Errc::level_not_open);
    const std::uint32_t words[] = {1, word_of, 1};
    window = {.opcode = Op::atomic_add, .required = Payloads(words, 2)};
    refused(runtime.publish_apart(window), Errc::payload_not_whole);
    refused(runtime.promote({.required = {}, .lookahead = {.level = Priority::low}}), Errc::bad_ticket);
    refused(runtime.promote({.required = {.level = Priority::high}, .lookahead = {.level = Priority::idle}}),
            Errc::bad_ticket);

    // Beside a tenant's ring the program's window is as ever, quiet too.
    const auto quiet = runtime.publish_apart(numbers.window(), Quiet::yes);
    BOOST_REQUIRE(quiet.has_value());
    BOOST_REQUIRE(runtime.wait(quiet->required, 1min).has_value());
    BOOST_REQUIRE(runtime.wait(quiet->lookahead, 1min).has_value());
    BOOST_TEST(control(runtime, word_of) == 2u);
    BOOST_TEST((runtime.result(quiet->lookahead).error() == Errc::no_result));
    BOOST_REQUIRE(runtime.shutdown().has_value());
    refused(runtime.publish_apart(numbers.window()), Errc::shut_down);
}

// ---- at once -----------------------------------------------------------------------------------------------------

// Each slot ends once, run or cancelled, whoever is faster.
BOOST_DATA_TEST_CASE(cancel_and_promote_race_with_the_kernel, data::make(modes), mode) {
    const Numbers numbers(4, 12);
    const Window window = numbers.window();
    constexpr int rounds = 150;
    Options options = with_idle(8);
    options.shape = {};
    options.levels.idle = 4096;  // no result expires: one that did would count as done
    Runtime runtime = open(mode, options);
    std::atomic<std::uint32_t> done{0}, cancelled{0};
    const auto publish_all = [&](int self) {
        Window whole = window;
        whole.ticket += static_cast<std::uint32_t>(self);
        for (int round = 0; round < rounds; ++round) {
            auto ticket = runtime.publish_apart(whole);
            while (!ticket && ticket.error() == Errc::ring_full) {
                std::this_thread::yield();
                ticket = runtime.publish_apart(whole);
            }
            if (!ticket) return;
            if ((round + self) % 2 == 0) static_cast<void>(runtime.promote(*ticket));
            if (round % 3 == 0) static_cast<void>(runtime.cancel(ticket->lookahead));
            if (!runtime.wait(ticket->required, 1min) || !runtime.wait(ticket->lookahead, 1min)) return;
            const Progress::Part ahead = runtime.progress(ticket->lookahead).lookahead;
            done += ahead.done + runtime.progress(ticket->required).required.done;
            cancelled += ahead.cancelled;
        }
    };
    std::thread other(publish_all, 1);
    publish_all(0);
    other.join();
    BOOST_TEST(done + cancelled == 2u * rounds * 16);
    BOOST_TEST(control(runtime, word_of) == done);
}

BOOST_DATA_TEST_CASE(a_promotion_outlives_the_device, data::make(modes), mode) {
    Options options = lossy();
    options.shape = {1, 1};
    options.levels.idle = 64;
    options.lower_every = 0;
    Runtime runtime = open(mode, options);
    const Ticket stalls = publish_stall(runtime, stall_alone_on(runtime));
    const WindowTicket window = publish(runtime, {2, 3}), behind = publish(runtime, {0, 1});
    BOOST_TEST(runtime.promote(window).value() == 3u);
    is_lost(runtime, stalls);
    BOOST_REQUIRE(runtime.recover().has_value());
    ran(runtime, window.lookahead, 0);
    ran(runtime, window.required, 3);
    ran(runtime, behind.lookahead, 5);
}
