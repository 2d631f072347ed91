// Team operations through the runtime: one source whatever the width, in every way that a slot can be published,
// beside slots of one lane; and what is refused.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <cstring>
#include <random>
#include <vector>

#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

constexpr auto sum = custom_opcode<0x80>(), fail = custom_opcode<0x81>(), square = custom_opcode<0x82>();
constexpr std::uint32_t count = 3000;  // words of "numbers"

// Adds words [first, first + n) of "numbers" up, each lane a part, and stores the sum as word `out` of "sums"; the
// other lanes' results are not the slot's.
const CustomOp sum_by_team{.opcode = sum.value(),
                           .name = "sum",
                           .source = R"(
uint sum(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {
    const __global uint* const numbers = (const __global uint*)b->at[0];
    __local uint* const parts = (__local uint*)team->local_memory;
    const ulong words = b->bytes[0] / 4;
    if (a.word[1] > words || a.word[0] > words - a.word[1]) return SR_CODE_OUT_OF_RANGE;
    if (a.word[2] >= b->bytes[1] / 4) return SR_CODE_OUT_OF_RANGE;
    if (team->local_bytes < 4u * team->width) return SR_CODE_FIRST_CUSTOM;
    uint part = 0;
    for (uint i = team->lane; i < a.word[1]; i += team->width) part += numbers[a.word[0] + i];
    parts[team->lane] = part;
    sr_team_barrier(team);
    uint total = 0;
    for (uint i = 0; i < team->width; ++i) total += parts[i];
    if (team->lane == team->width - 1u) ((__global uint*)b->at[1])[a.word[2]] = total;
    *result = team->lane == 0 ? total : 12345u;
    return SR_CODE_OK;
}
)",
                           .buffers = {"numbers", "sums"},
                           .team = CustomOp::Team{.local_bytes = 4 * 1024}};

// Each lane from word[0] on fails, with a code of its own.
const CustomOp fail_by_team{.opcode = fail.value(),
                            .name = "fail",
                            .source = R"(
uint fail(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {
    *result = 7;
    return team->lane < a.word[0] ? SR_CODE_OK : SR_CODE_FIRST_CUSTOM + team->lane % 100u;
}
)",
                            .team = CustomOp::Team{}};

const CustomOp square_by_lane{
    .opcode = square.value(),
    .name = "square",
    .source =
        "uint square(sr_args a, const sr_buffers* b, ulong* result) { *result = a.word[0] * a.word[0]; return 0; }"};

Options options() {
    return {.capacity = 256,
            .ops = {sum_by_team, fail_by_team, square_by_lane},
            .buffers = {{.name = "numbers", .bytes = 4 * count, .place = BufferSpec::Place::device},
                        {.name = "sums", .bytes = 4 * 1024, .use = BufferSpec::Use::output}}};
}

std::uint32_t number(std::uint32_t i) { return i * 2654435761u >> 7; }
std::uint32_t sum_of(std::uint32_t first, std::uint32_t n) {
    std::uint32_t total = 0;
    for (std::uint32_t i = first; i < first + n; ++i) total += number(i);
    return total;
}

Runtime open_with_numbers(ExecutionMode mode) {
    Runtime runtime = open(mode, options());
    std::vector<std::uint32_t> numbers(count);
    for (std::uint32_t i = 0; i < count; ++i) numbers[i] = number(i);
    BOOST_REQUIRE(runtime.upload("numbers", std::as_bytes(std::span(numbers))).has_value());
    return runtime;
}

std::uint32_t stored(Runtime& runtime, std::uint32_t out) {
    std::uint32_t word = 0;
    std::memcpy(&word, runtime.buffer("sums").data() + 4 * out, 4);
    return word;
}

Error refused(Options with) {
    const auto runtime = Runtime::open(from_environment(std::move(with)));
    BOOST_REQUIRE(!runtime.has_value());
    BOOST_TEST_MESSAGE(runtime.error().text());
    return runtime.error();
}

}  // namespace

BOOST_DATA_TEST_CASE(a_team_runs_a_slot_in_every_way_that_it_can_be_published, data::make(modes), mode) {
    Runtime runtime = open_with_numbers(mode);
    BOOST_TEST(runtime.device().teams.groups > 0u);
    BOOST_TEST((!runtime.device().is_cpu || runtime.device().teams.lanes == 1u));

    BOOST_TEST(run(runtime, slot(sum, {0, count, 5})).value == sum_of(0, count));
    BOOST_TEST(stored(runtime, 5) == sum_of(0, count));
    BOOST_TEST(run(runtime, slot(sum, {17, 0, 0})).value == 0u);
    BOOST_TEST(runtime.launch(slot(sum, {100, 1000, 6}))->value == sum_of(100, 1000));
    BOOST_TEST(stored(runtime, 6) == sum_of(100, 1000));
    BOOST_TEST(runtime.launch(slot(square, {9}))->value == 81u);

    const std::uint32_t required[] = {1, 10, 7}, lookahead[] = {2, 20, 8};
    const Payload now(required), later(lookahead);
    const auto window = runtime.publish(
        Window{.ticket = 3, .opcode = sum, .required = std::span(&now, 1), .lookahead = std::span(&later, 1)});
    BOOST_REQUIRE((window && runtime.wait(*window, std::chrono::minutes(1))));
    BOOST_TEST(runtime.result(*window, 0)->value == sum_of(1, 10));
    BOOST_TEST(runtime.result(*window, 1)->value == sum_of(2, 20));

    const auto quiet = runtime.publish(slot(sum, {3, 30, 9}), Quiet::yes);
    BOOST_REQUIRE((quiet && runtime.wait(*quiet, std::chrono::minutes(1))));
    BOOST_TEST(stored(runtime, 9) == sum_of(3, 30));
}

BOOST_DATA_TEST_CASE(the_lowest_lane_that_fails_says_the_code, data::make(modes), mode) {
    Runtime runtime = open_with_numbers(mode);
    const std::uint32_t width = runtime.device().teams.lanes;
    for (const std::uint32_t first : {0u, 1u, 31u, 32u, 99u}) {
        const Result result = run(runtime, slot(fail, {first}));
        BOOST_TEST(result.code == (first < width ? custom_code(first) : Code::ok));
    }
    BOOST_TEST(run(runtime, slot(sum, {1, count, 0})).code == Code::out_of_range);
    BOOST_TEST(runtime.stats().faults >= 1u);
    BOOST_TEST(run(runtime, slot(sum, {0, 2, 0})).ok());
}

BOOST_DATA_TEST_CASE(a_packed_slot_has_no_team, data::make(modes), mode) {
    Runtime runtime = open_with_numbers(mode);
    const std::uint32_t args[] = {0, 2, 0};
    const Result result =
        run(runtime, *packed({inner(store_u32(1, 160)), InnerOp{0x80, args}, inner(store_u32(1, 161))}));
    BOOST_TEST(result.code == Code::no_team);
    BOOST_TEST(result.inner == 1u);
    BOOST_TEST(control(runtime, 160) == 1u);
    BOOST_TEST(control(runtime, 161) == 0u);
}

// Team slots, slots of one lane and fences, in batches of any length, many more than there are teams.
BOOST_DATA_TEST_CASE(teams_and_lanes_share_a_ring, data::make(modes), mode) {
    Runtime runtime = open_with_numbers(mode);
    std::mt19937 random(1);
    const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    for (int round = 0; round < 16; ++round) {
        std::vector<Slot> slots;
        std::vector<std::uint32_t> expected;
        std::uint32_t stores = 0;
        const std::uint32_t size = 1 + below(200), share = below(4);
        for (std::uint32_t i = 0; i < size; ++i) {
            const std::uint32_t kind = below(4);
            if (kind < share) {
                const std::uint32_t first = below(2000), n = below(1000);
                slots.push_back(slot(sum, {first, n, i}));
                expected.push_back(sum_of(first, n));
            } else if (kind == 3 && i % 16 == 0) {
                slots.push_back(batch_fence(1, i));
                expected.push_back(0);
            } else if (kind == 2) {
                slots.push_back(atomic_add(1, 300));
                expected.push_back(0);
                ++stores;
            } else {
                slots.push_back(slot(square, {i}));
                expected.push_back(i * i);
            }
        }
        const std::uint32_t before = control(runtime, 300);
        const auto ticket = runtime.publish(slots);
        BOOST_REQUIRE((ticket && runtime.wait(*ticket, std::chrono::minutes(1))));
        for (std::uint32_t i = 0; i < size; ++i) {
            const auto result = runtime.result(*ticket, i);
            BOOST_REQUIRE((result && result->ok()));
            const std::uint32_t opcode = slots[i].words()[SR_WORD_OPCODE];
            if (opcode != SR_OP_ATOMIC_ADD && opcode != SR_OP_BATCH_FENCE) BOOST_TEST(result->value == expected[i]);
            if (opcode == sum.value()) BOOST_TEST(stored(runtime, i) == expected[i]);
        }
        BOOST_TEST(control(runtime, 300) == before + stores);
    }
}

// The teams are shared by all levels.
BOOST_DATA_TEST_CASE(teams_and_lanes_run_slots_of_every_level, data::make(modes), mode) {
    Options with = options();
    with.levels = {.critical = 64, .high = 64, .low = 64, .idle = 64};
    Runtime runtime = open(mode, std::move(with));
    std::vector<std::uint32_t> numbers(count, 1);
    BOOST_REQUIRE(runtime.upload("numbers", std::as_bytes(std::span(numbers))).has_value());
    std::vector<Ticket> tickets;
    const std::vector<Slot> slots{slot(sum, {0, 1000, 1}), slot(square, {7}), slot(sum, {5, 33, 2})};
    for (int round = 0; round < 20; ++round)
        for (const Priority level :
             {Priority::idle, Priority::low, Priority::normal, Priority::high, Priority::critical}) {
            const auto ticket = runtime.publish(slots, Quiet::no, level);
            BOOST_REQUIRE(ticket.has_value());
            tickets.push_back(*ticket);
        }
    for (const Ticket& ticket : tickets) {
        BOOST_REQUIRE(runtime.wait(ticket, std::chrono::minutes(1)).has_value());
        BOOST_TEST(runtime.result(ticket, 0)->value == 1000u);
        BOOST_TEST(runtime.result(ticket, 1)->value == 49u);
        BOOST_TEST(runtime.result(ticket, 2)->value == 33u);
    }
}

// What a team writes before a fence, a slot of one lane behind it reads, and the other way round.
BOOST_DATA_TEST_CASE(a_fence_orders_teams_and_lanes, data::make(modes), mode) {
    Options with = options();
    with.ops.push_back({.opcode = 0x83,
                        .name = "read_sum",
                        .source = "uint read_sum(sr_args a, const sr_buffers* b, ulong* result) {\n"
                                  "    *result = ((__global uint*)b->at[0])[a.word[0] % 1024u]; return 0; }",
                        .buffers = {"sums"}});
    Runtime runtime = open(mode, std::move(with));
    std::vector<std::uint32_t> numbers(count, 1);
    BOOST_REQUIRE(runtime.upload("numbers", std::as_bytes(std::span(numbers))).has_value());
    for (std::uint32_t round = 1; round < 12; ++round) {
        std::vector<Slot> slots;
        for (std::uint32_t i = 0; i < 50; ++i) slots.push_back(slot(sum, {0, 50 * round + i, i}));
        slots.push_back(batch_fence(50, round));
        for (std::uint32_t i = 0; i < 50; ++i) slots.push_back(slot(custom_opcode<0x83>(), {i}));
        const auto ticket = runtime.publish(slots);
        BOOST_REQUIRE((ticket && runtime.wait(*ticket, std::chrono::minutes(1))));
        for (std::uint32_t i = 0; i < 50; ++i) BOOST_TEST(runtime.result(*ticket, 51 + i)->value == 50 * round + i);
    }
}

BOOST_AUTO_TEST_CASE(what_a_device_lacks_is_its_own_error) {
    Options greedy = options();
    greedy.ops[0].team->local_bytes = 1u << 31;
    const Error local = refused(greedy);
    BOOST_TEST(local.code == Errc::no_local_memory);
    BOOST_TEST(local.detail.starts_with("sum asks for 2147483648 bytes; a work-group has "));

    Options many = options();
    many.teams = {.groups = 129};
    BOOST_TEST(refused(many).code == Errc::bad_options);
    Options unequal = options();
    unequal.shape = {.groups = 2, .lanes = 64};
    unequal.teams = {.lanes = 128};
    BOOST_TEST(refused(unequal).code == Errc::bad_options);

    // More lanes than any device has in a group, or, in order, than one.
    Options ordered = options();
    ordered.shape = {1, 1};
    ordered.teams.lanes = 64;
    BOOST_TEST(refused(ordered).code == Errc::team_too_wide);
}

BOOST_AUTO_TEST_CASE(without_a_team_operation_there_are_no_teams) {
    Runtime runtime = open(ExecutionMode::persistent);
    BOOST_TEST(runtime.device().teams.groups == 0u);
}
