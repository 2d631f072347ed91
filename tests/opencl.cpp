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

#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

constexpr std::uint32_t count = 4096;  // words of a buffer

// The user's side: a context, a queue, a kernel and a buffer.
struct User {
    cl_platform_id platform = nullptr;
    cl_device_id device = nullptr;
    cl_context context = nullptr;
    cl_command_queue queue = nullptr;
    cl_program program = nullptr;
    cl_kernel add = nullptr;
    cl_mem words = nullptr;

    User() {
        // The device that the other tests have: by its name.
        const auto listed = devices();
        BOOST_REQUIRE(listed.has_value());
        const auto named = Runtime::open(from_environment({}));
        BOOST_REQUIRE(named.has_value());
        cl_platform_id platforms[8];
        cl_uint platform_count = 0;
        BOOST_REQUIRE(clGetPlatformIDs(8, platforms, &platform_count) == CL_SUCCESS);
        for (cl_uint p = 0; p < platform_count && device == nullptr; ++p) {
            cl_device_id found[8];
            cl_uint device_count = 0;
            if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, 8, found, &device_count) != CL_SUCCESS) continue;
            for (cl_uint d = 0; d < device_count && device == nullptr; ++d) {
                char name[256] = {};
                clGetDeviceInfo(found[d], CL_DEVICE_NAME, sizeof name - 1, name, nullptr);
                if (named->device().name == name) device = found[d];
            }
        }
        BOOST_REQUIRE(device != nullptr);
        cl_int status = CL_SUCCESS;
        context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        queue = clCreateCommandQueueWithProperties(context, device, nullptr, &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        const char* source = "__kernel void add(__global uint* words, uint n) { words[get_global_id(0)] += n; }";
        program = clCreateProgramWithSource(context, 1, &source, nullptr, &status);
        BOOST_REQUIRE(clBuildProgram(program, 1, &device, "", nullptr, nullptr) == CL_SUCCESS);
        add = clCreateKernel(program, "add", &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        words = make(CL_MEM_READ_WRITE);
        fill(0);
    }
    ~User() {
        if (words != nullptr) clReleaseMemObject(words);
        clReleaseKernel(add);
        clReleaseProgram(program);
        clReleaseCommandQueue(queue);
        if (context != nullptr) clReleaseContext(context);
    }
    User(const User&) = delete;
    User& operator=(const User&) = delete;

    cl_mem make(cl_mem_flags flags) const {
        cl_int status = CL_SUCCESS;
        const cl_mem made = clCreateBuffer(context, flags, 4 * count, nullptr, &status);
        BOOST_REQUIRE(status == CL_SUCCESS);
        return made;
    }
    void fill(std::uint32_t value) const {
        const std::vector<std::uint32_t> all(count, value);
        BOOST_REQUIRE(clEnqueueWriteBuffer(queue, words, CL_TRUE, 0, 4 * count, all.data(), 0, nullptr, nullptr) ==
                      CL_SUCCESS);
    }
    // The user's kernel, then all words; by a read, which waits for no other kernel.
    std::vector<std::uint32_t> add_and_read(std::uint32_t n) const {
        clSetKernelArg(add, 0, sizeof words, &words);
        clSetKernelArg(add, 1, sizeof n, &n);
        const std::size_t global = count;
        std::vector<std::uint32_t> out(count);
        BOOST_REQUIRE(clEnqueueNDRangeKernel(queue, add, 1, nullptr, &global, nullptr, 0, nullptr, nullptr) ==
                      CL_SUCCESS);
        BOOST_REQUIRE(clEnqueueReadBuffer(queue, words, CL_TRUE, 0, 4 * count, out.data(), 0, nullptr, nullptr) ==
                      CL_SUCCESS);
        return out;
    }
};

// Adds word[1] to word word[0].
constexpr auto bump = custom_opcode<0x100>();
const CustomOp bumping{.opcode = bump.value(),
                       .name = "bump",
                       .source = R"(
uint bump(sr_args a, const sr_buffers* b, uint* result) {
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
