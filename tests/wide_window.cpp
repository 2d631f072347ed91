// W: sub-groups of 32 lanes that read the slots in a window, natively. A producer is stopped between a slot and its
// copy, or the copy is on its way over the bus for long: the launch leaves when it should all the same, the next one
// runs the slot once the copy is there, and nothing is lost or run twice. All on one thread, stepped from a seed.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <numeric>
#include <vector>

#include "lanes_device.hpp"

namespace {

// A host that publishes batches whose first copy comes later than the others, and starts launch after launch.
class Host {
public:
    Host(uint seed, ulong idle_timeout)
        : device(256, start_of(seed), Slots::in_window), choice_(seed), seed_(seed), idle_timeout_(idle_timeout) {
        launch();
    }

    Device device;

    uint draw(uint bound) { return ((choice_ = choice_ * 1664525u + 1013904223u) >> 8) % bound; }

    // Slots that say their numbers, or brief ones. All are copied but the first. False: the ring has no room.
    bool publish(uint n, bool brief) {
        std::vector<Slot> batch;
        for (uint i = 0; i < n; ++i) batch.push_back(brief ? atomic_add(1, 200) : says(said_ + i));
        const auto first = device.ring.publish(std::span<const Slot>(batch), brief ? Quiet::yes : Quiet::no);
        if (!first) return false;
        (brief ? added_ : said_) += n;
        for (uint i = 1; i < n; ++i) device.copy(*first + i);
        late_.push_back({*first, draw(2) == 0});
        if (!late_.back().is_stopped) look();
        return true;
    }
    // One of those that are late comes.
    void copy() {
        if (late_.empty()) return;
        const auto one = late_.begin() + draw(static_cast<uint>(late_.size()));
        device.copy(one->position);
        if (one->is_stopped) look();
        late_.erase(one);
    }
    void copy_all() {
        while (!late_.empty()) copy();
    }
    void steps(uint n) {
        for (; n != 0; --n) {
            if (device.machine->ended()) launch();
            if (device.machine->ended()) return;
            device.machine->step();
            if (device.machine->ended()) end();
        }
    }
    // Asks the launch to leave, which it does whether copies come or not.
    void stop() {
        if (device.machine->ended()) return;
        std::atomic_ref(*reinterpret_cast<uint*>(device.memory.data() + SR_RING_STOP)).store(number_);
        BOOST_REQUIRE(device.end());
        newest_ = std::max(newest_, number_ + 1);
        end();
    }
    // Where the first slot that is not copied lies; the ring's end if there is none.
    std::uint64_t first_late() const {
        std::uint64_t first = device.ring.reserved();
        for (const Late& late : late_)
            if (static_cast<std::int64_t>(first - late.position) > 0) first = late.position;
        return first;
    }
    // All that was published has finished, once each.
    void check() {
        copy_all();
        for (uint i = 0; i < patience && device.ring.completed() != device.ring.reserved(); ++i) steps(1);
        BOOST_TEST(device.ring.completed() == device.ring.reserved());
        stop();
        BOOST_TEST(device.control[200] == added_);
        std::vector<uint> all(said_);
        std::iota(all.begin(), all.end(), 0u);
        std::ranges::sort(order);
        BOOST_TEST((order == all));
    }

private:
    struct Late {
        std::uint64_t position;
        bool is_stopped;  // its producer, who looks at LEFT behind the copy; else the copy is under way
    };

    static std::uint64_t start_of(uint seed) {
        const std::uint64_t starts[] = {-std::uint64_t{5}, 0, (std::uint64_t{1} << 32) - 7};
        return starts[seed % 3];
    }
    void look() {
        if (inside(device.ring).wake_needed(newest_)) ++newest_;
    }
    void launch() {
        if (number_ == newest_) return;
        ++number_;
        device.launch(number_, 2 + draw(4), idle_timeout_, seed_ + number_);
    }
    // The host is told that a launch has ended. One that found nothing more to do needs no such help: whoever has not
    // looked at LEFT yet will.
    void end() {
        BOOST_TEST(inside(device.ring).has_left(number_));
        if (number_ != newest_ || device.ring.completed() == device.ring.tail()) return;
        if ((device.control[SR_CONTROL_LEFT] & SR_LEFT_IDLE) == 0) ++newest_;
        else BOOST_TEST(std::ranges::all_of(late_, &Late::is_stopped));
    }

    uint choice_, seed_, number_ = 0, newest_ = 1, said_ = 0, added_ = 0;
    ulong idle_timeout_;
    std::vector<Late> late_{};
};

}  // namespace

// The late slot is alone, or at the head of more than one look takes in; in an empty ring, or behind others.
BOOST_AUTO_TEST_CASE(a_launch_that_is_asked_to_leave_waits_for_no_copy) {
    for (uint seed = 1; seed <= schedules; ++seed)
        for (const uint before : {0u, 40u})
            for (const uint n : {1u, 70u})
                for (const bool brief : {false, true}) {
                    BOOST_TEST_CONTEXT("seed " << seed << ", " << n << (brief ? " brief" : "") << " behind "
                                               << before) {
                        Host host(seed, for_ever);
                        Device& device = host.device;
                        if (before != 0) BOOST_REQUIRE(host.publish(before, brief));
                        host.copy_all();
                        host.steps(host.draw(300));
                        BOOST_REQUIRE(host.publish(n, brief));
                        const std::uint64_t late = host.first_late();
                        BOOST_REQUIRE(device.eventually([&] { return device.ring.completed() == late; }));
                        host.steps(host.draw(300));
                        host.stop();
                        BOOST_TEST((device.control[SR_CONTROL_LEFT] & SR_LEFT_IDLE) == 0u);
                        host.steps(host.draw(300));  // of the next launch
                        BOOST_TEST(device.ring.completed() == late);
                        BOOST_TEST(order.size() == (brief ? 0 : before));
                        BOOST_TEST(device.control[200] == (brief ? before : 0));
                        host.check();
                    }
                }
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_or_run_twice_while_copies_are_late) {
    for (uint seed = 1; seed <= schedules; ++seed)
        for (const ulong idle_timeout : {ulong{0}, ulong{20}, for_ever}) {
            BOOST_TEST_CONTEXT("seed " << seed << ", idle_timeout " << idle_timeout) {
                Host host(seed, idle_timeout);
                for (uint i = 0; i < 40; ++i) {
                    const bool full = !host.publish(1 + host.draw(host.draw(4) == 0 ? 70 : 4), host.draw(2) == 0);
                    host.steps(host.draw(120));
                    if (full) host.copy_all();
                    if (host.draw(2) == 0) host.copy();
                    if (host.draw(8) == 0) host.stop();
                    const std::uint64_t late = host.first_late();
                    BOOST_TEST(static_cast<std::int64_t>(late - host.device.ring.completed()) >= 0);
                }
                host.check();
            }
        }
}
