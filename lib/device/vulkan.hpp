// Memory of a device that the host writes through the bus, from Vulkan. Its loader is opened at run time: nothing
// links to it. Where Vulkan's headers were missing at build time, no_vulkan.cpp stands in and says so.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <utility>

#include <slipring/error.hpp>

struct VkInstance_T;

namespace slipring {

using VulkanEntry = void (*(*)(VkInstance_T*, const char*))();  // vkGetInstanceProcAddr
using DeviceUuid = std::array<unsigned char, 16>;

inline std::unexpected<Error> window_refused(std::string why) {
    return std::unexpected(Error{Errc::no_window, std::move(why)});
}

// Opens the loader, for as long as the process lives. Error: no_window.
std::expected<VulkanEntry, Error> vulkan_entry(const char* loader = "libvulkan.so.1");

struct VulkanMemory {
    std::byte* host = nullptr;  // write-combining: never to be read
    std::size_t bytes = 0;
    int fd = -1;  // opaque; the caller imports it, or closes it
    std::unique_ptr<void, void (*)(void*)> owner{nullptr, [](void*) {}};  // unmaps and frees
};

// At least `bytes` bytes of the device with this UUID, not zeroed. Error: no_window, with the step that failed.
std::expected<VulkanMemory, Error> vulkan_memory(VulkanEntry entry, const DeviceUuid& uuid, std::size_t bytes);

}  // namespace slipring
