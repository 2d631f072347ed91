#include "progress.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace slipring::soak {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr struct {
    const char* key;
    std::uint64_t Tally::* count;
} counts[] = {
    {"slots", &Tally::slots},           {"results", &Tally::results},   {"openings", &Tally::openings},
    {"rounds", &Tally::rounds},         {"launches", &Tally::launches}, {"recoveries", &Tally::recoveries},
    {"full_rings", &Tally::full_rings}, {"faults", &Tally::faults},     {"lost", &Tally::lost},
};

}  // namespace

Tally sum(const Tallies& by_kind) noexcept {
    Tally all;
    for (const Tally& tally : by_kind) all += tally;
    return all;
}

Tally Progress::sum() const noexcept { return soak::sum(by_kind); }

ordered_json as_json(const Tally& tally) {
    ordered_json object;
    for (const auto& [key, count] : counts) object[key] = tally.*count;
    return object;
}

ordered_json as_json(const Tallies& by_kind) {
    ordered_json object;
    for (std::uint32_t i = 0; i < kinds; ++i) object[name(Kind{i})] = as_json(by_kind[i]);
    return object;
}

std::expected<Progress, std::string> read_progress(const std::string& path) {
    std::error_code ignored;
    if (path.empty() || !std::filesystem::exists(path, ignored)) return Progress{};
    std::ifstream in(path);
    const json read = json::parse(in, nullptr, false);
    try {
        Progress progress{
            .runs = read.at("runs"), .next_opening = read.at("next_opening"), .seconds = read.at("seconds")};
        for (std::uint32_t i = 0; i < kinds; ++i)
            for (const auto& [key, count] : counts)
                progress.by_kind[i].*count = read.at("kinds").at(name(Kind{i})).at(key);
        return progress;
    } catch (const json::exception&) {
        return std::unexpected(path + ": not a state of the soak; remove it to begin anew");
    }
}

std::expected<void, std::string> write_progress(const std::string& path, const Progress& progress) {
    if (path.empty()) return {};
    const ordered_json object = {{"slots", progress.sum().slots},
                                 {"runs", progress.runs},
                                 {"seconds", progress.seconds},
                                 {"next_opening", progress.next_opening},
                                 {"kinds", as_json(progress.by_kind)}};
    const std::string fresh = path + ".new";
    errno = 0;
    std::ofstream out(fresh);
    out << object.dump(2) << '\n';
    out.close();
    std::error_code error(errno, std::generic_category());
    if (out) std::filesystem::rename(fresh, path, error = {});
    if (!out || error) return std::unexpected(path + ": " + error.message());
    return {};
}

}  // namespace slipring::soak
