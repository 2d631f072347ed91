// A made-up Vulkan with one device: the functions that lib/device/vulkan.cpp asks a loader for. The device's memory
// is a file without a name, so that an importer can map it too. A test chooses what goes wrong.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#include "../lib/device/vulkan.hpp"

// Internal to each library: a program has one, and a library that is preloaded into it another.
namespace {

using slipring::DeviceUuid;

constexpr VkMemoryPropertyFlags all_three =
    VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
constexpr DeviceUuid made_up_uuid{1, 2, 3};

// The addresses are not given again, so a later use faults.
void unmap_for_ever(void* at, std::size_t bytes) {
    mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

// An instance, a device, or memory.
struct Made {
    Made() = default;
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;
    ~Made() {
        if (at != nullptr) unmap_for_ever(at, bytes);
        if (fd >= 0) close(fd);
    }

    VkMemoryPropertyFlags type = 0;
    int fd = -1;
    std::size_t bytes = 0;
    void* at = nullptr;  // once it is mapped
};

// The driver and what goes wrong with it.
struct Driver {
    std::string absent{};                       // a function
    std::map<std::string, VkResult> results{};  // of those that fail
    DeviceUuid uuid = made_up_uuid;
    VkExternalMemoryFeatureFlags features = VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
    std::vector<VkMemoryPropertyFlags> types{VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, all_three};
    VkDeviceSize heap = 1 << 30;
    std::vector<std::shared_ptr<Made>> alive{};  // what has been made and not been freed, in that order

    VkResult result(const std::string& call) const {
        const auto found = results.find(call);
        return found == results.end() ? VK_SUCCESS : found->second;
    }
    template <class Handle>
    VkResult make(const std::string& call, Handle* handle) {
        if (result(call) != VK_SUCCESS) return result(call);
        alive.push_back(std::make_shared<Made>());
        *handle = reinterpret_cast<Handle>(alive.back().get());
        return VK_SUCCESS;
    }
    template <class Handle>
    void free(Handle handle) {
        std::erase_if(alive, [handle](const auto& one) { return one.get() == reinterpret_cast<Made*>(handle); });
    }
};
Driver driver;
std::mutex of_driver;  // a fleet opens its devices at the same time

VkResult create_instance(const VkInstanceCreateInfo*, const VkAllocationCallbacks*, VkInstance* made) {
    const std::scoped_lock lock(of_driver);
    return driver.make("vkCreateInstance", made);
}
void destroy_instance(VkInstance instance, const VkAllocationCallbacks*) {
    const std::scoped_lock lock(of_driver);
    driver.free(instance);
}
VkResult enumerate(VkInstance, std::uint32_t* count, VkPhysicalDevice* found) {
    const VkResult result = driver.result("vkEnumeratePhysicalDevices");
    if (result != VK_SUCCESS) return result;
    *count = 1;
    if (found != nullptr) *found = reinterpret_cast<VkPhysicalDevice>(&driver);
    return VK_SUCCESS;
}
void properties(VkPhysicalDevice, VkPhysicalDeviceProperties2* out) {
    auto* const id = static_cast<VkPhysicalDeviceIDProperties*>(out->pNext);
    std::ranges::copy(driver.uuid, id->deviceUUID);
}
void memory_properties(VkPhysicalDevice, VkPhysicalDeviceMemoryProperties* out) {
    *out = {};
    out->memoryHeapCount = 1;
    out->memoryHeaps[0].size = driver.heap;
    for (const VkMemoryPropertyFlags flags : driver.types)
        out->memoryTypes[out->memoryTypeCount++].propertyFlags = flags;
}
void external(VkPhysicalDevice, const VkPhysicalDeviceExternalBufferInfo*, VkExternalBufferProperties* out) {
    out->externalMemoryProperties.externalMemoryFeatures = driver.features;
}
VkResult create_device(VkPhysicalDevice, const VkDeviceCreateInfo*, const VkAllocationCallbacks*, VkDevice* made) {
    const std::scoped_lock lock(of_driver);
    return driver.make("vkCreateDevice", made);
}
void destroy_device(VkDevice device, const VkAllocationCallbacks*) {
    const std::scoped_lock lock(of_driver);
    driver.free(device);
}
// Its memory is not zeroed.
VkResult allocate(VkDevice, const VkMemoryAllocateInfo* info, const VkAllocationCallbacks*, VkDeviceMemory* handle) {
    const std::scoped_lock lock(of_driver);
    const VkResult result = driver.make("vkAllocateMemory", handle);
    if (result != VK_SUCCESS) return result;
    Made& made = *driver.alive.back();
    made.type = driver.types.at(info->memoryTypeIndex);
    made.bytes = info->allocationSize;
    made.fd = memfd_create("made-up device memory", MFD_CLOEXEC);
    const std::vector<std::byte> left(made.bytes, std::byte{0xA5});
    if (made.fd >= 0 && write(made.fd, left.data(), left.size()) == static_cast<ssize_t>(left.size()))
        return VK_SUCCESS;
    driver.free(*handle);
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
}
void free_memory(VkDevice, VkDeviceMemory memory, const VkAllocationCallbacks*) {
    const std::scoped_lock lock(of_driver);
    driver.free(memory);
}
VkResult map(VkDevice, VkDeviceMemory memory, VkDeviceSize, VkDeviceSize, VkMemoryMapFlags, void** at) {
    if (driver.result("vkMapMemory") != VK_SUCCESS) return driver.result("vkMapMemory");
    auto* const made = reinterpret_cast<Made*>(memory);
    void* const mapped = mmap(nullptr, made->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, made->fd, 0);
    if (mapped == MAP_FAILED) return VK_ERROR_MEMORY_MAP_FAILED;
    *at = made->at = mapped;
    return VK_SUCCESS;
}
VkResult get_fd(VkDevice, const VkMemoryGetFdInfoKHR* info, int* fd) {
    if (driver.result("vkGetMemoryFdKHR") != VK_SUCCESS) return driver.result("vkGetMemoryFdKHR");
    *fd = fcntl(reinterpret_cast<Made*>(info->memory)->fd, F_DUPFD_CLOEXEC, 0);
    return *fd < 0 ? VK_ERROR_TOO_MANY_OBJECTS : VK_SUCCESS;
}

const std::map<std::string, void (*)()> functions{
    {"vkCreateInstance", reinterpret_cast<void (*)()>(create_instance)},
    {"vkDestroyInstance", reinterpret_cast<void (*)()>(destroy_instance)},
    {"vkEnumeratePhysicalDevices", reinterpret_cast<void (*)()>(enumerate)},
    {"vkGetPhysicalDeviceProperties2", reinterpret_cast<void (*)()>(properties)},
    {"vkGetPhysicalDeviceMemoryProperties", reinterpret_cast<void (*)()>(memory_properties)},
    {"vkGetPhysicalDeviceExternalBufferProperties", reinterpret_cast<void (*)()>(external)},
    {"vkCreateDevice", reinterpret_cast<void (*)()>(create_device)},
    {"vkDestroyDevice", reinterpret_cast<void (*)()>(destroy_device)},
    {"vkAllocateMemory", reinterpret_cast<void (*)()>(allocate)},
    {"vkFreeMemory", reinterpret_cast<void (*)()>(free_memory)},
    {"vkMapMemory", reinterpret_cast<void (*)()>(map)},
    {"vkGetMemoryFdKHR", reinterpret_cast<void (*)()>(get_fd)},
};

// Its vkGetInstanceProcAddr.
void (*entry(VkInstance, const char* name))() {
    const auto found = functions.find(name);
    return found == functions.end() || name == driver.absent ? nullptr : found->second;
}

}  // namespace
