// Two ways to bring pages into a cache in device memory. Both copy from pinned host memory, and use a page by as many
// lanes.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <slipring/device.hpp>

#include "../examples/prefetch_cache.hpp"

namespace slipring::bench {

class Pages {
public:
    virtual ~Pages() = default;

    // Of the ring; 0: there is none.
    virtual std::uint32_t capacity() const { return 0; }

    // Empties the cache, and has the device ready.
    virtual std::expected<void, Error> clear() = 0;
    // Until the required page is in its frame.
    virtual std::expected<void, Error> bring(const prefetch::Step& step) = 0;
    // What the device makes of the required page.
    virtual std::expected<std::uint32_t, Error> use(const prefetch::Step& step) = 0;
};

// pages_by_window.cpp. `info` and `checksums` are filled.
std::expected<std::unique_ptr<Pages>, Error> pages_by_window(const Options& base, std::uint32_t frames,
                                                             DeviceInfo& info, std::vector<std::uint32_t>& checksums);
// pages_by_write.cpp: clEnqueueWriteBuffer, on the device that `info` describes, which has no part in it else.
std::expected<std::unique_ptr<Pages>, Error> pages_by_write(const DeviceInfo& info, std::uint32_t frames);

}  // namespace slipring::bench
