// Deadlines in the drain on one work-item, natively: a slot that has not begun when the host's clock shows its
// deadline ends CANCELLED, in its turn and once, and without effect.
#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <vector>

#include <slipring/descriptor.hpp>
#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "ended.hpp"
#include "ring_memory.hpp"
#include "shim.hpp"

#include "no_teams.hpp"

#include "native_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 64;
constexpr auto handled = custom_opcode<0x100>();

std::function<void(const sr_buffers*)> in_handler;  // of opcode 0x100

Deadline tick(std::uint32_t at) { return Deadline::of_wire(static_cast<std::uint16_t>(at)); }

struct Device {
    explicit Device(std::uint64_t start = 0) : memory(capacity), ring(memory.ring(capacity, start)) {
        set_clock(1000);
    }

    void set_clock(std::uint32_t now) const { inside(ring).word32(SR_RING_NOW).store(now); }
    void launch(uint number) { words.drain(ring, number, 0); }
    bool is_late(std::uint64_t position) const {
        const auto end = ring.completion(position);
        return end && end->state == State::cancelled && end->code == Code::deadline && end->result == 0;
    }
    bool is_done(std::uint64_t position) const { return ring.state(position) == State::done; }

    RingMemory memory;
    Ring ring;
    NativeMemory words{};
};

// How the only slot of a launch ended.
Completion end_of(const Slot& slot) {
    Device device;
    BOOST_REQUIRE(device.ring.publish(slot).has_value());
    device.launch(1);
    return device.ring.completion(0).value();
}

}  // namespace

static uint sr_custom(uint opcode, const uint*, const sr_memory* memory, ulong*) {
    if (opcode != 0x100) return SR_CODE_UNKNOWN_OPCODE;
    in_handler(memory->buffers);
    return SR_CODE_OK;
}

BOOST_AUTO_TEST_CASE(a_late_slot_has_no_effect_and_ends_in_its_place) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        Device device(start);
        for (std::uint32_t i = 0; i < 6; ++i)  // two of them a tick too late, one on time
            BOOST_REQUIRE(device.ring.publish(store_u32(i + 1, 200 + i).by(tick(i < 3 ? 999 + i : 0))).has_value());
        device.launch(1);
        for (std::uint32_t i = 0; i < 6; ++i) {
            BOOST_TEST(device.is_late(start + i) == (i < 2));
            BOOST_TEST(device.is_done(start + i) == (i >= 2));
            BOOST_TEST(device.words.control[200 + i] == (i < 2 ? 0 : i + 1));
        }
        BOOST_TEST(device.ring.completed() == start + 6);
        BOOST_TEST(inside(device.ring).word32(SR_RING_FAULTS) == 2u);
    }
}

// One slot moves the clock: those behind it are late.
BOOST_AUTO_TEST_CASE(what_counts_is_the_clock_when_the_slot_begins) {
    Device device;
    const Slot next = slot(handled).by(tick(1005));
    std::uint32_t begun = 0;
    in_handler = [&](const sr_buffers*) { device.set_clock(1000 + 2 * ++begun); };
    BOOST_REQUIRE(device.ring.publish(std::vector<Slot>(5, next)).has_value());
    device.launch(1);
    BOOST_TEST(begun == 3u);
    for (std::uint32_t i = 0; i < 5; ++i) BOOST_TEST(device.is_late(i) == (i >= 3));
    // It stays as it ended, whatever the clock shows later.
    device.set_clock(1000);
    device.launch(2);
    for (std::uint32_t i = 0; i < 5; ++i) BOOST_TEST(device.is_late(i) == (i >= 3));
}

BOOST_AUTO_TEST_CASE(whatever_a_slot_is_it_can_be_late) {
    const Slot late_ones[] = {nop(),
                              store_u32(1, 200),
                              store_u32(1, 2),  // which would fault
                              memcpy_words(160, 170, 20),
                              print(1, 2, 3),
                              *packed({inner(store_u32(1, 160)), inner(batch_fence(1, 1))}),
                              slot(handled),
                              slot(custom_opcode<0x300>())};  // which no handler has
    in_handler = [](const sr_buffers*) { BOOST_ERROR("it was run"); };
    for (const Slot& one : late_ones) {
        const Completion end = end_of(one.by(tick(900)));
        BOOST_TEST((end.state == State::cancelled && end.code == Code::deadline && end.result == 0));
    }
}

BOOST_AUTO_TEST_CASE(a_late_fence_bumps_no_epoch_and_a_late_shutdown_loses_nothing) {
    Device device;
    const Slot batch[] = {batch_fence(1, 7).by(tick(1000)), shutdown().by(tick(1000)), store_u32(3, 200)};
    BOOST_REQUIRE(device.ring.publish(std::span(batch)).has_value());
    device.launch(1);
    BOOST_TEST((device.is_late(0) && device.is_late(1)));
    BOOST_TEST(device.words.control[SR_CONTROL_EPOCH] == 0u);
    BOOST_TEST(device.words.control[SR_CONTROL_FENCE_TAG] == 0u);
    BOOST_TEST(device.words.control[200] == 3u);
    BOOST_TEST(inside(device.ring).has_left(1));
}

BOOST_AUTO_TEST_CASE(a_late_quiet_slot_is_counted_and_says_nothing) {
    Device device;
    BOOST_REQUIRE(device.ring.publish(store_u32(5, 200).by(tick(1000)), Quiet::yes).has_value());
    device.launch(1);
    BOOST_TEST((device.ring.is_complete(1) && !device.ring.completion(0)));
    BOOST_TEST(device.words.control[200] == 0u);
    BOOST_TEST(inside(device.ring).word32(SR_RING_FAULTS) == 1u);
}

BOOST_AUTO_TEST_CASE(a_slot_that_was_cancelled_and_is_late_says_that_it_was_cancelled) {
    Device device;
    BOOST_REQUIRE(device.ring.publish(store_u32(5, 200).by(tick(1000))).has_value());
    BOOST_TEST(inside(device.ring).cancel(0));
    device.launch(1);
    BOOST_TEST((device.ring.completion(0)->code == Code::cancelled));
}

BOOST_AUTO_TEST_CASE(a_handler_is_told_of_its_own_slots_deadline) {
    Device device;
    const Slot batch[] = {slot(handled).by(tick(1002)), slot(handled), slot(handled).by(tick(1010))};
    std::vector<bool> told;
    in_handler = [&](const sr_buffers* b) {
        told.push_back(sr_should_stop(b));
        device.set_clock(1002);
        told.push_back(sr_should_stop(b));
    };
    BOOST_REQUIRE(device.ring.publish(std::span(batch)).has_value());
    device.launch(1);
    BOOST_TEST((told == std::vector<bool>{false, true, false, false, false, false}));
    for (std::uint32_t i = 0; i < 3; ++i) BOOST_TEST(device.is_done(i));  // it says itself how it ends
}

BOOST_AUTO_TEST_CASE(without_a_clock_no_slot_is_late) {
    const uint copy[SR_COPY_WORDS] = {SR_STATE_PUBLISHED, SR_OP_NOP, 0, 0xFFFF0002};
    const sr_memory memory{};
    BOOST_TEST(!sr_is_late(copy, &memory));
    BOOST_TEST(sr_run_slot(copy, 0, &memory).code == SR_CODE_OK);
}
