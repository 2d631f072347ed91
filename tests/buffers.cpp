// Buffers in either place, shared by operations; copies to and from them, waited for and not; and what is refused.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "runtime_fixture.hpp"
#include "stalling.hpp"

using namespace slipring;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

using Place = BufferSpec::Place;
constexpr Place places[] = {Place::shared, Place::device};

constexpr auto add_up = custom_opcode<0x110>();
constexpr auto move_on = custom_opcode<0x111>();

// Adds words [first, first + count) of buffer 0.
const CustomOp adding{.opcode = add_up.value(),
                      .name = "add_up",
                      .source = R"(
uint add_up(sr_args a, const sr_buffers* b, ulong* result) {
    const __global uint* const words = (const __global uint*)b->at[0];
    const ulong count = b->bytes[0] / 4;
    if (a.word[1] > count || a.word[0] > count - a.word[1]) return SR_CODE_OUT_OF_RANGE;
    uint sum = 0;
    for (uint i = 0; i < a.word[1]; ++i) sum += words[a.word[0] + i];
    *result = sum;
    return SR_CODE_OK;
}
)",
                      .buffers = {"words"}};

// Copies word a of buffer 1 to word b of buffer 0, and adds c: the other operation's buffer, by another index.
const CustomOp moving{.opcode = move_on.value(),
                      .name = "move_on",
                      .source = R"(
uint move_on(sr_args a, const sr_buffers* b, ulong* result) {
    if (b->count != 2u || a.word[0] >= b->bytes[1] / 4 || a.word[1] >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    *result = ((__global uint*)b->at[0])[a.word[1]] = ((__global uint*)b->at[1])[a.word[0]] + a.word[2];
    return SR_CODE_OK;
}
)",
                      .buffers = {"moved", "words"}};

constexpr std::uint32_t count = 5000;  // words

Options options(Place place) {
    return {.ops = {adding, moving},
            .buffers = {{.name = "words", .bytes = 4 * count, .place = place},
                        {.name = "moved", .bytes = 4 * count, .place = place, .use = BufferSpec::Use::output}}};
}

std::vector<std::uint32_t> numbers() {
    std::vector<std::uint32_t> out(count);
    std::iota(out.begin(), out.end(), 1u);
    return out;
}

template <class T>
std::span<std::byte> bytes(std::vector<T>& of) {
    return std::as_writable_bytes(std::span(of));
}

bool ok(const std::expected<void, Errc>& outcome) { return outcome.has_value(); }
bool is(const std::expected<void, Errc>& outcome, Errc why) { return !outcome && outcome.error() == why; }

}  // namespace

BOOST_DATA_TEST_CASE(operations_share_buffers_in_either_place, data::make(modes) * data::make(places), mode, place) {
    Runtime runtime = open(mode, options(place));
    BOOST_TEST(runtime.buffer("words").empty() == (place == Place::device));

    std::vector<std::uint32_t> back(count, 7);
    BOOST_TEST(ok(runtime.download("words", bytes(back))));
    BOOST_TEST(std::ranges::count(back, 0u) == count);  // zeroed at open

    auto given = numbers();
    BOOST_TEST(ok(runtime.upload("words", bytes(given))));
    BOOST_TEST(run(runtime, slot(add_up, {0, count})).value == count * (count + 1) / 2);
    BOOST_TEST(run(runtime, slot(add_up, {1, count})).code == Code::out_of_range);
    BOOST_TEST(run(runtime, slot(move_on, {10, 20, 100})).value == 111u);
    BOOST_TEST(runtime.launch(slot(move_on, {11, 21, 100}))->value == 112u);
    BOOST_TEST(ok(runtime.download("moved", bytes(back))));
    BOOST_TEST(back[20] == 111u);
    BOOST_TEST(back[21] == 112u);
    BOOST_TEST(back[22] == 0u);
}

BOOST_DATA_TEST_CASE(copies_touch_the_bytes_that_they_name, data::make(modes) * data::make(places), mode, place) {
    Runtime runtime = open(mode, options(place));
    auto given = numbers();
    BOOST_REQUIRE(ok(runtime.upload("words", bytes(given))));
    const std::byte five[] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
    BOOST_TEST(ok(runtime.upload("words", five, 13)));
    std::memcpy(bytes(given).data() + 13, five, sizeof five);
    BOOST_TEST(ok(runtime.fill("words", std::byte{0xA5}, 4 * count - 7, 7)));
    std::memset(bytes(given).data() + 4 * count - 7, 0xA5, 7);
    BOOST_TEST(ok(runtime.fill("words", std::byte{1}, 400, 0)));
    BOOST_TEST(ok(runtime.upload("words", {}, 4 * count)));

    std::vector<std::uint32_t> back(count);
    BOOST_TEST(ok(runtime.download("words", bytes(back))));
    BOOST_TEST((back == given));
    std::vector<std::byte> part(11);
    BOOST_TEST(ok(runtime.download("words", part, 9)));
    BOOST_TEST(std::memcmp(part.data(), bytes(given).data() + 9, part.size()) == 0);
    std::uint32_t sum = 0;
    for (const std::uint32_t word : given) sum += word;
    BOOST_TEST(run(runtime, slot(add_up, {0, count})).value == sum);  // the device sees the same
}

BOOST_DATA_TEST_CASE(copies_that_begin_finish_in_their_order, data::make(modes) * data::make(places), mode, place) {
    Runtime runtime = open(mode, options(place));
    std::vector<std::vector<std::uint32_t>> backs(20, std::vector<std::uint32_t>(count));
    std::vector<CopyTicket> tickets;
    auto given = numbers();
    for (std::size_t i = 0; i < backs.size(); ++i) {
        const auto filled = runtime.begin_fill("words", static_cast<std::byte>(i), 0, 4 * count);
        const auto up = runtime.begin_upload("words", bytes(given).first(400), 800);
        const auto down = runtime.begin_download("words", bytes(backs[i]));
        BOOST_REQUIRE((filled && up && down));
        tickets.push_back(*down);
    }
    BOOST_TEST(ok(runtime.wait(tickets.back(), 1min)));
    for (std::size_t i = 0; i < backs.size(); ++i) {
        BOOST_TEST(runtime.poll(tickets[i]));
        BOOST_TEST(ok(runtime.wait(tickets[i])));
        BOOST_TEST(backs[i][0] == 0x01010101u * i);
        BOOST_TEST(backs[i][200] == 1u);
        BOOST_TEST(backs[i][299] == 100u);
        BOOST_TEST(backs[i][300] == 0x01010101u * i);
    }
}

// Beside a kernel that is busy for as long as the host likes.
BOOST_DATA_TEST_CASE(copies_do_not_wait_for_a_running_kernel, data::make(places), place) {
    Options with = options(place);
    with.ops.push_back(stalling);
    with.buffers.push_back(release_word);
    with.max_launch_time = 10min;
    with.hang_timeout = 20min;
    Runtime runtime = open(ExecutionMode::persistent, std::move(with));
    const auto stalled = runtime.publish(slot(stall, {~0u}));
    BOOST_REQUIRE(stalled.has_value());
    auto given = numbers();
    std::vector<std::uint32_t> back(count);
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(ok(runtime.upload("words", bytes(given))));
        BOOST_TEST(ok(runtime.fill("words", std::byte{0}, 0, 4)));
        BOOST_TEST(ok(runtime.download("words", bytes(back))));
        BOOST_TEST(back[0] == 0u);
        BOOST_TEST(back[count - 1] == count);
    }
    BOOST_TEST(!runtime.poll(*stalled));
    word(runtime.buffer("release")).store(1);
    BOOST_TEST(ok(runtime.wait(*stalled, 1min)));
}

BOOST_DATA_TEST_CASE(what_does_not_exist_is_refused_and_nothing_is_lost, data::make(modes) * data::make(places), mode,
                     place) {
    Runtime runtime = open(mode, options(place));
    auto given = numbers();
    BOOST_REQUIRE(ok(runtime.upload("words", bytes(given))));
    std::byte some[8]{};
    BOOST_TEST(is(runtime.upload("word", some), Errc::unknown_buffer));
    BOOST_TEST(is(runtime.download("", some), Errc::unknown_buffer));
    BOOST_TEST(is(runtime.fill("Words", std::byte{}, 0, 1), Errc::unknown_buffer));
    for (const std::uint64_t offset : {4ull * count - 7, 4ull * count, 4ull * count + 1, ~0ull - 7, ~0ull}) {
        BOOST_TEST(is(runtime.upload("words", some, offset), Errc::out_of_range));
        BOOST_TEST(is(runtime.download("words", some, offset), Errc::out_of_range));
        BOOST_TEST(is(runtime.fill("words", std::byte{}, offset, 8), Errc::out_of_range));
        BOOST_TEST(is(runtime.fill("words", std::byte{}, 8, offset), Errc::out_of_range));
    }
    BOOST_TEST(is(runtime.wait(CopyTicket{}), Errc::bad_ticket));
    BOOST_TEST(!runtime.poll(CopyTicket{}));
    const auto last = runtime.begin_download("words", some);
    BOOST_REQUIRE(last.has_value());
    BOOST_TEST(is(runtime.wait(CopyTicket{last->number + 1}), Errc::bad_ticket));
    BOOST_TEST(is(runtime.wait(CopyTicket{last->number, 1}), Errc::bad_ticket));
    BOOST_TEST(ok(runtime.wait(*last)));
    BOOST_TEST(run(runtime, slot(add_up, {0, count})).value == count * (count + 1) / 2);
}

BOOST_DATA_TEST_CASE(more_than_the_device_allocates_is_an_error_that_says_so, data::make(places), place) {
    Options with = options(place);
    with.buffers[1].bytes = std::uint64_t{1} << 47;
    const auto runtime = Runtime::open(from_environment(std::move(with)));
    BOOST_REQUIRE(!runtime.has_value());
    BOOST_TEST(runtime.error().code == Errc::buffer_too_large);
    BOOST_TEST_MESSAGE(runtime.error().text());
    BOOST_TEST(runtime.error().detail.starts_with("moved of 140737488355328 bytes; the device allocates "));
}

BOOST_DATA_TEST_CASE(buffers_can_be_read_after_shutdown, data::make(modes) * data::make(places), mode, place) {
    Runtime runtime = open(mode, options(place));
    auto given = numbers();
    BOOST_REQUIRE(ok(runtime.upload("words", bytes(given))));
    const auto ticket = runtime.publish(slot(move_on, {1, 2, 3}));
    BOOST_REQUIRE(ticket.has_value());
    BOOST_REQUIRE(ok(runtime.shutdown()));
    std::vector<std::uint32_t> back(count);
    BOOST_TEST(ok(runtime.download("moved", bytes(back))));
    BOOST_TEST(back[2] == 5u);
}

// Copies from several threads, each to a part of its own, while slots run. Not to a shared buffer in per_launch mode,
// where each launch copies all of it.
BOOST_DATA_TEST_CASE(any_thread_may_copy, data::make(modes) * data::make(places), mode, place) {
    if (mode == ExecutionMode::per_launch && place == Place::shared) return;
    Runtime runtime = open(mode, options(place));
    std::atomic<int> wrong{0};
    const auto work = [&](std::uint32_t part) {
        std::vector<std::uint32_t> own(100), back(100);
        for (std::uint32_t round = 0; round < 30; ++round) {
            std::ranges::fill(own, 1000 * part + round);
            const auto up = runtime.begin_upload("words", bytes(own), 400 * part);
            const auto down = runtime.begin_download("words", bytes(back), 400 * part);
            if (!up || !down || !runtime.wait(*down, 1min) || back != own) ++wrong;
            const auto ticket = runtime.publish(slot(add_up, {100 * part, 100}));
            if (!ticket || !runtime.wait(*ticket, 1min)) ++wrong;
            else if (const auto sum = runtime.result(*ticket); !sum || sum->value != 100 * own[0]) ++wrong;
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t part = 0; part < 4; ++part) threads.emplace_back(work, part);
    }
    BOOST_TEST(wrong == 0);
}
