#include "vulkan.hpp"

namespace slipring {

std::expected<VulkanEntry, Error> vulkan_entry(const char*) {
    return window_refused("slipring was built without Vulkan's headers");
}

std::expected<VulkanMemory, Error> vulkan_memory(VulkanEntry, const DeviceUuid&, std::size_t) {
    return std::unexpected(vulkan_entry().error());
}

}  // namespace slipring
