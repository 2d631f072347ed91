// What `slipring bench` measures, in three parts, each by itself: codec, ring, device.
//
// The machine is never quiet, so whatever is compared is measured in turns, A B C A B C ..., and the median of the
// turns is reported. Every loop is bounded by the time that it is given and by a count.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <slipring/device.hpp>

#include "numbers.hpp"

namespace slipring::bench {

// From a descriptor's typed constructor to words in an image, and back.
struct CodecNumbers {
    double encode_ns = 0;         // one slot a call; per slot, as the others
    double encode_batch_ns = 0;   // a batch of 32
    double encode_window_ns = 0;  // a window of 8 required and 24 lookahead entries of 4 words
    double decode_ns = 0;
};
CodecNumbers measure_codec(std::chrono::duration<double> time);

struct Shape {
    unsigned producers = 1;
    unsigned batch = 1;

    friend bool operator==(Shape, Shape) = default;
};
inline constexpr Shape shapes[] = {{1, 1}, {1, 32}, {2, 1}, {2, 32}, {4, 1}, {4, 32}};

// One contender in one shape.
struct RingNumbers {
    std::string queue;
    Shape shape;
    double slots_per_s = 0;  // the median of the turns, and their quartiles
    double low = 0;
    double high = 0;
    bool intact = true;  // in every turn what went in came out, checked by count and sum
};
// The ring first ("slipring"), then the peers that were found at build time. Queues for a single producer stand
// only in the shapes that they can do.
std::vector<RingNumbers> measure_rings(std::chrono::duration<double> time);

struct DeviceNumbers {
    DeviceInfo info;
    double clock_ns = 0;          // what reading the clock adds to each sample of latency
    Percentiles round_trip_us;    // publish one slot, poll until it is terminal
    Percentiles launch_us;        // the same slot by Runtime::launch
    unsigned batch = 0;           // of the throughput figures
    double quiet_slots_per_s = 0;   // one producer, Quiet::yes, ring_full as backpressure
    double result_slots_per_s = 0;  // the same with a state and a result written back into each slot
    double launches_per_s = 0;
};
std::expected<DeviceNumbers, Error> measure_device(const std::string& device, std::chrono::duration<double> time);

struct Machine {
    std::string cpu;
    unsigned cores = 0;
    std::string compiler;
    std::string system;  // distribution, kernel, architecture
};
Machine describe_machine();

// What was measured; a part that was not asked for is absent.
struct Report {
    Machine machine;
    std::optional<CodecNumbers> codec{};
    std::vector<RingNumbers> rings{};
    std::optional<DeviceNumbers> device{};
};
std::string as_json(const Report& report);
std::string as_table(const Report& report);

}  // namespace slipring::bench
