// slipring devices: every OpenCL device, whether slipring can use it, in which mode, and why.
#include <algorithm>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include <slipring/device.hpp>

#include "commands.hpp"

namespace {

using nlohmann::ordered_json;

void print_text(const std::vector<slipring::DeviceInfo>& devices) {
    for (const slipring::DeviceInfo& d : devices) {
        const bool serves = d.mode != slipring::ExecutionMode::none;
        std::printf("%s\n", d.name.c_str());
        std::printf("  platform   %s\n", d.platform.c_str());
        std::printf("  version    %s, driver %s\n", d.version.c_str(), d.driver.c_str());
        std::printf("  type       %s, %u compute units\n", d.is_cpu ? "CPU" : "accelerator", d.compute_units);
        std::printf("  usable     %s\n", serves ? "yes" : "no");
        std::printf("  mode       %s\n", std::string(slipring::name(d.mode)).c_str());
        if (serves) {
            std::printf("  memory     %s\n", std::string(slipring::name(d.memory)).c_str());
            std::printf("  shape      %u groups x %u lanes\n", d.shape.groups, d.shape.lanes);
        }
        if (d.probe_round_trip_us > 0) std::printf("  probe      %.2f us there and back\n", d.probe_round_trip_us);
        for (const slipring::Attempt& a : d.attempts)
            std::printf("  tried      %s: %s, after %.1f ms\n", std::string(slipring::name(a.memory)).c_str(),
                        a.outcome.c_str(), std::chrono::duration<double, std::milli>(a.took).count());
        std::printf("  why        %s\n", d.why.c_str());
    }
}

ordered_json json(const std::vector<slipring::Attempt>& attempts) {
    ordered_json list = ordered_json::array();
    for (const slipring::Attempt& a : attempts)
        list.push_back({{"memory", slipring::name(a.memory)},
                        {"answered", a.answered},
                        {"outcome", a.outcome},
                        {"took_us", a.took.count()}});
    return list;
}

void print_json(const std::vector<slipring::DeviceInfo>& devices, const std::string& error) {
    ordered_json list = ordered_json::array();
    for (const slipring::DeviceInfo& d : devices)
        list.push_back({{"name", d.name},
                        {"platform", d.platform},
                        {"version", d.version},
                        {"driver", d.driver},
                        {"is_cpu", d.is_cpu},
                        {"compute_units", d.compute_units},
                        {"usable", d.mode != slipring::ExecutionMode::none},
                        {"residency", slipring::name(d.mode)},
                        {"memory", slipring::name(d.memory)},
                        {"groups", d.shape.groups},
                        {"lanes", d.shape.lanes},
                        {"probe_round_trip_us", d.probe_round_trip_us},
                        {"attempts", json(d.attempts)},
                        {"why", d.why}});
    ordered_json out = {{"devices", list}};
    if (!error.empty()) out["error"] = error;
    std::printf("%s\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace).c_str());
}

int run(bool json) {
    auto found = slipring::devices();
    const std::vector<slipring::DeviceInfo> devices = found ? *found : std::vector<slipring::DeviceInfo>{};
    const bool serves = std::ranges::any_of(
        devices, [](const slipring::DeviceInfo& d) { return d.mode != slipring::ExecutionMode::none; });
    std::string error;
    if (!found) error = found.error().text();
    else if (!serves) error = slipring::Error{.code = slipring::Errc::no_device}.text();

    if (json) print_json(devices, error);
    else print_text(devices);
    if (!error.empty()) std::fprintf(stderr, "slipring: %s\n", error.c_str());
    return serves ? 0 : 2;
}

}  // namespace

void add_devices(CLI::App& program, int& status) {
    CLI::App* const command =
        program.add_subcommand("devices", "List every OpenCL device and what slipring can do there");
    const auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "Print one JSON object");
    command->footer(
        "persistent: the kernel keeps running and sees what the host publishes. per_launch: slower, a launch\n"
        "drains what was published. none: it does not serve, see why.\n"
        "Exit status: 0 if at least one device serves, 2 otherwise.");
    command->callback([json, &status] { status = run(*json); });
}
