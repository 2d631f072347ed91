// The bench: its arithmetic, and a very short run whose JSON has every field, each a finite positive number.
#include <boost/test/unit_test.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include <bench.hpp>

#include "test_device.hpp"

using namespace slipring::bench;
using Json = nlohmann::json;

namespace {

constexpr std::chrono::duration<double> short_time{0.1};

bool is_positive(const Json& value) {
    return value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() > 0;
}

// A ring's.
bool is_capacity(const Json& value) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() >= 2 && value.get<std::uint64_t>() <= 1u << 24 &&
           std::has_single_bit(value.get<std::uint64_t>());
}

void check_latency(const Json& value) {
    double last = 0;
    for (const char* const key : {"p50", "p90", "p99", "p999", "p9999"}) {
        BOOST_TEST_CONTEXT(key) {
            BOOST_TEST_REQUIRE(is_positive(value.at(key)));
            BOOST_TEST(value.at(key).get<double>() >= last);
            last = value.at(key).get<double>();
        }
    }
    BOOST_TEST(is_positive(value.at("samples")));
}

}  // namespace

BOOST_AUTO_TEST_CASE(percentiles_are_those_of_the_sorted_samples) {
    std::vector<double> samples;
    for (int i = 1000; i >= 0; --i) samples.push_back(i);
    const Percentiles p = percentiles(samples);
    BOOST_TEST(p.p50 == 500);
    BOOST_TEST(p.p90 == 900);
    BOOST_TEST(p.p99 == 990);
    BOOST_TEST(p.p999 == 999);
    BOOST_TEST(p.p9999 == 1000);
    BOOST_TEST(p.samples == 1001u);
    BOOST_TEST_REQUIRE(p.curve.size() == 2u * Percentiles::curve_steps + 1);  // to the 99th: ten samples lie above it
    BOOST_TEST(p.curve.front() == 0);
    BOOST_TEST(p.curve.at(Percentiles::curve_steps) == 900);
    BOOST_TEST(p.curve.back() == 990);
    BOOST_TEST(median({3, 1, 2}) == 2);
    BOOST_TEST(median({}) == 0);
}

BOOST_AUTO_TEST_CASE(an_empty_report_has_the_machine_and_nothing_else) {
    const Json json = Json::parse(as_json({.machine = describe_machine()}));
    BOOST_TEST(json.size() == 1u);
    const Json& machine = json.at("machine");
    for (const char* const key : {"cpu", "compiler", "system", "commit"})
        BOOST_TEST(!machine.at(key).get<std::string>().empty(), key);
    BOOST_TEST(is_positive(machine.at("cores")));
}

BOOST_AUTO_TEST_CASE(codec_figures) {
    const Json json = Json::parse(as_json({.machine = {}, .codec = measure_codec(short_time)}));
    for (const char* const key :
         {"encode_ns_per_slot", "encode_batch_ns_per_slot", "encode_window_ns_per_slot", "decode_ns_per_slot"})
        BOOST_TEST(is_positive(json.at(key)), key);
}

BOOST_AUTO_TEST_CASE(ring_figures_in_every_shape_and_nothing_lost) {
    const auto rings = measure_rings(short_time);
    for (const RingNumbers& each : rings) BOOST_TEST(each.intact, each.queue);

    const Json json = Json::parse(as_json({.machine = {}, .rings = rings}));
    for (const char* const producers : {"1", "2", "4"})
        for (const char* const batch : {"1", "32"})
            BOOST_TEST(is_positive(json.at("ring_slots_per_s").at(producers).at(batch)), producers << 'x' << batch);
    for (const RingNumbers& each : rings) {
        if (each.queue == "slipring") continue;
        const Json& peer = json.at("peers_slots_per_s").at(each.queue);
        const Json& rate = peer.at(std::to_string(each.shape.producers)).at(std::to_string(each.shape.batch));
        BOOST_TEST(is_positive(rate), each.queue);
        // Each holds about 1024 slots; the roomy ones up to that many for each producer, and some.
        const Json& capacity = json.at("peers_capacity").at(each.queue).at(std::to_string(each.shape.producers));
        BOOST_TEST(capacity.get<unsigned>() >= 900, each.queue);
        BOOST_TEST(capacity.get<unsigned>() <= 6000, each.queue);
    }
    for (const char* const producers : {"1", "2", "4"}) BOOST_TEST(json.at("ring_capacity").at(producers) == 1024);
    BOOST_TEST(json.at("peers_capacity").at("slipring_roomy").at("4") == 4096);
    BOOST_TEST(as_table({.machine = {}, .rings = rings}).find("holds 2048 to 4096") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(device_figures) {
    auto device = measure_device({.device = slipring::test_device()}, short_time);
    if (!device && device.error().code == slipring::Errc::no_platform) return;  // nothing to measure here
    BOOST_TEST_REQUIRE(device.has_value(), (device ? "" : device.error().text()));

    const Json json = Json::parse(as_json({.machine = {}, .device = *device}));
    for (const char* const key : {"device", "platform", "driver", "residency", "memory"})
        BOOST_TEST(!json.at(key).get<std::string>().empty(), key);
    for (const char* const key : {"round_trip_us", "round_trip_with_result_us", "launch_us"})
        check_latency(json.at(key));
    for (const char* const key :
         {"clock_ns", "launch_to_round_trip", "end_to_end_slots_per_s", "end_to_end_with_results_slots_per_s",
          "end_to_end_batch", "launches_per_s", "peak_packed_ops_per_s"})
        BOOST_TEST(is_positive(json.at(key)), key);
    for (const char* const key : {"end_to_end_capacity", "rates_capacity"})
        BOOST_TEST(is_capacity(json.at(key)), key);
    for (const char* const key : {"round_trip_us", "round_trip_with_result_us", "wake_up_us", "relaunch_pause_us"})
        BOOST_TEST(is_capacity(json.at(key).at("capacity")), key);
    BOOST_TEST(!json.at("launch_us").contains("capacity"));  // no ring
    for (const char* const percent : {"10", "50", "90"}) {
        check_latency(json.at("loaded_round_trip_us").at(percent));
        BOOST_TEST(json.at("loaded_round_trip_us").at(percent).at("capacity") == json.at("rates_capacity"));
        BOOST_TEST(json.at("loaded_round_trip_us").at(percent).at("load_slots_per_s").get<double>() >= 0);
    }
    for (const char* const percent : {"0", "50", "90"}) {
        const Json& critical = json.at("critical_round_trip_us").at(percent);
        check_latency(critical);
        BOOST_TEST(critical.at("capacity") == 1024);
        BOOST_TEST(critical.at("load_slots_per_s").get<double>() >= 0);
    }
    BOOST_TEST(is_positive(json.at("idle_slots_per_s")));
    const Json& capacities = json.at("capacities");
    BOOST_TEST(capacities.size() >= 5u);
    for (std::uint64_t last = 0; const Json& each : capacities) {
        BOOST_TEST_REQUIRE(is_capacity(each.at("capacity")));
        BOOST_TEST(each.at("capacity").get<std::uint64_t>() > last);
        last = each.at("capacity").get<std::uint64_t>();
        BOOST_TEST(2 * each.at("batch").get<std::uint64_t>() <= last);
        BOOST_TEST(is_positive(each.at("slots_per_s")), last);
        BOOST_TEST(is_positive(each.at("publish_ns_per_slot")), last);
    }
    BOOST_TEST(json.contains("observed_relaunch_pause_us") == device->observed_pause_us.has_value());
    // How often the kernel left, or was relaunched, in so short a time nobody can say.
    for (const char* const key : {"wake_up_us", "relaunch_pause_us"})
        BOOST_TEST(json.at(key).at("samples").is_number(), key);
    for (const Want want : wants) {
        const std::string kind(name(want));
        BOOST_TEST(is_positive(json.at("slots_per_s").at(kind).at("1").at("32")), kind);
        BOOST_TEST(is_positive(json.at("peak_slots_per_s").at(kind)), kind);
        BOOST_TEST(is_positive(json.at("peak_one_producer_slots_per_s").at(kind)), kind);
    }

    const Json& limits = json.at("limits");
    check_latency(limits.at("launch_us"));
    BOOST_TEST(is_positive(limits.at("pipelined_launches_per_s")));
    if (device->info.mode != slipring::ExecutionMode::persistent) return;
    for (const char* const key : {"load_us", "read_slots_per_s", "read_half_slots_per_s", "write_word_slots_per_s",
                                  "write_result_slots_per_s", "write_slots_per_s"})
        BOOST_TEST(is_positive(limits.at(key)), key);
    for (const char* const key : {"round_trip_loads", "quiet_of_read", "state_of_read_and_write",
                                  "result_of_read_and_write", "packed_of_read", "launch_to_round_trip"})
        BOOST_TEST(is_positive(json.at("of_limits").at(key)), key);

    const std::string picture = as_svg({.machine = {}, .device = *device});
    BOOST_TEST(picture.starts_with("<svg "));
    BOOST_TEST(picture.ends_with("</svg>\n"));
    BOOST_TEST(picture.find("nan") == std::string::npos);
    BOOST_TEST(picture.find("inf") == std::string::npos);
    for (const std::uint32_t capacity : {device->capacity, device->rate_capacity}) {
        const std::string ring = "ring of " + std::to_string(capacity);
        BOOST_TEST(picture.find(ring) != std::string::npos);
        BOOST_TEST(as_table({.machine = {}, .device = *device}).find(ring) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_pause_has_a_key_where_it_was_observed) {
    DeviceNumbers device;
    BOOST_TEST(!Json::parse(as_json({.machine = {}, .device = device})).contains("observed_relaunch_pause_us"));
    BOOST_TEST(as_table({.machine = {}, .device = device}).find("too few cores") != std::string::npos);

    device.pause_capacity = 2048;
    device.max_launch_time = std::chrono::milliseconds(10);
    device.observed_pause_us = percentiles({3, 1, 2});
    const Json json = Json::parse(as_json({.machine = {}, .device = device}));
    const Json& pause = json.at("observed_relaunch_pause_us");
    check_latency(pause);
    BOOST_TEST(pause.at("p50") == 2);
    BOOST_TEST(pause.at("capacity") == 2048);
    BOOST_TEST(pause.at("epoch_ms") == 10);
    BOOST_TEST(json.contains("relaunch_pause_us"));
    BOOST_TEST(as_table({.machine = {}, .device = device}).find("too few cores") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(coexistence_figures) {
    const auto coexistence = measure_coexistence({.device = slipring::test_device()}, short_time);
    if (!coexistence && coexistence.error().code == slipring::Errc::no_platform) return;
    BOOST_TEST_REQUIRE(coexistence.has_value(), (coexistence ? "" : coexistence.error().text()));
    const Json json = Json::parse(as_json({.machine = {}, .coexistence = *coexistence})).at("coexistence");
    BOOST_TEST(!json.at("device").get<std::string>().empty());
    BOOST_TEST(is_capacity(json.at("capacity")));
    for (const Json& beside :
         {json.at("alone"), json.at("same_context").at("idle"), json.at("same_context").at("busy"),
          json.at("other_context").at("idle"), json.at("other_context").at("busy")}) {
        check_latency(beside.at("small_us"));
        check_latency(beside.at("big_us"));
        BOOST_TEST(beside.at("small_us").at("p50") < beside.at("big_us").at("p50"));
    }
    BOOST_TEST(as_table({.machine = {}, .coexistence = *coexistence}).find("same context, busy") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(prefetch_figures_of_the_same_pages_both_ways) {
    const auto prefetch = measure_prefetch({.device = slipring::test_device()}, short_time);
    if (!prefetch && prefetch.error().code == slipring::Errc::no_platform) return;
    BOOST_TEST_REQUIRE(prefetch.has_value(), (prefetch ? "" : prefetch.error().text()));
    BOOST_TEST(prefetch->is_right());

    const Json json = Json::parse(as_json({.machine = {}, .prefetch = *prefetch})).at("prefetch");
    BOOST_TEST(!json.at("device").get<std::string>().empty());
    BOOST_TEST(json.at("page_bytes") == 65536);
    BOOST_TEST(json.at("accesses").get<int>() >= 64);
    const int lookahead = json.at("lookahead"), frames = json.at("frames"), pages = json.at("pages");
    BOOST_TEST(0 < lookahead);
    BOOST_TEST(lookahead < frames);
    BOOST_TEST(frames < pages);  // else nothing is ever replaced
    for (const char* const way : {"windows", "writes"}) {
        BOOST_TEST_CONTEXT(way) {
            const Json& figures = json.at(way);
            check_latency(figures.at("stall_us"));
            check_latency(figures.at("page_us"));
            BOOST_TEST(figures.at("wrong") == 0);
            const double hit_rate = figures.at("hit_rate"), share = figures.at("stall_share");
            const double accesses = figures.at("stall_us").at("samples"),
                         misses = figures.at("page_us").at("samples");
            BOOST_TEST(hit_rate > 0.5);
            BOOST_TEST(std::abs(hit_rate - (1 - misses / accesses)) < 1e-9);
            BOOST_TEST(std::fmod(accesses, json.at("accesses").get<double>()) == 0);  // whole runs
            BOOST_TEST(share > 0);
            BOOST_TEST(share < 1);
            // A stall is a part of the access.
            const double accesses_per_s = figures.at("accesses_per_s");
            BOOST_TEST(accesses_per_s > 0);
            BOOST_TEST(figures.at("stall_us").at("p50").get<double>() < 2 * 1e6 / accesses_per_s);
            BOOST_TEST(figures.at("page_us").at("p9999") <= figures.at("stall_us").at("p9999"));
        }
    }
    BOOST_TEST(is_capacity(json.at("windows").at("capacity")));
    BOOST_TEST(!json.at("writes").contains("capacity"));
    BOOST_TEST(json.at("windows").at("hit_rate") == json.at("writes").at("hit_rate"));
    BOOST_TEST(as_table({.machine = {}, .prefetch = *prefetch}).find("by clEnqueueWriteBuffer") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(wrong_pages_are_said) {
    Prefetch prefetch;
    BOOST_TEST(prefetch.is_right());
    prefetch.writes.wrong = 3;
    BOOST_TEST(!prefetch.is_right());
    const Json json = Json::parse(as_json({.machine = {}, .prefetch = prefetch}));
    BOOST_TEST(json.at("prefetch").at("writes").at("wrong") == 3);
}

BOOST_AUTO_TEST_CASE(a_device_that_is_not_there_is_an_error) {
    const auto device = measure_device({.device = "no such device anywhere"}, short_time);
    BOOST_TEST_REQUIRE(!device.has_value());
    BOOST_TEST(!measure_coexistence({.device = "no such device anywhere"}, short_time).has_value());
    BOOST_TEST(!measure_prefetch({.device = "no such device anywhere"}, short_time).has_value());
}
