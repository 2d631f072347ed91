// What the soak has reached over all its runs, in a JSON file: a run goes on where the last one stopped.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>

#include <nlohmann/json.hpp>

#include "opening.hpp"

namespace slipring::soak {

using Tallies = std::array<Tally, kinds>;  // by Kind

struct Progress {
    std::uint64_t runs = 0;
    std::uint64_t next_opening = 0;
    double seconds = 0;
    Tallies by_kind{};

    Tally sum() const noexcept;
};

// A file that is not there is the first run's. Errors, for a person: it cannot be read, or is no such file.
std::expected<Progress, std::string> read_progress(const std::string& path);
// The whole file or nothing: an interrupted run leaves the last one.
std::expected<void, std::string> write_progress(const std::string& path, const Progress& progress);

Tally sum(const Tallies& by_kind) noexcept;
nlohmann::ordered_json as_json(const Tally& tally);
nlohmann::ordered_json as_json(const Tallies& by_kind);

}  // namespace slipring::soak
