#include "select.hpp"

#include <algorithm>

#include "../../cl/wide/layout.h"

#include "choice.hpp"
#include "opencl.hpp"
#include "places.hpp"

namespace slipring {
namespace {

bool is_nvidia(const cl::Device& device) {
    return device.getInfo<CL_DEVICE_EXTENSIONS>().find("cl_nv_device_attribute_query") != std::string::npos;
}

DeviceInfo describe(const cl::Platform& platform, const cl::Device& device) {
    DeviceInfo info;
    info.name = device.getInfo<CL_DEVICE_NAME>();
    info.platform = platform.getInfo<CL_PLATFORM_NAME>() + ", " + platform.getInfo<CL_PLATFORM_VERSION>();
    info.version = device.getInfo<CL_DEVICE_VERSION>();
    info.driver = device.getInfo<CL_DRIVER_VERSION>();
    info.is_cpu = (device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0;
    info.compute_units = device.getInfo<CL_DEVICE_MAX_COMPUTE_UNITS>();
    return info;
}

SharedMemory shared(const Probe& probe) {
    if (probe.window) return SharedMemory::bus_window;
    switch (probe.kind) {
        case MemoryKind::svm: return SharedMemory::svm;
        case MemoryKind::nv_host: return SharedMemory::nv_host;
        case MemoryKind::device:
        case MemoryKind::mirrored: break;
    }
    return SharedMemory::mirrored;
}

// Puts what the probe found into the DeviceInfo.
void serve(Candidate& one) {
    one.info.mode = one.probe.mode;
    one.info.memory = one.probe.mode == ExecutionMode::none ? SharedMemory::none : shared(one.probe);
    one.info.probe_round_trip_us = one.probe.round_trip_us;
    one.info.attempts = one.probe.attempts;
    one.info.why = one.probe.why;
    one.info.shape = fit({}, one);
}

std::string list(const std::vector<Candidate>& found) {
    std::string out;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const Candidate& one = found[i];
        if (!out.empty()) out += "; ";
        out += numbered(i) + " " + one.info.name + " (" + one.info.platform + ")";
        if (!one.probe.why.empty()) out += ": " + one.probe.why;
    }
    return out;
}

}  // namespace

namespace {

// The one device of the user's context.
std::vector<Candidate> candidate_in(const OpenClContext& given, const Options& options) {
    const cl::Platform platform(given.device.getInfo<CL_DEVICE_PLATFORM>());
    Candidate one{given.device, describe(platform, given.device), {}};
    if (means(options.device, 0, one.info)) {
        one.probe = probe(given.device, options.memory, given.context);
        serve(one);
    }
    std::vector<Candidate> found;
    found.push_back(std::move(one));
    return found;
}

}  // namespace

std::expected<std::vector<Candidate>, Error> candidates(const std::string& wanted,
                                                        std::optional<SharedMemory> memory) {
    std::vector<cl::Platform> platforms;
    cl::Platform::get(&platforms);
    if (platforms.empty()) return std::unexpected(Error{Errc::no_platform, {}});

    std::vector<Candidate> found;
    std::string empty;  // platforms without a device
    for (const cl::Platform& platform : platforms) {
        std::vector<cl::Device> devices;
        platform.getDevices(CL_DEVICE_TYPE_ALL, &devices);
        if (devices.empty()) empty += platform.getInfo<CL_PLATFORM_NAME>() + " has no device; ";
        for (const cl::Device& device : devices) {
            Candidate one{device, describe(platform, device), {}};
            if (means(wanted, found.size(), one.info)) {
                one.probe = probe(device, memory);
                serve(one);
            }
            found.push_back(std::move(one));
        }
    }
    if (found.empty()) return std::unexpected(Error{Errc::no_platform, empty});
    return found;
}

std::uint32_t max_lanes(const Candidate& one) {
    const bool has_subgroups = is_nvidia(one.device);  // lanes that work together: see wide/subgroup.h
    return has_subgroups ? static_cast<std::uint32_t>(one.device.getInfo<CL_DEVICE_MAX_WORK_GROUP_SIZE>()) : 1;
}

LaunchShape fit(LaunchShape wanted, const Candidate& one, std::uint32_t gpu_groups) {
    const bool has_subgroups = is_nvidia(one.device);
    const std::uint32_t bound = max_lanes(one);
    LaunchShape shape = wanted;
    if (shape.groups == 0) shape.groups = one.info.is_cpu || !has_subgroups ? 1 : gpu_groups;
    if (shape.lanes == 0) shape.lanes = has_subgroups && shape.groups > 1 ? 256 : 1;
    shape.groups = std::clamp(shape.groups, 1u, std::max(1u, one.info.compute_units));
    shape.lanes = std::min(shape.lanes, bound);
    if (shape.lanes > 1) shape.lanes = std::min(bound, (shape.lanes + 31) / 32 * 32);
    if (has_subgroups && shape.groups > 1) shape.lanes = std::max(shape.lanes, 32u);
    if (shape.groups == 1 && shape.lanes <= 32) shape.lanes = 1;  // one lane, which runs them in order
    return shape;
}

// A team is a whole group of several lanes where the kernel has such; elsewhere each lane that runs slots is one.
// Groups beyond the compute units might not run at once.
std::expected<LaunchShape, Error> fit_teams(LaunchShape wanted, const Candidate& one, std::uint32_t gpu_groups) {
    const LaunchShape shape = one.info.shape;
    const std::uint32_t bound = shape == LaunchShape{1, 1} ? 1 : max_lanes(one);
    if (wanted.lanes > bound)
        return std::unexpected(Error{Errc::team_too_wide, "teams of " + std::to_string(wanted.lanes) + " lanes; " +
                                                              one.info.name + " has teams of up to " +
                                                              std::to_string(bound) + " here"});
    if (bound == 1) return LaunchShape{shape.groups, 1};
    const std::uint32_t left = one.info.compute_units - std::min(one.info.compute_units, shape.groups);
    return LaunchShape{wanted.groups != 0 ? wanted.groups : std::clamp(left, 1u, gpu_groups), shape.lanes};
}

std::expected<Candidate, Error> choose(const Options& options) {
    auto found = options.context == nullptr ? candidates(options.device, options.memory)
                                            : candidate_in(*options.context, options);
    if (!found) return std::unexpected(found.error());

    const std::string& wanted = options.device;
    const auto named = [&](const Candidate& one) {
        return means(wanted, static_cast<std::size_t>(&one - found->data()), one.info);
    };
    if (std::ranges::none_of(*found, named))
        return std::unexpected(Error{Errc::device_not_found, "no " + wanted + "; there is " + list(*found)});

    // Persistent before per_launch, then GPUs and accelerators before CPUs; the first of equals.
    const auto rank = [&](const Candidate& one) {
        const bool serves = named(one) && one.probe.mode >= options.mode.value_or(ExecutionMode::per_launch);
        return serves ? 1 + 2 * static_cast<int>(one.probe.mode) + (one.info.is_cpu ? 0 : 1) : 0;
    };
    const auto best = std::ranges::max_element(*found, {}, rank);
    if (rank(*best) == 0) return std::unexpected(Error{Errc::no_device, list(*found)});

    if (options.mode == ExecutionMode::per_launch && best->probe.mode == ExecutionMode::persistent) {
        best->probe.mode = ExecutionMode::per_launch;
        best->probe.kind = MemoryKind::mirrored;
        best->probe.window = false;
        best->probe.why = "per_launch was asked for; " + best->probe.why;
        serve(*best);
    }
    const bool has_teams = std::ranges::any_of(options.ops, [](const CustomOp& op) { return op.team.has_value(); });
    LaunchShape shape = options.shape;
    if (has_teams && shape.lanes == 0) shape.lanes = options.teams.lanes;
    // Beside the user's kernels: 64 groups make a kernel that fills an H200 an eighth slower, 16 not at all.
    const std::uint32_t gpu_groups = options.context == nullptr ? default_groups : 16;
    if (places_of(options).size() > SR_MAX_WIDE_RINGS) shape = {1, 1};
    best->info.shape = fit(shape, *best, gpu_groups);
    if (has_teams) {
        const auto teams = fit_teams(options.teams, *best, gpu_groups);
        if (!teams) return std::unexpected(teams.error());
        best->info.teams = *teams;
    }
    return *best;
}

}  // namespace slipring
