// The report as JSON. Keys once given stay.
#include <nlohmann/json.hpp>

#include "bench.hpp"
#include "shares.hpp"

namespace slipring::bench {
namespace {

using Json = nlohmann::ordered_json;

Json json(const Percentiles& p) {
    return {{"p50", p.p50},   {"p90", p.p90},     {"p99", p.p99},
            {"p999", p.p999}, {"p9999", p.p9999}, {"samples", p.samples}};
}

// Of slots that went through a ring of so many.
Json json(const Percentiles& p, std::uint32_t capacity) {
    Json to = json(p);
    to["capacity"] = capacity;
    return to;
}

void add_device(Json& out, const DeviceNumbers& device) {
    const DeviceInfo& info = device.info;
    out["device"] = info.name;
    out["platform"] = info.platform;
    out["driver"] = info.driver;
    out["residency"] = name(info.mode);
    out["memory"] = name(info.memory);
    out["groups"] = info.shape.groups;
    out["lanes"] = info.shape.lanes;
    out["probe_round_trip_us"] = info.probe_round_trip_us;
    out["clock_ns"] = device.clock_ns;
    out["round_trip_us"] = json(device.round_trip_us, device.capacity);
    out["round_trip_with_result_us"] = json(device.with_result_us, device.capacity);
    out["launch_us"] = json(device.launch_us);
    out["launch_to_round_trip"] = device.launch_us.p50 / device.round_trip_us.p50;
    out["end_to_end_slots_per_s"] = device.quiet_slots_per_s;
    out["end_to_end_with_results_slots_per_s"] = device.result_slots_per_s;
    out["end_to_end_batch"] = device.batch;
    out["end_to_end_capacity"] = device.capacity;
    out["launches_per_s"] = device.launches_per_s;

    for (const Loaded& each : device.loaded) {
        Json& to = out["loaded_round_trip_us"][std::to_string(each.percent)] =
            json(each.round_trip_us, each.capacity);
        to["load_slots_per_s"] = each.slots_per_s;
    }
    out["idle_slots_per_s"] = device.idle_slots_per_s;
    for (const Loaded& each : device.critical) {
        Json& to = out["critical_round_trip_us"][std::to_string(each.percent)] =
            json(each.round_trip_us, each.capacity);
        to["load_slots_per_s"] = each.slots_per_s;
    }
    out["wake_up_us"] = json(device.wake_up_us, device.capacity);
    out["relaunch_pause_us"] = json(device.pause_us, device.pause_capacity);
    out["relaunch_pause_us"]["epoch_ms"] = device.max_launch_time.count();
    if (device.observed_pause_us) {
        Json& to = out["observed_relaunch_pause_us"] = json(*device.observed_pause_us, device.pause_capacity);
        to["epoch_ms"] = device.max_launch_time.count();
    }

    out["rates_capacity"] = device.rate_capacity;
    for (const Rate& each : device.rates)
        out["slots_per_s"][name(each.want)][std::to_string(each.shape.producers)][std::to_string(each.shape.batch)] =
            each.slots_per_s;
    for (const Want want : wants) {
        out["peak_slots_per_s"][name(want)] = device.peak(want);
        out["peak_one_producer_slots_per_s"][name(want)] = device.peak(want, true);
    }
    out["peak_packed_ops_per_s"] = device.peak(Want::packed) * inner_ops;
    for (const AtCapacity& each : device.capacities)
        out["capacities"].push_back({{"capacity", each.capacity},
                                     {"batch", device.capacities_batch},
                                     {"slots_per_s", each.slots_per_s},
                                     {"publish_ns_per_slot", each.publish_ns}});
}

Json json(const Beside& beside) { return {{"small_us", json(beside.small_us)}, {"big_us", json(beside.big_us)}}; }

Json json(const Coexistence& coexistence) {
    return {{"device", coexistence.info.name},
            {"capacity", coexistence.capacity},
            {"alone", json(coexistence.alone)},
            {"same_context", {{"idle", json(coexistence.same_idle)}, {"busy", json(coexistence.same_busy)}}},
            {"other_context", {{"idle", json(coexistence.other_idle)}, {"busy", json(coexistence.other_busy)}}}};
}

Json json(const PageNumbers& pages) {
    Json to = {{"hit_rate", pages.hit_rate},
               {"stall_us", json(pages.stall_us)},
               {"stall_share", pages.stall_share},
               {"page_us", json(pages.page_us)},
               {"accesses_per_s", pages.accesses_per_s},
               {"wrong", pages.wrong}};
    if (pages.capacity != 0) to["capacity"] = pages.capacity;
    return to;
}

Json json(const Prefetch& prefetch) {
    return {{"device", prefetch.info.name},      {"accesses", prefetch.accesses},
            {"pages", prefetch.pages},           {"frames", prefetch.frames},
            {"page_bytes", prefetch.page_bytes}, {"lookahead", prefetch.lookahead},
            {"windows", json(prefetch.windows)}, {"writes", json(prefetch.writes)}};
}

void add_limits(Json& out, const DeviceNumbers& device) {
    const Limits& limits = device.limits;
    out["limits"] = {{"load_us", limits.load_us},
                     {"read_slots_per_s", limits.read_slots_per_s},
                     {"read_half_slots_per_s", limits.read_half_slots_per_s},
                     {"write_word_slots_per_s", limits.write_word_slots_per_s},
                     {"write_result_slots_per_s", limits.write_result_slots_per_s},
                     {"write_slots_per_s", limits.write_slots_per_s},
                     {"launch_us", json(limits.launch_us)},
                     {"pipelined_launches_per_s", limits.pipelined_launches_per_s}};
    for (const Share& share : shares(device)) out["of_limits"][share.key] = share.value;
}

}  // namespace

std::string as_json(const Report& report) {
    Json out;
    out["machine"] = {{"cpu", report.machine.cpu},
                      {"cores", report.machine.cores},
                      {"compiler", report.machine.compiler},
                      {"system", report.machine.system},
                      {"commit", report.machine.commit}};
    if (const auto& codec = report.codec) {
        out["encode_ns_per_slot"] = codec->encode_ns;
        out["encode_batch_ns_per_slot"] = codec->encode_batch_ns;
        out["encode_window_ns_per_slot"] = codec->encode_window_ns;
        out["decode_ns_per_slot"] = codec->decode_ns;
    }
    for (const RingNumbers& each : report.rings) {
        const std::string producers = std::to_string(each.shape.producers);
        const std::string batch = std::to_string(each.shape.batch);
        const bool is_ring = each.queue == "slipring";
        (is_ring ? out["ring_slots_per_s"] : out["peers_slots_per_s"][each.queue])[producers][batch] =
            each.slots_per_s;
        (is_ring ? out["ring_capacity"] : out["peers_capacity"][each.queue])[producers] = each.capacity;
        out["quartiles_slots_per_s"][each.queue][producers][batch] = {each.low, each.high};
    }
    if (const auto& device = report.device) {
        add_device(out, *device);
        add_limits(out, *device);
    }
    if (report.coexistence) out["coexistence"] = json(*report.coexistence);
    if (report.prefetch) out["prefetch"] = json(*report.prefetch);
    // A device's name may hold anything; what is not UTF-8 is replaced.
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace slipring::bench
