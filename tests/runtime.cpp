// The runtime on PoCL, in both modes: every operation through the device, results, control words, log, DFA.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <array>
#include <thread>
#include <vector>

#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

BOOST_DATA_TEST_CASE(each_operation_does_what_its_constructor_says, data::make(modes), mode) {
    Runtime runtime = open(mode);
    BOOST_TEST(run(runtime, nop()).ok());
    BOOST_TEST(run(runtime, store_u32(7, 160)).value == 7u);
    BOOST_TEST(run(runtime, atomic_add(5, 160)).value == 7u);
    BOOST_TEST(run(runtime, load_u32(160, 1)).value == 12u);
    BOOST_TEST(run(runtime, compare_swap(161, 12, 40)).value == 12u);
    BOOST_TEST(run(runtime, memcpy_words(160, 170, 2)).value == 2u);
    std::array<std::uint32_t, 2> words{};
    BOOST_REQUIRE(runtime.read_control(170, words).has_value());
    BOOST_TEST(words[0] == 12u);
    BOOST_TEST(words[1] == 40u);
    BOOST_TEST(run(runtime, batch_fence(6, 99)).value == 1u);
    BOOST_TEST(control(runtime, SR_CONTROL_FENCE_TAG) == 99u);
    const auto two = packed({inner(store_u32(3, 180)), inner(atomic_add(4, 180))});
    BOOST_TEST(run(runtime, *two).value == 3u);
    BOOST_TEST(control(runtime, 180) == 7u);
}

BOOST_DATA_TEST_CASE(a_bad_slot_costs_only_itself, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const std::array<Slot, 5> batch{store_u32(1, 200), store_u32(1, 4), slot(custom_opcode<0x1234>()),
                                    dfa_step(0, 0, 0), store_u32(2, 201)};
    const auto ticket = runtime.publish(std::span<const Slot>(batch));
    BOOST_REQUIRE(ticket.has_value());
    BOOST_REQUIRE(runtime.wait(*ticket, std::chrono::minutes(1)).has_value());
    const std::array<Code, 5> codes{Code::ok, Code::out_of_range, Code::unknown_opcode, Code::out_of_range, Code::ok};
    for (std::uint32_t i = 0; i < 5; ++i) {
        const auto result = runtime.result(*ticket, i);
        BOOST_REQUIRE(result.has_value());
        BOOST_TEST(result->code == codes[i]);
        BOOST_TEST(result->ok() == (codes[i] == Code::ok));
    }
    BOOST_TEST(runtime.result(*ticket, 5).error() == Errc::bad_ticket);
    BOOST_TEST(control(runtime, 201) == 2u);
    BOOST_TEST(runtime.stats().faults == 3u);
}

BOOST_DATA_TEST_CASE(a_window_runs_every_entry, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const std::array<std::array<std::uint32_t, 2>, 3> args{{{1, 160}, {2, 161}, {3, 162}}};
    const std::array<Payload, 3> entries{args[0], args[1], args[2]};
    const Window window{.ticket = 5,
                        .opcode = Op::atomic_add,
                        .required = std::span(entries).first(1),
                        .lookahead = std::span(entries).last(2)};
    for (std::uint32_t round = 0; round < 2; ++round) BOOST_TEST(run(runtime, window, 2).value == 3 * round);
    for (std::uint32_t i = 0; i < 3; ++i) BOOST_TEST(control(runtime, 160 + i) == 2 * (i + 1));
}

BOOST_DATA_TEST_CASE(results_expire_when_their_slot_is_used_again, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 8});
    const auto first = runtime.publish(store_u32(1, 160));
    BOOST_REQUIRE(runtime.wait(*first, std::chrono::minutes(1)).has_value());
    for (std::uint32_t i = 0; i < 7; ++i) run(runtime, store_u32(i, 161));
    BOOST_TEST(runtime.result(*first)->value == 1u);
    run(runtime, nop());
    BOOST_TEST(runtime.result(*first).error() == Errc::result_expired);
    BOOST_TEST(runtime.poll(*first));
}

BOOST_DATA_TEST_CASE(a_quiet_slot_completes_and_keeps_no_result, data::make(modes), mode) {
    Runtime runtime = open(mode);
    const auto ticket = runtime.publish(store_u32(9, 160), Quiet::yes);
    BOOST_REQUIRE(runtime.wait(*ticket, std::chrono::minutes(1)).has_value());
    BOOST_TEST(runtime.result(*ticket).error() == Errc::no_result);
    BOOST_TEST(control(runtime, 160) == 9u);
}

BOOST_DATA_TEST_CASE(too_large_is_not_full, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 4});
    const std::vector<Slot> batch(5, nop());
    BOOST_TEST(runtime.publish(std::span<const Slot>(batch)).error() == Errc::larger_than_ring);
    BOOST_TEST(runtime.publish(std::span<const Slot>()).value().count == 0u);
    BOOST_TEST(runtime.stats().published == 0u);
}

BOOST_DATA_TEST_CASE(far_more_than_a_ring_goes_through_a_ring, data::make(modes), mode) {
    Runtime runtime = open(mode, {.capacity = 64});
    const std::vector<Slot> batch(16, atomic_add(1, 160));
    Ticket last;
    for (int i = 0; i < 100;) {
        if (const auto ticket = runtime.publish(std::span<const Slot>(batch), Quiet::yes)) {
            last = *ticket;
            ++i;
        } else {
            BOOST_REQUIRE(ticket.error() == Errc::ring_full);
            BOOST_REQUIRE(last.count != 0);
            BOOST_REQUIRE(runtime.wait(last, std::chrono::minutes(1)).has_value());
        }
    }
    BOOST_REQUIRE(runtime.wait(last, std::chrono::minutes(1)).has_value());
    BOOST_TEST(control(runtime, 160) == 1600u);
    BOOST_TEST(runtime.stats().completed == 1600u);
}

BOOST_DATA_TEST_CASE(control_words_have_bounds_and_an_owner, data::make(modes), mode) {
    Runtime runtime = open(mode, {.control_words = 200});
    std::array<std::uint32_t, 3> words{1, 2, 3};
    BOOST_TEST(runtime.write_control(197, words).has_value());
    BOOST_TEST(runtime.write_control(198, words).error() == Errc::out_of_range);
    BOOST_TEST(runtime.write_control(159, words).error() == Errc::system_word);
    BOOST_TEST(runtime.read_control(0xFFFFFFFF, words).error() == Errc::out_of_range);
    BOOST_TEST(run(runtime, load_u32(199, 0)).value == 3u);
    BOOST_TEST(run(runtime, store_u32(0, 200)).code == Code::out_of_range);
}

BOOST_DATA_TEST_CASE(a_dfa_table_is_loaded_between_slots, data::make(modes), mode) {
    Runtime runtime = open(mode);
    std::vector<std::uint32_t> table(2 * 256, 0);
    table['a'] = 1;
    BOOST_REQUIRE(runtime.load_dfa(table).has_value());
    BOOST_TEST(run(runtime, dfa_step(0, 'a', 3)).value == 1u);
    BOOST_TEST(control(runtime, 163) == 1u);
    BOOST_TEST(run(runtime, dfa_step(2, 'a', 3)).code == Code::out_of_range);
    BOOST_TEST(run(runtime, dfa_step(0, 256, 3)).code == Code::bad_argument);

    table['a'] = 2;  // no such state
    BOOST_TEST(runtime.load_dfa(table).error() == Errc::bad_table);
    BOOST_TEST(runtime.load_dfa(std::span(table).first(100)).error() == Errc::bad_table);
    BOOST_TEST(run(runtime, dfa_step(0, 'a', 3)).value == 1u);

    const auto before = runtime.publish(dfa_step(0, 'a', 4));
    BOOST_REQUIRE(runtime.load_dfa(std::vector<std::uint32_t>(256, 0)).has_value());
    BOOST_TEST(runtime.result(*before)->value == 1u);
    BOOST_TEST(run(runtime, dfa_step(0, 'a', 4)).value == 0u);
    BOOST_TEST(run(runtime, dfa_step(1, 'a', 4)).code == Code::out_of_range);
}

BOOST_DATA_TEST_CASE(the_log_has_texts_and_counts_drops, data::make(modes), mode) {
    Runtime runtime = open(mode, {.log_records = 4});
    const std::uint32_t plain = *runtime.add_format("a {} b {x}!");
    const std::uint32_t half = *runtime.add_format("only {x} {");
    for (const Slot& slot : {print(plain, 12, 255), print(half, 255, 0), print(77, 1, 2)}) run(runtime, slot);
    auto log = runtime.read_log();
    BOOST_REQUIRE(log.has_value());
    BOOST_REQUIRE(log->records.size() == 3u);
    BOOST_TEST(log->records[0].text == "a 12 b ff!");
    BOOST_TEST(log->records[1].text == "only ff {");
    BOOST_TEST(log->records[2].text == "format 77: 1 2");
    BOOST_TEST(log->records[2].position == 2u);
    BOOST_TEST(log->dropped == 0u);

    for (std::uint32_t i = 0; i < 6; ++i) BOOST_TEST(run(runtime, print(plain, i, 0)).value == (i < 4 ? 1u : 0u));
    log = runtime.read_log();
    BOOST_REQUIRE(log->records.size() == 4u);
    BOOST_TEST(log->records[3].text == "a 3 b 0!");
    BOOST_TEST(log->dropped == 2u);
    run(runtime, print(plain, 8, 0));
    BOOST_TEST(runtime.read_log()->records.size() == 1u);
    BOOST_TEST(runtime.read_log()->records.empty());
}

BOOST_DATA_TEST_CASE(a_kernel_that_left_comes_back_with_the_next_publish, data::make(modes), mode) {
    Runtime runtime = open(mode, {.idle_timeout = std::chrono::microseconds(0)});
    for (std::uint32_t i = 0; i < 20; ++i) {
        BOOST_TEST(run(runtime, atomic_add(1, 160)).value == i);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    BOOST_TEST(runtime.stats().launches > 1u);
    run(runtime, shutdown());  // as a slot: the kernel leaves, the runtime goes on
    BOOST_TEST(run(runtime, atomic_add(1, 160)).value == 20u);
}

BOOST_DATA_TEST_CASE(a_launch_of_its_own_does_the_same, data::make(modes), mode) {
    Runtime runtime = open(mode);
    BOOST_TEST(runtime.launch(store_u32(4, 160))->value == 4u);
    BOOST_TEST(run(runtime, load_u32(160, 1)).value == 4u);
    const auto fault = runtime.launch(store_u32(4, 1));
    BOOST_TEST(fault->state == State::fault);
    BOOST_TEST(fault->code == Code::out_of_range);
}

BOOST_DATA_TEST_CASE(a_reservation_is_published_by_its_commit, data::make(modes), mode) {
    Runtime runtime = open(mode);
    auto reservation = runtime.ring().reserve(2);
    BOOST_REQUIRE(reservation.has_value());
    reservation->put(store_u32(1, 160));
    reservation->put(store_u32(2, 161));
    const Ticket ticket{reservation->first(), 2};
    BOOST_TEST(!runtime.poll(ticket));
    BOOST_TEST(runtime.wait(ticket, std::chrono::milliseconds(2)).error() == Errc::timed_out);
    BOOST_TEST(runtime.result(ticket).error() == Errc::not_finished);
    BOOST_TEST(runtime.ring().held()->position == ticket.first);
    reservation->commit();
    runtime.wake();
    BOOST_REQUIRE(runtime.wait(ticket, std::chrono::minutes(1)).has_value());
    BOOST_TEST(runtime.result(ticket, 1)->value == 2u);
}
