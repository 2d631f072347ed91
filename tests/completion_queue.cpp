// Completion queues: each ticket comes back once, with its tag, in the order of finishing, however it ends.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include <slipring/completion_queue.hpp>

#include "lost_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

CompletionQueue queue_of(Runtime& runtime) {
    auto queue = CompletionQueue::open(runtime);
    BOOST_REQUIRE(queue.has_value());
    return std::move(*queue);
}

Finished next_of(CompletionQueue& queue) {
    const auto next = queue.wait_any(1min);
    BOOST_REQUIRE_MESSAGE(next.has_value(), (next ? "" : message(next.error())));
    return *next;
}

void is_empty(CompletionQueue& queue) {
    BOOST_TEST(queue.pending() == 0u);
    BOOST_TEST(!queue.poll_any().has_value());
    for (const auto time : {0ms, 1ms}) {
        const auto none = queue.wait_any(time);
        BOOST_TEST((!none && none.error() == Errc::timed_out));
    }
}

template <class... Args>
Ticket published(Runtime& runtime, const Args&... args) {
    const auto ticket = runtime.publish(args...);
    BOOST_REQUIRE(ticket.has_value());
    return *ticket;
}

// With a slot that is slow until it is let go, in a kernel that leaves meanwhile for no other reason.
Options with_slow_slots(LaunchShape shape) {
    return {.shape = shape,
            .ops = {stalling},
            .buffers = {release_word},
            .idle_timeout = 10min,
            .max_launch_time = 10min,
            .hang_timeout = 20min};
}
const Slot slow = slot(stall, {UINT32_MAX / 8});
void let_go(Runtime& runtime) { word(runtime.buffer("release")).store(1); }

}  // namespace

BOOST_DATA_TEST_CASE(every_kind_of_ticket_comes_back_once_with_its_tag, data::make(modes), mode) {
    Runtime runtime = open(mode);
    CompletionQueue queue = queue_of(runtime);
    is_empty(queue);
    const std::uint32_t words[] = {1, 200, 2, 201, 3, 202};  // value and index
    const Window window{.ticket = 1,
                        .opcode = Op::store_u32,
                        .required = Payloads(std::span(words).first(4), 2),
                        .lookahead = Payloads(std::span(words).subspan(4), 2)};
    const Ticket entries = published(runtime, window);
    const std::vector<Ticket> tickets{
        published(runtime, store_u32(7, 160)),
        published(runtime, std::vector<Slot>(40, atomic_add(1, 161))),
        published(runtime, atomic_add(1, 162), Quiet::yes),
        published(runtime, std::vector<Slot>(40, atomic_add(1, 162)), Quiet::yes),
        entries.required_part(),
        entries,
        entries.slice(1, 1),
        Ticket{},
        published(runtime, std::span<const Slot>()),
        published(runtime, store_u32(1, 0)),  // faults: that is no error of the wait
    };
    for (std::size_t i = 0; i < tickets.size(); ++i) BOOST_TEST(queue.add(tickets[i], 100 + i).has_value());
    BOOST_TEST(queue.add(tickets[0], ~std::uint64_t{0}).has_value());  // once more
    BOOST_TEST(queue.pending() == tickets.size() + 1);
    std::map<std::uint64_t, Ticket> seen;
    for (std::size_t i = 0; i <= tickets.size(); ++i) {
        const Finished next = next_of(queue);
        BOOST_TEST(next.outcome.has_value());
        BOOST_TEST(runtime.poll(next.ticket));
        BOOST_TEST(queue.poll(next.ticket));
        BOOST_TEST(seen.emplace(next.tag, next.ticket).second);
    }
    is_empty(queue);
    for (std::size_t i = 0; i < tickets.size(); ++i) {
        BOOST_REQUIRE(seen.contains(100 + i));
        const Ticket got = seen.at(100 + i);
        BOOST_TEST((got.first == tickets[i].first && got.count == tickets[i].count));
        BOOST_TEST((got.quiet == tickets[i].quiet && got.lookahead == tickets[i].lookahead));
    }
    BOOST_TEST(runtime.result(seen.at(100))->value == 7u);
    BOOST_TEST(runtime.result(seen.at(109))->code == Code::out_of_range);
    BOOST_TEST(control(runtime, 161) == 40u);
    BOOST_TEST(control(runtime, 162) == 41u);
}

BOOST_DATA_TEST_CASE(what_one_look_finds_comes_in_the_order_of_positions, data::make(modes), mode) {
    Runtime runtime = open(mode);
    CompletionQueue queue = queue_of(runtime);
    std::vector<Ticket> tickets;
    for (int i = 0; i < 100; ++i) tickets.push_back(published(runtime, nop()));
    BOOST_REQUIRE(eventually([&] { return runtime.poll(tickets.back()) && runtime.ring().is_complete(100); }));
    for (const std::uint64_t i : {50u, 99u, 0u, 51u, 49u}) BOOST_REQUIRE(queue.add(tickets[i], i).has_value());
    for (const std::uint64_t i : {0u, 49u, 50u, 51u, 99u}) BOOST_TEST(next_of(queue).tag == i);
    is_empty(queue);
}

BOOST_AUTO_TEST_CASE(in_one_lane_a_slow_slot_holds_up_those_behind_it) {
    Runtime runtime = open(ExecutionMode::persistent, with_slow_slots({1, 1}));
    CompletionQueue queue = queue_of(runtime);
    const Ticket first = published(runtime, slow), second = published(runtime, nop());
    BOOST_REQUIRE(queue.add(second, 2).has_value());
    BOOST_REQUIRE(queue.add(first, 1).has_value());
    const auto none = queue.wait_any(20ms);
    BOOST_TEST((!none && none.error() == Errc::timed_out));
    BOOST_TEST(!queue.poll(first));
    BOOST_REQUIRE(queue.add(second.slice(1, 1), 3).has_value());  // nothing, and that has finished
    BOOST_TEST(next_of(queue).tag == 3u);
    let_go(runtime);
    BOOST_TEST(next_of(queue).tag == 1u);
    BOOST_TEST(next_of(queue).tag == 2u);
    is_empty(queue);
}

// While the kernel is in the first slot this thread finishes the third one, as another sub-group would.
BOOST_AUTO_TEST_CASE(what_finishes_out_of_order_comes_out_of_order) {
    Runtime runtime = open(ExecutionMode::persistent, with_slow_slots({1, 1}));
    CompletionQueue queue = queue_of(runtime);
    const RingInside ring = inside(runtime.ring());
    for (std::uint64_t i = 0; i < 4; ++i)
        BOOST_REQUIRE(queue.add(published(runtime, i == 0 ? slow : nop()), i).has_value());
    BOOST_REQUIRE(eventually([&] { return ring.claimed() == 1; }));
    BOOST_TEST(!queue.poll_any().has_value());
    ring.complete(2, {.result = 77});
    BOOST_TEST(!queue.poll_any().has_value());  // no look at what the kernel has not begun
    ring.word64(SR_RING_CLAIMED).store(4);
    const Finished next = next_of(queue);
    BOOST_TEST(next.tag == 2u);
    BOOST_TEST(runtime.result(next.ticket)->value == 77u);
    BOOST_TEST(!queue.poll_any().has_value());
    let_go(runtime);
    for (const std::uint64_t i : {0u, 1u, 3u}) BOOST_TEST(next_of(queue).tag == i);
    is_empty(queue);
}

// By a wide kernel itself. A launch whose groups begin late, on a busy machine, runs its slots one after the other:
// then the next one is tried, some times.
BOOST_AUTO_TEST_CASE(side_by_side_a_brief_slot_comes_before_a_slow_one_in_front_of_it) {
    BOOST_REQUIRE(threads == 0);  // of PoCL's, enough
    Runtime runtime = open(ExecutionMode::persistent, with_slow_slots({4, 1}));
    CompletionQueue queue = queue_of(runtime);
    bool is_wide = false;
    for (int tries = 0; tries < 8 && !is_wide; ++tries) {
        word(runtime.buffer("release")).store(0);
        for (int i = 0; i < 20; ++i) {
            run(runtime, nop());
            std::this_thread::sleep_for(1ms);
        }
        const Ticket first = published(runtime, slow), brief = published(runtime, nop());
        // Of several slots the last one may finish first: all of them have to.
        const Ticket both{first.first, 2};
        BOOST_REQUIRE(queue.add(both, 0).has_value());
        is_wide = runtime.wait(brief, 200ms).has_value();
        for (std::uint32_t i = 1; is_wide && i <= 50; ++i) {
            BOOST_REQUIRE(queue.add(published(runtime, store_u32(i, 160)), i).has_value());
            const Finished next = next_of(queue);
            BOOST_TEST(next.tag == i);
            BOOST_TEST(runtime.result(next.ticket)->value == i);
        }
        if (is_wide) BOOST_TEST(!runtime.poll(first));
        BOOST_TEST(queue.pending() == 1u);
        let_go(runtime);
        BOOST_TEST(next_of(queue).tag == 0u);
        is_empty(queue);
        if (!is_wide) run(runtime, shutdown());
    }
    if (!is_wide) BOOST_TEST_MESSAGE("the machine is too busy: no launch was wide");
}

// A ticket of a reservation does not know that its slot is quiet. It ends by the completed position alone, and holds
// up nothing behind it.
BOOST_AUTO_TEST_CASE(a_ticket_whose_completion_never_comes_hides_none_behind_it) {
    Runtime runtime = open(ExecutionMode::persistent, with_slow_slots({1, 1}));
    CompletionQueue queue = queue_of(runtime);
    auto reservation = runtime.ring().reserve(3);
    BOOST_REQUIRE(reservation.has_value());
    reservation->put(nop(), Quiet::yes);
    reservation->put(nop());
    reservation->put(slow);
    const Ticket whole{reservation->first(), 3};
    reservation->commit();
    runtime.wake();
    for (std::uint32_t i = 0; i < 3; ++i) BOOST_REQUIRE(queue.add(whole.slice(i, 1), i).has_value());
    std::vector<std::uint64_t> tags{next_of(queue).tag};
    BOOST_TEST(tags[0] <= 1u);
    let_go(runtime);
    while (queue.pending() != 0) tags.push_back(next_of(queue).tag);
    std::ranges::sort(tags);
    BOOST_TEST((tags == std::vector<std::uint64_t>{0, 1, 2}));
}

// In a small ring, with more pending tickets than the ring has slots.
BOOST_DATA_TEST_CASE(thousands_of_tickets, data::make(modes), mode) {
    constexpr std::uint64_t count = 20'000;
    Runtime runtime = open(mode, {.capacity = 1024});
    CompletionQueue queue = queue_of(runtime);
    for (std::uint64_t i = 0; i < count; ++i) {
        const Quiet quiet = i % 5 == 0 ? Quiet::yes : Quiet::no;
        auto ticket = runtime.publish(atomic_add(1, 160), quiet);
        if (!ticket) {
            BOOST_REQUIRE(ticket.error() == Errc::ring_full);
            BOOST_REQUIRE(runtime.wait_for_room(1, 1min).has_value());
            ticket = runtime.publish(atomic_add(1, 160), quiet);
        }
        BOOST_REQUIRE(ticket.has_value());
        BOOST_REQUIRE(queue.add(*ticket, i).has_value());
    }
    BOOST_TEST(queue.pending() == count);
    std::vector<bool> seen(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const Finished next = next_of(queue);
        BOOST_REQUIRE(next.tag < count);
        BOOST_REQUIRE(!seen[next.tag]);
        seen[next.tag] = true;
    }
    is_empty(queue);
    BOOST_TEST(control(runtime, 160) == count);
}

// The queue alone brings back a kernel that has left, or that serves launch by launch.
BOOST_DATA_TEST_CASE(a_queue_that_waits_or_polls_starts_a_kernel_that_has_left, data::make(modes), mode) {
    Runtime runtime = open(mode, {.idle_timeout = 0us});
    CompletionQueue queue = queue_of(runtime);
    for (std::uint32_t i = 0; i < 40; ++i) {
        const bool polls = i % 2 == 0;
        auto reservation = runtime.ring().reserve(1);
        BOOST_REQUIRE(reservation.has_value());
        reservation->put(atomic_add(1, 160));
        const Ticket ticket{reservation->first(), 1};
        reservation->commit();  // and nobody calls wake()
        BOOST_REQUIRE(queue.add(ticket, i).has_value());
        std::optional<Finished> next;
        if (polls) BOOST_TEST(eventually([&] { return (next = queue.poll_any()).has_value(); }));
        if (!polls) next = next_of(queue);
        BOOST_REQUIRE(next.has_value());
        BOOST_TEST(next->tag == i);
        BOOST_TEST(runtime.result(ticket)->value == i);
        std::this_thread::sleep_for(1ms);
    }
}

BOOST_DATA_TEST_CASE(what_is_removed_does_not_come_and_runs_all_the_same, data::make(modes), mode) {
    Runtime runtime = open(mode);
    CompletionQueue queue = queue_of(runtime);
    const Ticket ticket = published(runtime, store_u32(5, 160));
    for (const std::uint64_t tag : {1u, 2u, 1u, 3u}) BOOST_REQUIRE(queue.add(ticket, tag).has_value());
    BOOST_REQUIRE(queue.add(Ticket{}, 1).has_value());  // has finished
    BOOST_TEST(queue.remove(4) == 0u);
    BOOST_TEST(queue.remove(1) == 3u);
    BOOST_TEST(queue.pending() == 2u);
    BOOST_TEST(next_of(queue).tag == 2u);  // and the look has found 3 as well
    BOOST_TEST(queue.remove(3) == 1u);
    is_empty(queue);
    BOOST_TEST(control(runtime, 160) == 5u);
}

BOOST_DATA_TEST_CASE(runtime_and_queue_may_be_moved, data::make(modes), mode) {
    Runtime runtime = open(mode);
    CompletionQueue queue = queue_of(runtime), other = queue_of(runtime);
    BOOST_REQUIRE(queue.add(published(runtime, nop()), 1).has_value());
    BOOST_REQUIRE(other.add(published(runtime, nop()), 2).has_value());
    Runtime moved = std::move(runtime);
    CompletionQueue first = std::move(queue);
    BOOST_TEST(next_of(first).tag == 1u);
    first = std::move(other);
    BOOST_TEST(next_of(first).tag == 2u);
    BOOST_REQUIRE(first.add(published(moved, nop()), 3).has_value());  // it goes with that
}

BOOST_DATA_TEST_CASE(a_thread_that_waits_for_nothing_is_told_of_what_is_added, data::make(modes), mode) {
    Runtime runtime = open(mode);
    CompletionQueue queue = queue_of(runtime);
    std::vector<std::uint64_t> tags;
    std::thread waiter([&] {
        while (const auto next = queue.wait_any(1min)) {
            tags.push_back(next->tag);
            if (next->tag == 0) return;
        }
    });
    for (std::uint64_t i = 1; i <= 5; ++i) {
        std::this_thread::sleep_for(3ms);
        const auto ticket = runtime.publish(nop());
        if (!ticket || !queue.add(*ticket, i)) break;
        eventually([&] { return queue.pending() == 0; });
    }
    const bool told = queue.add(Ticket{}, 0).has_value();  // to do something else
    waiter.join();
    BOOST_TEST(told);
    BOOST_TEST((tags == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 0}));
}

// Some add, some wait, some poll; results are read where they are told, and each tag comes once.
BOOST_DATA_TEST_CASE(many_threads_add_and_wait, data::make(modes), mode) {
    constexpr std::uint64_t adders = 2, takers = 3, each = 300;
    Runtime runtime = open(mode, {.capacity = 64, .completions = 1024, .idle_timeout = 0us});
    CompletionQueue queue = queue_of(runtime);
    std::atomic<std::uint64_t> wrong{0}, taken{0};
    std::vector<std::atomic<std::uint32_t>> seen(adders * each);
    std::vector<std::thread> pool;
    for (std::uint64_t t = 0; t < adders; ++t) {
        pool.emplace_back([&, t] {
            for (std::uint64_t i = t * each; i < (t + 1) * each;) {
                const auto ticket = runtime.publish(store_u32(static_cast<std::uint32_t>(i), 160));
                if (!ticket) {
                    if (ticket.error() != Errc::ring_full) ++wrong;
                    std::this_thread::yield();
                    continue;
                }
                if (!queue.add(*ticket, i++)) ++wrong;
            }
        });
    }
    for (std::uint64_t t = 0; t < takers; ++t) {
        pool.emplace_back([&, t] {
            eventually([&] {
                const auto next = t == 0 ? queue.poll_any() : [&]() -> std::optional<Finished> {
                    const auto one = queue.wait_any(5ms);
                    return one ? std::optional(*one) : std::nullopt;
                }();
                if (next) {
                    const auto result = runtime.result(next->ticket);
                    if (!next->outcome || !result || result->value != next->tag) ++wrong;
                    ++seen.at(next->tag);
                    ++taken;
                }
                return taken.load() == adders * each;
            });
        });
    }
    for (std::thread& thread : pool) thread.join();
    BOOST_TEST(wrong.load() == 0u);
    BOOST_TEST(taken.load() == adders * each);
    for (const auto& times : seen) BOOST_REQUIRE(times.load() == 1u);
    is_empty(queue);
    BOOST_TEST(runtime.shutdown().has_value());
}

BOOST_DATA_TEST_CASE(shutdown_ends_what_is_pending, data::make(modes), mode) {
    Runtime runtime = open(mode, {.shutdown_timeout = 10s});
    CompletionQueue queue = queue_of(runtime);
    for (std::uint64_t i = 0; i < 300; ++i) BOOST_REQUIRE(queue.add(published(runtime, nop()), i).has_value());
    BOOST_TEST(runtime.shutdown().has_value());
    for (int i = 0; i < 300; ++i) BOOST_TEST(next_of(queue).outcome.has_value());
    is_empty(queue);
}

BOOST_AUTO_TEST_CASE(what_shutdown_gave_up_on_stays_pending) {
    Runtime runtime = open(ExecutionMode::persistent, {.shutdown_timeout = 200ms});
    CompletionQueue queue = queue_of(runtime);
    auto never = runtime.ring().reserve(1);
    BOOST_REQUIRE(never.has_value());
    BOOST_REQUIRE(queue.add(Ticket{never->first(), 1}, 1).has_value());
    BOOST_TEST(runtime.shutdown().error() == Errc::timed_out);
    const auto none = queue.wait_any(5ms);
    BOOST_TEST((!none && none.error() == Errc::timed_out));
    BOOST_TEST(queue.pending() == 1u);
    never->commit();
    BOOST_TEST(runtime.shutdown().has_value());
    BOOST_TEST(next_of(queue).tag == 1u);
}

// A queue that looks at the loss tells of it, ticket by ticket. One that does not tells how the slots finished on the
// new device.
BOOST_DATA_TEST_CASE(a_lost_device_ends_what_had_not_finished, data::make(modes), mode) {
    const MeantToLeak session;
    let_them_end();
    Runtime runtime = open(mode, lossy());
    CompletionQueue looks = queue_of(runtime), polls = queue_of(runtime), sleeps = queue_of(runtime);
    const auto old_release = runtime.buffer("release");
    const Ticket before = published(runtime, store_u32(7, 160));
    BOOST_REQUIRE(runtime.wait(before, 1min).has_value());
    const Ticket stuck = publish_stall(runtime);
    const Ticket behind = published(runtime, std::vector<Slot>(5, batch_fence(1, 1)));
    const std::array tickets{stuck, behind};
    for (CompletionQueue* const queue : {&looks, &polls, &sleeps})
        for (std::uint64_t i = 0; i < 2; ++i) BOOST_REQUIRE(queue->add(tickets[i], i).has_value());
    BOOST_REQUIRE(looks.add(before, 2).has_value());

    BOOST_TEST(next_of(looks).tag == 2u);
    for (std::uint64_t i = 0; i < 2; ++i) {
        const Finished next = next_of(looks);
        BOOST_TEST(next.tag == i);
        BOOST_TEST((!next.outcome && next.outcome.error() == Errc::device_lost));
        std::optional<Finished> polled;
        BOOST_REQUIRE(eventually([&] { return (polled = polls.poll_any()).has_value(); }));
        BOOST_TEST(polled->tag == i);
        BOOST_TEST((!polled->outcome && polled->outcome.error() == Errc::device_lost));
        BOOST_TEST((runtime.wait(next.ticket).error() == Errc::device_lost));
    }
    is_empty(looks);
    BOOST_REQUIRE(looks.add(before, 2).has_value());  // also now: it has finished
    BOOST_TEST(next_of(looks).outcome.has_value());

    BOOST_REQUIRE(eventually([&] { return runtime.recover().has_value(); }));
    for (std::uint64_t i = 0; i < 2; ++i) BOOST_REQUIRE(looks.add(tickets[i], i).has_value());
    for (CompletionQueue* const queue : {&looks, &sleeps}) {
        for (std::uint64_t i = 0; i < 2; ++i) {
            const Finished next = next_of(*queue);
            BOOST_TEST(next.tag == i);
            BOOST_TEST(next.outcome.has_value());
            BOOST_TEST(runtime.result(next.ticket).has_value());
        }
        is_empty(*queue);
    }
    if (mode == ExecutionMode::persistent) word(old_release).store(1);
}

// Two threads wait all the time, also while the runtime recovers; each puts back what ended as lost.
BOOST_AUTO_TEST_CASE(threads_may_wait_while_the_runtime_recovers) {
    const MeantToLeak session;
    let_them_end();
    constexpr std::uint64_t count = 40;
    Options options = lossy();
    options.on_error = {};  // which another thread would call: Boost.Test's log has one
    Runtime runtime = open(ExecutionMode::persistent, options);
    CompletionQueue queue = queue_of(runtime);
    const auto old_release = runtime.buffer("release");
    BOOST_REQUIRE(queue.add(publish_stall(runtime), 0).has_value());
    for (std::uint64_t i = 1; i < count; ++i) BOOST_REQUIRE(queue.add(published(runtime, nop()), i).has_value());
    std::atomic<std::uint64_t> ended{0}, lost{0};
    const auto take = [&](bool polls) {
        eventually([&] {
            std::optional<Finished> next;
            if (polls) {
                next = queue.poll_any();
            } else if (const auto one = queue.wait_any(2ms)) {
                next = *one;
            }
            if (next && next->outcome) ++ended;
            if (next && !next->outcome) {
                ++lost;
                if (!queue.add(next->ticket, next->tag)) return true;
                std::this_thread::sleep_for(1ms);
            }
            return ended.load() == count;
        });
    };
    std::thread waiter(take, false), poller(take, true);
    const bool seen = eventually([&] { return lost.load() != 0; });
    const bool recovered = eventually([&] { return runtime.recover().has_value(); });
    waiter.join();
    poller.join();
    BOOST_TEST(seen);
    BOOST_TEST(recovered);
    BOOST_TEST(ended.load() == count);
    is_empty(queue);
    word(old_release).store(1);
}
