// The bus window: the store that fills a slot there, each reason for which there is no window, by a Vulkan made up
// here, and what the devices of this machine say.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "../lib/wide_store.hpp"
#include "../lib/device/window.hpp"

#if __has_include(<vulkan/vulkan.h>)
#include <map>
#include <set>

#include <fcntl.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>
#endif

using namespace slipring;

namespace {

bool says(const Error& error, std::string_view part) {
    BOOST_TEST(error.code == Errc::no_window);
    BOOST_TEST_MESSAGE(error.text());
    return error.detail.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_wide_store_writes_its_slot_and_nothing_else) {
    const WideStore widest = widest_store();
    for (const WideStore how : {WideStore::avx512, WideStore::movdir64b}) {
        if (how > widest || (how == WideStore::avx512 && !__builtin_cpu_supports("avx512f"))) continue;
        alignas(64) std::array<std::uint32_t, 48> slots{};
        std::array<std::uint32_t, 17> from{};
        for (std::uint32_t i = 0; i < from.size(); ++i) from[i] = 100 + i;
        store_wide(how, &slots[16], &from[1]);  // from anywhere
        store_fence();
        for (std::uint32_t i = 0; i < slots.size(); ++i)
            BOOST_TEST(slots[i] == (i >= 16 && i < 32 ? 101 + i - 16 : 0));
    }
}

BOOST_AUTO_TEST_CASE(each_device_here_has_a_window_or_says_why_not) {
    std::vector<cl::Platform> platforms;
    cl::Platform::get(&platforms);
    for (const cl::Platform& platform : platforms) {
        std::vector<cl::Device> devices;
        platform.getDevices(CL_DEVICE_TYPE_ALL, &devices);
        for (const cl::Device& device : devices) {
            const cl::Context context(device);
            const cl::CommandQueue queue(context, device);
            auto window = BusWindow::make(context, queue, device, 1000);
            if (!window) {
                BOOST_TEST(says(window.error(), no_window(device)));
                BOOST_TEST(!window.error().detail.empty());
                continue;
            }
            // Zeroed, and the device finds what the host stored.
            BOOST_REQUIRE(window->host().size() >= 1000);
            alignas(64) std::array<std::uint32_t, 16> slot{};
            slot.fill(7);
            store_wide(widest_store(), window->host().data() + 64, slot.data());
            store_fence();
            const BusWindow moved = std::move(*window);
            BOOST_TEST(window->host().empty());
            std::array<std::uint32_t, 48> seen{};
            BOOST_REQUIRE(queue.enqueueReadBuffer(moved.buffer(), CL_TRUE, 0, sizeof seen, seen.data()) ==
                          CL_SUCCESS);
            for (std::size_t i = 0; i < seen.size(); ++i) BOOST_TEST(seen[i] == (i >= 16 && i < 32 ? 7u : 0u));
        }
    }
}

#if __has_include(<vulkan/vulkan.h>)

namespace {

constexpr VkMemoryPropertyFlags all_three =
    VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
constexpr DeviceUuid uuid{1, 2, 3};

// A driver with one device, and what goes wrong with it.
struct Driver {
    std::string absent{};                       // a function
    std::map<std::string, VkResult> results{};  // of those that fail
    DeviceUuid uuid = ::uuid;
    VkExternalMemoryFeatureFlags features = VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
    std::vector<VkMemoryPropertyFlags> types{VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, all_three};
    VkDeviceSize heap = 1 << 20;
    std::multiset<std::string> alive{};  // what has been made and not been freed
    std::vector<std::byte> memory{};

    VkResult result(const std::string& call) const {
        const auto found = results.find(call);
        return found == results.end() ? VK_SUCCESS : found->second;
    }
    template <class Handle>
    VkResult make(const std::string& call, Handle* made) {
        if (result(call) != VK_SUCCESS) return result(call);
        *made = reinterpret_cast<Handle>(this);
        alive.insert(call);
        return VK_SUCCESS;
    }
};
Driver driver;

VkResult create_instance(const VkInstanceCreateInfo*, const VkAllocationCallbacks*, VkInstance* made) {
    return driver.make("vkCreateInstance", made);
}
void destroy_instance(VkInstance, const VkAllocationCallbacks*) { driver.alive.erase("vkCreateInstance"); }
VkResult enumerate(VkInstance, std::uint32_t* count, VkPhysicalDevice* found) {
    if (driver.result("vkEnumeratePhysicalDevices") != VK_SUCCESS) return driver.result("vkEnumeratePhysicalDevices");
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
    return driver.make("vkCreateDevice", made);
}
void destroy_device(VkDevice, const VkAllocationCallbacks*) { driver.alive.erase("vkCreateDevice"); }
VkResult allocate(VkDevice, const VkMemoryAllocateInfo* info, const VkAllocationCallbacks*, VkDeviceMemory* made) {
    BOOST_TEST(driver.types.at(info->memoryTypeIndex) == all_three);
    driver.memory.resize(info->allocationSize);
    return driver.make("vkAllocateMemory", made);
}
void free_memory(VkDevice, VkDeviceMemory, const VkAllocationCallbacks*) { driver.alive.erase("vkAllocateMemory"); }
VkResult map(VkDevice, VkDeviceMemory, VkDeviceSize, VkDeviceSize, VkMemoryMapFlags, void** at) {
    *at = driver.memory.data();
    return driver.result("vkMapMemory");
}
VkResult get_fd(VkDevice, const VkMemoryGetFdInfoKHR*, int* fd) {
    if (driver.result("vkGetMemoryFdKHR") != VK_SUCCESS) return driver.result("vkGetMemoryFdKHR");
    *fd = open("/dev/null", O_RDONLY);
    return VK_SUCCESS;
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

void (*entry(VkInstance, const char* name))() {
    const auto found = functions.find(name);
    return found == functions.end() || name == driver.absent ? nullptr : found->second;
}

// The refusal of such a driver, which must have everything back.
Error refusal(Driver given, std::size_t bytes = 4096) {
    driver = std::move(given);
    const auto memory = vulkan_memory(entry, uuid, bytes);
    BOOST_REQUIRE(!memory.has_value());
    if (driver.absent != "vkDestroyInstance") BOOST_TEST(driver.alive.empty());
    return memory.error();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_loader_that_is_not_there_or_is_none_is_refused) {
    BOOST_TEST(says(vulkan_entry("no_such_library.so.1").error(), "no_such_library.so.1"));
    BOOST_TEST(says(vulkan_entry("libc.so.6").error(), "libc.so.6 is no loader"));
}

BOOST_AUTO_TEST_CASE(memory_of_the_right_type_is_mapped_exported_and_freed) {
    driver = {};
    {
        auto memory = vulkan_memory(entry, uuid, 4096);
        BOOST_REQUIRE_MESSAGE(memory.has_value(), (memory ? "" : memory.error().text()));
        BOOST_TEST(memory->host == driver.memory.data());
        BOOST_TEST(memory->bytes >= 4096u);
        BOOST_TEST(memory->bytes == driver.memory.size());
        BOOST_TEST(close(memory->fd) == 0);
        const VulkanMemory moved = std::move(*memory);
        BOOST_TEST(driver.alive.size() == 3u);
    }
    BOOST_TEST(driver.alive.empty());
}

BOOST_AUTO_TEST_CASE(each_step_of_vulkan_says_that_it_failed) {
    for (const auto& [name, function] : functions) BOOST_TEST(says(refusal({.absent = name}), name));
    for (const char* const call : {"vkCreateInstance", "vkEnumeratePhysicalDevices", "vkCreateDevice",
                                   "vkAllocateMemory", "vkMapMemory", "vkGetMemoryFdKHR"}) {
        const Error error = refusal({.results = {{call, VK_ERROR_OUT_OF_HOST_MEMORY}}});
        BOOST_TEST(says(error, std::string(call) + " gave -1"));
    }
    BOOST_TEST(says(refusal({.results = {{"vkCreateInstance", VK_ERROR_INCOMPATIBLE_DRIVER}}}), "finds no driver"));
    BOOST_TEST(says(refusal({.results = {{"vkCreateDevice", VK_ERROR_EXTENSION_NOT_PRESENT}}}),
                    "VK_KHR_external_memory_fd"));
}

BOOST_AUTO_TEST_CASE(a_device_that_does_not_suit_says_why) {
    Driver other, silent, narrow, hidden;
    other.uuid = {3, 2, 1};
    BOOST_TEST(says(refusal(other), "none of Vulkan's 1 devices has the UUID"));
    silent.features = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
    BOOST_TEST(says(refusal(silent), "does not export"));
    hidden.types = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT};
    BOOST_TEST(says(refusal(hidden), "no memory of its own that the host can write"));
    BOOST_TEST(says(refusal(narrow, std::size_t{2} << 20), "of which the host can write 1048576"));
}

#else

BOOST_AUTO_TEST_CASE(without_headers_vulkan_is_refused) {
    BOOST_TEST(says(vulkan_entry().error(), "built without Vulkan's headers"));
}

#endif
