// The report for a person.
#include <algorithm>
#include <cstdio>
#include <ranges>

#include "bench.hpp"
#include "shares.hpp"

namespace slipring::bench {
namespace {

template <class... Args>
void print(std::string& to, const char* format, Args... args) {
    char line[512];
    std::snprintf(line, sizeof line, format, args...);
    to += line;
}

// Of slots that went through a ring of so many; 0: through none.
void print_latency(std::string& to, const char* name, const Percentiles& p, std::uint32_t capacity) {
    print(to, "  %-28s %9.3f %9.3f %9.3f %9.3f %9.3f   of %zu", name, p.p50, p.p90, p.p99, p.p999, p.p9999,
          p.samples);
    if (capacity != 0) print(to, ", ring of %u", capacity);
    to += '\n';
}

void print_rings(std::string& to, const std::vector<RingNumbers>& rings) {
    print(to, "\nring, M slots/s (P producers, B slots a batch; median of turns taken in rotation)\n  %-20s", "");
    for (const Shape shape : shapes) print(to, "   P%u B%-2u", shape.producers, shape.batch);
    std::vector<std::string> names;
    for (const RingNumbers& each : rings)
        if (std::ranges::find(names, each.queue) == names.end()) names.push_back(each.queue);
    for (const std::string& name : names) {
        print(to, "\n  %-20s", name.c_str());
        for (const Shape shape : shapes) {
            const auto at = std::ranges::find_if(
                rings, [&](const RingNumbers& each) { return each.queue == name && each.shape == shape; });
            if (at == rings.end()) print(to, "%9s", "-");
            else print(to, "%8.1f%c", at->slots_per_s / 1e6, at->intact ? ' ' : '!');
        }
        const auto held = std::ranges::minmax(
            rings | std::views::filter([&](const RingNumbers& each) { return each.queue == name; }) |
            std::views::transform(&RingNumbers::capacity));
        print(to, held.min == held.max ? "   holds %u" : "   holds %u to %u", held.min, held.max);
    }
    to += '\n';
}

void print_rates(std::string& to, const DeviceNumbers& device) {
    print(to, "\nthrough the device, M slots/s (ring of %u slots; producers republish ready slots)\n",
          device.rate_capacity);
    for (const Want want : wants) {
        for (unsigned producers = 1; producers <= 8; producers *= 2) {
            std::string row;
            for (const Rate& each : device.rates)
                if (each.want == want && each.shape.producers == producers)
                    print(row, "   B%u %.1f", each.shape.batch, each.slots_per_s / 1e6);
            if (!row.empty()) print(to, "  %-6s P%u %s\n", std::string(name(want)).c_str(), producers, row.c_str());
        }
    }
    print(to, "  packed slots carry %u operations each: %.1f M operations/s\n", inner_ops,
          device.peak(Want::packed) * inner_ops / 1e6);
}

void print_capacities(std::string& to, const DeviceNumbers& device) {
    print(to, "\none producer of quiet slots in batches of %u\n  %-10s", device.capacities_batch, "ring of");
    for (const AtCapacity& each : device.capacities) print(to, " %9u", each.capacity);
    print(to, "\n  %-10s", "M slots/s");
    for (const AtCapacity& each : device.capacities) print(to, " %9.1f", each.slots_per_s / 1e6);
    print(to, "\n  %-10s", "ns a slot");
    for (const AtCapacity& each : device.capacities) print(to, " %9.2f", each.publish_ns);
    to += "   to publish, where there is room\n";
}

void print_limits(std::string& to, const DeviceNumbers& device) {
    const Limits& limits = device.limits;
    to += "\nlimits: plain kernels over the same memory\n";
    print(to, "  one dependent load %.3f us; read %.1f M slots/s (32 bytes of each: %.1f)\n", limits.load_us,
          limits.read_slots_per_s / 1e6, limits.read_half_slots_per_s / 1e6);
    print(to, "  write one word per slot %.1f, 16 bytes per slot %.1f, whole slots %.1f M slots/s\n",
          limits.write_word_slots_per_s / 1e6, limits.write_result_slots_per_s / 1e6, limits.write_slots_per_s / 1e6);
    print(to, "  an empty launch and finish %.1f us; pipelined %.0f launches/s\n", limits.launch_us.p50,
          limits.pipelined_launches_per_s);
    for (const Share& share : shares(device)) print(to, "  %-60s %10.3f\n", share.meaning, share.value);
}

void print_device(std::string& to, const DeviceNumbers& device) {
    const DeviceInfo& info = device.info;
    print(to, "\n%s (%s, %s), %s, memory %s, %u groups x %u lanes\n", info.name.c_str(), info.platform.c_str(),
          info.driver.c_str(), std::string(name(info.mode)).c_str(), std::string(name(info.memory)).c_str(),
          info.shape.groups, info.shape.lanes);
    print(to, "  %-28s %9s %9s %9s %9s %9s\n", "one task, us", "p50", "p90", "p99", "p99.9", "p99.99");
    print_latency(to, "through the ring", device.round_trip_us, device.capacity);
    print_latency(to, "through the ring, with result", device.with_result_us, device.capacity);
    print_latency(to, "by a launch", device.launch_us, 0);
    print_latency(to, "by an empty launch", device.limits.launch_us, 0);
    for (const Loaded& each : device.loaded) {
        char text[64];
        std::snprintf(text, sizeof text, "at %u %% load (%.1f M/s)", each.percent, each.slots_per_s / 1e6);
        print_latency(to, text, each.round_trip_us, each.capacity);
    }
    for (const Loaded& each : device.critical) {
        char text[64];
        std::snprintf(text, sizeof text, "critical, idle %u %% (%.1f M/s)", each.percent, each.slots_per_s / 1e6);
        print_latency(to, text, each.round_trip_us, each.capacity);
    }
    print_latency(to, "waking a kernel that has left", device.wake_up_us, device.capacity);
    char text[64];
    std::snprintf(text, sizeof text, "pause at a relaunch (%lld ms)",
                  static_cast<long long>(device.max_launch_time.count()));
    print_latency(to, text, device.pause_us, device.pause_capacity);
    if (device.observed_pause_us)
        print_latency(to, "the same, by an observer", *device.observed_pause_us, device.pause_capacity);
    else print(to, "  %-28s not measured: too few cores\n", "the same, by an observer");
    print(to, "  the ring is %.0f times faster (p50); reading the clock adds %.0f ns to each sample\n",
          device.launch_us.p50 / device.round_trip_us.p50, device.clock_ns);
    print(to, "  end to end %.1f M slots/s in batches of %u (%.1f M/s with results), ring of %u; %.0f launches/s\n",
          device.quiet_slots_per_s / 1e6, device.batch, device.result_slots_per_s / 1e6, device.capacity,
          device.launches_per_s);
    print_rates(to, device);
    print_capacities(to, device);
    print_limits(to, device);
}

void print_beside(std::string& to, const char* where, const Beside& beside, const Beside& alone) {
    print(to, "  %-28s %10.1f %10.1f  x%7.2f %12.0f %10.0f  x%7.2f\n", where, beside.small_us.p50,
          beside.small_us.p99, beside.small_us.p50 / alone.small_us.p50, beside.big_us.p50, beside.big_us.p99,
          beside.big_us.p50 / alone.big_us.p50);
}

void print_coexistence(std::string& to, const Coexistence& coexistence) {
    print(to, "\nyour own kernels beside slipring (ring of %u) on %s, us from enqueueing to its result\n",
          coexistence.capacity, coexistence.info.name.c_str());
    print(to, "  %-28s %10s %10s  %8s %12s %10s  %8s\n", "", "small p50", "p99", "of alone", "big p50", "p99",
          "of alone");
    print_beside(to, "alone", coexistence.alone, coexistence.alone);
    print_beside(to, "same context, idle", coexistence.same_idle, coexistence.alone);
    print_beside(to, "same context, busy", coexistence.same_busy, coexistence.alone);
    print_beside(to, "other context, idle", coexistence.other_idle, coexistence.alone);
    print_beside(to, "other context, busy", coexistence.other_busy, coexistence.alone);
}

void print_pages(std::string& to, const char* how, const PageNumbers& pages) {
    print(to, "  %-28s %10.2f %10.2f %10.2f %10.2f %9.1f %% %12.0f\n", how, pages.page_us.p50, pages.page_us.p99,
          pages.stall_us.p50, pages.stall_us.p99, pages.stall_share * 100, pages.accesses_per_s);
}

void print_prefetch(std::string& to, const Prefetch& prefetch) {
    print(to, "\nprefetch on %s: %u accesses to %u pages of %u KiB, a cache of %u, %.1f %% hits\n",
          prefetch.info.name.c_str(), prefetch.accesses, prefetch.pages, prefetch.page_bytes / 1024, prefetch.frames,
          prefetch.windows.hit_rate * 100);
    print(to, "  %-28s %10s %10s %10s %10s %11s %12s\n", "us", "page p50", "p99", "stall p50", "p99", "of all time",
          "accesses/s");
    char text[64];
    std::snprintf(text, sizeof text, "by windows, ring of %u", prefetch.windows.capacity);
    print_pages(to, text, prefetch.windows);
    print_pages(to, "by clEnqueueWriteBuffer", prefetch.writes);
}

}  // namespace

std::string as_table(const Report& report) {
    std::string out;
    const Machine& machine = report.machine;
    print(out, "%s, %u cores\n", machine.cpu.c_str(), machine.cores);
    print(out, "%s; %s; slipring %s\n", machine.system.c_str(), machine.compiler.c_str(), machine.commit.c_str());
    if (const auto& codec = report.codec) {
        print(out, "\ncodec, ns per slot\n  encode %.1f, in a batch %.1f, in a window %.1f; decode %.1f\n",
              codec->encode_ns, codec->encode_batch_ns, codec->encode_window_ns, codec->decode_ns);
    }
    if (!report.rings.empty()) print_rings(out, report.rings);
    if (const auto& device = report.device) print_device(out, *device);
    if (report.coexistence) print_coexistence(out, *report.coexistence);
    if (report.prefetch) print_prefetch(out, *report.prefetch);
    return out;
}

}  // namespace slipring::bench
