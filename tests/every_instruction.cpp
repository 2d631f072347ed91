// Another thread looks, or acts, between any two instructions of a call: a slot's state is stored last, a batch
// appears as a whole, and a reader of positions that move gets one that there was.
#include "../lib/ring_inside.hpp"
#include "ended.hpp"
#include "every_instruction.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <vector>

#include <slipring/codec.hpp>
#include <slipring/consumer.hpp>

#include "native_device.hpp"
#include "native_memory.hpp"
#include "ring_memory.hpp"

using namespace slipring;

namespace {

constexpr std::uint32_t capacity = 8;
constexpr auto opcode = custom_opcode<0x100>();

// What the looks found. Boost.Test is no place to be in a signal handler: they count.
struct Found {
    std::size_t wrong = 0;
    std::size_t ended = 0;  // looks at a slot that had ended, or been published
    std::size_t open = 0;   // and at one that had not

    void check() const {
        BOOST_TEST(wrong == 0u);
        BOOST_TEST(ended > 0u);
        BOOST_TEST(open > 0u);
    }
};

// The reader: a slot whose state is terminal has its code and result.
void look_at_end(const RingView& ring, std::uint64_t position, const Completion& outcome, Found& found) {
    const std::optional<State> state = ring.state(position);
    const bool ended = state && is_terminal(*state);
    ++(ended ? found.ended : found.open);
    if (ended)
        found.wrong += *state != outcome.state || result_of(ring, position) != outcome.result ||
                       code_of(ring, position) != (static_cast<std::uint32_t>(outcome.code) | outcome.inner << 8);
    else found.wrong += ring.is_complete(position + 1);
}

std::uint32_t at(const RingView& ring, std::size_t offset) { return inside(ring).word32(offset).load(); }

// The consumer of slots: a slot whose state says published is whole, and the first one's says so of all.
class Arriving {
public:
    Arriving(const RingView& ring, std::uint64_t first, std::vector<Words> slots)
        : ring_(ring), first_(first), slots_(std::move(slots)) {
        for (std::size_t i = 0; i < slots_.size(); ++i)
            slots_[i][SR_WORD_STATE] = inside(ring).tagged(first + i, SR_STATE_PUBLISHED);
    }
    void look(Found& found) const {
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            const bool here = inside(ring_).state_word(first_ + i) == slots_[i][SR_WORD_STATE];
            ++(here ? found.ended : found.open);
            for (std::uint32_t w = 0; here && w < SR_SLOT_WORDS; ++w)
                found.wrong += inside(ring_).word(first_ + i, w) != slots_[i][w];
            if (i > 0) found.wrong += !here && inside(ring_).state_word(first_) == slots_[0][SR_WORD_STATE];
        }
    }

private:
    const RingView& ring_;
    std::uint64_t first_;
    std::vector<Words> slots_;
};

Words with(const Slot& slot, std::uint32_t flags) {
    Words words = slot.words();
    words[SR_WORD_PRIORITY] |= flags;
    return words;
}

// Runs a call once for each of its instructions, each time in a new world: `act` acts there. check(world, answer).
template <class World, class Call, class Act, class Check>
void with_somebody_at_each(Call call, Act act, Check check) {
    bool acted = true;
    std::size_t instructions = 0;
    for (std::size_t when = 0; acted; ++when) {
        World world;
        acted = false;
        decltype(call(world)) answer{};
        at_every_instruction([&] { answer = call(world); },
                             [&](std::size_t i) {
                                 if (i != when) return;
                                 act(world);
                                 acted = true;
                             });
        if (!acted) act(world);
        check(world, answer);
        instructions = when;
    }
    BOOST_TEST(instructions > 3u);
}

struct World {
    RingMemory memory{4};
    Ring ring = memory.ring(4, 0 - std::uint64_t{6});  // across 2^64, and the generation's wrap
    Consumer consumer{ring};
    std::uint64_t start = ring.reserved();
    std::optional<Ring::Reservation> hole;
    std::vector<std::uint32_t> taken;  // the first argument of each slot that came out

    void publish(std::uint32_t n) {
        while (n-- > 0) static_cast<void>(ring.publish(slot(opcode, {77})));
    }
    void consume(std::size_t n) {
        consumer.drain(n, [this](auto words) {
            taken.push_back(words[SR_WORD_ARGS]);
            return Completion{};
        });
    }
    std::uint64_t since_start(std::uint64_t position) const { return position - start; }
};

}  // namespace

// ---- who ends a slot ----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_consumer_stores_the_state_last) {
    RingMemory memory(capacity);
    for (const std::uint64_t start : hard_starts(capacity)) {
        const Ring ring = memory.ring(capacity, start);
        const Slot batch[] = {slot(opcode, {1}), slot(opcode, {2})};
        BOOST_REQUIRE(ring.publish(std::span(batch)).has_value());
        const Completion outcomes[] = {{State::fault, Code::denied, 7, 3}, {State::done, Code::ok, 8}};
        Consumer consumer(ring);
        Found found;
        at_every_instruction(
            [&] {
                for (const Completion& outcome : outcomes) consumer.finish(outcome);
                consumer.release();
            },
            [&](std::size_t) {
                for (std::uint64_t i = 0; i < 2; ++i) look_at_end(ring, start + i, outcomes[i], found);
            });
        found.check();
        BOOST_TEST(ring.completed() == start + 2);
    }
}

BOOST_AUTO_TEST_CASE(who_stands_in_for_the_consumer_does) {
    RingMemory memory(capacity);
    const Ring ring = memory.ring(capacity, 5);
    BOOST_REQUIRE(ring.publish(slot(opcode, {1})).has_value());
    const Completion end{State::fault, Code::device_lost, 9};
    Found found;
    at_every_instruction([&] { inside(ring).complete(5, end); },
                         [&](std::size_t) { look_at_end(ring, 5, end, found); });
    found.check();
}

// Before a slot has any effect it is claimed; when it has ended its effect is there, a fault is counted, and a record
// is whole; and when the launch has left, all of it is the host's.
BOOST_AUTO_TEST_CASE(the_drain_does) {
    for (const std::uint64_t start : hard_starts(capacity)) {
        RingMemory memory(capacity);
        const Ring ring = memory.ring(capacity, start);
        NativeMemory device;
        device.control[SR_CONTROL_LEFT] = 8;
        std::vector<uint>&control = device.control, &log = device.log;
        const Slot batch[] = {store_u32(5, 200), store_u32(5, 2), *packed({inner(nop()), inner(store_u32(1, 2))}),
                              slot(opcode, {70, 3}), print(4, 5, 6)};
        const Completion outcomes[] = {{State::done, Code::ok, 5},
                                       {State::fault, Code::out_of_range, 0},
                                       {State::fault, Code::out_of_range, 0, 1},
                                       {State::fault, custom_code(6), 73},
                                       {State::done, Code::ok, 1}};
        BOOST_REQUIRE(ring.publish(std::span(batch)).has_value());
        BOOST_REQUIRE(ring.publish(store_u32(6, 201), Quiet::yes).has_value());
        const auto control_word = [&](std::size_t i) { return std::atomic_ref(control[i]).load(); };
        Found found;
        at_every_instruction([&] { device.drain(ring, 9, 0); },
                             [&](std::size_t) {
                                 uint faults = 0;
                                 for (std::uint64_t i = 0; i < 5; ++i) {
                                     const std::size_t before = found.ended;
                                     look_at_end(ring, start + i, outcomes[i], found);
                                     const bool ended = found.ended != before;
                                     faults += ended && outcomes[i].state != State::done;
                                     found.wrong += ended && inside(ring).claimed() - start <= i;
                                     found.wrong += i == 0 && ended && control_word(200) != 5;
                                     found.wrong +=
                                         i == 4 && ended && std::atomic_ref(log[SR_LOG_WRITTEN / 4]).load() != 1;
                                 }
                                 found.wrong += control_word(SR_CONTROL_FAULTS) < faults;
                                 found.wrong += control_word(200) == 5 && inside(ring).claimed() == start;
                                 found.wrong += control_word(201) == 6 && inside(ring).claimed() != start + 6;
                                 found.wrong += ring.is_complete(start + 6) && control_word(201) != 6;
                                 const uint* const record = log.data() + SR_LOG_RECORDS / 4;
                                 if (std::atomic_ref(log[SR_LOG_WRITTEN / 4]).load() == 1)
                                     found.wrong += record[0] != 4 || record[1] != 5 || record[2] != 6 ||
                                                    record[3] != static_cast<uint>(start + 4);
                                 found.wrong += at(ring, SR_RING_LEFT) == 9 && !ring.is_complete(start + 6);
                             });
        found.check();
        BOOST_TEST(at(ring, SR_RING_LEFT) == 9u);
        BOOST_TEST(control[SR_CONTROL_FAULTS] == 3u);
    }
}

// ---- who encodes --------------------------------------------------------------------------------------------------

// A slot of an image whose state says published is whole.
BOOST_AUTO_TEST_CASE(the_codec_stores_the_state_last) {
    const std::uint32_t words[] = {1, 2, 3};
    const Payload entries[] = {std::span(words), std::span(words).first(1)};
    const Window window{.ticket = 8,
                        .opcode = opcode,
                        .required = std::span(entries).first(1),
                        .lookahead = std::span(entries).last(1)};
    const std::vector<Slot> batch = *to_batch(window);
    const auto check = [&](auto encode_it) {
        alignas(64) std::array<std::byte, 4 * SR_SLOT_BYTES> image{};
        const auto word = [&](std::size_t slot, std::size_t w) {
            return std::atomic_ref(reinterpret_cast<std::uint32_t*>(image.data())[slot * SR_SLOT_WORDS + w]).load();
        };
        Found found;
        std::expected<std::uint32_t, Errc> encoded;
        at_every_instruction([&] { encoded = encode_it(std::span<std::byte>(image)); },
                             [&](std::size_t) {
                                 for (std::size_t i = 0; i < batch.size(); ++i) {
                                     const bool here = word(1 + i, SR_WORD_STATE) == SR_STATE_PUBLISHED;
                                     ++(here ? found.ended : found.open);
                                     for (std::size_t w = 0; here && w < SR_SLOT_WORDS; ++w)
                                         found.wrong += word(1 + i, w) != batch[i].words()[w];
                                 }
                             });
        found.check();
        BOOST_TEST(encoded.value() == batch.size());
    };
    check([&](std::span<std::byte> image) { return encode(window, image, 1); });
    check([&](std::span<std::byte> image) { return encode(std::span<const Slot>(batch), image, 1); });
}

// ---- who publishes ------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_is_published_appears_as_a_whole) {
    RingMemory memory(capacity);
    const Slot batch[] = {slot(opcode, {1, 2}), slot(opcode, {3, 4}).for_tenant(6), store_u32(5, 6)};
    const std::uint32_t words[] = {1, 2, 3};
    const Payload entries[] = {std::span(words), std::span(words).first(1)};
    const Window window{.ticket = 8,
                        .opcode = opcode,
                        .tenant = 2,
                        .required = std::span(entries).first(1),
                        .lookahead = std::span(entries).last(1)};
    for (const std::uint64_t start : hard_starts(capacity)) {
        const auto check = [&](std::vector<Words> slots, auto publish) {
            const Ring ring = memory.ring(capacity, start);
            const Arriving arriving(ring, start, std::move(slots));
            Found found;
            at_every_instruction([&] { publish(ring); }, [&](std::size_t) { arriving.look(found); });
            arriving.look(found);
            found.check();
        };
        check({with(batch[0], 0)}, [&](const Ring& ring) { static_cast<void>(ring.publish(batch[0])); });
        check({with(batch[0], SR_FLAG_QUIET), with(batch[1], SR_FLAG_QUIET), with(batch[2], SR_FLAG_QUIET)},
              [&](const Ring& ring) { static_cast<void>(ring.publish(std::span(batch), Quiet::yes)); });
        check({with(entry_slot(window, 0), SR_FLAG_WINDOWED), with(entry_slot(window, 1), SR_FLAG_WINDOWED)},
              [&](const Ring& ring) { static_cast<void>(ring.publish(window)); });
        check({with(batch[1], 0), with(batch[0], SR_FLAG_QUIET), with(nop(), 0)}, [&](const Ring& ring) {
            auto reservation = *ring.reserve(3);
            reservation.put(batch[1]);
            reservation.put(batch[0], Quiet::yes);  // the third one is never put
        });
    }
}

// ---- who reads while others move on -------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_tail_is_one_that_there_was) {
    const auto tail = [](World& world) { return world.ring.tail(); };
    const auto laps_on = [](World& world) {
        for (int i = 0; i < 3; ++i) {
            world.publish(4);
            world.consume(3);
        }
    };
    with_somebody_at_each<World>(tail, laps_on, [](World& world, std::uint64_t answer) {
        BOOST_TEST(world.since_start(answer) <= world.since_start(world.ring.reserved()));
        BOOST_TEST(world.ring.tail() == world.ring.reserved());
    });
    const auto one_behind_a_hole = [](World& world) {
        world.publish(2);
        world.hole.emplace(*world.ring.reserve(1));
        world.publish(1);
    };
    with_somebody_at_each<World>(tail, one_behind_a_hole, [](World& world, std::uint64_t answer) {
        BOOST_TEST(world.since_start(answer) <= 2u);
        BOOST_TEST(world.since_start(world.ring.tail()) == 2u);
    });
}

BOOST_AUTO_TEST_CASE(a_position_that_nobody_holds_is_not_told) {
    const auto held = [](World& world) { return world.ring.held(); };
    const auto a_lap_on = [](World& world) {
        world.publish(4);
        world.consume(4);
        world.publish(2);
    };
    with_somebody_at_each<World>(held, a_lap_on, [](World& world, const auto& answer) {
        BOOST_TEST(!answer.has_value());
        BOOST_TEST(!world.ring.held().has_value());
    });
    // Two holes one after the other, a generation apart: held() names one of them or none, and for no longer than
    // there was one.
    const auto another_hole = [](World& world) {
        world.hole.emplace(*world.ring.reserve(1));
        world.hole.reset();
        world.publish(3);
        world.consume(4);
        world.hole.emplace(*world.ring.reserve(1));
    };
    with_somebody_at_each<World>(held, another_hole, [](World& world, const auto& answer) {
        BOOST_TEST((!answer || world.since_start(answer->position) == 4));
        const auto now = world.ring.held();
        BOOST_TEST((now && world.since_start(now->position) == 4 && now->since.count() >= 0));
        BOOST_TEST((!answer || now->since >= answer->since));
    });
}

// The time is that of the position beside it: one that was held for long gives its time to no other.
BOOST_AUTO_TEST_CASE(the_time_of_a_hold_is_its_own) {
    World world;
    world.hole.emplace(*world.ring.reserve(1));
    const auto word = [&](auto member) { return inside(world.ring).producers(member); };
    std::size_t wrong = 0, told = 0;
    at_every_instruction([&] { static_cast<void>(world.ring.held()); },
                         [&](std::size_t) {
                             if (word(&detail::Producers::held).load() != world.start) return;
                             ++told;
                             wrong += word(&detail::Producers::held_since).load() == 0;
                         });
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(told > 0u);
}

BOOST_AUTO_TEST_CASE(what_is_claimed_only_grows) {
    const auto claimed = [](World& world) { return inside(world.ring).claimed(); };
    const auto drain = [](World& world) {
        world.publish(3);
        NativeMemory().drain(world.ring, 1, 0);
    };
    with_somebody_at_each<World>(claimed, drain, [](World& world, std::uint64_t answer) {
        BOOST_TEST(world.since_start(answer) <= 3u);
        BOOST_TEST(world.since_start(inside(world.ring).claimed()) == 3u);
    });
}

// ---- two producers and a consumer ---------------------------------------------------------------------------------

// One publishes a batch; between any two of its instructions the other publishes, the consumer drains what there is,
// and the other publishes once more: then it has found the ring full, and told what is free again.
BOOST_AUTO_TEST_CASE(two_producers_at_every_instruction) {
    const Slot pair[] = {slot(opcode, {1}), slot(opcode, {2})};
    struct Act {
        std::uint32_t others, drained, more;
    };
    constexpr Act all_acts[] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}, {4, 0, 0}, {2, 4, 0}, {4, 4, 0}, {4, 4, 1}};
    for (const Act& acts : all_acts) {
        const auto publish = [&](World& world) { return std::optional(world.ring.publish(std::span(pair))); };
        const auto act = [&](World& world) {
            world.publish(acts.others);
            world.consume(acts.drained);
            world.publish(acts.more);
        };
        with_somebody_at_each<World>(publish, act, [&](World& world, const auto& answer) {
            const bool room = acts.others + 2 <= 4 || acts.drained != 0;
            if (!answer->has_value()) BOOST_TEST((answer->error() == Errc::ring_full && !room));
            // Those of the other came first, or are refused one by one.
            const std::uint64_t all = world.ring.reserved() - world.start, most = acts.others + acts.more + 2;
            BOOST_TEST(all <= most);
            BOOST_TEST(all >= std::min<std::uint64_t>(acts.others + (answer->has_value() ? 2 : 0), 4));
            world.consume(100);
            BOOST_TEST(world.taken.size() == all);
            const auto ones = std::ranges::find(world.taken, 1u);
            BOOST_TEST((ones != world.taken.end()) == answer->has_value());
            if (!answer->has_value()) return;
            BOOST_TEST(static_cast<std::uint64_t>(ones - world.taken.begin()) == **answer - world.start);
            BOOST_REQUIRE((ones + 1 != world.taken.end()));
            BOOST_TEST(ones[1] == 2u);
        });
    }
}
