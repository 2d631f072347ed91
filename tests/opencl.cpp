// A runtime in the user's own OpenCL context: the user's kernels and slots on one buffer in turns, what is retained,
// and what is refused. OpenCL by its C calls, as any program may use it.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include <slipring/opencl.hpp>

#include "opencl_user.hpp"
#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

// Adds word[1] to word word[0].
constexpr auto bump = custom_opcode<0x100>();
const CustomOp bumping{.opcode = bump.value(),
                       .name = "bump",
                       .source = R"(
uint bump(sr_args a, const sr_buffers* b, ulong* result) {
    if (a.word[0] >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    *result = ((__global uint*)b->at[0])[a.word[0]] += a.word[1];
    return SR_CODE_OK;
}
)",
                       .buffers = {"words"}};

Options in_context(const User& user) {
    const auto context = opencl_context(user.context, user.device);
    const auto memory = opencl_memory(user.words);
    BOOST_REQUIRE((context && memory));
    return {.ops = {bumping}, .buffers = {{.name = "words", .memory = *memory}}, .context = *context};
}

Runtime open_in(const User& user, ExecutionMode mode) {
    Options options = in_context(user);
    options.device = "auto";
    options.mode = mode;
    auto runtime = Runtime::open(patient(std::move(options)));
    BOOST_REQUIRE_MESSAGE(runtime.has_value(), (runtime ? "" : runtime.error().text()));
    return std::move(*runtime);
}

Errc refusal(Options options) {
    const auto runtime = Runtime::open(std::move(options));
    BOOST_REQUIRE(!runtime.has_value());
    BOOST_TEST_MESSAGE(runtime.error().text());
    return runtime.error().code;
}

}  // namespace

BOOST_DATA_TEST_CASE(user_kernels_and_slots_take_turns_on_one_buffer, data::make(modes), mode) {
    const User user;
    Runtime runtime = open_in(user, mode);
    BOOST_TEST((runtime.device().mode == mode));
    BOOST_TEST(runtime.buffer("words").empty());
    BOOST_TEST(runtime.device().shape.groups <= 16u);  // the user's kernels run beside
    for (std::uint32_t round = 1; round <= 20; ++round) {
        std::vector<Slot> slots;
        for (std::uint32_t i = 0; i < 100; ++i) slots.push_back(slot(bump, {40 * i, 1000}));
        const auto ticket = runtime.publish(slots);
        BOOST_REQUIRE((ticket && runtime.wait(*ticket, std::chrono::minutes(1))));
        const std::vector<std::uint32_t> seen = user.add_and_read(1);
        BOOST_TEST(seen[40] == 1001 * round);
        BOOST_TEST(seen[41] == round);
        BOOST_TEST(run(runtime, slot(bump, {40, 0})).value == 1001 * round);
        BOOST_TEST(runtime.launch(slot(bump, {41, 0}))->value == round);
    }
    BOOST_TEST(run(runtime, slot(bump, {count, 0})).code == Code::out_of_range);  // it has the memory's own size
}

BOOST_DATA_TEST_CASE(copies_reach_the_users_memory, data::make(modes), mode) {
    const User user;
    Runtime runtime = open_in(user, mode);
    std::vector<std::uint32_t> given(count), back(count);
    std::iota(given.begin(), given.end(), 5u);
    BOOST_TEST(runtime.upload("words", std::as_bytes(std::span(given))).has_value());
    BOOST_TEST((user.add_and_read(0) == given));
    user.fill(9);
    BOOST_TEST(runtime.download("words", std::as_writable_bytes(std::span(back))).has_value());
    BOOST_TEST(std::ranges::count(back, 9u) == count);
    BOOST_TEST(runtime.fill("words", std::byte{1}, 4, 4).has_value());
    BOOST_TEST(user.add_and_read(0)[1] == 0x01010101u);
    const std::byte one{};
    BOOST_TEST((runtime.upload("words", std::span(&one, 1), 4 * count).error() == Errc::out_of_range));
}

BOOST_DATA_TEST_CASE(a_runtime_keeps_what_it_was_given, data::make(modes), mode) {
    User user;
    Runtime runtime = open_in(user, mode);
    user.fill(3);
    clReleaseMemObject(std::exchange(user.words, nullptr));
    clReleaseContext(std::exchange(user.context, nullptr));
    BOOST_TEST(run(runtime, slot(bump, {7, 4})).value == 7u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_used_is_refused_with_its_own_code) {
    const User user, other;
    BOOST_TEST((opencl_context(nullptr, user.device).error().code == Errc::bad_context));
    BOOST_TEST((opencl_context(user.context, nullptr).error().code == Errc::bad_context));
    BOOST_TEST((opencl_memory(nullptr).error().code == Errc::bad_memory_object));
    for (const auto flags : {CL_MEM_READ_ONLY, CL_MEM_WRITE_ONLY, CL_MEM_HOST_NO_ACCESS}) {
        const cl_mem one_sided = user.make(static_cast<cl_mem_flags>(flags));
        BOOST_TEST((opencl_memory(one_sided).error().code == Errc::bad_memory_object));
        clReleaseMemObject(one_sided);
    }

    Options foreign = in_context(user);
    foreign.buffers[0].memory = *opencl_memory(other.words);
    BOOST_TEST((refusal(std::move(foreign)) == Errc::foreign_buffer));
    Options without = in_context(user);
    without.context = nullptr;
    BOOST_TEST((refusal(std::move(without)) == Errc::foreign_buffer));
    Options elsewhere = in_context(user);
    elsewhere.device = "no such device";
    BOOST_TEST((refusal(std::move(elsewhere)) == Errc::device_not_found));
    // Nothing was lost.
    Runtime runtime = open_in(user, ExecutionMode::persistent);
    BOOST_TEST(run(runtime, slot(bump, {0, 4})).value == 4u);
}
