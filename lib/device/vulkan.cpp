#include "vulkan.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <dlfcn.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#define SR_VULKAN_CALLS(CALL)                         \
    CALL(vkDestroyInstance)                           \
    CALL(vkEnumeratePhysicalDevices)                  \
    CALL(vkGetPhysicalDeviceProperties2)              \
    CALL(vkGetPhysicalDeviceMemoryProperties)         \
    CALL(vkGetPhysicalDeviceExternalBufferProperties) \
    CALL(vkCreateDevice)                              \
    CALL(vkDestroyDevice)                             \
    CALL(vkAllocateMemory)                            \
    CALL(vkFreeMemory)                                \
    CALL(vkMapMemory)                                 \
    CALL(vkGetMemoryFdKHR)

namespace slipring {
namespace {

std::unexpected<Error> call_failed(const char* call, VkResult result) {
    return window_refused(std::string(call) + " gave " + std::to_string(result));
}

constexpr VkExternalMemoryHandleTypeFlagBits opaque_fd = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
constexpr std::size_t page = 65536;
constexpr VkMemoryPropertyFlags through_the_bus =
    VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;

// All that is made, in that order; freed in the other.
struct Made {
    explicit Made(VulkanEntry get) : entry(get) {}
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;
    ~Made() {
        if (memory != VK_NULL_HANDLE) vkFreeMemory(device, memory, nullptr);  // which unmaps it
        if (device != VK_NULL_HANDLE) vkDestroyDevice(device, nullptr);
        if (instance != VK_NULL_HANDLE && vkDestroyInstance != nullptr) vkDestroyInstance(instance, nullptr);
    }

    std::expected<void, Error> make_instance();
    std::expected<void, Error> find_physical(const DeviceUuid& uuid);
    std::expected<void, Error> make_device();
    std::expected<void, Error> exports();
    std::expected<void, Error> allocate(std::size_t bytes);

    VulkanEntry entry;
    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
#define SR_MEMBER(name) PFN_##name name = nullptr;
    SR_VULKAN_CALLS(SR_MEMBER)
#undef SR_MEMBER
};

std::expected<void, Error> Made::make_instance() {
    const auto create = reinterpret_cast<PFN_vkCreateInstance>(entry(nullptr, "vkCreateInstance"));
    if (create == nullptr) return window_refused("Vulkan's loader has no vkCreateInstance");
    VkApplicationInfo application{};
    application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
    application.apiVersion = VK_API_VERSION_1_1;
    VkInstanceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
    info.pApplicationInfo = &application;
    const VkResult result = create(&info, nullptr, &instance);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) return window_refused("Vulkan's loader finds no driver");
    if (result != VK_SUCCESS) return call_failed("vkCreateInstance", result);
#define SR_FIND(name)                                              \
    (name) = reinterpret_cast<PFN_##name>(entry(instance, #name)); \
    if ((name) == nullptr) return window_refused("Vulkan has no " #name);
    SR_VULKAN_CALLS(SR_FIND)
#undef SR_FIND
    return {};
}

std::expected<void, Error> Made::find_physical(const DeviceUuid& uuid) {
    std::uint32_t count = 0;
    VkResult result = vkEnumeratePhysicalDevices(instance, &count, nullptr);
    std::vector<VkPhysicalDevice> found(count);
    if (result == VK_SUCCESS) result = vkEnumeratePhysicalDevices(instance, &count, found.data());
    if (result < VK_SUCCESS) return call_failed("vkEnumeratePhysicalDevices", result);
    found.resize(count);
    for (auto* const one : found) {
        VkPhysicalDeviceIDProperties id{};
        id.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES;
        VkPhysicalDeviceProperties2 properties{};
        properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
        properties.pNext = &id;
        vkGetPhysicalDeviceProperties2(one, &properties);
        static_assert(sizeof id.deviceUUID == sizeof uuid);
        if (std::memcmp(id.deviceUUID, uuid.data(), uuid.size()) == 0) physical = one;
    }
    if (physical == VK_NULL_HANDLE)
        return window_refused("none of Vulkan's " + std::to_string(count) + " devices has the UUID of OpenCL's");
    return {};
}

// With a queue, which Vulkan insists on.
std::expected<void, Error> Made::make_device() {
    const float priority = 0;
    VkDeviceQueueCreateInfo queue{};
    queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
    queue.queueCount = 1;
    queue.pQueuePriorities = &priority;
    const char* const extension = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
    VkDeviceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
    info.queueCreateInfoCount = 1;
    info.pQueueCreateInfos = &queue;
    info.enabledExtensionCount = 1;
    info.ppEnabledExtensionNames = &extension;
    const VkResult result = vkCreateDevice(physical, &info, nullptr, &device);
    if (result == VK_ERROR_EXTENSION_NOT_PRESENT) return window_refused("the device lacks " + std::string(extension));
    if (result != VK_SUCCESS) return call_failed("vkCreateDevice", result);
    return {};
}

std::expected<void, Error> Made::exports() {
    VkPhysicalDeviceExternalBufferInfo asked{};
    asked.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO;
    asked.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
    asked.handleType = opaque_fd;
    VkExternalBufferProperties answer{};
    answer.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES;
    vkGetPhysicalDeviceExternalBufferProperties(physical, &asked, &answer);
    const VkExternalMemoryFeatureFlags features = answer.externalMemoryProperties.externalMemoryFeatures;
    if ((features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) == 0)
        return window_refused("the device does not export memory as an opaque file descriptor");
    return {};
}

// No buffer of Vulkan's is bound to it. One that is to be exported may not be where the host writes through the bus,
// as NVIDIA's driver has it; the memory by itself may.
std::expected<void, Error> Made::allocate(std::size_t bytes) {
    VkPhysicalDeviceMemoryProperties has{};
    vkGetPhysicalDeviceMemoryProperties(physical, &has);
    VkResult result = VK_SUCCESS;
    VkDeviceSize largest = 0;
    for (std::uint32_t type = 0; type < has.memoryTypeCount; ++type) {
        if ((has.memoryTypes[type].propertyFlags & through_the_bus) != through_the_bus) continue;
        const VkDeviceSize heap = has.memoryHeaps[has.memoryTypes[type].heapIndex].size;
        largest = std::max(largest, heap);
        if (heap < bytes) continue;
        VkExportMemoryAllocateInfo exported{};
        exported.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO;
        exported.handleTypes = opaque_fd;
        VkMemoryAllocateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
        info.pNext = &exported;
        info.allocationSize = bytes;
        info.memoryTypeIndex = type;
        result = vkAllocateMemory(device, &info, nullptr, &memory);
        if (result == VK_SUCCESS) return {};
    }
    if (largest == 0) return window_refused("the device has no memory of its own that the host can write");
    const std::string wants = std::to_string(bytes) + " bytes are wanted of the device's memory, ";
    if (largest < bytes) return window_refused(wants + "of which the host can write " + std::to_string(largest));
    return window_refused(wants + "and vkAllocateMemory gave " + std::to_string(result));
}

}  // namespace

std::expected<VulkanEntry, Error> vulkan_entry(const char* loader) {
    // Never closed: drivers that it has opened leave threads' own data behind.
    void* const opened = dlopen(loader, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (opened == nullptr) {
        const char* const why = dlerror();
        return window_refused("Vulkan's loader cannot be opened: " + std::string(why == nullptr ? loader : why));
    }
    const auto entry = reinterpret_cast<VulkanEntry>(dlsym(opened, "vkGetInstanceProcAddr"));
    dlclose(opened);
    if (entry == nullptr) return window_refused(std::string(loader) + " is no loader of Vulkan's");
    return entry;
}

std::expected<VulkanMemory, Error> vulkan_memory(VulkanEntry entry, const DeviceUuid& uuid, std::size_t bytes) {
    auto made = std::make_unique<Made>(entry);
    if (const auto done = made->make_instance(); !done) return std::unexpected(done.error());
    if (const auto done = made->find_physical(uuid); !done) return std::unexpected(done.error());
    if (const auto done = made->make_device(); !done) return std::unexpected(done.error());
    if (const auto done = made->exports(); !done) return std::unexpected(done.error());
    bytes = (bytes + page - 1) / page * page;
    if (const auto done = made->allocate(bytes); !done) return std::unexpected(done.error());

    VulkanMemory out;
    void* host = nullptr;
    VkResult result = made->vkMapMemory(made->device, made->memory, 0, VK_WHOLE_SIZE, 0, &host);
    if (result != VK_SUCCESS) return call_failed("vkMapMemory", result);
    VkMemoryGetFdInfoKHR info{};
    info.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR;
    info.memory = made->memory;
    info.handleType = opaque_fd;
    result = made->vkGetMemoryFdKHR(made->device, &info, &out.fd);
    if (result != VK_SUCCESS) return call_failed("vkGetMemoryFdKHR", result);
    out.host = static_cast<std::byte*>(host);
    out.bytes = bytes;
    out.owner = {made.release(), [](void* all) { delete static_cast<Made*>(all); }};
    return out;
}

}  // namespace slipring
