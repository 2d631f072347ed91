// The OpenCL half of a runtime: context, queues, kernels and memory. No OpenCL type leaves this folder.
//
// Thread-safety: three groups, each called by one thread at a time, and each a queue of its own where its kernel is persistent:
// what touches the persistent kernel (launch, finished, harvest, idle); what copies (control, table, log); and once.
// runtime_impl.hpp says who holds what meanwhile. Any thread may call the rest.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>

#include <slipring/runtime.hpp>

namespace slipring {

class Engine {
public:
    // How to wait for the device: pauses, or says false to wait no longer.
    using GoOn = std::function<bool()>;

    // A call of OpenCL's that failed.
    struct Failure {
        const char* what;
        int status;
    };

    static std::expected<std::unique_ptr<Engine>, Error> open(const Options& options);
    ~Engine();  // idle() was true and nothing was abandoned; otherwise leak the engine

    const DeviceInfo& info() const noexcept;
    bool live() const noexcept;      // or relaunch
    bool in_order() const noexcept;  // slots run and end in the order of their positions

    std::span<std::byte> ring_memory() const noexcept;
    std::span<std::byte> buffer(std::size_t op, std::size_t index) const noexcept;

    // Enqueues launch `number` of the persistent kernel, which runs after the one before it. In per_launch mode it
    // takes slots from `completed` on along and back, as many as are over soon.
    std::expected<void, Failure> launch(const Ring& ring, std::uint32_t number) noexcept;

    // `told` is called when a launch is over, on a thread of OpenCL's; it must not wait. Not once forget has returned.
    void tell(std::function<void()> told);
    void forget() noexcept;

    // The last launch, and what it had to copy, is over; true before the first. On NVIDIA this is told only when no other
    // kernel of the engine's runs: idle() is told at once.
    bool finished() const noexcept;
    bool failed() const noexcept;  // it ended in an error

    // Waits until no launch runs; false when `go_on` said no first.
    bool idle(const GoOn& go_on) noexcept;

    // Per_launch mode: once a launch has finished, makes known what it completed.
    void harvest(const Ring& ring) noexcept;

    // Per_launch mode: no position from here on was given to a launch.
    std::uint64_t handed_over(const Ring& ring) const noexcept;

    // Asks launch `number` to leave soon, whatever is published.
    void stop(std::uint32_t number) noexcept;

    // Takes the ring from the kernel for ever: should it come back, it runs nothing more. Live alone; a relaunch has copies.
    void revoke() noexcept;

    // What follows asks `go_on` as long as it waits. If that says no, the error is device_lost and the engine has been
    // abandoned: something of it is still under way, and it is good for nothing more.

    // While no launch runs.
    std::expected<void, Errc> load_table(std::span<const std::uint32_t> table, const GoOn& go_on);

    std::expected<void, Errc> read_control(std::uint32_t index, std::span<std::uint32_t> words,
                                           const GoOn& go_on) noexcept;
    std::expected<void, Errc> write_control(std::uint32_t index, std::span<const std::uint32_t> words,
                                            const GoOn& go_on) noexcept;

    // A log has one writer at a time: the ring's kernel has one, and so has `once`. Its memory as it is now, SR_LOG_* and
    // records; then, after reading, what was consumed.
    enum class Writer { ring, once };
    std::expected<std::span<std::byte>, Errc> pull_log(Writer writer, const GoOn& go_on) noexcept;
    std::expected<void, Errc> push_log_consumed(Writer writer, const GoOn& go_on) noexcept;

    // One slot in a launch of its own.
    std::expected<Result, Errc> once(const Slot& slot, const GoOn& go_on) noexcept;

    bool abandoned() const noexcept;

private:
    struct Impl;
    explicit Engine(std::unique_ptr<Impl> impl) noexcept;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slipring
