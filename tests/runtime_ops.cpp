// Custom operations from OpenCL C source, with buffers; and what open() refuses.
#include <boost/test/unit_test.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <cstring>
#include <numeric>

#include "runtime_fixture.hpp"

using namespace slipring;
namespace data = boost::unit_test::data;

namespace {

// Adds up `count` bytes of buffer 0 from `first`, and stores the sum as word `out` of buffer 1.
const CustomOp sum{.opcode = 0x100,
                   .name = "sum",
                   .source = R"(
uint sum(sr_args a, const sr_buffers* b, ulong* result) {
    const uint first = a.word[0], count = a.word[1], out = a.word[2];
    if (count > b->bytes[0] || first > b->bytes[0] - count || out >= b->bytes[1] / 4) return SR_CODE_OUT_OF_RANGE;
    uint total = 0;
    for (uint i = 0; i < count; ++i) total += b->at[0][first + i];
    ((__global uint*)b->at[1])[out] = total;
    *result = total;
    return SR_CODE_OK;
}
)",
                   .buffers = {"input", "output"}};
const std::vector<BufferSpec> sum_buffers{{.name = "input", .bytes = 1000},
                                          {.name = "output", .bytes = 16, .use = BufferSpec::Use::output}};

// Fails with a code of its own.
const CustomOp fail{.opcode = 8,
                    .name = "fail",
                    .source = "uint fail(sr_args a, const sr_buffers* b, ulong* result) { return a.word[0]; }"};

// Asks as often as it is told whether to stop, and says how often that was no.
const CustomOp ask{.opcode = 9,
                   .name = "ask",
                   .source =
                       "uint ask(sr_args a, const sr_buffers* b, ulong* result) {\n"
                       "    while (*result < a.word[0] && !sr_should_stop(b)) ++*result;\n"
                       "    return SR_CODE_OK;\n}\n"};

// Its result has 64 bits.
const CustomOp wide_result{.opcode = 10, .name = "wide_result", .source = R"(
uint wide_result(sr_args a, const sr_buffers* b, ulong* result) {
    *result = sr_arg64(a, 1) * 3ul + 1ul;
    return a.word[0];
}
)"};

Error refused(Options options) {
    auto runtime = Runtime::open(std::move(options));
    BOOST_REQUIRE(!runtime.has_value());
    return runtime.error();
}

}  // namespace

BOOST_DATA_TEST_CASE(a_handler_reads_inputs_and_writes_outputs, data::make(modes), mode) {
    Runtime runtime = open(mode, {.ops = {sum, fail}, .buffers = sum_buffers});
    const auto input = runtime.buffer("input");
    const auto output = runtime.buffer("output");
    BOOST_REQUIRE(input.size() == 1000u);
    BOOST_REQUIRE(output.size() == 16u);
    BOOST_TEST(runtime.buffer("Input").empty());
    BOOST_TEST(runtime.buffer("").empty());

    for (int round = 1; round < 4; ++round) {
        std::memset(input.data(), round, input.size());
        const Result result = run(runtime, slot(custom_opcode<0x100>(), {10, 900, 3}));
        BOOST_TEST(result.value == 900u * static_cast<unsigned>(round));
        std::uint32_t word;
        std::memcpy(&word, output.data() + 12, 4);
        BOOST_TEST(word == result.value);
        // In a window: the same arguments, without ticket and class.
        const std::uint32_t args[] = {0, 1000, 0};
        const Payload entry(args);
        BOOST_TEST(run(runtime, Window{.opcode = custom_opcode<0x100>(), .lookahead = std::span(&entry, 1)}).value ==
                   1000u * static_cast<unsigned>(round));
        BOOST_TEST(runtime.launch(slot(custom_opcode<0x100>(), {0, 2, 0}))->value ==
                   2u * static_cast<unsigned>(round));
    }
    BOOST_TEST(run(runtime, slot(custom_opcode<0x100>(), {101, 900, 0})).code == Code::out_of_range);
    BOOST_TEST(run(runtime, slot(custom_opcode<0x100>(), {0, 1, 4})).code == Code::out_of_range);
}

BOOST_DATA_TEST_CASE(a_handler_is_not_told_to_stop_while_its_device_serves, data::make(modes), mode) {
    Runtime runtime = open(mode, {.ops = {ask}});
    BOOST_TEST(run(runtime, slot(custom_opcode<9>(), {1000})).value == 1000u);
    BOOST_TEST(runtime.launch(slot(custom_opcode<9>(), {1000}))->value == 1000u);
}

BOOST_DATA_TEST_CASE(a_handler_has_codes_of_its_own_and_can_be_packed, data::make(modes), mode) {
    Runtime runtime = open(mode, {.ops = {sum, fail}, .buffers = sum_buffers});
    BOOST_TEST(run(runtime, slot(custom_opcode<8>(), {0})).ok());
    BOOST_TEST(run(runtime, slot(custom_opcode<8>(), {70})).code == Code{70});
    for (const std::uint32_t code : {1u, 2u, 4u, 5u, 6u, 7u, 8u, 63u, 256u}) {  // all but one are slipring's to say
        const Result other = run(runtime, slot(custom_opcode<8>(), {code}));
        BOOST_TEST((other.state == State::fault && other.code == Code::bad_argument));
    }
    const std::uint32_t code[] = {71};
    const Result result =
        run(runtime, *packed({inner(store_u32(1, 160)), InnerOp{8, code}, inner(store_u32(1, 161))}));
    BOOST_TEST(result.code == Code{71});
    BOOST_TEST(result.inner == 1u);
    BOOST_TEST(control(runtime, 161) == 0u);
}

BOOST_DATA_TEST_CASE(a_result_has_64_bits, data::make(modes), mode) {
    Runtime runtime = open(mode, {.ops = {wide_result}});
    const auto op = custom_opcode<10>();
    for (const std::uint64_t given :
         {std::uint64_t{0}, std::uint64_t{0xFFFFFFFF}, std::uint64_t{0x123456789ABCDEF}}) {
        const auto high = static_cast<std::uint32_t>(given >> 32), low = static_cast<std::uint32_t>(given);
        for (const std::uint32_t code : {SR_CODE_OK, SR_CODE_FIRST_CUSTOM + 7}) {
            const Slot one = slot(op, {code, low, high});
            for (const Result& result : {run(runtime, one), runtime.launch(one).value()}) {
                BOOST_TEST(result.value == 3 * given + 1);
                BOOST_TEST((result.code == Code{code}));
            }
        }
        const std::uint32_t args[] = {0, low, high};
        const auto together = packed({inner(nop()), InnerOp{10, args}});
        BOOST_TEST(run(runtime, *together).value == 3 * given + 1);
    }
}

BOOST_AUTO_TEST_CASE(a_compile_error_names_the_handler_and_its_line) {
    CustomOp broken = fail;
    broken.name = "broken";
    broken.source = "uint broken(sr_args a, const sr_buffers* b, ulong* result) {\n\n    return no_such_thing;\n}\n";
    const Error error = refused({.ops = {sum, broken}, .buffers = sum_buffers});
    BOOST_TEST(error.code == Errc::build_failed);
    BOOST_TEST_MESSAGE(error.detail);
    BOOST_TEST(error.detail.starts_with("handler broken, line 3\n"));
    BOOST_TEST(error.detail.find("no_such_thing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_cannot_work_is_refused_with_its_own_code) {
    const auto with = [](auto change) {
        CustomOp op = fail;
        change(op);
        return Options{.ops = {op}};
    };
    BOOST_TEST(refused(with([](CustomOp& op) { op.opcode = 7; })).code == Errc::reserved_opcode);
    BOOST_TEST(refused(with([](CustomOp& op) { op.opcode = SR_OP_PACKED_SLOT; })).code == Errc::reserved_opcode);
    BOOST_TEST(refused(with([](CustomOp& op) { op.name = "not a name"; })).code == Errc::bad_options);
    BOOST_TEST(refused(with([](CustomOp& op) { op.buffers = {"none"}; })).code == Errc::unknown_buffer);
    BOOST_TEST(refused({.ops = {fail, fail}}).code == Errc::duplicate_opcode);
    BOOST_TEST(refused({.capacity = 1000}).code == Errc::bad_capacity);
    BOOST_TEST(refused({.control_words = 159}).code == Errc::bad_options);
    BOOST_TEST(refused({.log_records = 3}).code == Errc::bad_options);
    const Error unknown = refused({.device = "no such device"});
    BOOST_TEST(unknown.code == Errc::device_not_found);
    BOOST_TEST(!unknown.detail.empty());  // what there is instead
}
