#include <cstdio>

#include <nlohmann/json.hpp>

#include "bench.hpp"

namespace slipring::bench {
namespace {

using Json = nlohmann::ordered_json;

Json json(const Percentiles& p) {
    return {{"p50", p.p50}, {"p90", p.p90}, {"p99", p.p99}, {"p999", p.p999}, {"samples", p.samples}};
}

template <class... Args>
void print(std::string& to, const char* format, Args... args) {
    char line[256];
    std::snprintf(line, sizeof line, format, args...);
    to += line;
}

void print_latency(std::string& to, const char* name, const Percentiles& p) {
    print(to, "  %-24s %9.3f %9.3f %9.3f %9.3f   of %zu\n", name, p.p50, p.p90, p.p99, p.p999, p.samples);
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
            const auto at = std::ranges::find_if(rings, [&](const RingNumbers& each) {
                return each.queue == name && each.shape == shape;
            });
            if (at == rings.end()) print(to, "%9s", "-");
            else print(to, "%8.1f%c", at->slots_per_s / 1e6, at->intact ? ' ' : '!');
        }
    }
    to += '\n';
}

}  // namespace

std::string as_json(const Report& report) {
    Json out;
    out["machine"] = {{"cpu", report.machine.cpu},
                      {"cores", report.machine.cores},
                      {"compiler", report.machine.compiler},
                      {"system", report.machine.system}};
    if (const auto& codec = report.codec) {
        out["encode_ns_per_slot"] = codec->encode_ns;
        out["encode_batch_ns_per_slot"] = codec->encode_batch_ns;
        out["encode_window_ns_per_slot"] = codec->encode_window_ns;
        out["decode_ns_per_slot"] = codec->decode_ns;
    }
    for (const RingNumbers& each : report.rings) {
        const std::string producers = std::to_string(each.shape.producers);
        const std::string batch = std::to_string(each.shape.batch);
        Json& to = each.queue == "slipring" ? out["ring_slots_per_s"] : out["peers_slots_per_s"][each.queue];
        to[producers][batch] = each.slots_per_s;
        out["quartiles_slots_per_s"][each.queue][producers][batch] = {each.low, each.high};
    }
    if (const auto& device = report.device) {
        out["device"] = device->info.name;
        out["platform"] = device->info.platform;
        out["driver"] = device->info.driver;
        out["residency"] = name(device->info.residency);
        out["clock_ns"] = device->clock_ns;
        out["round_trip_us"] = json(device->round_trip_us);
        out["launch_us"] = json(device->launch_us);
        out["launch_to_round_trip"] = device->launch_us.p50 / device->round_trip_us.p50;
        out["end_to_end_slots_per_s"] = device->quiet_slots_per_s;
        out["end_to_end_with_results_slots_per_s"] = device->result_slots_per_s;
        out["end_to_end_batch"] = device->batch;
        out["launches_per_s"] = device->launches_per_s;
    }
    // A device's name may hold anything; what is not UTF-8 is replaced.
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string as_table(const Report& report) {
    std::string out;
    const Machine& machine = report.machine;
    print(out, "%s, %u cores\n", machine.cpu.c_str(), machine.cores);
    print(out, "%s; %s\n", machine.system.c_str(), machine.compiler.c_str());
    if (const auto& codec = report.codec) {
        print(out, "\ncodec, ns per slot\n  encode %.1f, in a batch %.1f, in a window %.1f; decode %.1f\n",
              codec->encode_ns, codec->encode_batch_ns, codec->encode_window_ns, codec->decode_ns);
    }
    if (!report.rings.empty()) print_rings(out, report.rings);
    if (const auto& device = report.device) {
        print(out, "\n%s (%s, %s), %s\n", device->info.name.c_str(), device->info.platform.c_str(),
              device->info.driver.c_str(), std::string(name(device->info.residency)).c_str());
        print(out, "  %-24s %9s %9s %9s %9s\n", "one task, us", "p50", "p90", "p99", "p99.9");
        print_latency(out, "through the ring", device->round_trip_us);
        print_latency(out, "by a launch", device->launch_us);
        print(out, "  the ring is %.0f times faster (p50); reading the clock adds %.0f ns to each sample\n",
              device->launch_us.p50 / device->round_trip_us.p50, device->clock_ns);
        print(out, "  end to end %.1f M slots/s in batches of %u (%.1f M/s with results); %.0f launches/s\n",
              device->quiet_slots_per_s / 1e6, device->batch, device->result_slots_per_s / 1e6,
              device->launches_per_s);
    }
    return out;
}

}  // namespace slipring::bench
