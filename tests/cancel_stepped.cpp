// Slots that are cancelled, natively: at every moment of the device's, each is run or cancelled, and its completion
// says which.
#include <boost/test/unit_test.hpp>

#include <array>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "choices.hpp"
#include "ended.hpp"
#include "ring_memory.hpp"
#include "stepped_device.hpp"

#include "no_teams.hpp"

#include "native_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 8;
constexpr auto counts = custom_opcode<0x100>();

std::vector<std::uint32_t>* runs = nullptr;  // of each slot that counts, how often

struct Device {
    explicit Device(std::uint64_t start = 0) : memory(capacity), ring(memory.ring(capacity, start)) {}

    void launch(uint number) { words.drain(ring, number, 0); }
    bool cancel(std::uint64_t position) const { return inside(ring).cancel(position); }
    Completion end_of(std::uint64_t position) const {
        const auto end = ring.completion(position);
        BOOST_REQUIRE(end.has_value());
        return *end;
    }

    RingMemory memory;
    Ring ring;
    NativeMemory words{};
};

}  // namespace

static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong* value) {
    if (opcode != 0x100) return SR_CODE_UNKNOWN_OPCODE;
    ++(*runs)[args[0]];
    *value = 7;
    return SR_CODE_OK;
}

BOOST_AUTO_TEST_CASE(a_cancelled_slot_has_no_effect_and_ends_in_its_place) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        Device device(start);
        for (std::uint32_t i = 0; i < 6; ++i)
            BOOST_REQUIRE(device.ring.publish(store_u32(i + 1, 200 + i)).has_value());
        for (const std::uint32_t i : {1u, 2u, 5u}) BOOST_TEST(device.cancel(start + i));
        BOOST_TEST(!device.cancel(start + 1));  // it is
        BOOST_TEST(device.ring.tail() == start + 6);
        BOOST_TEST(!device.ring.held().has_value());
        device.launch(1);
        for (std::uint32_t i = 0; i < 6; ++i) {
            const bool cancelled = i == 1 || i == 2 || i == 5;
            const Completion end = device.end_of(start + i);
            BOOST_TEST((end.state == (cancelled ? State::cancelled : State::done)));
            BOOST_TEST((end.code == (cancelled ? Code::cancelled : Code::ok)));
            BOOST_TEST(end.result == (cancelled ? 0 : i + 1));
            BOOST_TEST(device.words.control[200 + i] == (cancelled ? 0 : i + 1));
        }
        BOOST_TEST(device.ring.completed() == start + 6);
        BOOST_TEST(device.words.control[SR_CONTROL_FAULTS] == 3u);
    }
}

BOOST_AUTO_TEST_CASE(what_is_cancelled_is_no_operation_of_any_kind) {
    Device device;
    const auto both = packed({inner(store_u32(1, 200)), inner(batch_fence(1, 5))});
    const std::uint32_t payload[] = {1, 201};
    const Window window{.ticket = 1, .opcode = Op::store_u32, .required = Payloads(payload, 2)};
    BOOST_REQUIRE(device.ring.publish(*both).has_value());
    BOOST_REQUIRE(device.ring.publish(window).has_value());
    BOOST_REQUIRE(device.ring.publish(batch_fence(1, 9)).has_value());
    BOOST_REQUIRE(device.ring.publish(shutdown()).has_value());
    BOOST_REQUIRE(device.ring.publish(print(0, 1, 2)).has_value());
    BOOST_REQUIRE(device.ring.publish(memcpy_words(160, 170, 10)).has_value());
    BOOST_REQUIRE(device.ring.publish(store_u32(1, 202), Quiet::yes).has_value());
    for (std::uint64_t position = 0; position < 7; ++position) BOOST_TEST(device.cancel(position));
    BOOST_REQUIRE(device.ring.publish(store_u32(1, 203)).has_value());
    device.launch(1);
    for (std::uint64_t position = 0; position < 6; ++position)
        BOOST_TEST((device.end_of(position).state == State::cancelled));
    BOOST_TEST(!device.ring.completion(6).has_value());
    BOOST_TEST(device.ring.completed() == 8u);
    for (const std::uint32_t index : {200u, 201u, 202u, SR_CONTROL_EPOCH, SR_CONTROL_FENCE_TAG})
        BOOST_TEST(device.words.control[index] == 0u);
    BOOST_TEST(device.words.control[203] == 1u);
    BOOST_TEST(device.words.log[SR_LOG_WRITTEN / 4] == 0u);
}

BOOST_AUTO_TEST_CASE(to_cancel_what_has_finished_touches_no_later_generation) {
    Device device;
    std::vector<std::uint32_t> counted(3);
    runs = &counted;
    BOOST_REQUIRE(device.ring.publish(slot(counts, {0})).has_value());
    device.launch(1);
    static_cast<void>(device.cancel(0));  // too late, whatever it says
    BOOST_TEST((device.end_of(0).state == State::done));
    for (std::uint32_t i = 1; i <= capacity; ++i) BOOST_REQUIRE(device.ring.publish(slot(counts, {1})).has_value());
    BOOST_TEST(!device.cancel(0));
    device.launch(2);
    BOOST_TEST(counted[0] == 1u);
    BOOST_TEST(counted[1] == capacity);
    BOOST_TEST((device.end_of(capacity).state == State::done));
    runs = nullptr;
}

// The cancelling thread comes in before any of the device's accesses, also while a launch leaves.
BOOST_AUTO_TEST_CASE(each_slot_is_run_or_cancelled_whenever_it_is_cancelled) {
    Choices choices;
    std::uint32_t orders = 0, ran = 0, cancelled = 0;
    do {
        Device device;
        std::vector<std::uint32_t> counted(3);
        runs = &counted;
        for (std::uint32_t i = 0; i < 3; ++i) BOOST_REQUIRE(device.ring.publish(slot(counts, {i})).has_value());
        std::uint32_t next = 0;
        const std::array<std::uint64_t, 3> order{2, 0, 1};
        before_access = [&] {
            while (next != order.size() && choices.choose(2) == 1) static_cast<void>(device.cancel(order[next++]));
        };
        device.launch(1);
        before_access = [] {};
        BOOST_REQUIRE(device.ring.completed() == 3u);
        for (std::uint32_t i = 0; i < 3; ++i) {
            const Completion end = device.end_of(i);
            const bool is_run = counted[i] == 1;
            BOOST_REQUIRE(counted[i] <= 1u);
            BOOST_REQUIRE((end.state == (is_run ? State::done : State::cancelled)));
            BOOST_REQUIRE(end.result == (is_run ? 7u : 0u));
            ran += is_run;
            cancelled += !is_run;
        }
        ++orders;
    } while (choices.next());
    runs = nullptr;
    BOOST_TEST(orders > 1000u);
    BOOST_TEST(ran > 0u);
    BOOST_TEST(cancelled > 0u);
}
