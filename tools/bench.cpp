// slipring bench: what a slot costs on this machine, through codec, ring and device, beside what others cost.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "bench.hpp"
#include "commands.hpp"

namespace {

struct Arguments {
    std::string device = "auto";
    std::string memory = "auto";
    double seconds = 90;
    std::string only{};
    std::string svg{};
    std::string commit{};
    bool json = false;
};

using slipring::SharedMemory;
constexpr SharedMemory memories[] = {SharedMemory::svm, SharedMemory::nv_host, SharedMemory::mirrored,
                                     SharedMemory::bus_window};

std::vector<std::string> memory_names() {
    std::vector<std::string> names{"auto"};
    for (const SharedMemory memory : memories) names.emplace_back(slipring::name(memory));
    return names;
}

// False: it could not be written, and why is on standard error.
bool write(const std::string& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary);
    out << text;
    out.close();
    if (!out) std::fprintf(stderr, "slipring: %s: %s\n", path.c_str(), std::strerror(errno));
    return static_cast<bool>(out);
}

// The parts that were asked for share the time; the device has the most to do.
int run(const Arguments& arguments) {
    namespace bench = slipring::bench;
    const auto wants = [&](const char* part) { return arguments.only.empty() || arguments.only == part; };
    const auto share = [&](double of_all) {
        return std::chrono::duration<double>(arguments.seconds * (arguments.only.empty() ? of_all : 1.0));
    };

    slipring::Options base{.device = arguments.device};
    for (const auto memory : memories)
        if (arguments.memory == slipring::name(memory)) base.memory = memory;
    bench::Report report{.machine = bench::describe_machine()};
    if (!arguments.commit.empty()) report.machine.commit = arguments.commit;
    int status = 0;
    const auto failed = [&status](const slipring::Error& error) {
        std::fprintf(stderr, "slipring: %s\n", error.text().c_str());
        status = 2;
    };
    if (wants("codec")) report.codec = bench::measure_codec(share(0.03));
    if (wants("ring")) report.rings = bench::measure_rings(share(0.27));
    if (wants("device")) {
        if (auto device = bench::measure_device(base, share(0.57))) report.device = std::move(*device);
        else failed(device.error());
    }
    if (wants("coexistence")) {
        if (auto both = bench::measure_coexistence(base, share(0.08))) report.coexistence = std::move(*both);
        else failed(both.error());
    }
    if (wants("prefetch")) {
        if (auto pages = bench::measure_prefetch(base, share(0.05))) report.prefetch = std::move(*pages);
        else failed(pages.error());
    }
    const std::string text = arguments.json ? bench::as_json(report) : bench::as_table(report);
    std::printf("%s\n", text.c_str());
    if (!arguments.svg.empty() && report.device && !write(arguments.svg, bench::as_svg(report))) status = 2;
    const bool intact = std::ranges::all_of(report.rings, &bench::RingNumbers::intact);
    if (!intact) std::fprintf(stderr, "slipring: a queue lost or changed slots\n");
    const bool is_right = !report.prefetch || report.prefetch->is_right();
    if (!is_right) std::fprintf(stderr, "slipring: a wrong page was prefetched\n");
    return intact && is_right ? status : 2;
}

}  // namespace

void add_bench(CLI::App& program, int& status) {
    CLI::App* const command =
        program.add_subcommand("bench", "Measure codec, ring, device, your own kernels beside it, and prefetch");
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("-d,--device", arguments->device, "Part of a device's or platform's name, or auto")
        ->capture_default_str();
    command->add_option("--memory", arguments->memory, "Kind of memory that host and device share, or auto")
        ->capture_default_str()
        ->check(CLI::IsMember(memory_names()));
    command->add_option("--seconds", arguments->seconds, "About how long to measure")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 3600.0));
    command->add_option("--only", arguments->only, "One part alone")
        ->check(CLI::IsMember({"codec", "ring", "device", "coexistence", "prefetch"}));
    command->add_flag("--json", arguments->json, "Print one JSON object");
    command->add_option("--svg", arguments->svg, "Also draw the device's figures into this file");
    command->add_option("--commit", arguments->commit, "What was built, for the report; else Git's word for it");
    command->footer(
        "What is compared is measured in turns, and medians are reported; close other programs first.\n"
        "Exit status: 0, or 2 if the device cannot be measured.");
    command->callback([arguments, &status] { status = run(*arguments); });
}
