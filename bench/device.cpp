#include "drive.hpp"

namespace slipring::bench {
namespace {

// Of the time, as long as a runtime measures several things in it.
constexpr double for_turns = 0.27, for_rates = 0.22, for_loaded = 0.08, for_levels = 0.06, for_wake_up = 0.05,
                 for_pauses = 0.1, for_observed = 0.1, for_capacities = 0.06, for_limits = 0.06;

std::unexpected<Error> failed(Errc code, const char* where) {
    return std::unexpected(Error{code, std::string("while measuring ") + where});
}

}  // namespace

std::expected<DeviceNumbers, Error> measure_device(const Options& base, Seconds time) {
    DeviceNumbers to;
    Options options = base;
    std::uint32_t capacity = 0;
    {
        auto runtime = Runtime::open(options);
        if (!runtime) return std::unexpected(runtime.error());
        to.info = runtime->device();
        // Latency is measured with the default ring, and so is all else on a CPU. Over a bus more slots are in flight
        // than that ring holds: rates, load and relaunches need a ring there that does not bound them.
        capacity = to.info.is_cpu ? runtime->ring().capacity() : 1u << 16;
        if (auto ok = measure_turns(*runtime, time * for_turns, to); !ok) return failed(ok.error(), "round trips");
        if (auto ok = measure_wake_up(*runtime, time * for_wake_up, to); !ok) return failed(ok.error(), "wake-up");
    }
    {
        options.capacity = capacity;
        auto runtime = Runtime::open(options);
        if (!runtime) return std::unexpected(runtime.error());
        if (auto ok = measure_rates(*runtime, time * for_rates, to); !ok) return failed(ok.error(), "throughput");
        if (auto ok = measure_loaded(*runtime, time * for_loaded, to); !ok) return failed(ok.error(), "loaded");
    }
    {
        Options levels = options;
        levels.levels = {.critical = 1024, .idle = capacity};
        auto runtime = Runtime::open(levels);
        if (!runtime) return std::unexpected(runtime.error());
        if (auto ok = measure_levels(*runtime, time * for_levels, to); !ok) return failed(ok.error(), "levels");
    }
    {
        to.max_launch_time = std::chrono::milliseconds(10);  // many in a short time
        options.max_launch_time = to.max_launch_time;
        auto runtime = Runtime::open(options);
        if (!runtime) return std::unexpected(runtime.error());
        if (auto ok = measure_pauses(*runtime, time * for_pauses, to); !ok) return failed(ok.error(), "pauses");
        if (can_observe_pauses(to.info, std::thread::hardware_concurrency()))
            if (auto ok = measure_observed_pauses(*runtime, time * for_observed, to); !ok)
                return failed(ok.error(), "observed pauses");
    }
    if (auto ok = measure_capacities(base, time * for_capacities, to); !ok) return std::unexpected(ok.error());
    auto limits = measure_limits(to.info, time * for_limits);
    if (!limits) return std::unexpected(limits.error());
    to.limits = std::move(*limits);
    return to;
}

}  // namespace slipring::bench
