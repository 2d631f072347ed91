// slipring scan: counts every occurrence of every literal pattern in files, on the device.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "automaton.hpp"
#include "commands.hpp"
#include "compare.hpp"
#include "files.hpp"
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

// ---- Ctrl-C: the first ends the scan, closes the device and dies of the signal; a second dies at once ------------

volatile sig_atomic_t interrupted = 0;

void catch_interrupt() {
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // and no SA_RESTART: a read that waits must return
    ::sigaction(SIGINT, &action, nullptr);
}

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

class Scan {
public:
    Scan(Scanner& scanner, const ScanOptions& options) : scanner_(scanner), options_(options) {}

    // Reads and scans everything. The error ends it; unreadable files do not.
    std::expected<void, std::string> run() {
        for (const std::string& path : options_.paths) {
            const auto visit = [this](const std::string& file) { return scan_file(file) && interrupted == 0; };
            const auto unreadable = [this](const std::string& file, const std::string& why) { skip(file, why); };
            if (!walk(path, visit, unreadable)) break;
        }
        if (failure_.empty() && interrupted == 0)
            if (auto ok = scanner_.finish(); !ok) failure_ = ok.error();
        progress_.wipe();
        if (!failure_.empty()) return std::unexpected(failure_);
        return {};
    }

    // The same count by other means, of the same files, read again.
    Verification verify(const std::vector<std::string>& patterns, const std::vector<std::uint64_t>& counts) {
        const Clock::time_point begin = Clock::now();
        Recount recount(patterns);
        for (const std::string& text : kept_) recount.add(text);
        std::string text;
        for (const std::string& path : again_) {
            text.clear();
            (void)read_all(path, text);  // what cannot be read now, but could before, shows in the bytes
            recount.add(text);
            if (interrupted != 0) break;
        }
        return {.matches = recount.matches(),
                .bytes = recount.bytes(),
                .seconds = seconds_since(begin),
                .same = recount.counts() == counts && recount.matches() == scanner_.totals().matches &&
                        recount.bytes() == scanner_.totals().bytes};
    }

    std::uint64_t errors() const noexcept { return errors_; }

private:
    void skip(const std::string& path, const std::string& why) {
        progress_.wipe();
        complain(path + ": " + why);
        ++errors_;
    }

    // False: the scan cannot go on.
    bool scan_file(const std::string& path) {
        const auto file = File::open(path);
        if (!file) {
            skip(path, file.error());
            return true;
        }
        std::string* const keep = options_.verify ? remember(path, *file) : nullptr;
        scanner_.begin_file();
        while (interrupted == 0) {
            const auto room = scanner_.room();
            if (!room) {
                failure_ = room.error();
                return false;
            }
            const ssize_t n = ::read(file->fd(), room->data(), room->size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) skip(path, system_text(errno));
            if (n <= 0) break;
            const auto bytes = static_cast<std::size_t>(n);
            if (keep != nullptr) keep->append(reinterpret_cast<const char*>(room->data()), bytes);
            scanner_.add(bytes);
            progress_.show(scanner_.totals());
        }
        scanner_.end_file();
        return true;
    }

    // For verify: a file's path, if it can be read again; else where to keep its bytes.
    std::string* remember(const std::string& path, const File& file) {
        if (file.is_regular()) {
            again_.push_back(path);
            return nullptr;
        }
        return &kept_.emplace_back();
    }

    Scanner& scanner_;
    const ScanOptions& options_;
    Progress progress_;
    std::string failure_;
    std::uint64_t errors_ = 0;
    std::vector<std::string> again_;
    std::vector<std::string> kept_;
};

int run(ScanOptions options) {
    for (const std::string& path : options.pattern_files)
        if (auto ok = read_patterns(path, options.patterns); !ok) return complain(ok.error());
    if (options.patterns.empty()) return complain("no pattern: give -e PATTERN, or -f FILE with one a line");
    const auto automaton = Automaton::compile(options.patterns);
    if (!automaton) return complain(automaton.error());

    auto scanner = Scanner::open(*automaton, options.device, Geometry::of(*automaton, options.chunk));
    if (!scanner) return complain(scanner.error());

    catch_interrupt();
    Scan scan(*scanner, options);
    const Clock::time_point begin = Clock::now();
    if (auto ok = scan.run(); !ok) return complain(ok.error());

    ScanReport report{.device = scanner->runtime().device().name,
                      .mode = std::string(slipring::name(scanner->runtime().device().mode)),
                      .totals = scanner->totals(),
                      .seconds = seconds_since(begin),
                      .window_us = percentiles(scanner->round_trips_us()),
                      .patterns = automaton->patterns(),
                      .counts = automaton->count_patterns(scanner->entered()),
                      .errors = scan.errors()};
    if (options.verify && interrupted == 0) report.verified = scan.verify(report.patterns, report.counts);
    if (options.compare && interrupted == 0) {
        auto compared = compare(*scanner);
        if (!compared) return complain(compared.error());
        report.compared = *compared;
    }
    if (interrupted != 0) {
        (void)scanner->runtime().shutdown();
        return ::raise(SIGINT);
    }
    if (options.json) print_json(report);
    else print_text(report);

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
    command->add_flag("--json", options->json,
                      "Print one JSON object, with the count of each pattern: `pattern`, or "
                      "`pattern_hex` where its bytes are no UTF-8");
    command->add_flag("--verify", options->verify, "Count again on the host, another way, and compare");
    command->add_flag("--compare", options->compare,
                      "Then run the same chunks, and a tiny task, through the ring and with a kernel launch each");
    command->add_option("PATH", options->paths, "Files and directories; - is standard input")->required();
    command->footer(
        "Every occurrence counts, overlapping ones and patterns inside patterns too; a pattern given twice is one.\n"
        "Patterns and files are bytes: nothing is decoded, and binary files are scanned like any other. A directory\n"
        "stands for the files below it; symbolic links there are not followed, and pipes and devices are skipped.\n"
        "Exit status: 0 matches, 1 none, 2 an error, such as a file that could not be read: the others still count.");
    command->callback([options, &status] { status = run(*options); });
}
