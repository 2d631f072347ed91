// As examples/prefetch.cpp does it.
#include <optional>

#include "../examples/prefetch_trace.hpp"
#include "../examples/prefetch_windows.hpp"
#include "drive.hpp"
#include "pages.hpp"

namespace slipring::bench {
namespace {

std::unexpected<Error> failed(Errc code) { return std::unexpected(Error{code, "while bringing pages by windows"}); }

class ByWindow : public Pages {
public:
    ByWindow(Runtime runtime, std::uint32_t frames) : runtime_(std::move(runtime)), frames_(frames) {}

    std::uint32_t capacity() const override { return runtime_.ring().capacity(); }

    std::expected<void, Error> clear() override {
        windows_.emplace(runtime_, frames_);
        const std::uint64_t bytes = std::uint64_t{frames_} * prefetch::page_bytes;
        if (auto cleared = runtime_.fill("cache", std::byte{0}, 0, bytes); !cleared) return failed(cleared.error());
        const auto ready = runtime_.publish(nop());  // starts the kernel
        if (!ready) return failed(ready.error());
        if (auto done = runtime_.wait(*ready, patience); !done) return failed(done.error());
        return {};
    }

    std::expected<void, Error> bring(const prefetch::Step& step) override {
        if (auto brought = windows_->bring(step); !brought) return failed(brought.error());
        return {};
    }

    std::expected<std::uint32_t, Error> use(const prefetch::Step& step) override {
        const auto result = windows_->use(step.required.frame);
        if (!result) return failed(result.error());
        return result->ok() ? static_cast<std::uint32_t>(result->value) : 0;
    }

private:
    Runtime runtime_;
    std::uint32_t frames_;
    std::optional<prefetch::Windows> windows_{};  // anew in each run
};

}  // namespace

std::expected<std::unique_ptr<Pages>, Error> pages_by_window(const Options& base, std::uint32_t frames,
                                                             DeviceInfo& info,
                                                             std::vector<std::uint32_t>& checksums) {
    constexpr std::uint64_t store_bytes = std::uint64_t{prefetch::distinct_pages} * prefetch::page_bytes;
    Options options = base;
    options.ops = {prefetch::fetching, prefetch::using_page};
    options.buffers = {
        {.name = "store", .bytes = store_bytes},
        {.name = "cache", .bytes = std::uint64_t{frames} * prefetch::page_bytes, .place = BufferSpec::Place::device}};
    auto runtime = Runtime::open(options);
    if (!runtime) return std::unexpected(runtime.error());
    info = runtime->device();
    checksums = prefetch::write_pages(runtime->buffer("store"));
    return std::make_unique<ByWindow>(std::move(*runtime), frames);
}

}  // namespace slipring::bench
