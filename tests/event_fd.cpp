// A completion queue behind a file descriptor: readable while a ticket has finished and was not taken, and at no
// other time; by a thread that sleeps.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <slipring/event_fd.hpp>

#include "lost_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

const Slot slow = slot(stall, {UINT32_MAX / 8});
void let_go(Runtime& runtime) { word(runtime.buffer("release")).store(1); }

Options with_slow_slots() { return {.ops = {stalling}, .buffers = {release_word}, .hang_timeout = 20min}; }

EventFd events_of(Runtime& runtime) {
    auto events = EventFd::open(runtime);
    BOOST_REQUIRE_MESSAGE(events.has_value(), (events ? "" : events.error().text()));
    return std::move(*events);
}

bool is_readable(const EventFd& events, int timeout_ms = 0) {
    pollfd one{.fd = events.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, timeout_ms) == 1 && (one.revents & POLLIN) != 0;
}
// For a minute at most.
bool becomes_readable(const EventFd& events) { return is_readable(events, 60'000); }

void add(EventFd& events, Runtime& runtime, const Slot& slot, std::uint64_t tag) {
    const auto ticket = runtime.publish(slot);
    BOOST_REQUIRE(ticket.has_value());
    BOOST_REQUIRE(events.queue().add(*ticket, tag).has_value());
}

// An epoll that waits for one fd, level-triggered or by edges.
class Epoll {
public:
    Epoll(int fd, std::uint32_t how) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
        epoll_event event{.events = EPOLLIN | how, .data = {.fd = fd}};
        BOOST_REQUIRE(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
    }
    Epoll(const Epoll&) = delete;
    ~Epoll() { close(epoll_); }
    // False after a minute.
    bool wait() const {
        epoll_event event{};
        int told = -1;
        do told = epoll_wait(epoll_, &event, 1, 60'000);
        while (told < 0 && errno == EINTR);
        return told == 1;
    }

private:
    int epoll_;
};

// The thread that looks, as /proc shows it.
class Looker {
public:
    Looker() {
        for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
            std::string name;
            std::getline(std::ifstream(thread.path() / "comm"), name);
            if (name == "slipring_events") paths_.push_back(thread.path());
        }
    }
    std::size_t count() const { return paths_.size(); }
    // A line of its status that begins with `key`.
    std::string status(const std::string& key) const {
        std::ifstream file(paths_.at(0) / "status");
        for (std::string line; std::getline(file, line);)
            if (line.starts_with(key + ":")) return line.substr(key.size() + 1);
        return "";
    }
    // How often it went to sleep.
    long sleeps() const { return std::stol(status("voluntary_ctxt_switches")); }
    // Its time on a core, in clock ticks.
    long ticks() const {
        std::string line;
        std::getline(std::ifstream(paths_.at(0) / "stat"), line);
        std::istringstream fields(line.substr(line.rfind(')') + 2));
        std::string skipped;
        for (int i = 3; i < 14; ++i) fields >> skipped;
        long user = -1, system = -1;
        fields >> user >> system;
        return user + system;
    }

private:
    std::vector<std::filesystem::path> paths_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(it_is_readable_while_something_has_finished_and_was_not_taken) {
    Runtime runtime = open(ExecutionMode::persistent, with_slow_slots());
    EventFd events = events_of(runtime);
    BOOST_TEST(!is_readable(events));
    add(events, runtime, slow, 1);
    BOOST_TEST(!is_readable(events, 20));
    BOOST_TEST(!events.queue().poll_any().has_value());
    BOOST_TEST(!is_readable(events));
    let_go(runtime);
    BOOST_TEST(becomes_readable(events));
    BOOST_TEST(is_readable(events, 5));  // and stays so
    add(events, runtime, nop(), 2);
    BOOST_TEST(events.queue().poll_any()->tag == 1u);
    BOOST_TEST(becomes_readable(events));
    BOOST_TEST(is_readable(events));
    BOOST_TEST(events.queue().wait_any(1min)->tag == 2u);
    BOOST_TEST(!is_readable(events));
    BOOST_TEST(!is_readable(events, 5));

    // By tickets that have finished already, all at once; it takes the last one to end it.
    for (std::uint64_t tag : {3u, 4u, 5u}) BOOST_REQUIRE(events.queue().add(Ticket{}, tag).has_value());
    for (std::uint64_t tag : {3u, 4u, 5u}) {
        BOOST_TEST(is_readable(events));
        BOOST_TEST(events.queue().poll_any()->tag == tag);
    }
    BOOST_TEST(!is_readable(events));
    for (std::uint64_t tag : {6u, 7u, 6u}) BOOST_REQUIRE(events.queue().add(Ticket{}, tag).has_value());
    BOOST_TEST(events.queue().remove(6) == 2u);
    BOOST_TEST(is_readable(events));
    BOOST_TEST(events.queue().remove(7) == 1u);
    BOOST_TEST(!is_readable(events));
}

// Nothing else is called: the thread starts a kernel that has left, or the next launch.
BOOST_DATA_TEST_CASE(a_program_that_waits_for_the_fd_alone_is_told, data::make(modes), mode) {
    Runtime runtime = open(mode, {.idle_timeout = 0us});
    EventFd events = events_of(runtime);
    for (std::uint32_t i = 0; i < 30; ++i) {
        auto reservation = runtime.ring().reserve(1);
        BOOST_REQUIRE(reservation.has_value());
        reservation->put(atomic_add(1, 160));
        const Ticket ticket{reservation->first(), 1, i % 3 == 0 ? Quiet::yes : Quiet::no};
        reservation->commit();
        BOOST_REQUIRE(events.queue().add(ticket, i).has_value());
        BOOST_REQUIRE(becomes_readable(events));
        BOOST_TEST(events.queue().poll_any()->tag == i);
        BOOST_TEST(!is_readable(events));
        std::this_thread::sleep_for(std::chrono::milliseconds(i % 4));
    }
    BOOST_TEST(control(runtime, 160) == 30u);
}

namespace {

// One thread publishes and adds, this one takes what epoll tells it of: `most` at a time.
void goes_through_epoll(ExecutionMode mode, std::uint32_t how, std::uint64_t most) {
    constexpr std::uint64_t count = 1500;
    Runtime runtime = open(mode, {.capacity = 256});
    EventFd events = events_of(runtime);
    const Epoll epoll(events.fd(), how);
    std::atomic<std::uint64_t> wrong{0};
    std::thread producer([&] {
        for (std::uint64_t i = 0; i < count; ++i) {
            std::expected<Ticket, Errc> ticket = std::unexpected(Errc::ring_full);
            eventually([&] { return (ticket = runtime.publish(nop())).has_value(); });
            if (!ticket || !events.queue().add(*ticket, i)) ++wrong;
            if (i % 7 == 0) std::this_thread::yield();
        }
    });
    std::vector<bool> seen(count);
    std::uint64_t taken = 0;
    while (taken < count) {
        if (!epoll.wait()) break;
        for (std::uint64_t i = 0; i < most; ++i) {
            const auto next = events.queue().poll_any();
            if (!next) break;
            if (!next->outcome || next->tag >= count || seen[next->tag]) ++wrong;
            else seen[next->tag] = true;
            ++taken;
        }
    }
    producer.join();
    BOOST_TEST(taken == count);
    BOOST_TEST(wrong.load() == 0u);
    BOOST_TEST(!is_readable(events, 2));
}

}  // namespace

BOOST_DATA_TEST_CASE(a_loop_by_level_misses_nothing, data::make(modes), mode) {
    goes_through_epoll(mode, 0, 1);
    goes_through_epoll(mode, 0, 16);
}

BOOST_DATA_TEST_CASE(a_loop_by_edges_misses_nothing, data::make(modes), mode) {
    goes_through_epoll(mode, EPOLLET, ~std::uint64_t{0});
}

// Threads that wait take from the queue what the loop was told of.
BOOST_DATA_TEST_CASE(threads_and_a_loop_share_a_queue, data::make(modes), mode) {
    constexpr std::uint64_t count = 600;
    Runtime runtime = open(mode, {.capacity = 1024});
    EventFd events = events_of(runtime);
    std::atomic<std::uint64_t> taken{0}, sum{0};
    const auto took = [&](const Finished& one) {
        sum += one.tag;
        ++taken;
    };
    std::thread waiter([&] {
        eventually([&] {
            if (const auto next = events.queue().wait_any(2ms)) took(*next);
            return taken.load() == count;
        });
    });
    std::thread looper([&] {
        eventually([&] {
            if (is_readable(events, 2))
                if (const auto next = events.queue().poll_any()) took(*next);
            return taken.load() == count;
        });
    });
    std::uint64_t added = 0;
    for (; added < count; ++added) {
        const auto ticket = runtime.publish(nop());
        if (!ticket || !events.queue().add(*ticket, added)) break;
    }
    if (added != count) taken = count;
    waiter.join();
    looper.join();
    BOOST_TEST(added == count);
    BOOST_TEST(sum.load() == count * (count - 1) / 2);
    BOOST_TEST(!is_readable(events));
}

BOOST_AUTO_TEST_CASE(the_thread_sleeps_while_nothing_is_pending_and_while_nothing_is_taken) {
    Runtime runtime = open(ExecutionMode::persistent);
    EventFd events = events_of(runtime);
    const Looker looker;
    BOOST_REQUIRE(looker.count() == 1u);
    // It goes to sleep some time, for good; a thread that naps does so again and again.
    const auto stays_asleep = [&] {
        long before = -1;
        int same = 0;
        return eventually([&] {
            const long now = looker.sleeps();
            same = now == before ? same + 1 : 0;
            before = now;
            std::this_thread::sleep_for(20ms);
            return same == 10;
        });
    };
    BOOST_TEST(stays_asleep());
    add(events, runtime, nop(), 1);
    BOOST_TEST(becomes_readable(events));
    BOOST_TEST(stays_asleep());
    BOOST_TEST(events.queue().poll_any().has_value());
    BOOST_TEST(stays_asleep());
    // Signals are the program's.
    const std::uint64_t blocked = std::stoull(looker.status("SigBlk"), nullptr, 16);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD}) BOOST_TEST((blocked >> (signal - 1) & 1) == 1u);
}

// It looks a thousand times a second, for some microseconds each. A thread that spins has much time on a core for
// each of its few sleeps, however busy the machine is; and where it is not busy, half of a core and more.
BOOST_AUTO_TEST_CASE(a_slow_slot_costs_next_to_no_time_on_a_core) {
    Runtime runtime = open(ExecutionMode::persistent, with_slow_slots());
    EventFd events = events_of(runtime);
    const Looker looker;
    BOOST_REQUIRE(looker.count() == 1u);
    add(events, runtime, slow, 1);
    const auto began = std::chrono::steady_clock::now();
    const long ticks_before = looker.ticks(), sleeps_before = looker.sleeps();
    BOOST_TEST(!is_readable(events, 1000));
    const double ticks = static_cast<double>(looker.ticks() - ticks_before);
    const long sleeps = looker.sleeps() - sleeps_before;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const double seconds = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
    BOOST_TEST_MESSAGE(seconds << " s of " << took.count() << " s on a core, and " << sleeps << " sleeps");
    BOOST_REQUIRE(sleeps > 0);
    BOOST_TEST(seconds / static_cast<double>(sleeps) < 0.001);
    BOOST_TEST(seconds / took.count() < 0.5);
    let_go(runtime);
    BOOST_TEST(becomes_readable(events));
}

BOOST_DATA_TEST_CASE(a_lost_device_makes_it_readable_and_recover_goes_on, data::make(modes), mode) {
    const MeantToLeak session;
    let_them_end();
    std::atomic<int> reports{0};
    Options options = lossy();
    options.on_error = [&](const Error&) { ++reports; };  // on the thread that looks: Boost.Test's log has one thread
    Runtime runtime = open(mode, options);
    EventFd events = events_of(runtime);
    const auto old_release = runtime.buffer("release");
    const Ticket stuck = publish_stall(runtime);
    const Slot fence = batch_fence(1, 1);  // side by side, too, what is behind it waits
    BOOST_REQUIRE(runtime.publish(fence).has_value());
    const auto behind = runtime.publish(atomic_add(1, 160));
    BOOST_REQUIRE(behind.has_value());
    BOOST_REQUIRE(events.queue().add(stuck, 1).has_value());
    BOOST_REQUIRE(events.queue().add(*behind, 2).has_value());
    const auto is_told_of_the_loss = [&](std::uint64_t tag) {
        BOOST_REQUIRE(becomes_readable(events));
        const auto lost = events.queue().poll_any();
        BOOST_REQUIRE(lost.has_value());
        BOOST_TEST(lost->tag == tag);
        BOOST_TEST((!lost->outcome && lost->outcome.error() == Errc::device_lost));
    };
    is_told_of_the_loss(1);
    is_told_of_the_loss(2);
    BOOST_TEST(reports.load() == 1);
    BOOST_TEST(!is_readable(events));
    BOOST_REQUIRE(events.queue().add(*behind, 3).has_value());  // again, while the device is lost
    is_told_of_the_loss(3);
    BOOST_REQUIRE(eventually([&] { return runtime.recover().has_value(); }));
    BOOST_REQUIRE(events.queue().add(stuck, 1).has_value());
    BOOST_REQUIRE(events.queue().add(*behind, 2).has_value());
    for (int i = 0; i < 2; ++i) {
        BOOST_REQUIRE(becomes_readable(events));
        const auto next = events.queue().poll_any();
        BOOST_REQUIRE(next.has_value());
        BOOST_TEST(next->outcome.has_value());
        BOOST_TEST(runtime.result(next->ticket).has_value());
    }
    if (mode == ExecutionMode::persistent) word(old_release).store(1);
}

BOOST_DATA_TEST_CASE(it_may_go_with_tickets_pending_and_be_moved, data::make(modes), mode) {
    Runtime runtime = open(mode);
    std::optional<EventFd> events = events_of(runtime);
    const int fd = events->fd();
    add(*events, runtime, atomic_add(1, 160), 1);
    EventFd moved = std::move(*events);
    BOOST_TEST(moved.fd() == fd);
    BOOST_TEST(becomes_readable(moved));
    EventFd other = events_of(runtime);
    BOOST_TEST(Looker().count() == 2u);
    for (int i = 0; i < 100; ++i) add(moved, runtime, atomic_add(1, 160), 2);
    moved = std::move(other);
    BOOST_TEST(Looker().count() == 1u);
    BOOST_TEST(!is_readable(moved));
    add(moved, runtime, nop(), 3);
    BOOST_TEST(becomes_readable(moved));
    BOOST_TEST(moved.queue().poll_any()->tag == 3u);
    BOOST_TEST(run(runtime, atomic_add(0, 160)).value == 101u);
}

BOOST_AUTO_TEST_CASE(without_a_descriptor_it_says_so) {
    Runtime runtime = open(ExecutionMode::per_launch);
    rlimit limit{};
    BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto events = EventFd::open(runtime);
    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    BOOST_REQUIRE(!events.has_value());
    BOOST_TEST((events.error().code == Errc::out_of_memory));
    BOOST_TEST(events.error().detail.find("descriptor") != std::string::npos);
    BOOST_TEST(is_readable(events_of(runtime)) == false);
}
