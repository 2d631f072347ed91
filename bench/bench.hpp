// What `slipring bench` measures, in five parts, each by itself: codec, ring, device, coexistence with a program's
// own kernels, and prefetch of pages.
//
// The machine is never quiet, so whatever is compared is measured in turns, A B C A B C ..., and the median of the
// turns is reported. Every loop is bounded by the time that it is given and by a count.
//
// A part that opens runtimes opens them with the device and the shared memory of `base`, and its own other options.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <slipring/options.hpp>

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
    std::uint32_t capacity = 0;  // how many slots the queue holds at most
    double slots_per_s = 0;      // the median of the turns, and their quartiles
    double low = 0;
    double high = 0;
    bool intact = true;  // in every turn what went in came out, checked by count and sum
};
// The ring first ("slipring"), then the peers that were found at build time. Queues for a single producer stand
// only in the shapes that they can do.
std::vector<RingNumbers> measure_rings(std::chrono::duration<double> time);

// What a slot asks for, and what becomes of it.
enum class Want {
    quiet,   // progress alone
    state,   // each slot's own state and result, written back by the device
    result,  // the same, and its producer reads every one of them
    packed,  // four operations in each slot, quiet
};
inline constexpr Want wants[] = {Want::quiet, Want::state, Want::result, Want::packed};
inline constexpr unsigned inner_ops = 4;  // of a packed slot

constexpr std::string_view name(Want want) noexcept {
    switch (want) {
        case Want::quiet: return "quiet";
        case Want::state: return "state";
        case Want::result: return "result";
        case Want::packed: break;
    }
    return "packed";
}

// Producers republish slots that were made beforehand, as an engine with ready descriptors does.
struct Rate {
    Want want = Want::quiet;
    Shape shape;
    double slots_per_s = 0;  // the median of the turns
};

// One slot's round trip while others keep the device busy.
struct Loaded {
    unsigned percent = 0;        // of the peak of the quiet rates
    std::uint32_t capacity = 0;  // of the ring
    double slots_per_s = 0;      // that were in fact published beside it
    Percentiles round_trip_us{};
};

// One producer of quiet slots on a ring of its own.
struct AtCapacity {
    std::uint32_t capacity = 0;
    double slots_per_s = 0;  // the median of the turns
    double publish_ns = 0;   // a slot, by the median call of publish that found room: no waiting
};

// What plain kernels get from memory of the kind that the ring lies in: what the bus (or the cache) would give. What
// is zero was not measured: a device without shared memory has none to measure.
struct Limits {
    double load_us = 0;                   // one dependent load of what the host has just written
    double read_slots_per_s = 0;          // whole slots, streamed: neighbouring lanes read neighbouring 16 bytes
    double read_half_slots_per_s = 0;     // the first 32 bytes of each
    double write_word_slots_per_s = 0;    // one word into each slot
    double write_result_slots_per_s = 0;  // 16 bytes into each slot
    double write_slots_per_s = 0;         // whole slots
    Percentiles launch_us{};              // an empty kernel: enqueue and finish
    double pipelined_launches_per_s = 0;  // enqueue many, finish once
};

struct DeviceNumbers {
    DeviceInfo info{};
    std::uint32_t capacity = 0;     // of the ring, for the figures down to launches_per_s, and for wake_up_us
    double clock_ns = 0;            // what reading the clock adds to each sample of latency
    Percentiles round_trip_us{};    // publish one slot, poll until it is terminal
    Percentiles with_result_us{};   // and read its result
    Percentiles launch_us{};        // the same slot by Runtime::launch
    unsigned batch = 0;             // of the two figures below
    double quiet_slots_per_s = 0;   // one producer that makes slots anew, Quiet::yes, ring_full as backpressure
    double result_slots_per_s = 0;  // the same with a state and a result written back into each slot
    double launches_per_s = 0;

    std::vector<Rate> rates{};  // in every shape, on a ring of rate_capacity slots
    std::uint32_t rate_capacity = 0;
    std::vector<Loaded> loaded{};
    double idle_slots_per_s = 0;     // what IDLE takes alone, in a runtime of several levels
    std::vector<Loaded> critical{};  // the round trip at CRITICAL, while IDLE is offered so many percent of that
    Percentiles wake_up_us{};        // the round trip of a slot that finds the kernel gone
    std::chrono::milliseconds max_launch_time{0};
    std::uint32_t pause_capacity = 0;
    Percentiles pause_us{};  // no slot ended for so long, at each relaunch under load
    // The same as a thread sees it that neither publishes nor enqueues; unset where cores are too few.
    std::optional<Percentiles> observed_pause_us{};
    std::vector<AtCapacity> capacities{};
    unsigned capacities_batch = 0;
    Limits limits{};

    // The best rate of a kind, over all shapes or those of one producer; 0 if there is none.
    double peak(Want want, bool one_producer = false) const {
        double best = 0;
        for (const Rate& each : rates)
            if (each.want == want && (!one_producer || each.shape.producers == 1))
                best = std::max(best, each.slots_per_s);
        return best;
    }
};
std::expected<DeviceNumbers, Error> measure_device(const Options& base, std::chrono::duration<double> time);

// A program's own kernels beside slipring, in us from enqueueing one until its result was read.
struct Beside {
    Percentiles small_us{};  // 256 work-items, one step each
    Percentiles big_us{};    // the whole device for some 12 ms
};
struct Coexistence {
    DeviceInfo info{};
    std::uint32_t capacity = 0;  // of the ring, where a runtime is open
    Beside alone{};              // no runtime is open
    // A runtime is open in the program's context, or in one of its own, and has nothing to do, or its ring is full.
    Beside same_idle{}, same_busy{};
    Beside other_idle{}, other_busy{};
};
std::expected<Coexistence, Error> measure_coexistence(const Options& base, std::chrono::duration<double> time);

// Pages brought into a cache in device memory, one way.
struct PageNumbers {
    std::uint32_t capacity = 0;  // of the ring; 0: there is none
    double hit_rate = 0;         // the page was there or under way when it was required
    Percentiles stall_us{};      // of each access: from requiring its page until it was there
    double stall_share = 0;      // of all stalls in the time of the runs
    Percentiles page_us{};       // the stalls of those that were no hits
    double accesses_per_s = 0;   // each is brought, used by the device, and its result read
    std::uint64_t wrong = 0;     // results of another page than the required one
};
struct Prefetch {
    DeviceInfo info{};
    std::uint32_t accesses = 0;  // in a run
    std::uint32_t pages = 0;     // in host memory
    std::uint32_t frames = 0;    // in the cache
    std::uint32_t page_bytes = 0;
    std::uint32_t lookahead = 0;      // pages at most that an access fetches beside its own
    PageNumbers windows{}, writes{};  // of slipring's, and by clEnqueueWriteBuffer

    bool is_right() const { return windows.wrong == 0 && writes.wrong == 0; }
};
std::expected<Prefetch, Error> measure_prefetch(const Options& base, std::chrono::duration<double> time);

struct Machine {
    std::string cpu;
    unsigned cores = 0;
    std::string compiler;
    std::string system;  // distribution, kernel, architecture
    std::string commit;  // of slipring, or "unknown"
};
Machine describe_machine();

// What was measured; a part that was not asked for is absent.
struct Report {
    Machine machine;
    std::optional<CodecNumbers> codec{};
    std::vector<RingNumbers> rings{};
    std::optional<DeviceNumbers> device{};
    std::optional<Coexistence> coexistence{};
    std::optional<Prefetch> prefetch{};
};
std::string as_json(const Report& report);
std::string as_table(const Report& report);
// Two panels: the distributions of latency, and throughput against the size of a batch. For a report with a device.
std::string as_svg(const Report& report);

}  // namespace slipring::bench
