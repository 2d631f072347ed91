// The debug log's memory, as the host reads it.
#pragma once

#include <expected>
#include <span>
#include <string>

#include <slipring/result.hpp>

namespace slipring {

// Takes the records that are there out of a log of `capacity` records, a power of two, and gives their room back to
// the device. The counters are hostile: of a log that says it has more than it can, the last `capacity` are taken.
// Errors: out_of_memory; then nothing is taken.
std::expected<Log, Errc> take_records(std::span<std::byte> log, std::uint32_t capacity,
                                      std::span<const std::string> formats) noexcept;

}  // namespace slipring
