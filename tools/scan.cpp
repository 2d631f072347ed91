// slipring scan: finds every occurrence of every literal pattern in files, on the device.
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "automaton.hpp"
#include "commands.hpp"
#include "compare.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "lister.hpp"
#include "readers.hpp"
#include "report.hpp"
#include "scanner.hpp"
#include "verify.hpp"

namespace {

using Clock = std::chrono::steady_clock;

struct ScanOptions {
    std::vector<std::string> patterns;
    std::vector<std::string> pattern_files;
    std::vector<std::string> paths;
    std::string device = "auto";
    std::uint32_t chunk = 0;
    std::uint32_t threads = 0;
    bool list = false;
    bool json = false;
    bool verify = false;
    bool compare = false;
};

constexpr int trouble = 2;

int complain(const std::string& text) {
    std::fprintf(stderr, "slipring: %s\n", text.c_str());
    return trouble;
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// ---- patterns -------------------------------------------------------------------------------------------------

// Appends the file's lines. The error is a sentence for the user.
std::expected<void, std::string> read_patterns(const std::string& path, std::vector<std::string>& patterns) {
    std::string text;
    if (auto ok = read_all(path, text); !ok) return std::unexpected(path + ": " + ok.error());
    std::istringstream lines(text);
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line); patterns.push_back(line)) {
        ++number;
        if (line.empty())
            return std::unexpected(path + ", line " + std::to_string(number) +
                                   ": an empty pattern would match everywhere; remove the line");
    }
    return {};
}

// ---- the scan -------------------------------------------------------------------------------------------------

// The same count by other means, of the same files, read again.
Verification verify(const ReadFiles& read, const Automaton& automaton, const Totals& totals,
                    const std::vector<std::uint64_t>& counts) {
    const Clock::time_point begin = Clock::now();
    Recount recount(automaton.patterns());
    for (const std::string& text : read.bytes) recount.add(text);
    std::string text;
    for (const std::string& path : read.paths) {
        text.clear();
        (void)read_all(path, text);  // what cannot be read now, but could before, shows in the bytes
        recount.add(text);
        if (interrupted()) break;
    }
    return {
        .matches = recount.matches(),
        .bytes = recount.bytes(),
        .seconds = seconds_since(begin),
        .same = recount.counts() == counts && recount.matches() == totals.matches && recount.bytes() == totals.bytes};
}

// Reads and scans everything: how many files and directories could not be read. The error is of what ended it.
std::expected<std::uint64_t, std::string> scan(Scanner& scanner, const ScanOptions& options, Lister* lister,
                                               ReadFiles* keep) {
    Progress progress;
    std::atomic<std::uint64_t> errors{0};
    const auto unreadable = [&](const std::string& path, const std::string& why) {
        progress.complain(path + ": " + why);
        ++errors;
    };
    const auto show = [&] {
        if (lister == nullptr) progress.show(scanner.totals());  // else its lines say enough
    };
    Readers readers(scanner, {.threads = options.threads, .lister = lister, .keep = keep}, unreadable);
    const auto visit = [&](const std::string& path) {
        show();
        return readers.add(path, show) && !interrupted();
    };
    for (const std::string& path : options.paths)
        if (!walk(path, visit, unreadable)) break;
    if (auto ok = readers.finish(show); !ok) return std::unexpected(ok.error());
    return errors.load();
}

// grep's rule: names, unless there is one file alone.
bool names_are_listed(const ScanOptions& options) {
    std::error_code unknown;
    return options.paths.size() > 1 || std::filesystem::is_directory(options.paths.front(), unknown);
}

int run(ScanOptions options) {
    for (const std::string& path : options.pattern_files)
        if (auto ok = read_patterns(path, options.patterns); !ok) return complain(ok.error());
    if (options.patterns.empty()) return complain("no pattern: give -e PATTERN, or -f FILE with one a line");
    const auto automaton = Automaton::compile(options.patterns);
    if (!automaton) return complain(automaton.error());

    auto scanner = Scanner::open(*automaton, options.device, Geometry::of(*automaton, options.chunk));
    if (!scanner) return complain(scanner.error());

    catch_interrupt();
    Lister lister(*automaton, names_are_listed(options));
    ReadFiles read;
    const Clock::time_point begin = Clock::now();
    const auto errors = scan(*scanner, options, options.list ? &lister : nullptr, options.verify ? &read : nullptr);
    if (!errors) return complain(errors.error());

    ScanReport report{.device = scanner->runtime().device().name,
                      .mode = std::string(slipring::name(scanner->runtime().device().mode)),
                      .readers = scanner->readers(options.threads),
                      .totals = scanner->totals(),
                      .seconds = seconds_since(begin),
                      .window_us = percentiles(scanner->round_trips_us()),
                      .patterns = automaton->patterns(),
                      .counts = automaton->count_patterns(scanner->entered()),
                      .errors = *errors};
    if (options.verify && !interrupted()) report.verified = verify(read, *automaton, report.totals, report.counts);
    if (options.compare && !interrupted()) {
        auto compared = compare(*scanner);
        if (!compared) return complain(compared.error());
        report.compared = *compared;
    }
    if (interrupted()) {
        (void)scanner->runtime().shutdown();
        return ::raise(SIGINT);
    }
    if (options.json) print_json(report);
    else if (!options.list) print_text(report);

    const bool differs = report.verified && !report.verified->same;
    if (differs) complain("verify: the host counts differently; did a file change meanwhile?");
    if (report.compared && !report.compared->same) return complain("compare: ring and launch gave different results");
    if (differs || report.errors != 0) return trouble;
    return report.totals.matches != 0 ? 0 : 1;
}

}  // namespace

void add_scan(CLI::App& program, int& status) {
    CLI::App* const command = program.add_subcommand("scan", "Count literal patterns in files, on the device");
    const auto options = std::make_shared<ScanOptions>();
    command->add_option("-e,--pattern", options->patterns, "A literal pattern; may be given again")
        ->type_name("PATTERN")
        ->allow_extra_args(false);
    command->add_option("-f,--file", options->pattern_files, "A file with one pattern a line; may be given again")
        ->type_name("PATTERN_FILE")
        ->allow_extra_args(false);
    command->add_option("-d,--device", options->device, "Part of a device's or platform's name, or auto")
        ->type_name("DEVICE")
        ->capture_default_str();
    command->add_option("--chunk", options->chunk, "Most bytes of text a slot (default: what suits the patterns)")
        ->type_name("BYTES")
        ->check(CLI::Range(1u, 1u << 23));
    command->add_option("--threads", options->threads, "Threads that read files (default: what suits the device)")
        ->type_name("N")
        ->check(CLI::Range(1u, 64u));
    CLI::Option* const list =
        command->add_flag("--list", options->list,
                          "Print where each match is, and nothing else: FILE:OFFSET:PATTERN, as grep -b -o does");
    CLI::Option* const json =
        command->add_flag("--json", options->json,
                          "Print one JSON object, with the count of each pattern: `pattern`, or "
                          "`pattern_hex` where its bytes are no UTF-8");
    list->excludes(json);
    command->add_flag("--verify", options->verify, "Count again on the host, another way, and compare");
    CLI::Option* const compare = command->add_flag(
        "--compare", options->compare,
        "Then run the same chunks, and a tiny task, through the ring and with a kernel launch each");
    list->excludes(compare);
    command->add_option("PATH", options->paths, "Files and directories; - is standard input")->required();
    command->footer(
        "Every occurrence counts, overlapping ones and patterns inside patterns too; a pattern given twice is one.\n"
        "Patterns and files are bytes: nothing is decoded, and binary files are scanned like any other. A directory\n"
        "stands for the files below it; symbolic links there are not followed, and pipes and devices are skipped.\n"
        "An offset is that of the first byte, from 0. One file alone is listed without its name.\n"
        "Exit status: 0 matches, 1 none, 2 an error, such as a file that could not be read: the others still count.");
    command->callback([options, &status] { status = run(*options); });
}
