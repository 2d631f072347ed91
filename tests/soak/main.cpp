// ./dev soak: very many slots through one ring, with everything that can go wrong, and a proof that each of them
// finished exactly once. It opens one runtime after the other: see scenario.hpp for what they do, ledger.hpp for what
// is proved.
#include <signal.h>

#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "../test_device.hpp"
#include "opening.hpp"
#include "progress.hpp"

namespace {

using namespace slipring;
using namespace slipring::soak;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int wrong = 1, trouble = 2;
constexpr int unfit = 77;  // which Meson takes for a test that is skipped
constexpr SharedMemory memories[] = {SharedMemory::svm, SharedMemory::nv_host, SharedMemory::bus_window};

struct Arguments {
    Request request{.device = test_device()};
    std::string shape{};
    std::string memory = "auto";
    std::string state{};
    double seconds = 60;
    std::uint64_t slots = 0;
    std::optional<std::uint64_t> opening{};
    bool json = false;
};

std::atomic<bool> over{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// The first Ctrl-C ends the run after its round, a second one at once.
void catch_interrupt() {
    struct sigaction action{};
    action.sa_handler = [](int) { over.store(true, std::memory_order_relaxed); };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, nullptr);
}

int complain(const std::string& what, int status = trouble) {
    std::fprintf(stderr, "soak: %s\n", what.c_str());
    return status;
}

// A folder: the file in it that is named after the device, and after the memory if one is asked for.
std::string file_of(const std::string& state, const std::string& device, std::optional<SharedMemory> memory) {
    if (!std::filesystem::is_directory(state)) return state;
    std::string file;
    for (const char c : device) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) file += c;
        else if (!file.empty() && file.back() != '-') file += '-';
    }
    return state + "/" + file.substr(0, 60) + (memory ? "-" + std::string(name(*memory)) : "") + ".json";
}

std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
    return digits;
}

void print_row(const char* what, const Tally& t) {
    std::printf("%-11s %16s %14s %8s %9s %10s %11s %7s %7s\n", what, grouped(t.slots).c_str(),
                grouped(t.results).c_str(), grouped(t.openings).c_str(), grouped(t.launches).c_str(),
                grouped(t.recoveries).c_str(), grouped(t.full_rings).c_str(), grouped(t.faults).c_str(),
                grouped(t.lost).c_str());
}

void print_text(const DeviceInfo& device, const Tallies& run, double seconds, const soak::Progress& all) {
    std::printf("%s, %s, driver %s, memory %s\n", device.name.c_str(), device.platform.c_str(), device.driver.c_str(),
                std::string(name(device.memory)).c_str());
    std::printf("%-11s %16s %14s %8s %9s %10s %11s %7s %7s\n", "", "slots", "results", "openings", "launches",
                "recoveries", "full rings", "faults", "lost");
    for (std::uint32_t i = 0; i < kinds; ++i) print_row(name(Kind{i}), run[i]);
    print_row("this run", sum(run));
    print_row("all runs", all.sum());
    std::printf("every slot finished exactly once: %s in %.1f s, %s in %.0f s over %llu runs\n",
                grouped(sum(run).slots).c_str(), seconds, grouped(all.sum().slots).c_str(), all.seconds,
                static_cast<unsigned long long>(all.runs));
}

void print_json(const DeviceInfo& device, const Tallies& run, double seconds, const soak::Progress& all) {
    const nlohmann::ordered_json object = {
        {"device", device.name},
        {"platform", device.platform},
        {"driver", device.driver},
        {"memory", name(device.memory)},
        {"seconds", seconds},
        {"sum", as_json(sum(run))},
        {"kinds", as_json(run)},
        {"all_runs", {{"runs", all.runs}, {"seconds", all.seconds}, {"sum", as_json(all.sum())}}}};
    std::printf("%s\n", object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

int run(const Arguments& arguments) {
    const Request& request = arguments.request;
    std::string path;
    DeviceInfo device;
    {
        const auto runtime =
            Runtime::open({.device = request.device, .memory = request.memory, .shape = request.shape});
        if (!runtime) {
            const bool has_store = runtime.error().detail.find("no store of 64 bytes") == std::string::npos;
            return complain(runtime.error().text(), has_store ? trouble : unfit);
        }
        device = runtime->device();
        path = file_of(arguments.state, device.name, request.memory);
    }
    auto read = read_progress(path);
    if (!read) return complain(read.error());
    soak::Progress& progress = *read;
    ++progress.runs;

    const double before = progress.seconds;
    const auto begin = Clock::now();
    const auto end = begin + std::chrono::duration_cast<Clock::duration>(Seconds(arguments.seconds));
    const auto spent = [begin] { return Seconds(Clock::now() - begin).count(); };
    Tallies reached;
    double told = 0;
    std::uint64_t number = arguments.opening.value_or(progress.next_opening);
    const std::uint64_t first = number;
    const auto is_over = [&] {
        if (over.load(std::memory_order_relaxed)) return true;
        if (request.brief) return number >= first + cycle;
        return Clock::now() >= end || (arguments.slots != 0 && progress.sum().slots >= arguments.slots);
    };
    while (!is_over()) {
        const auto outcome = run_opening(request, number, over, request.brief ? Clock::time_point::max() : end);
        if (!outcome) return complain(outcome.error().text());
        if (!outcome->wrong.empty())
            return complain("a slot did not finish exactly once, or something else went wrong:\n  " + outcome->wrong +
                                "\n  again: --seed " + std::to_string(request.seed) + " --opening " +
                                std::to_string(number) + " --memory " + arguments.memory,
                            wrong);
        const std::uint32_t kind = static_cast<std::uint32_t>(kind_of(number));
        number += request.brief && number != first ? 2 : 1;  // bulk once is enough then
        reached[kind] += outcome->tally;
        progress.by_kind[kind] += outcome->tally;
        progress.next_opening = number;
        progress.seconds = before + spent();
        if (spent() < told + 10 && !is_over()) continue;
        told = spent();
        std::fprintf(stderr, "soak: %.0f s, %s slots, %s over all runs\n", told, grouped(sum(reached).slots).c_str(),
                     grouped(progress.sum().slots).c_str());
        if (const auto written = write_progress(path, progress); !written) return complain(written.error());
    }
    (arguments.json ? print_json : print_text)(device, reached, spent(), progress);
    return std::fflush(stdout) == 0 ? 0 : trouble;
}

std::vector<std::string> memory_names() {
    std::vector<std::string> names{"auto"};
    for (const SharedMemory memory : memories) names.emplace_back(name(memory));
    return names;
}

bool parse_shape(const std::string& text, LaunchShape& shape) {
    if (text.empty()) return true;
    char rest = 0;
    return std::sscanf(text.c_str(), "%ux%u%c", &shape.groups, &shape.lanes, &rest) == 2 && shape.groups != 0;
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): to set up the parser, out of memory
    // A stalled kernel keeps its threads of PoCL's to itself, and the next one needs others. Before the first call to
    // OpenCL.
    setenv("POCL_MAX_PTHREAD_COUNT", "16", 1);
    setenv("POCL_CPU_MAX_CU_COUNT", "16", 1);

    Arguments arguments;
    CLI::App program(
        "Very many slots through one ring, with everything that can go wrong: each finishes exactly once", "soak");
    program.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    program.failure_message(CLI::FailureMessage::simple);
    program.add_option("-d,--device", arguments.request.device, "Part of a device's or platform's name, or auto");
    program.add_option("--shape", arguments.shape, "Groups and lanes of the kernel, as 3x1");
    program.add_option("--memory", arguments.memory, "Kind of memory that host and device share, or auto")
        ->capture_default_str()
        ->check(CLI::IsMember(memory_names()));
    program.add_option("--seconds", arguments.seconds, "How long to run at most, about")->capture_default_str();
    program.add_option("--slots", arguments.slots, "End before that once all runs together have reached so many");
    program.add_option("--state", arguments.state,
                       "File with what all runs have reached, to go on from; or a folder with a file a device");
    program.add_option("--seed", arguments.request.seed, "What the runs are drawn from")->capture_default_str();
    program.add_option("--opening", arguments.opening, "Begin with this opening, to repeat what went wrong");
    program.add_flag("--brief", arguments.request.brief, "Each kind of opening once, by few slots and not by time");
    program.add_flag("--json", arguments.json, "Print one JSON object");
    program.footer(
        "Ctrl-C ends it in good order. Exit status: 0, 1 if a slot did not finish exactly once, 2 if the soak "
        "cannot\n"
        "run, 77 if this processor cannot write to a bus_window.");
    try {
        program.parse(argc, argv);
        if (!parse_shape(arguments.shape, arguments.request.shape))
            return complain("--shape: groups x lanes, as 3x1");
        for (const SharedMemory memory : memories)
            if (arguments.memory == name(memory)) arguments.request.memory = memory;
        catch_interrupt();
        return run(arguments);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : trouble;
    } catch (const std::exception& error) {
        return complain(error.what());
    }
}
