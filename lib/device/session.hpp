// How a device serves a runtime: by a kernel that persists, or by one that is launched for what was published. The
// runtime asks a session and does not ask which one it is. No OpenCL type leaves this folder.
//
// Thread-safety: three groups, each called by one thread at a time, and each a queue of its own where the kernel
// persists: what touches the ring's kernel (submit, reap, finished, idle); what copies (control words, table, log);
// and run_alone. runtime/impl.hpp says which lock goes with each. Any thread may call the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <slipring/device.hpp>
#include <slipring/options.hpp>
#include <slipring/result.hpp>
#include <slipring/ring.hpp>

#include "../rings.hpp"
#include "places.hpp"

namespace slipring {

// How far copies have come. They finish in the order in which they began.
struct Copied {
    std::uint64_t begun, finished;  // how many, ever
    std::uint64_t bytes;            // of those that have begun and not finished
    bool failed;                    // one of those that have finished did so in an error
};

// Gives buffers that lie in memory of the user's the size and the place of that.
void take_sizes(std::vector<BufferSpec>& buffers) noexcept;

class Session {
public:
    // How to wait for the device: pauses, or says false to wait no longer.
    using GoOn = std::function<bool()>;

    // A call of OpenCL's that failed.
    struct Failure {
        const char* what;
        int status;
    };

    // How the host learns that slots have finished.
    struct Telling {
        bool by_last;  // of a ticket's slots the last one finishes last, and is seen last
        bool by_reap;  // nothing is told before reap()
    };

    // Errors: those of Runtime::open that are not about the options alone.
    static std::expected<std::unique_ptr<Session>, Error> open(const Options& options);
    virtual ~Session() = default;  // idle() was true and nothing was abandoned; otherwise leak the session

    const Telling& telling() const noexcept { return telling_; }
    virtual const DeviceInfo& info() const noexcept = 0;
    virtual const std::vector<RingPlace>& places() const noexcept = 0;
    virtual RingParts ring_memory(const RingPlace& place) const noexcept = 0;

    // ---- the ring's kernel -------------------------------------------------------------------------------------

    // Enqueues launch `number`, which runs after the one before it and begins at COMPLETED of each ring.
    virtual std::expected<void, Failure> submit(const Rings& rings, std::uint32_t number) noexcept = 0;

    // `told` is called when a launch has finished, on a thread of OpenCL's; it must not wait. Not once forget has
    // returned.
    virtual void tell(std::function<void()> told) = 0;
    virtual void forget() noexcept = 0;

    // Makes known what a finished launch completed, where its kernel could not.
    virtual void reap(const Rings& rings) noexcept = 0;

    // The first position of a ring, by its number among Rings, that no launch has begun, of [completed, reserved].
    // Where that cannot be known, `reserved`. Any thread.
    virtual std::uint64_t begun(std::size_t number, const RingView& ring, std::uint64_t completed,
                                std::uint64_t reserved) const noexcept = 0;

    // The last launch, and what it had to copy, has finished; true before the first. On NVIDIA this is told only when
    // no other kernel of the session's runs: idle() is told at once.
    virtual bool finished() const noexcept = 0;
    virtual bool failed() const noexcept = 0;  // it ended in an error

    // Waits until no launch runs; false when `go_on` said no first.
    virtual bool idle(const GoOn& go_on) noexcept = 0;

    // Asks launch `number` to leave soon, whatever is published.
    virtual void stop(std::uint32_t number) noexcept = 0;

    // Takes the ring from the kernel for ever: a kernel that comes back runs nothing more. A kernel that has a copy
    // of the ring does not see this, and the host never looks at what it does to that copy.
    virtual void revoke() noexcept = 0;

    // A tenant's new weight, by its ring's number among Rings. The device reads its own in the table of tenants.
    virtual void tell_weight(std::size_t, std::uint32_t) noexcept {}

    // The clock of deadlines, in its ticks. Any thread; one at a time.
    virtual void tell_time(std::uint32_t ticks) noexcept = 0;

    // ---- the rest asks `go_on` as long as it waits. If that says no, the error is device_lost and the session was
    // abandoned: something of it is still under way, and it is good for nothing more.

    virtual bool abandoned() const noexcept = 0;

    // While no launch runs.
    virtual std::expected<void, Errc> load_table(std::span<const std::uint32_t> table, const GoOn& go_on) = 0;

    virtual std::expected<void, Errc> read_control(std::uint32_t index, std::span<std::uint32_t> words,
                                                   const GoOn& go_on) noexcept = 0;
    virtual std::expected<void, Errc> write_control(std::uint32_t index, std::span<const std::uint32_t> words,
                                                    const GoOn& go_on) noexcept = 0;

    // A log has one writer at a time: the ring's kernel has one, and so has run_alone. Its memory as it is now,
    // SR_LOG_* and records; then, after reading, what was consumed.
    enum class Writer { ring, alone };
    virtual std::expected<std::span<std::byte>, Errc> pull_log(Writer writer, const GoOn& go_on) noexcept = 0;
    virtual std::expected<void, Errc> push_log_consumed(Writer writer, const GoOn& go_on) noexcept = 0;

    // ---- buffers, by their index in Options::buffers. Any thread. Offsets and sizes are inside.

    // The host's view; empty of one in device memory.
    virtual std::span<std::byte> buffer(std::size_t index) const noexcept = 0;

    // Begin a copy; its number. The host's memory stays as it is until the copy has finished.
    // Errors: out_of_memory (nothing has begun), device_lost, opencl_failed.
    virtual std::expected<std::uint64_t, Errc> begin_upload(std::size_t index, std::uint64_t offset,
                                                            std::span<const std::byte> from) noexcept = 0;
    virtual std::expected<std::uint64_t, Errc> begin_download(std::size_t index, std::uint64_t offset,
                                                              std::span<std::byte> to) noexcept = 0;
    virtual std::expected<std::uint64_t, Errc> begin_fill(std::size_t index, std::uint64_t offset,
                                                          std::uint64_t bytes, std::byte value) noexcept = 0;
    virtual Copied copied() noexcept = 0;
    // Waits until every copy has finished; false when `go_on` said no first.
    virtual bool end_copies(const GoOn& go_on) noexcept = 0;

    // ---- one slot in a launch of its own
    virtual std::expected<Result, Errc> run_alone(const Slot& slot, const GoOn& go_on) noexcept = 0;

protected:
    explicit Session(Telling telling) noexcept : telling_(telling) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

private:
    Telling telling_;
};

}  // namespace slipring
