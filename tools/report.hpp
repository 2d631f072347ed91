// What a scan found, for a person and as JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compare.hpp"
#include "scanner.hpp"

// Nearest-rank percentiles of a sample; all zero of an empty one.
struct Percentiles {
    double p50 = 0, p90 = 0, p99 = 0, p999 = 0;
};
Percentiles percentiles(std::vector<double> sample);
nlohmann::ordered_json to_json(const Percentiles& p);

struct Verification {
    std::uint64_t matches = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;
    bool same = false;  // matches of each pattern, and bytes
};

struct ScanReport {
    std::string device;
    std::string mode;
    std::uint32_t readers = 0;  // threads
    Totals totals{};
    double seconds = 0;  // from opening the first file until the last result was there
    Percentiles window_us{};
    std::vector<std::string> patterns{};
    std::vector<std::uint64_t> counts{};  // of each pattern
    std::uint64_t errors = 0;             // files and directories that could not be read
    std::optional<Verification> verified{};
    std::optional<Comparison> compared{};

    double bytes_per_s() const noexcept { return seconds > 0 ? static_cast<double>(totals.bytes) / seconds : 0; }
};

void print_text(const ScanReport& report);
// One object. Of each pattern `pattern`, or `pattern_hex`, its bytes in hexadecimal, where they are no UTF-8.
void print_json(const ScanReport& report);

// One line on standard error, rewritten at most ten times a second; nothing where that is no terminal. Any thread may
// call any function.
class Progress {
public:
    Progress();
    ~Progress();  // wipes the line
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(const Totals& totals);
    void wipe();                             // before something else is written there
    void complain(const std::string& text);  // on a line of its own

private:
    using Clock = std::chrono::steady_clock;

    std::mutex mutex_;
    bool terminal_;
    bool shown_ = false;
    Clock::time_point begin_;
    Clock::time_point last_;
};
