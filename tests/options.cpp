// What open() refuses before it looks for a device: every option at its bounds, one at a time, and which error.
#include <boost/test/unit_test.hpp>

#include <functional>
#include <optional>

#include "../lib/runtime/options.hpp"

using namespace slipring;
using namespace std::chrono_literals;

namespace {

// The error of `change`d options; none if they are fine. A refusal says what it refuses.
std::optional<Errc> refusal(const std::function<void(Options&)>& change) {
    Options options;
    change(options);
    const auto checked = check(options);
    if (checked) return std::nullopt;
    BOOST_TEST(!checked.error().detail.empty());
    return checked.error().code;
}
void fine(const std::function<void(Options&)>& change) { BOOST_TEST(!refusal(change).has_value()); }
void bad(const std::function<void(Options&)>& change, Errc why = Errc::bad_options) {
    const auto refused = refusal(change);
    BOOST_TEST((refused == why));
}

CustomOp op(std::uint32_t opcode = 0x100, std::string name = "op") {
    return {.opcode = opcode, .name = std::move(name), .source = "uint op(void) { return 0; }"};
}
// With these operations.
std::function<void(Options&)> with(std::vector<CustomOp> ops) {
    return [ops = std::move(ops)](Options& o) { o.ops = ops; };
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_defaults_are_fine) {
    fine([](Options&) {});
}

BOOST_AUTO_TEST_CASE(sizes) {
    for (const std::uint32_t n : {2u, 4u, 1024u, 1u << 23, 1u << 24}) fine([n](Options& o) { o.capacity = n; });
    for (const std::uint32_t n : {0u, 1u, 3u, 1023u, (1u << 24) - 1, (1u << 24) + 1, 1u << 25, 1u << 31, ~0u})
        bad([n](Options& o) { o.capacity = n; }, Errc::bad_capacity);
    for (const std::uint32_t n : {160u, 161u, 4096u, (1u << 24) - 1, 1u << 24})
        fine([n](Options& o) { o.control_words = n; });
    for (const std::uint32_t n : {0u, 1u, 159u, (1u << 24) + 1, ~0u}) bad([n](Options& o) { o.control_words = n; });
    for (const std::uint32_t n : {1u, 2u, 256u, 1u << 15, 1u << 16}) fine([n](Options& o) { o.log_records = n; });
    for (const std::uint32_t n : {0u, 3u, 255u, (1u << 16) - 1, (1u << 16) + 1, 1u << 17, 1u << 31, ~0u})
        bad([n](Options& o) { o.log_records = n; });
    for (const std::uint32_t n : {0u, 1u, 4096u}) fine([n](Options& o) { o.shape.groups = n; });
    for (const std::uint32_t n : {4097u, ~0u}) bad([n](Options& o) { o.shape.groups = n; });
    for (const std::uint32_t n : {0u, 1u, 1024u}) fine([n](Options& o) { o.shape.lanes = n; });
    for (const std::uint32_t n : {1025u, ~0u}) bad([n](Options& o) { o.shape.lanes = n; });
}

BOOST_AUTO_TEST_CASE(times) {
    for (const auto time : {0us, 1us, 1'000'000us}) fine([time](Options& o) { o.idle_timeout = time; });
    for (const auto time : {-1us, std::chrono::microseconds::min()})
        bad([time](Options& o) { o.idle_timeout = time; });
    for (const auto which : {&Options::max_launch_time, &Options::hang_timeout, &Options::shutdown_timeout}) {
        for (const auto time : {1ms, 250ms, 3'600'000ms}) fine([&](Options& o) { o.*which = time; });
        for (const auto time : {0ms, -1ms, std::chrono::milliseconds::min()})
            bad([&](Options& o) { o.*which = time; });
    }
}

BOOST_AUTO_TEST_CASE(what_serves_and_what_is_shared_go_together) {
    for (const ExecutionMode mode : {ExecutionMode::none, ExecutionMode::per_launch, ExecutionMode::persistent}) {
        const bool alone = mode != ExecutionMode::none;
        BOOST_TEST(!refusal([&](Options& o) { o.mode = mode; }).has_value() == alone);
        for (const SharedMemory memory : {SharedMemory::none, SharedMemory::mirrored, SharedMemory::svm,
                                          SharedMemory::nv_host, SharedMemory::bus_window}) {
            const bool mirrored = memory == SharedMemory::mirrored, relaunch = mode == ExecutionMode::per_launch;
            const bool both = alone && memory != SharedMemory::none && mirrored == relaunch;
            BOOST_TEST(!refusal([&](Options& o) {
                            o.mode = mode;
                            o.memory = memory;
                        }).has_value() == both);
            const bool some = memory != SharedMemory::none;
            BOOST_TEST(!refusal([&](Options& o) { o.memory = memory; }).has_value() == some);
        }
    }
}

BOOST_AUTO_TEST_CASE(operations) {
    for (const std::uint32_t opcode : {8u, 0x100u, 0xFFEFu, 0x10000u, 0x7FFFFFFFu}) fine(with({op(opcode)}));
    for (const std::uint32_t opcode : {0u, 7u, 0xFFF0u, 0xFFFFu, 0x80000000u, 0x80000001u, 0xFFFFFFFFu})
        bad(with({op(opcode)}), Errc::reserved_opcode);
    for (const char* const name : {"a", "_", "A9_", "zZ"}) fine(with({op(8, name)}));
    for (const char* const name : {"", "9", "a-b", "a b", "a\n", "\xC3\xA4", "a$"}) bad(with({op(8, name)}));

    fine(with({op(8, "a"), op(9, "b"), op(10, "c")}));
    bad(with({op(8, "a"), op(9, "b"), op(8, "c")}), Errc::duplicate_opcode);
    bad(with({op(8, "a"), op(9, "b"), op(10, "a")}));
    bad(with({op(8, "a"), op(8, "a")}), Errc::duplicate_opcode);

    CustomOp open = op();
    open.source = "uint op() {";
    bad(with({open}));
}

BOOST_AUTO_TEST_CASE(buffers) {
    const auto of = [](std::vector<BufferSpec> specs) {
        return [given = std::move(specs)](Options& o) { o.buffers = given; };
    };
    constexpr std::uint64_t most = std::uint64_t{1} << 48;
    for (const std::uint64_t bytes : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{1} << 40, most})
        fine(of({{.name = "a", .bytes = bytes}}));
    bad(of({{.name = "a", .bytes = 0}}));
    for (const std::uint64_t bytes : {most + 1, ~std::uint64_t{0}})
        bad(of({{.name = "a", .bytes = bytes}}), Errc::buffer_too_large);
    bad(of({{.name = "", .bytes = 1}}));
    fine(of({{.name = "a", .bytes = 1}, {.name = "A", .bytes = 1}}));
    bad(of({{.name = "a", .bytes = 1}, {.name = "b", .bytes = 1}, {.name = "a", .bytes = 1}}),
        Errc::duplicate_buffer);

    const auto many = [](std::size_t n) {
        return [n](Options& o) {
            for (std::size_t i = 0; i < n; ++i) o.buffers.push_back({.name = std::to_string(i), .bytes = 1});
        };
    };
    for (const std::size_t n : {0u, 1u, 64u}) fine(many(n));
    bad(many(65), Errc::too_many_buffers);
}

BOOST_AUTO_TEST_CASE(buffers_of_an_operation) {
    const auto on = [](std::vector<std::string> names) {
        return [names = std::move(names)](Options& o) {
            o.buffers = {{.name = "a", .bytes = 1}, {.name = "b", .bytes = 1}};
            o.ops = {op(8, "other"), op()};
            for (CustomOp& each : o.ops) each.buffers = names;
        };
    };
    fine(on({}));
    fine(on({"b", "a", "b"}));  // one buffer may be several, and another operation's too
    fine(on(std::vector<std::string>(16, "a")));
    bad(on(std::vector<std::string>(17, "a")), Errc::too_many_buffers);
    for (const char* const name : {"", "c", "A"}) bad(on({"a", name}), Errc::unknown_buffer);
}
