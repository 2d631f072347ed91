// The device code as NVIDIA's compiler gets it, by clang for that target: what PoCL never compiles. It checks all but
// the text inside inline assembly, which it hands on.
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>

#include "../lib/device/handlers.hpp"

using namespace slipring;

namespace {

const CustomOp by_lane{.opcode = 8,
                       .name = "by_lane",
                       .source =
                           "uint by_lane(sr_args a, const sr_buffers* b, ulong* result) {\n"
                           "    *result = b->at[1][a.word[0] % b->bytes[1]]; return SR_CODE_OK; }",
                       .buffers = {"one", "two"}};
const CustomOp by_team{.opcode = 9,
                       .name = "by_team",
                       .source =
                           "uint by_team(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {\n"
                           "    team->local_memory[team->lane] = b->at[0][a.word[0] % b->bytes[0]];\n"
                           "    sr_team_barrier(team);\n"
                           "    *result = team->local_memory[team->width - 1u - team->lane];\n"
                           "    return SR_CODE_OK; }",
                       .buffers = {"one"},
                       .team = CustomOp::Team{.local_bytes = 1024}};

// The program's assembly; empty if it does not compile.
std::string compiled(const std::vector<CustomOp>& ops, const std::string& options,
                     const std::vector<RingPlace>& rings = {}) {
    const BufferSpec buffers[] = {{.name = "one", .bytes = std::uint64_t{1} << 33}, {.name = "two", .bytes = 64}};
    const std::string file = "nvptx_" + std::to_string(getpid());
    std::ofstream(file + ".cl") << program_source(ops, buffers, rings, 16);
    const std::string command = std::string(SR_COMPILER) +
                                " -x cl -cl-std=CL1.2 --target=nvptx64-nvidia-nvcl -Werror -O1 -S "
                                "-D__NV_CL_C_VERSION=120 " +
                                options + " -o " + file + ".ptx " + file + ".cl";
    std::string out;
    if (std::system(command.c_str()) == 0) std::getline(std::ifstream(file + ".ptx"), out, '\0');
    for (const char* const end : {".cl", ".ptx"}) std::remove((file + end).c_str());
    return out;
}

// The text of one kernel, or nothing.
std::string kernel(const std::string& assembly, const std::string& name) {
    const std::size_t at = assembly.find(".entry " + name + "(");
    return at == std::string::npos ? "" : assembly.substr(at, assembly.find("\n}", at) - at);
}

bool has_barrier(const std::string& text) {
    return text.find("barrier") != std::string::npos;
}  // a call: the target has it

}  // namespace

BOOST_AUTO_TEST_CASE(without_operations) {
    const std::string assembly = compiled({}, "");
    for (const char* const name : {"slipring_run", "slipring_run_wide", "slipring_run_alone"})
        BOOST_TEST(!kernel(assembly, name).empty());
    BOOST_TEST(!has_barrier(kernel(assembly, "slipring_run")));
}

BOOST_AUTO_TEST_CASE(with_a_lanes_operation_and_a_teams) {
    for (const char* const options : {"", "-DSR_TEAMS"}) {
        const std::string assembly = compiled({by_lane, by_team}, options);
        for (const char* const name : {"slipring_run", "slipring_run_wide", "slipring_run_alone"})
            BOOST_TEST(!kernel(assembly, name).empty(), name << options);
        const bool teams = *options != '\0';
        BOOST_TEST(has_barrier(kernel(assembly, "slipring_run_alone")) == teams);
    }
}

BOOST_AUTO_TEST_CASE(with_tenants) {
    for (const std::uint32_t tenants : {1u, 5u, 6u}) {
        std::vector<RingPlace> rings;
        rings.push_back({Priority::normal, 0, 0, 1, 64, 64, 0, 0});
        for (std::uint32_t row = 1; row <= tenants; ++row)
            rings.push_back({Priority::low, row, row, 1, 64, 64, 0, 0});
        for (const char* const options : {"", "-DSR_TEAMS"}) {
            const std::string assembly = compiled({by_lane, by_team}, options, rings);
            for (const char* const name : {"slipring_run", "slipring_run_alone"})
                BOOST_TEST(!kernel(assembly, name).empty(), name << options);
            BOOST_TEST(kernel(assembly, "slipring_run_wide").empty() == (tenants == 6), tenants << options);
        }
    }
}

BOOST_AUTO_TEST_CASE(with_several_levels) {
    std::vector<RingPlace> rings;
    for (const Priority level : {Priority::critical, Priority::normal, Priority::idle})
        rings.push_back({level, 0, 0, 1, 64, 64, 0, 0});
    for (const char* const options : {"", "-DSR_TEAMS"}) {
        const std::string assembly = compiled({by_lane, by_team}, options, rings);
        for (const char* const name : {"slipring_run", "slipring_run_wide", "slipring_run_alone"})
            BOOST_TEST(!kernel(assembly, name).empty(), name << options);
    }
}
