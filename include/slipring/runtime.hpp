// The runtime: one device, one ring, one persistent kernel that drains it.
//
//   auto runtime = slipring::Runtime::open();                    // the first device that serves
//   if (!runtime) return report(runtime.error().text());
//   auto ticket = runtime->publish(store_u32(7, 160));           // no launch: a cache line in shared memory
//   auto result = runtime->wait(*ticket);                        // spins, then yields, then sleeps
//
// Thread-safety: every function may be called from any thread at any time, except open, shutdown, move and
// destruction, which want the runtime to themselves, and where a comment says otherwise. No global state: several
// runtimes in one process do not know of each other.
//
// Ordering: what a thread wrote before publish (to a shared buffer, say) is seen by the handler that runs the slot;
// what the handler wrote is seen by whoever poll, wait or result told that the slot has finished.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <slipring/device.hpp>
#include <slipring/options.hpp>
#include <slipring/result.hpp>
#include <slipring/ring.hpp>
#include <slipring/timeout.hpp>

namespace slipring {

class SLIPRING_API Runtime {
public:
    // Finds the device, makes and maps the shared memory, builds the device code with the custom operations.
    // Takes from milliseconds to seconds (a compiler runs). The kernel starts with the first publish.
    // Errors: no_platform, no_device (detail: the probe's report; so is a device refused that something else holds),
    // device_not_found, bad_options, bad_capacity, reserved_opcode, duplicate_opcode, build_failed (detail: the
    // handler's name and line, and the log), out_of_memory, opencl_failed.
    [[nodiscard]] static std::expected<Runtime, Error> open(Options options = {});

    // A moved-from runtime may be assigned to or destroyed, nothing else.
    Runtime(Runtime&&) noexcept;
    Runtime& operator=(Runtime&&) noexcept;
    // Shuts down if nobody did; never hangs: see shutdown.
    ~Runtime();

    const DeviceInfo& device() const noexcept;  // as it serves here

    // ---- publish: lock-free, no allocation, all or nothing -----------------------------------------------------
    // Slots run and end in the order of their positions where the shape is 1 x 1 (see LaunchShape and device()), as
    // on CPUs unless it is set. In any other shape they run side by side, also those of one batch: what must come
    // after what has a batch_fence between, or is published when the first has ended. Errors: ring_full (at once),
    // larger_than_ring, shut_down, device_lost; a window also payload_too_long, payload_not_whole.

    [[nodiscard]] std::expected<Ticket, Errc> publish(const Slot& slot, Quiet quiet = Quiet::no) noexcept;
    [[nodiscard]] std::expected<Ticket, Errc> publish(std::span<const Slot> batch, Quiet quiet = Quiet::no) noexcept;
    [[nodiscard]] std::expected<Ticket, Errc> publish(const Window& window, Quiet quiet = Quiet::no) noexcept;

    // Waits until `n` slots are free, as wait() waits: what a producer does that was told ring_full. It reserves
    // nothing: another producer may be faster, and publish say ring_full again. Errors: timed_out, larger_than_ring
    // (at once), shut_down, device_lost.
    [[nodiscard]] std::expected<void, Errc> wait_for_room(std::uint32_t n,
                                                          Timeout timeout = Timeout::never()) noexcept;

    // The ring itself, for its positions and the zero-copy path. After committing a reservation call wake().
    const Ring& ring() const noexcept;

    // Starts the kernel if it has left. publish and wait do it by themselves.
    void wake() noexcept;

    // ---- completion ----------------------------------------------------------------------------------------------

    // True once every slot of the ticket is terminal. Never blocks. Of a lost device it only says false: wait says
    // why.
    bool poll(const Ticket& ticket) noexcept;

    // Waits for every slot of the ticket: spins for some 50 us, yields for some 200 us, then sleeps.
    // Errors: timed_out (wait again, nothing is lost), device_lost.
    [[nodiscard]] std::expected<void, Errc> wait(const Ticket& ticket, Timeout timeout = Timeout::never()) noexcept;

    // How entry `index` of the ticket ended. A slot keeps its result until its position plus capacity is published.
    // Errors: bad_ticket, not_finished, result_expired, no_result (a quiet slot), device_lost.
    [[nodiscard]] std::expected<Result, Errc> result(const Ticket& ticket, std::uint32_t index = 0) noexcept;

    // ---- memory --------------------------------------------------------------------------------------------------

    // Control words [index, index + n). Not ordered with slots in flight: wait for those first. No kernel is waited
    // for where its kernel is persistent: p50 0.1 ms beside a busy one on an H100, a copy within the process on a
    // CPU. Errors: out_of_range, system_word (writing below first_user_word), device_lost, opencl_failed.
    [[nodiscard]] std::expected<void, Errc> read_control(std::uint32_t index,
                                                         std::span<std::uint32_t> words) noexcept;
    [[nodiscard]] std::expected<void, Errc> write_control(std::uint32_t index,
                                                          std::span<const std::uint32_t> words) noexcept;

    // The table that DFA_STEP walks: 256 words a state, next = table[state * 256 + byte]. Everything published
    // before uses the old table, everything published after uses this one; it is copied.
    // Errors: bad_table, out_of_memory, timed_out (earlier slots did not finish; the old table stays), device_lost,
    // shut_down, opencl_failed.
    [[nodiscard]] std::expected<void, Errc> load_dfa(std::span<const std::uint32_t> table) noexcept;

    // Buffer `index` of a custom operation, zeroed at open; valid as long as the runtime, though after recover() it
    // is the lost device's, which nobody reads any more. Empty: there is none. See BufferSpec for who may write when.
    std::span<std::byte> buffer(std::uint32_t opcode, std::uint32_t index) noexcept;

    // ---- debug log -----------------------------------------------------------------------------------------------

    // Registers the text of a PRINTF format and returns its id, from 0 up. "{}" stands for an argument, decimal;
    // "{x}" for one in hexadecimal; the first is a, the second is b. May allocate. Errors: out_of_memory.
    [[nodiscard]] std::expected<std::uint32_t, Errc> add_format(std::string_view text) noexcept;

    // Takes the records that are there: the ring's in the order of their execution, then launch()'s, which has a log
    // of its own of as many records. A record of an id without a format has the text "format N: a b". Errors:
    // out_of_memory (nothing is taken), opencl_failed, and in per_launch mode device_lost; the log of a persistent
    // kernel can be read of a lost device, too.
    [[nodiscard]] std::expected<Log, Errc> read_log() noexcept;

    // ---- the rest ------------------------------------------------------------------------------------------------

    // Reads memory that is shared, and asks the device for nothing.
    Stats stats() noexcept;

    // Runs one slot in a kernel launch of its own and waits for it: what the ring saves. For comparison, and for work
    // too long for a ring: it takes what it takes. BATCH_FENCE and SHUTDOWN have no ring here and do nothing. Two
    // calls follow each other; nothing else waits for them where its kernel is persistent. In per_launch mode the
    // ring and every copy wait for it, within Options::hang_timeout. Errors: shut_down, device_lost, opencl_failed.
    [[nodiscard]] std::expected<Result, Errc> launch(const Slot& slot) noexcept;

    // After device_lost: opens the device again, or another one if `device` is not empty, and goes on: what had not
    // been claimed runs there, what had been claimed ends as FAULT with SR_CODE_DEVICE_LOST and is never run twice.
    // The lost kernel, if it comes back, runs nothing more. Tickets stay valid. Control words, table, log and buffers
    // start anew, zeroed. What the user holds of the lost device stays his memory until the runtime goes: spans that
    // buffer() returned, copies of ring(), open reservations. But nobody looks at it. The positions of an open
    // reservation end as FAULT with SR_CODE_DEVICE_LOST; what had been put behind its first slot may run. Wants the
    // runtime to itself. Without a lost device it does nothing. Takes as long as open(), but no longer than some
    // seconds: a driver may hold a new context back for as long as the lost kernel stalls. Errors: as open(),
    // no_device also where the lost kernel leaves that device no room to run another, or does not let it be opened in
    // time; then the runtime is as lost as before, and may be recovered later, which goes on where this call was, or
    // on another device.
    [[nodiscard]] std::expected<void, Error> recover(std::string device = {});

    // Refuses further publishing, drains what was published, and lets the kernel leave. Waits no longer than
    // Options::shutdown_timeout. Afterwards results, control words and log can still be read. Twice is fine. Errors:
    // device_lost: the kernel does not answer. Its memory is then left to it, for as long as the process lives:
    // nothing can take memory from a running kernel. timed_out: the time was up before all had ended, as behind a
    // reservation that nobody commits, and the kernel has left all the same; or another call still had the kernel.
    [[nodiscard]] std::expected<void, Errc> shutdown() noexcept;

private:
    struct [[gnu::visibility("hidden")]] Impl;
    explicit Runtime(std::unique_ptr<Impl> impl) noexcept;

    std::unique_ptr<Impl> impl_;
};

}  // namespace slipring
