// The bus window: the store that fills a slot there, each reason for which there is no window, by a made-up Vulkan,
// and what the devices of this machine say. Under with_bus_window.cpp one of them has a window.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../lib/wide_store.hpp"
#include "../lib/device/window.hpp"

#if __has_include(<vulkan/vulkan.h>)
#include "made_up_vulkan.hpp"
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
    int windows = 0;
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
            ++windows;
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
    // A device must have one, unless this processor could not write it.
    if (std::getenv("SLIPRING_TEST_BUS_WINDOW") != nullptr && widest_store() != WideStore::none)
        BOOST_TEST(windows > 0);
}

#if __has_include(<vulkan/vulkan.h>)

namespace {

// The refusal of such a driver, which must have everything back.
Error refusal(Driver given, std::size_t bytes = 4096) {
    driver = std::move(given);
    const auto memory = vulkan_memory(entry, made_up_uuid, bytes);
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
        auto memory = vulkan_memory(entry, made_up_uuid, 4096);
        BOOST_REQUIRE_MESSAGE(memory.has_value(), (memory ? "" : memory.error().text()));
        BOOST_REQUIRE(driver.alive.size() == 3u);
        const Made& made = *driver.alive.back();
        BOOST_TEST(made.type == all_three);
        BOOST_TEST(memory->host == made.at);
        BOOST_TEST(memory->bytes >= 4096u);
        BOOST_TEST(memory->bytes == made.bytes);
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
    narrow.heap = 1 << 20;
    BOOST_TEST(says(refusal(narrow, std::size_t{2} << 20), "of which the host can write 1048576"));
}

#else

BOOST_AUTO_TEST_CASE(without_headers_vulkan_is_refused) {
    BOOST_TEST(says(vulkan_entry().error(), "built without Vulkan's headers"));
}

#endif
