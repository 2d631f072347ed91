// The fence over all levels: what stands in front of it in any ring has finished before anything behind it begins.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "lost_fixture.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr std::uint32_t word_of = 200;
constexpr std::uint32_t at_each = 12;  // slots of a level

Options with_levels() {
    Options options;
    options.capacity = 64;
    options.levels = {.critical = 64, .high = 64, .low = 64, .idle = 64};
    return options;
}

// The lowest level first, so that the kernel finds the higher ones' slots later and would run them before.
std::vector<Ticket> publish_at_each(Runtime& runtime) {
    const std::vector<Slot> batch(at_each, atomic_add(1, word_of));
    std::vector<Ticket> tickets;
    for (const Priority level :
         {Priority::idle, Priority::low, Priority::normal, Priority::high, Priority::critical}) {
        std::expected<Ticket, Errc> ticket;
        BOOST_REQUIRE(eventually([&] { return (ticket = runtime.publish(batch, Quiet::no, level)).has_value(); }));
        tickets.push_back(*ticket);
    }
    return tickets;
}

Ticket publish_fence(Runtime& runtime) {
    std::expected<Ticket, Errc> ticket;
    BOOST_REQUIRE(eventually([&] { return (ticket = runtime.publish_fence()).has_value(); }));
    return *ticket;
}

// How many additions came before each of these.
std::vector<std::uint64_t> values(Runtime& runtime, const std::vector<Ticket>& tickets) {
    std::vector<std::uint64_t> values;
    for (const Ticket& ticket : tickets) {
        BOOST_REQUIRE(runtime.wait(ticket, 1min).has_value());
        for (std::uint32_t i = 0; i < ticket.count; ++i) {
            const auto result = runtime.result(ticket, i);
            BOOST_REQUIRE(result.has_value());
            values.push_back(result->value);
        }
    }
    return values;
}

std::array<std::uint64_t, 5> reserved(const Runtime& runtime) {
    std::array<std::uint64_t, 5> positions{};
    for (std::size_t i = 0; i < positions.size(); ++i)
        positions[i] = runtime.ring(static_cast<Priority>(i))->reserved();
    return positions;
}

}  // namespace

BOOST_DATA_TEST_CASE(levels_have_an_order_by_it, data::make(modes), mode) {
    Runtime runtime = open(mode, with_levels());
    std::uint64_t before = 0;
    for (int round = 0; round < 20; ++round) {
        const auto front = publish_at_each(runtime);
        const Ticket first = publish_fence(runtime);
        const auto middle = publish_at_each(runtime);
        publish_fence(runtime);
        const auto behind = publish_at_each(runtime);
        BOOST_REQUIRE(runtime.wait(first, 1min).has_value());
        for (const Ticket& ticket : front) BOOST_TEST(runtime.poll(ticket));
        for (const auto& part : {front, middle, behind}) {
            const std::uint64_t end = before + 5 * at_each;
            for (const std::uint64_t value : values(runtime, part)) BOOST_REQUIRE((value >= before && value < end));
            before = end;
        }
    }
    BOOST_TEST(control(runtime, word_of) == before);
}

BOOST_DATA_TEST_CASE(one_level_alone_has_it_too, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const auto first = runtime.publish(atomic_add(1, word_of));
    const Ticket fence = publish_fence(runtime);
    const auto second = runtime.publish(atomic_add(1, word_of));
    BOOST_REQUIRE((first && second));
    BOOST_REQUIRE(runtime.wait(fence, 1min).has_value());
    BOOST_TEST(runtime.poll(*first));
    BOOST_TEST(runtime.result(fence)->ok());
    BOOST_REQUIRE(runtime.wait(*second, 1min).has_value());
    BOOST_TEST(runtime.result(*second)->value == 1u);
    BOOST_REQUIRE(runtime.shutdown().has_value());
    BOOST_TEST((runtime.publish_fence().error() == Errc::shut_down));
}

// What stands in front of it holds it up, in whatever ring, and that alone.
BOOST_DATA_TEST_CASE(it_waits_for_each_level, data::make(modes), mode) {
    for (const Priority level : {Priority::critical, Priority::normal, Priority::idle}) {
        Runtime runtime = open(mode, with_levels());
        std::optional held = runtime.ring(level)->reserve(1);
        BOOST_REQUIRE(held->has_value());
        const Ticket fence = publish_fence(runtime);
        const auto behind = runtime.publish(atomic_add(1, word_of), Quiet::no, Priority::high);
        BOOST_REQUIRE(behind.has_value());
        BOOST_TEST((runtime.wait(*behind, 20ms).error() == Errc::timed_out));
        BOOST_TEST(!runtime.poll(fence));
        const auto now = runtime.diagnose();
        BOOST_REQUIRE(now.has_value());
        for (const Diagnosis::Level& of : now->levels) {
            BOOST_TEST(of.is_held);
            BOOST_TEST(of.is_fence == (of.level != level));  // there the producer holds it up
        }
        BOOST_TEST(now->text().find("is a fence over all levels") != std::string::npos);
        held.reset();
        BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
        BOOST_REQUIRE(runtime.wait(fence, 1min).has_value());
        BOOST_TEST(runtime.shutdown().has_value());
    }
}

BOOST_DATA_TEST_CASE(it_opens_though_nobody_looks, data::make(modes), mode) {
    Options options = with_levels();
    options.idle_timeout = 1ms;
    Runtime runtime = open(mode, options);
    const auto front = publish_at_each(runtime);
    publish_fence(runtime);
    const auto behind = runtime.publish(atomic_add(1, word_of), Quiet::no, Priority::critical);
    BOOST_REQUIRE(behind.has_value());
    // stats() reads memory and starts nothing.
    BOOST_TEST(eventually([&] { return runtime.stats().completed == 5 * at_each + 5 + 1; }));
    BOOST_TEST(runtime.result(*behind)->value == 5 * at_each);
}

// No launch ends meanwhile: who polls has opened it.
BOOST_DATA_TEST_CASE(to_poll_is_enough, data::make(modes), mode) {
    Options options = with_levels();
    options.idle_timeout = options.max_launch_time = 5min;
    Runtime runtime = open(mode, options);
    BOOST_REQUIRE(run(runtime, nop()).ok());
    std::optional held = runtime.ring(Priority::idle)->reserve(1);
    BOOST_REQUIRE(held->has_value());
    publish_fence(runtime);
    const auto behind = runtime.publish(atomic_add(1, word_of), Quiet::no, Priority::critical);
    BOOST_REQUIRE(behind.has_value());
    held.reset();
    BOOST_TEST(eventually([&] { return runtime.poll(*behind); }));
    BOOST_TEST(runtime.result(*behind)->value == 0u);
}

BOOST_DATA_TEST_CASE(a_full_level_refuses_it_and_no_ring_has_a_part_of_it, data::make(modes), mode) {
    Runtime runtime = open(mode, with_levels());
    {
        const auto held = runtime.ring(Priority::low)->reserve(64);
        BOOST_REQUIRE(held.has_value());
        const auto before = reserved(runtime);
        BOOST_TEST((runtime.publish_fence().error() == Errc::ring_full));
        BOOST_TEST((reserved(runtime) == before));
    }
    runtime.wake();
    const Ticket fence = publish_fence(runtime);
    BOOST_TEST(runtime.wait(fence, 1min).has_value());
}

// Threads that publish at any level, and fence: what each published before its fence has finished with that.
BOOST_DATA_TEST_CASE(many_threads_fence, data::make(modes), mode) {
    Runtime runtime = open(mode, with_levels());
    constexpr std::uint32_t rounds = 40;
    std::atomic<std::uint32_t> published{0}, early{0}, failed{0};
    const auto publish = [&](std::uint32_t self) {
        std::minstd_rand random(self + 1);
        for (std::uint32_t round = 0; round < rounds; ++round) {
            std::array<Ticket, 8> own{};
            for (Ticket& ticket : own) {
                std::expected<Ticket, Errc> got;
                const auto level = static_cast<Priority>(random() % 5);
                failed += !eventually(
                    [&] { return (got = runtime.publish(atomic_add(1, word_of), Quiet::no, level)).has_value(); });
                if (got) ticket = *got;
                published += got.has_value();
            }
            std::expected<Ticket, Errc> fence;
            failed += !eventually([&] { return (fence = runtime.publish_fence()).has_value(); });
            if (!fence || !runtime.wait(*fence, 1min)) {
                ++failed;
                return;
            }
            for (const Ticket& ticket : own) early += !runtime.poll(ticket);
        }
    };
    std::vector<std::thread> publishers;
    for (std::uint32_t self = 0; self < 3; ++self) publishers.emplace_back(publish, self);
    for (std::thread& publisher : publishers) publisher.join();
    BOOST_TEST(failed == 0u);
    BOOST_TEST(early == 0u);
    BOOST_TEST(published == 3 * rounds * 8);
    BOOST_TEST(control(runtime, word_of) == published);
    BOOST_TEST(runtime.shutdown().has_value());
}

// One that cannot open keeps no memory in use behind the runtime's end.
BOOST_DATA_TEST_CASE(a_runtime_ends_with_a_fence_that_never_opened, data::make(modes), mode) {
    Options options = with_levels();
    options.shutdown_timeout = 100ms;
    Runtime runtime = open(mode, options);
    auto held = runtime.ring(Priority::idle)->reserve(1);
    BOOST_REQUIRE(held.has_value());
    publish_fence(runtime);
    publish_fence(runtime);
    BOOST_TEST((runtime.shutdown().error() == Errc::timed_out));
    held->commit();
}

BOOST_AUTO_TEST_CASE(a_recovered_runtime_has_opened_it) {
    const MeantToLeak session;
    Options options = with_levels();
    options.ops = {stalling};
    options.buffers = {release_word};
    options.hang_timeout = 400ms;
    Runtime runtime = open(ExecutionMode::persistent, options);
    const auto stuck = runtime.publish(stall_slot(runtime.device()), Quiet::no, Priority::low);
    BOOST_REQUIRE(stuck.has_value());
    const Ticket fence = publish_fence(runtime);
    const auto behind = runtime.publish(atomic_add(1, word_of), Quiet::no, Priority::critical);
    BOOST_REQUIRE(behind.has_value());
    BOOST_TEST((runtime.wait(*behind, 1min).error() == Errc::device_lost));
    BOOST_TEST((runtime.publish_fence().error() == Errc::device_lost));
    const auto released = runtime.buffer("release");
    BOOST_REQUIRE(runtime.recover().has_value());
    BOOST_REQUIRE(runtime.wait(*behind, 1min).has_value());
    BOOST_TEST(runtime.result(*behind)->ok());
    BOOST_REQUIRE(runtime.wait(fence, 1min).has_value());
    BOOST_TEST(runtime.result(fence)->ok());
    BOOST_TEST(runtime.wait(publish_fence(runtime), 1min).has_value());
    word(released).store(1);
}
