#include "opening.hpp"

#include <new>
#include <system_error>
#include <thread>

namespace slipring {

std::expected<std::shared_ptr<Opening>, Error> Opening::begin(Options options) try {
    std::shared_ptr<Opening> opening(new Opening(std::move(options)));
    std::thread([opening] {
        const auto open = [&]() -> Opened {
            try {
                return Session::open(opening->options_);
            } catch (const std::bad_alloc&) {
                return std::unexpected(Error{Errc::out_of_memory, {}});
            }
        };
        Opened opened = open();
        const std::scoped_lock lock(opening->mutex_);
        opening->opened_ = std::move(opened);
        opening->ready_.notify_all();
    }).detach();
    return opening;
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
} catch (const std::system_error&) {
    return std::unexpected(Error{Errc::out_of_memory, "no thread to open a device on"});
}

std::optional<Opening::Opened> Opening::wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, patience, [this] { return opened_.has_value(); });
    return std::move(opened_);
}

}  // namespace slipring
