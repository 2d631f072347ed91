#include "select.hpp"

#include <algorithm>

#include "../device_choice.hpp"

namespace slipring {
namespace {

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

std::expected<std::vector<Candidate>, Error> candidates(const std::string& wanted) {
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
                one.probe = probe(device);
                one.info.residency = one.probe.residency;
                one.info.why = one.probe.why;
            }
            found.push_back(std::move(one));
        }
    }
    if (found.empty()) return std::unexpected(Error{Errc::no_platform, empty});
    return found;
}

std::expected<Candidate, Error> choose(const std::string& wanted, std::optional<Residency> least) {
    auto found = candidates(wanted);
    if (!found) return std::unexpected(found.error());

    const auto named = [&](const Candidate& one) {
        return means(wanted, static_cast<std::size_t>(&one - found->data()), one.info);
    };
    if (std::ranges::none_of(*found, named))
        return std::unexpected(Error{Errc::device_not_found, "no " + wanted + "; there is " + list(*found)});

    const auto serves = [&](const Candidate& one) {
        return named(one) && one.probe.residency >= least.value_or(Residency::relaunch);
    };
    // Live before relaunch, then GPUs and accelerators before CPUs; the first of equals.
    const auto rank = [&](const Candidate& one) {
        return serves(one) ? 1 + 2 * static_cast<int>(one.probe.residency) + (one.info.is_cpu ? 0 : 1) : 0;
    };
    const auto best = std::ranges::max_element(*found, {}, rank);
    if (rank(*best) == 0) return std::unexpected(Error{Errc::no_device, list(*found)});

    if (least == Residency::relaunch && best->probe.residency == Residency::live) {
        best->probe.residency = best->info.residency = Residency::relaunch;
        best->probe.kind = MemoryKind::shadowed;
        best->info.why = "asked for, though the device is live";
    }
    return *best;
}

}  // namespace slipring
