// What the tests of the runtime share: a runtime in either mode, and waiting that fails instead of hanging.
#pragma once

#include <chrono>
#include <cstdlib>
#include <expected>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include <slipring/runtime.hpp>

#include "patience.hpp"
#include "printing.hpp"
#include "test_device.hpp"

namespace slipring {

constexpr ExecutionMode modes[] = {ExecutionMode::persistent, ExecutionMode::per_launch};

// A busy machine may hold a healthy kernel up for seconds: only a test that asks for less time gives it less.
inline Options patient(Options options) {
    const Options defaults;
    if (options.hang_timeout == defaults.hang_timeout) options.hang_timeout = std::chrono::minutes(1);
    if (options.shutdown_timeout == defaults.shutdown_timeout) options.shutdown_timeout = std::chrono::minutes(1);
    return options;
}

// SLIPRING_TEST_SHAPE=3x1 runs the tests with three groups of one lane, SLIPRING_TEST_DEVICE=nvidia on that device,
// SLIPRING_TEST_MEMORY=bus_window with a window where nothing else is asked for.
inline Options from_environment(Options options) {
    if (options.device == "auto") options.device = test_device();
    if (const char* const shape = std::getenv("SLIPRING_TEST_SHAPE");
        shape != nullptr && options.shape == LaunchShape{}) {
        char* rest = nullptr;
        options.shape.groups = static_cast<std::uint32_t>(std::strtoul(shape, &rest, 10));
        options.shape.lanes = *rest == 'x' ? static_cast<std::uint32_t>(std::strtoul(rest + 1, nullptr, 10)) : 1;
    }
    return options;
}

inline bool asks_for_window() {
    const char* const memory = std::getenv("SLIPRING_TEST_MEMORY");
    return memory != nullptr && std::string_view(memory) == name(SharedMemory::bus_window);
}

inline Runtime open(ExecutionMode mode, Options options = {}) {
    options = patient(from_environment(std::move(options)));
    options.mode = mode;
    // Groups that wait for each other, on cores that other programs want as well: each gets its turn some
    // milliseconds after the one before, and a healthy device does nothing for longer than one group would.
    const bool short_tempered = options.hang_timeout < std::chrono::seconds(1);
    if (short_tempered && mode == ExecutionMode::persistent && options.shape.groups > 1) options.hang_timeout *= 4;
    const bool windowed = asks_for_window() && mode == ExecutionMode::persistent && !options.memory;
    if (windowed) options.memory = SharedMemory::bus_window;
    auto runtime = Runtime::open(options);
    if (windowed && !runtime && runtime.error().detail.find("no store of 64 bytes") != std::string::npos) {
        options.memory.reset();  // this processor's fault
        runtime = Runtime::open(std::move(options));
    }
    BOOST_REQUIRE_MESSAGE(runtime.has_value(), (runtime ? "" : runtime.error().text()));
    BOOST_REQUIRE(runtime->device().mode == mode);
    return std::move(*runtime);
}

// Publishes, waits and returns how entry `index` ended.
template <class Descriptor>
Result run(Runtime& runtime, const Descriptor& descriptor, std::uint32_t index = 0) {
    std::expected<Ticket, Errc> ticket;
    // A slot that has ended makes room a moment later: a small ring may be full of slots that were waited for.
    eventually([&] {
        ticket = runtime.publish(descriptor);
        return ticket || ticket.error() != Errc::ring_full;
    });
    BOOST_REQUIRE_MESSAGE(ticket.has_value(), (ticket ? "" : message(ticket.error())));
    const auto waited = runtime.wait(*ticket, std::chrono::minutes(1));
    BOOST_REQUIRE(waited.has_value());
    const auto result = runtime.result(*ticket, index);
    BOOST_REQUIRE(result.has_value());
    return *result;
}

inline std::uint32_t control(Runtime& runtime, std::uint32_t index) {
    std::uint32_t word = 0;
    BOOST_REQUIRE(runtime.read_control(index, std::span(&word, 1)).has_value());
    return word;
}

}  // namespace slipring

namespace boost::test_tools::tt_detail {
template <>
struct print_log_value<slipring::ExecutionMode> {
    void operator()(std::ostream& out, slipring::ExecutionMode mode) { out << slipring::name(mode); }
};
}  // namespace boost::test_tools::tt_detail
