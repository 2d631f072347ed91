// Which devices a fleet has, and how one of them is asked for.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "fleet_fixture.hpp"

using namespace slipring;
using namespace std::string_literals;

namespace {

bool has_two_gpus() {
    const auto found = devices();
    return found && std::ranges::count_if(*found, [](const DeviceInfo& device) {
                        return !device.is_cpu && device.mode != ExecutionMode::none;
                    }) >= 2;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fleet_of_none_or_too_many_or_one_that_does_not_open) {
    BOOST_TEST(Fleet::open({}).error().code == Errc::bad_options);
    BOOST_TEST(Fleet::open(std::vector<Options>(Fleet::max_size + 1)).error().code == Errc::bad_options);
    const auto fleet = Fleet::open({{}, {.capacity = 3}});
    BOOST_TEST(fleet.error().code == Errc::bad_capacity);
    BOOST_TEST(fleet.error().detail == "member 1: 3");
    BOOST_TEST(Fleet::open_all({.device = "no such device"}).error().code == Errc::device_not_found);
    BOOST_TEST(Fleet::open_all({.device = "#4096"}).error().code == Errc::device_not_found);
}

// Two devices with one name are told apart by their numbers.
BOOST_AUTO_TEST_CASE(a_device_by_its_number) {
    const auto found = devices();
    BOOST_REQUIRE(found.has_value());
    for (std::size_t i = 0; i < found->size(); ++i) {
        if ((*found)[i].mode == ExecutionMode::none) continue;
        auto runtime = Runtime::open({.device = "#" + std::to_string(i)});
        BOOST_REQUIRE_MESSAGE(runtime.has_value(), (runtime ? "" : runtime.error().text()));
        BOOST_TEST(runtime->device().name == (*found)[i].name);
        BOOST_TEST(run(*runtime, store_u32(3, 160)).value == 3u);
    }
    const std::string behind = "#" + std::to_string(found->size());
    for (const std::string& wanted : {behind, "#99999999999999999999999"s, "#"s, "#-1"s, "# 0"s, "#0x0"s}) {
        const auto runtime = Runtime::open({.device = wanted});
        BOOST_TEST(runtime.error().code == Errc::device_not_found);
        BOOST_TEST(runtime.error().detail.find("no " + wanted + "; there is #0 " + (*found)[0].name) == 0u);
    }
}

BOOST_AUTO_TEST_CASE(every_device_that_serves) {
    const auto found = devices();
    BOOST_REQUIRE(found.has_value());
    std::size_t cpus = 0, accelerators = 0;
    for (const DeviceInfo& device : *found)
        if (device.mode != ExecutionMode::none) ++(device.is_cpu ? cpus : accelerators);
    auto fleet = Fleet::open_all();
    BOOST_REQUIRE_MESSAGE(fleet.has_value(), (fleet ? "" : fleet.error().text()));
    BOOST_TEST(fleet->size() == (accelerators != 0 ? accelerators : cpus));
    for (std::size_t i = 0; i < fleet->size(); ++i)
        BOOST_TEST(fleet->runtime(i).device().is_cpu == (accelerators == 0));
    const auto spread = fleet->spread(std::vector<Slot>(fleet->size() * 64, atomic_add(1, 160)));
    BOOST_REQUIRE(spread.has_value());
    BOOST_TEST(finishes(*fleet, *spread));
    BOOST_TEST(sum(*fleet, 160) == fleet->size() * 64);
}

BOOST_AUTO_TEST_CASE(two_gpus) {
    if (!has_two_gpus()) {
        std::puts("two_gpus: skipped, for this machine has no two GPUs");
        return;
    }
    auto fleet = Fleet::open_all({.capacity = 256});
    BOOST_REQUIRE_MESSAGE(fleet.has_value(), (fleet ? "" : fleet.error().text()));
    BOOST_REQUIRE(fleet->size() >= 2u);
    std::vector<std::uint32_t> given(fleet->size());
    std::vector<FleetTicket> tickets;
    const std::vector<Slot> batch(32, atomic_add(1, 160));
    for (std::uint32_t published = 0; published < 200;) {
        const auto ticket = publish(*fleet, batch);
        if (!ticket) {
            BOOST_REQUIRE(ticket.error() == Errc::ring_full);
            BOOST_REQUIRE(finishes(*fleet, tickets.back()));
            continue;
        }
        ++published;
        ++given[ticket->device];
        tickets.push_back(*ticket);
    }
    for (const FleetTicket& ticket : tickets) BOOST_REQUIRE(finishes(*fleet, ticket));
    for (std::size_t i = 0; i < fleet->size(); ++i) {
        std::printf("two_gpus: #%zu %s: %u of 200 batches\n", i, fleet->runtime(i).device().name.c_str(), given[i]);
        BOOST_TEST(given[i] > 0u);
        BOOST_TEST(control(fleet->runtime(i), 160) == 32 * given[i]);
    }
}
