// What both sessions share: the device, and all that waits for it. device_session.cpp has the ring's kernel,
// copies.cpp control words, table and logs, buffers.cpp buffers, run_alone.cpp a slot by itself.
#pragma once

#include "device.hpp"
#include "launches.hpp"
#include "session.hpp"
#include "transfers.hpp"

namespace slipring {

class DeviceSession : public Session {
public:
    ~DeviceSession() override;

    const DeviceInfo& info() const noexcept final { return device_->info(); }
    const std::vector<RingPlace>& places() const noexcept final { return device_->places; }
    RingParts ring_memory(const RingPlace& place) const noexcept final;
    std::span<std::byte> buffer(std::size_t index) const noexcept final;
    std::expected<std::uint64_t, Errc> begin_upload(std::size_t index, std::uint64_t offset,
                                                    std::span<const std::byte> from) noexcept final;
    std::expected<std::uint64_t, Errc> begin_download(std::size_t index, std::uint64_t offset,
                                                      std::span<std::byte> to) noexcept final;
    std::expected<std::uint64_t, Errc> begin_fill(std::size_t index, std::uint64_t offset, std::uint64_t bytes,
                                                  std::byte value) noexcept final;
    Copied copied() noexcept final { return transfers_.progress(); }
    bool end_copies(const GoOn& go_on) noexcept final;

    void tell(std::function<void()> told) final { launches_.tell(std::move(told)); }
    void forget() noexcept final { launches_.forget(); }
    bool finished() const noexcept final;
    bool failed() const noexcept final;
    bool idle(const GoOn& go_on) noexcept final;
    void stop(std::uint32_t number) noexcept final;
    void revoke() noexcept final;
    void tell_time(std::uint32_t ticks) noexcept override;

    bool abandoned() const noexcept final { return device_->abandoned; }
    std::expected<void, Errc> load_table(std::span<const std::uint32_t> table, const GoOn& go_on) final;
    std::expected<void, Errc> read_control(std::uint32_t index, std::span<std::uint32_t> words,
                                           const GoOn& go_on) noexcept final;
    std::expected<void, Errc> write_control(std::uint32_t index, std::span<const std::uint32_t> words,
                                            const GoOn& go_on) noexcept final;
    std::expected<std::span<std::byte>, Errc> pull_log(Writer writer, const GoOn& go_on) noexcept final;
    std::expected<void, Errc> push_log_consumed(Writer writer, const GoOn& go_on) noexcept final;
    std::expected<Result, Errc> run_alone(const Slot& slot, const GoOn& go_on) noexcept final;

protected:
    DeviceSession(Telling telling, std::unique_ptr<Device> device) noexcept
        : Session(telling), device_(std::move(device)) {}

    // Enqueues the kernel as launch `number` from `first` on.
    cl_int enqueue(std::uint32_t number, std::uint64_t first) noexcept;
    // Sends off what was enqueued with it; `status` is how that went.
    std::expected<void, Failure> send(Status status) noexcept;
    // The event of what the launch ends with: the kernel, or a copy behind it.
    cl::Event& last() noexcept { return last_; }
    std::uint32_t number() const noexcept { return number_; }

    // The last launch says itself that it has left.
    virtual bool says_left() const noexcept = 0;

    // Around a slot that runs alone: what its kernel reads, enqueued before it; and its outcome, after it.
    virtual cl_int bring_inputs() noexcept = 0;
    virtual cl_int await_outcome(const cl::Event& launch, const GoOn& go_on) noexcept = 0;

    // Waits for what was enqueued. What has not finished when `go_on` says no stays under way, in memory that is the
    // device's.
    cl_int finish(const Sentinel& sentinel, const cl::CommandQueue& queue, const GoOn& go_on) noexcept;
    Device& device() noexcept { return *device_; }
    const Device& device() const noexcept { return *device_; }

private:
    cl_int finish_copies(const GoOn& go_on) noexcept {
        return finish(device_->data_sentinel, device_->data_queue, go_on);
    }
    template <class Copy>
    std::expected<std::uint64_t, Errc> begin_copy(const Memory& memory, std::uint64_t bytes,
                                                  const Copy& copy) noexcept;
    std::expected<void, Errc> outcome_of(cl_int status) const noexcept;
    Memory& log_of(Writer writer) noexcept { return writer == Writer::ring ? device_->log : device_->alone_log; }

    std::unique_ptr<Device> device_;
    cl::Event last_;            // of the last launch
    std::uint32_t number_ = 0;  // and its number
    bool launched_ = false;
    Launches launches_;
    Transfers transfers_;
};

// The two sessions. Each sets the kernel's time limits.
std::expected<std::unique_ptr<DeviceSession>, Error> persistent_session(std::unique_ptr<Device> device,
                                                                        const Options& options);
std::expected<std::unique_ptr<DeviceSession>, Error> per_launch_session(std::unique_ptr<Device> device,
                                                                        const Options& options);

}  // namespace slipring
