// The bench: its arithmetic, and a very short run whose JSON has every field, each a finite positive number.
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

#include <bench.hpp>

using namespace slipring::bench;
using Json = nlohmann::json;

namespace {

constexpr std::chrono::duration<double> short_time{0.1};

bool is_positive(const Json& value) {
    return value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() > 0;
}

void check_latency(const Json& value) {
    double last = 0;
    for (const char* const key : {"p50", "p90", "p99", "p999"}) {
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
    BOOST_TEST(p.samples == 1001u);
    BOOST_TEST(median({3, 1, 2}) == 2);
    BOOST_TEST(median({}) == 0);
}

BOOST_AUTO_TEST_CASE(an_empty_report_has_the_machine_and_nothing_else) {
    const Json json = Json::parse(as_json({.machine = describe_machine()}));
    BOOST_TEST(json.size() == 1u);
    const Json& machine = json.at("machine");
    for (const char* const key : {"cpu", "compiler", "system"})
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
    }
}

BOOST_AUTO_TEST_CASE(device_figures) {
    auto device = measure_device("auto", short_time);
    if (!device && device.error().code == slipring::Errc::no_platform) return;  // nothing to measure here
    BOOST_TEST_REQUIRE(device.has_value(), (device ? "" : device.error().text()));

    const Json json = Json::parse(as_json({.machine = {}, .device = *device}));
    for (const char* const key : {"device", "platform", "driver", "residency"})
        BOOST_TEST(!json.at(key).get<std::string>().empty(), key);
    check_latency(json.at("round_trip_us"));
    check_latency(json.at("launch_us"));
    for (const char* const key : {"clock_ns", "launch_to_round_trip", "end_to_end_slots_per_s",
                                  "end_to_end_with_results_slots_per_s", "end_to_end_batch", "launches_per_s"})
        BOOST_TEST(is_positive(json.at(key)), key);
}

BOOST_AUTO_TEST_CASE(a_device_that_is_not_there_is_an_error) {
    const auto device = measure_device("no such device anywhere", short_time);
    BOOST_TEST_REQUIRE(!device.has_value());
}
