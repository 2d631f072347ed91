// A ring whose consumer reads the slots in a window: what is copied there and when, and the device's drain, natively,
// that reads nowhere else. On a processor without a store of 64 bytes there is no such ring.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <thread>
#include <vector>

#include "../lib/wide_store.hpp"
#include "lost_wakes.hpp"
#include "native_device.hpp"
#include "native_memory.hpp"
#include "ring_memory.hpp"
#include "suspend.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 16;

class WindowMemory {
public:
    std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(words_)); }
    std::span<const std::uint32_t> slot(std::uint64_t position) const {
        return std::span(words_).subspan(position % capacity * SR_SLOT_WORDS, SR_SLOT_WORDS);
    }
    bool has(const RingView& ring, std::uint64_t position) const {
        return std::memcmp(slot(position).data(), inside(ring).slot(position), SR_SLOT_BYTES) == 0;
    }

private:
    alignas(SR_RING_ALIGN) std::array<std::uint32_t, capacity * SR_SLOT_WORDS> words_{};
};

RingParts parts(RingMemory& memory, std::span<std::byte> window) {
    const std::size_t shared = *Ring::shared_bytes(capacity);
    return {memory.bytes().first(shared), memory.bytes().subspan(shared), window};
}

// A native device that reads the slots in the window, and nothing else in place of them.
template <class Policy>
struct DeviceOf {
    RingMemory memory{capacity};
    WindowMemory window;
    BasicRing<Policy> ring;
    NativeMemory words;

    explicit DeviceOf(std::uint64_t start = 0)
        : ring(*BasicRing<Policy>::create(parts(memory, window.bytes()), capacity, start)) {}

    void launch(uint number, ulong idle_timeout, ulong max_time = ~ulong{0}) {
        words.drain(ring, number, idle_timeout, max_time, window.bytes());
    }
};
using Device = DeviceOf<SeenConsumer>;

// For the head of a case: Boost.Test then says why the rest did not run.
bool no_wide_store() {
    if (widest_store() != WideStore::none) return false;
    BOOST_TEST_MESSAGE("this processor has no store of 64 bytes");
    RingMemory memory(capacity);
    WindowMemory window;
    BOOST_TEST((Ring::create(parts(memory, window.bytes()), capacity).error() == Errc::bad_memory));
    return true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_published_in_any_way_is_in_the_window) {
    if (no_wide_store()) return;
    RingMemory memory(capacity);
    WindowMemory window;
    for (const std::uint64_t start : hard_starts(capacity)) {
        std::memset(window.bytes().data(), 0xAB, window.bytes().size());
        const Ring ring = *Ring::create(parts(memory, window.bytes()), capacity, start);
        for (std::uint64_t p = start; p != start + capacity; ++p) BOOST_TEST(window.has(ring, p));  // EMPTY

        std::uint64_t end = start;
        const auto came = [&](std::uint64_t n) {
            for (const std::uint64_t last = end + n; end != last; ++end) BOOST_TEST(window.has(ring, end));
            BOOST_TEST(end == ring.tail());
            const bool behind = end - start == capacity || window.slot(end)[SR_WORD_STATE] == 0;
            BOOST_TEST(behind);
        };
        BOOST_REQUIRE(ring.publish(store_u32(7, 160), Quiet::yes).has_value());
        came(1);
        const Slot batch[] = {atomic_add(1, 161), atomic_add(2, 162), atomic_add(3, 163)};
        BOOST_REQUIRE(ring.publish(std::span(batch)).has_value());
        came(3);
        {
            auto reservation = ring.reserve(4);
            BOOST_REQUIRE(reservation.has_value());
            for (std::uint32_t i = 0; i < 2; ++i) BOOST_TEST(reservation->put(atomic_add(i, 164)));
            for (std::uint64_t p = end; p != end + 4; ++p) BOOST_TEST(window.slot(p)[SR_WORD_STATE] == 0u);
        }
        came(4);
    }
}

// A batch is copied in parts while it is written.
BOOST_AUTO_TEST_CASE(a_batch_of_any_size_is_in_the_window) {
    if (no_wide_store()) return;
    RingMemory memory(capacity);
    WindowMemory window;
    std::vector<Slot> batch;
    for (std::uint32_t n = 1; n <= capacity; ++n) {
        batch.push_back(atomic_add(n, 160 + n));
        for (const std::uint64_t start : {0u, 3u, capacity - 1}) {
            const Ring ring = *Ring::create(parts(memory, window.bytes()), capacity, start);
            BOOST_REQUIRE(ring.publish(std::span<const Slot>(batch)).has_value());
            for (std::uint64_t p = start; p != start + capacity; ++p) {
                BOOST_TEST(window.has(ring, p));
                BOOST_TEST((window.slot(p)[SR_WORD_STATE] != 0) == (p - start < n));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_window_that_does_not_fit_is_refused) {
    if (no_wide_store()) return;
    RingMemory memory(capacity);
    WindowMemory window;
    const auto bytes = window.bytes();
    const auto code = [&](std::span<std::byte> part) { return Ring::create(parts(memory, part), capacity).error(); };
    BOOST_TEST((code(bytes.first(bytes.size() - 1)) == Errc::bad_memory));
    BOOST_TEST((code(bytes.subspan(64)) == Errc::bad_memory));
    BOOST_TEST((code(bytes.subspan(8)) == Errc::bad_memory));
    BOOST_TEST((ThreadRing::create(parts(memory, bytes), capacity).error() == Errc::bad_memory));
}

BOOST_AUTO_TEST_CASE(a_device_that_reads_the_window_runs_what_is_published_lap_after_lap) {
    if (no_wide_store()) return;
    for (const std::uint64_t start : hard_starts(capacity)) {
        Device device(start);
        for (uint number = 1; number <= 12; ++number) {
            const Slot batch[] = {atomic_add(1, 160), atomic_add(10, 160), atomic_add(100, 160)};
            BOOST_REQUIRE(device.ring.publish(std::span(batch)).has_value());
            device.launch(number, 0);
            BOOST_TEST(device.words.control[160] == 111u * number);
            BOOST_TEST(device.ring.completed() == device.ring.reserved());
        }
    }
}

// The producer is stopped between the slot and its copy. LEFT may not stand while a slot is published for which
// nobody starts a launch: the device, which cannot see it, stays, but for no longer than a launch may take.
BOOST_AUTO_TEST_CASE(a_launch_does_not_idle_out_before_a_copy_that_is_on_its_way) {
    if (no_wide_store()) return;
    Device device;
    const SeenRing unseen = *SeenRing::create(parts(device.memory, {}), capacity);  // the same, without a window
    BOOST_REQUIRE(unseen.publish(atomic_add(1, 160)).has_value());
    device.launch(1, 0, 0);
    BOOST_TEST(inside(device.ring).has_left(1));
    BOOST_TEST((device.words.control[SR_CONTROL_LEFT] & SR_LEFT_IDLE) == 0u);  // with more to do
    BOOST_TEST(device.ring.completed() == 0u);

    std::thread kernel([&] { device.launch(2, 0); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    BOOST_TEST(!inside(device.ring).is_complete(1));
    inside(device.ring).copy_to_window(0, 1);
    kernel.join();
    BOOST_TEST(inside(device.ring).has_left(2));
    BOOST_TEST(device.words.control[160] == 1u);
    BOOST_TEST(device.ring.completed() == 1u);
}

// The producer is stopped there, and the launch is asked to leave: it leaves, and the next one runs the slots.
BOOST_AUTO_TEST_CASE(a_launch_that_is_asked_to_leave_waits_for_no_copy) {
    if (no_wide_store()) return;
    struct Stopped final : StepListener {
        DeviceOf<Suspendable>& device;
        std::uint64_t first;
        ulong idle_timeout;
        unsigned times = 0;
        bool left = false;
        Stopped(DeviceOf<Suspendable>& of, std::uint64_t at, ulong timeout)
            : device(of), first(at), idle_timeout(timeout) {}

        void at(detail::RingStep step) noexcept override {
            const bool is_copied = device.window.has(device.ring, first);
            if (step == detail::RingStep::published) BOOST_TEST(is_copied);
            if (step != detail::RingStep::not_copied) return;
            ++times;
            BOOST_TEST((device.ring.state(first) == State::published));
            BOOST_TEST(!is_copied);
            BOOST_TEST(device.window.has(device.ring, first + 1));
            inside(device.ring).word32(SR_RING_STOP).store(1);
            std::atomic<bool> ended{false};
            std::thread kernel([&] {
                device.launch(1, idle_timeout);
                ended = true;
            });
            left = eventually([&] { return ended.load(); });
            inside(device.ring).word32(SR_RING_REVOKED).store(left ? 0 : 1);
            kernel.join();
            BOOST_TEST(inside(device.ring).has_left(1));
            BOOST_TEST((device.words.control[SR_CONTROL_LEFT] & SR_LEFT_IDLE) == 0u);  // with more to do
            BOOST_TEST(device.ring.completed() == first);
            BOOST_TEST(device.words.control[160] == 1u);
        }
    };
    for (const std::uint64_t start : hard_starts(capacity))
        for (const ulong idle_timeout : {ulong{0}, ~ulong{0}}) {
            DeviceOf<Suspendable> device(start);
            BOOST_REQUIRE(device.ring.publish(atomic_add(1, 160)).has_value());
            Stopped stopped(device, start + 1, idle_timeout);
            Suspendable::listener = &stopped;
            const Slot batch[] = {atomic_add(10, 160), atomic_add(100, 160), shutdown()};
            const auto first = device.ring.publish(std::span(batch));
            Suspendable::listener = nullptr;
            BOOST_REQUIRE(first == start + 1);
            BOOST_TEST(stopped.times == 1u);
            BOOST_REQUIRE(stopped.left);
            device.launch(2, ~ulong{0}, 1u << 20);  // SHUTDOWN ends it sooner
            BOOST_TEST(device.words.control[160] == 111u);
            BOOST_TEST(device.ring.completed() == device.ring.reserved());
            BOOST_TEST(inside(device.ring).has_left(2));
        }
}

BOOST_AUTO_TEST_CASE(no_wake_is_lost_and_no_slot_with_a_window) {
    if (no_wide_store()) return;
    Device device;
    constexpr int each = 4000;
    const std::uint32_t launches = lose_no_wake(
        device.ring, {.producers = 2, .each = each, .wait_every = 3},
        [&](std::uint32_t number) { return device.launch(number, 0), false; },
        [&](int, int) -> std::optional<std::uint64_t> {
            const Slot batch[] = {atomic_add(1, 160), atomic_add(1, 161)};
            const auto first = device.ring.publish(std::span(batch));
            return first ? std::optional(*first + 2) : std::nullopt;
        });
    BOOST_TEST(launches != 0u);
    for (const std::size_t word : {160u, 161u}) BOOST_TEST(device.words.control[word] == 2u * each);
}
