#include <slipring/device.hpp>

#include <new>

#include "select.hpp"

namespace slipring {

std::expected<std::vector<DeviceInfo>, Error> devices() try {
    auto found = candidates("auto");
    if (!found) return std::unexpected(found.error());
    std::vector<DeviceInfo> infos;
    for (Candidate& one : *found) infos.push_back(std::move(one.info));
    return infos;
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

}  // namespace slipring
