// Where there is no memory, an error value says so. Every operator new of this thread fails on demand, the library's
// own included: what is noexcept must not need one, or must be able to say that it got none.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <cstdlib>
#include <new>
#include <optional>

#include <slipring/awaitable.hpp>
#include <slipring/event_fd.hpp>

#include "fleet_fixture.hpp"

namespace {

thread_local bool memory_is_gone = false;  // of this thread alone: OpenCL's own threads go on

void* allocate(std::size_t size, std::size_t alignment) {
    const std::size_t whole = (size + alignment - 1) / alignment * alignment;
    void* const memory = memory_is_gone ? nullptr : std::aligned_alloc(alignment, whole == 0 ? alignment : whole);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

// Out of line: where g++ sees free() it misses the malloc() that belongs to it.
[[gnu::noinline]] void release(void* memory) noexcept { std::free(memory); }

}  // namespace

// The array forms call these. (OpenCL's compiler asks for all of them.)
void* operator new(std::size_t size) { return allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size, std::align_val_t to) { return allocate(size, std::size_t(to)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept try {
    return allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
} catch (const std::bad_alloc&) {
    return nullptr;
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

// What `action` gives while there is no memory to be had.
auto without_memory(auto action) {
    struct Gone {
        Gone() { memory_is_gone = true; }
        ~Gone() { memory_is_gone = false; }
    } const gone;
    return action();
}

bool is_out_of_memory(const auto& given) { return !given && given.error() == Errc::out_of_memory; }

}  // namespace

BOOST_AUTO_TEST_CASE(what_opens_says_so) {
    BOOST_REQUIRE(devices().has_value());  // OpenCL itself comes up with memory, or never
    const auto code = [](const auto& given) { return given ? Errc{} : given.error().code; };
    BOOST_TEST((code(without_memory([] { return devices(); })) == Errc::out_of_memory));
    BOOST_TEST((code(without_memory([] { return Fleet::open_all(); })) == Errc::out_of_memory));
    std::vector<Options> two(2);
    BOOST_TEST((code(without_memory([&] { return Fleet::open(std::move(two)); })) == Errc::out_of_memory));
    BOOST_TEST((code(without_memory([] { return Runtime::open(); })) == Errc::out_of_memory));
}

BOOST_DATA_TEST_CASE(a_fleet_goes_on_without_memory, data::make(modes), mode) {
    Fleet fleet = open_two(mode, {.capacity = 16});
    // A first launch: OpenCL may compile in it, and compilers are not asked how they do without memory.
    for (int i = 0; i < 2; ++i) BOOST_REQUIRE(finishes(fleet, *fleet.publish(nop())));
    const std::vector<Slot> batch(6, atomic_add(1, 160));
    const auto spread = without_memory([&] { return fleet.spread(batch); });
    BOOST_REQUIRE(spread.has_value());
    BOOST_TEST(without_memory([&] { return finishes(fleet, *spread); }));
    BOOST_TEST(without_memory([&] { return fleet.poll(*spread); }));
    BOOST_TEST(without_memory([&] { return fleet.result(*spread, 5).has_value(); }));
    for (const std::uint64_t wrong : {std::uint64_t{6}, ~std::uint64_t{0}})
        BOOST_TEST((without_memory([&] { return fleet.result(*spread, wrong); }).error() == Errc::bad_ticket));
    const auto ticket = without_memory([&] { return fleet.publish(store_u32(7, 161)); });
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST(without_memory([&] { return finishes(fleet, *ticket); }));
    BOOST_TEST(without_memory([&] { return fleet.result(*ticket)->value; }) == 7u);
    BOOST_TEST((without_memory([&] { return fleet.publish(std::span(batch), Quiet::yes); }).has_value()));
    BOOST_TEST(without_memory([&] { return fleet.stats().published; }) >= 9u);
    const FleetTicket nobodys{.device = 2, .ticket = ticket->ticket};
    BOOST_TEST((without_memory([&] { return fleet.wait(nobodys); }).error() == Errc::bad_ticket));
    BOOST_TEST(without_memory([&] { return fleet.shutdown(); }).has_value());
    BOOST_TEST((without_memory([&] { return fleet.publish(nop()); }).error() == Errc::shut_down));
}

BOOST_DATA_TEST_CASE(a_runtime_says_what_needs_memory, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 16});
    const std::string_view text = "a format that is too long to be kept without memory: {} and {x}";
    const auto format = runtime.add_format(text);
    BOOST_REQUIRE(format.has_value());
    BOOST_TEST(is_out_of_memory(without_memory([&] { return runtime.add_format(text); })));
    BOOST_TEST(run(runtime, print(*format, 1, 2)).ok());
    BOOST_TEST(is_out_of_memory(without_memory([&] { return runtime.read_log(); })));
    const auto log = runtime.read_log();  // nothing was taken
    BOOST_REQUIRE(log.has_value());
    BOOST_TEST(log->records.size() == 1u);

    BOOST_TEST(is_out_of_memory(without_memory([&] { return runtime.publish_fence(); })));
    BOOST_TEST(runtime.ring().reserved() == 1u);  // nor has any ring a part of it
    const auto held = without_memory([&] { return runtime.ring().reserve(1); });
    BOOST_TEST(held.has_value());
    const Ticket open{held->first(), 1};
    const auto early = without_memory([&] { return runtime.wait(open, std::chrono::milliseconds(1)); });
    BOOST_TEST((!early && early.error() == Errc::timed_out));
    BOOST_TEST((without_memory([&] { return runtime.result(open); }).error() == Errc::not_finished));
}

// What a queue ever needed at once it keeps: without memory it takes as many tickets again.
BOOST_DATA_TEST_CASE(a_completion_queue_says_what_needs_memory, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 16});
    BOOST_TEST(is_out_of_memory(without_memory([&] { return CompletionQueue::open(runtime); })));
    const auto events = without_memory([&] { return EventFd::open(runtime); });
    BOOST_TEST((!events && events.error().code == Errc::out_of_memory));
    auto queue = CompletionQueue::open(runtime);
    BOOST_REQUIRE(queue.has_value());
    const auto ticket = runtime.publish(nop());
    BOOST_REQUIRE(ticket.has_value());
    BOOST_TEST(is_out_of_memory(without_memory([&] { return queue->add(*ticket, 1); })));
    UntilFinished awaited(*queue, *ticket);
    BOOST_TEST(!without_memory([&] { return awaited.await_suspend(std::noop_coroutine()); }));
    BOOST_TEST((awaited.await_resume().error() == Errc::out_of_memory));
    BOOST_TEST(queue->pending() == 0u);

    for (int round = 0; round < 3; ++round) {
        for (std::uint64_t tag : {1u, 2u}) {
            const auto add = [&] { return queue->add(*ticket, tag); };
            BOOST_TEST((round == 0 ? add() : without_memory(add)).has_value());
        }
        for (std::uint64_t tag : {1u, 2u}) {
            const auto next = without_memory([&] { return queue->wait_any(std::chrono::minutes(1)); });
            BOOST_REQUIRE(next.has_value());
            BOOST_TEST(next->tag == tag);
        }
    }
}
