#include <slipring/device.hpp>

#include "select.hpp"

namespace slipring {

std::expected<std::vector<DeviceInfo>, Error> devices() {
    auto found = candidates("auto");
    if (!found) return std::unexpected(found.error());
    std::vector<DeviceInfo> infos;
    for (Candidate& one : *found) infos.push_back(std::move(one.info));
    return infos;
}

}  // namespace slipring
