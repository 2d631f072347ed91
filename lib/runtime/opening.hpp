// A session that is opened on a thread of its own, so that no caller waits for OpenCL without a bound: a call to a
// driver may take as long as a kernel of another context stalls. On an H100 the release of the probe's memory did
// (see Probe).
#pragma once

#include <chrono>
#include <condition_variable>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "../device/session.hpp"

namespace slipring {

class Opening {
public:
    using Opened = std::expected<std::unique_ptr<Session>, Error>;

    // Begins. A caller that drops it before it is ready leaves it to its thread, which then closes what it has
    // opened.
    // Errors: out_of_memory, also where there can be no more threads.
    static std::expected<std::shared_ptr<Opening>, Error> begin(Options options);

    // What it is opened for.
    const Options& options() const noexcept { return options_; }

    // The session or why there is none; nothing while it is not ready after `patience`. Once.
    std::optional<Opened> wait(std::chrono::milliseconds patience);

private:
    explicit Opening(Options options) : options_(std::move(options)) {}

    const Options options_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::optional<Opened> opened_;  // `mutex_` guards it
};

}  // namespace slipring
