// The runtime: one device, one ring, one persistent kernel that drains it.
//
//   auto runtime = slipring::Runtime::open();                    // the first device that serves
//   if (!runtime) return report(runtime.error().text());
//   auto ticket = runtime->publish(store_u32(7, 160));           // no launch: a cache line in shared memory
//   auto result = runtime->wait(*ticket);                        // spins, then yields, then sleeps
//
// Thread-safety: any thread may call any function at any time. Exceptions: open, shutdown, move and destruction need
// the runtime to themselves, and some comments say otherwise. There is no global state: several runtimes in one
// process do not know of each other.
//
// Ordering: the handler that runs a slot sees what the publishing thread wrote before publish (to a shared buffer,
// say). A thread that poll, wait or result told of a finished slot sees what the slot's handler wrote.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <slipring/deadline.hpp>
#include <slipring/device.hpp>
#include <slipring/diagnosis.hpp>
#include <slipring/options.hpp>
#include <slipring/priority.hpp>
#include <slipring/result.hpp>
#include <slipring/ring.hpp>
#include <slipring/timeout.hpp>

namespace slipring {

class SLIPRING_API Runtime {
public:
    // Finds the device, makes and maps the shared memory, builds the device code with the custom operations.
    // Takes from milliseconds to seconds (a compiler runs). The kernel starts with the first publish.
    // Errors: no_platform, no_device (detail: the probe's report; also if another program holds the device),
    // device_not_found, bad_options, bad_capacity, bad_tenant, reserved_opcode, duplicate_opcode, unknown_buffer,
    // duplicate_buffer, too_many_buffers, buffer_too_large, foreign_buffer, team_too_wide, no_local_memory (detail:
    // which, and the device's limit), build_failed (detail: the handler's name and line, and the log), out_of_memory,
    // opencl_failed.
    [[nodiscard]] static std::expected<Runtime, Error> open(Options options = {});

    // A moved-from runtime may be assigned to or destroyed, nothing else.
    Runtime(Runtime&&) noexcept;
    Runtime& operator=(Runtime&&) noexcept;
    // Shuts down, unless that is done. Never hangs: see shutdown.
    ~Runtime();

    const DeviceInfo& device() const noexcept;  // as it serves here

    // ---- publish: lock-free, no allocation, all or nothing -----------------------------------------------------
    // Where the shape is 1 x 1 (see LaunchShape and device(); the default on CPUs), slots run one after the other, in
    // the order of their positions. In any other shape they run side by side, those of one batch too. To order two
    // slots there, put a batch_fence between them, or publish the second when the first has finished. Slots of two
    // levels have no order.
    // Errors: ring_full (at once; of this level), larger_than_ring, level_not_open, shut_down, device_lost; a window
    // also payload_too_long, payload_not_whole, ticket_in_flight. Where tenants are declared also unknown_tenant,
    // denied, mixed_tenants, quota_full (in the place of ring_full), tenant_closed.

    [[nodiscard]] std::expected<Ticket, Errc> publish(const Slot& slot, Quiet quiet = Quiet::no,
                                                      Priority level = Priority::normal) noexcept;
    [[nodiscard]] std::expected<Ticket, Errc> publish(std::span<const Slot> batch, Quiet quiet = Quiet::no,
                                                      Priority level = Priority::normal) noexcept;
    [[nodiscard]] std::expected<Ticket, Errc> publish(const Window& window, Quiet quiet = Quiet::no,
                                                      Priority level = Priority::normal) noexcept;

    // The required entries at `level`, and the lookahead ones at IDLE, which must be open and lower: so lookahead
    // runs when nothing else waits, and is not in front of the required entries of windows that come later. Both or
    // neither. Wait for what is required with wait(ticket.required); see also cancel and promote. Where IDLE has its
    // turns (Options::lower_every), lookahead has them.
    // Errors: those of publish; level_not_open also of IDLE, where `level` is IDLE, and of a declared tenant's
    // window, whose ring has one level.
    [[nodiscard]] std::expected<WindowTicket, Errc> publish_apart(const Window& window, Quiet quiet = Quiet::no,
                                                                  Priority level = Priority::normal) noexcept;

    // Publishes a fence over all levels: what stands in front of it, in any of the program's rings, has finished
    // before anything behind it, in any of them, begins. It takes a slot of each ring, and its ticket ends with it.
    // Tenants' rings have no part in it. Not lock-free: of two threads that fence one waits.
    //
    // The host opens it, which any thread does that waits, polls or publishes meanwhile, and makes those calls
    // slower; if none does, it opens when the kernel has idled and left. Until then ring().held() tells of it as of
    // any reservation. recover() opens it at once: what the lost kernel had not begun has no order by it.
    // Errors: ring_full (of any level), shut_down, device_lost, out_of_memory.
    [[nodiscard]] std::expected<Ticket, Errc> publish_fence() noexcept;

    // Whether a window with that ticket number is in flight: then publish returns ticket_in_flight. A number is free
    // again once poll() of its whole ticket, or of both tickets of publish_apart, would be true. Each declared tenant
    // has numbers of its own. Of two threads that publish one number at once, one at least gets ticket_in_flight, and
    // both may. What goes through ring() is not looked at. False where the device is lost, or after shutdown().
    bool is_in_flight(std::uint32_t window, std::uint32_t tenant = 0) noexcept;

    // Waits until `n` slots are free, in the way of wait(). For a producer that got ring_full. It reserves nothing:
    // another producer may be faster, and then publish returns ring_full again. A slot that has finished makes room a
    // moment later: a small ring may be full of slots that were waited for.
    // Errors: timed_out, larger_than_ring, level_not_open and unknown_tenant (at once), shut_down, device_lost.
    [[nodiscard]] std::expected<void, Errc> wait_for_room(std::uint32_t n, Timeout timeout = Timeout::never(),
                                                          Priority level = Priority::normal,
                                                          std::uint32_t tenant = 0) noexcept;

    // NORMAL's ring itself, for its positions and the zero-copy path. After committing a reservation call wake().
    const Ring& ring() const noexcept;
    // A level's; null if it is not open.
    const Ring* ring(Priority level) const noexcept;
    // A tenant's; null if it is not declared. Its zero-copy path goes past publish's checks and past quiesce; the
    // device checks each slot all the same.
    const Ring* ring_of(std::uint32_t tenant) const noexcept;

    // Starts the kernel if it has left. publish and wait do it by themselves.
    void wake() noexcept;

    // ---- completion ----------------------------------------------------------------------------------------------

    // For many tickets at a time, an event loop or coroutines: completion_queue.hpp, event_fd.hpp, awaitable.hpp.

    // True once every slot of the ticket has finished. Never blocks. False if the device is lost: wait says so.
    bool poll(const Ticket& ticket) noexcept;

    // Waits for every slot of the ticket: spins for some 50 us, yields for some 200 us, then sleeps.
    // Errors: timed_out (wait again, nothing is lost), device_lost, bad_ticket (of a level that is not open).
    [[nodiscard]] std::expected<void, Errc> wait(const Ticket& ticket, Timeout timeout = Timeout::never()) noexcept;

    // How entry `index` of the ticket finished. The results of the last Options::completions slots that were
    // published stay. A reader that lags by more gets result_expired; ring().oldest_result() is how far the results
    // go back.
    // Errors: bad_ticket (also of a level that is not open), not_finished, result_expired, no_result (a quiet slot),
    // device_lost.
    [[nodiscard]] std::expected<Result, Errc> result(const Ticket& ticket, std::uint32_t index = 0) noexcept;

    // How the first to.size() entries of the ticket finished: as result() of each, but faster, since it looks once at
    // how far the results go back and not each time. Errors: of the first entry that has one; then `to` may be
    // written, in part.
    [[nodiscard]] std::expected<void, Errc> results(const Ticket& ticket, std::span<Result> to) noexcept;

    // How many of the ticket's slots have finished, and how. Reads a completion a slot: to wait, wait() is cheaper.
    // Of a ticket of a level that is not open all are pending.
    Progress progress(const Ticket& ticket) noexcept;

    // Cancels those of the ticket's slots that no kernel has copied yet: each ends in State::cancelled with
    // Code::cancelled when its turn comes, without being run. A slot is run or cancelled, never both, and its result
    // says which; the kernel decides. Does not wait: wait() as ever. A cancelled batch_fence orders nothing. For a
    // window's lookahead: cancel(ticket.lookahead_part()).
    // Returns how many slots were asked to: those that had not finished, or fewer. In per_launch mode what a launch
    // has taken along runs, and this waits while a launch is being queued. With a bus window none is asked: 0.
    // Errors: bad_ticket (of a level that is not open).
    [[nodiscard]] std::expected<std::uint32_t, Errc> cancel(const Ticket& ticket) noexcept;

    // Makes a window's lookahead required: from now on it counts as of the level of the window's required entries,
    // and goes in front of what waits there; so does what stands before it in IDLE's ring. A kernel that runs sees it
    // before its next slot, in per_launch mode the next launch does.
    // Returns how many of its slots had not begun; those that were cancelled still end so. Any thread.
    // Errors: bad_ticket (not one of publish_apart's).
    [[nodiscard]] std::expected<std::uint32_t, Errc> promote(const WindowTicket& ticket) noexcept;

    // The deadline that is `after` from now, for slots and windows of this runtime: see deadline.hpp. The first call
    // starts a thread, which sleeps but for a moment each millisecond until the last deadline is over. In per_launch
    // mode the device's clock is the time at which the ring's last launch was queued.
    // Errors: deadline_too_far, out_of_memory (no thread).
    [[nodiscard]] std::expected<Deadline, Errc> deadline(std::chrono::milliseconds after) noexcept;

    // ---- tenants: see tenant.hpp ---------------------------------------------------------------------------------

    // Closes the tenant: publish refuses its slots from here on (tenant_closed), also on other threads. Waits until
    // all that were published have finished, in the way of wait().
    // Errors: unknown_tenant, timed_out (it stays closed; call again), device_lost (the same).
    [[nodiscard]] std::expected<void, Errc> quiesce(std::uint32_t tenant,
                                                    Timeout timeout = Timeout::never()) noexcept;

    // Declares a tenant that has quiesced once more, with other rights, and opens it. Level and quota stay as they
    // were. What it had published had all finished, under its rights of then; positions and results go on.
    // Errors: unknown_tenant (not among Options::tenants), tenant_in_use, bad_tenant, unknown_buffer, device_lost,
    // opencl_failed, out_of_memory.
    [[nodiscard]] std::expected<void, Error> declare(const Tenant& tenant) noexcept;

    // ---- control words, and the table of DFA_STEP ----------------------------------------------------------------

    // Control words [index, index + n). Not ordered with slots in flight: wait for those first. A persistent kernel
    // is not waited for: p50 0.1 ms beside a busy one on an H100, a copy within the process on a CPU.
    // Errors: out_of_range, system_word (writing below first_user_word), device_lost, opencl_failed.
    [[nodiscard]] std::expected<void, Errc> read_control(std::uint32_t index,
                                                         std::span<std::uint32_t> words) noexcept;
    [[nodiscard]] std::expected<void, Errc> write_control(std::uint32_t index,
                                                          std::span<const std::uint32_t> words) noexcept;

    // The table that DFA_STEP walks: 256 words a state, next = table[state * 256 + byte]. The table is copied. Slots
    // that were published before this call use the old one, slots that are published after it use this one.
    // Errors: bad_table, out_of_memory, timed_out (earlier slots did not finish; the old table stays), device_lost,
    // shut_down, opencl_failed.
    [[nodiscard]] std::expected<void, Errc> load_dfa(std::span<const std::uint32_t> table) noexcept;

    // ---- buffers -------------------------------------------------------------------------------------------------

    // The host's view of a shared buffer; an empty span if no shared buffer has that name. See BufferSpec for which
    // side writes when. Valid as long as the runtime. After recover() the span still is the lost device's buffer,
    // which no kernel reads any more: ask again.
    std::span<std::byte> buffer(std::string_view name) noexcept;

    // Copies into a buffer, out of it, and one value into `bytes` bytes of it: [offset, offset + size), of a buffer
    // in either place. They wait for the copy, not for the kernel. Not ordered with slots in flight: publish a slot
    // that reads what was uploaded after the upload, and download what a slot wrote when it has finished.
    // Errors: unknown_buffer, out_of_range, device_lost, opencl_failed.
    [[nodiscard]] std::expected<void, Errc> upload(std::string_view name, std::span<const std::byte> from,
                                                   std::uint64_t offset = 0) noexcept;
    [[nodiscard]] std::expected<void, Errc> download(std::string_view name, std::span<std::byte> to,
                                                     std::uint64_t offset = 0) noexcept;
    [[nodiscard]] std::expected<void, Errc> fill(std::string_view name, std::byte value, std::uint64_t offset,
                                                 std::uint64_t bytes) noexcept;

    // The same without waiting. `from` and `to` stay as they are, and the user's, until the copy has finished; after
    // device_lost until the runtime is destroyed. Copies of one runtime finish in the order in which they began. May
    // allocate: out_of_memory, and then nothing has begun.
    [[nodiscard]] std::expected<CopyTicket, Errc> begin_upload(std::string_view name, std::span<const std::byte> from,
                                                               std::uint64_t offset = 0) noexcept;
    [[nodiscard]] std::expected<CopyTicket, Errc> begin_download(std::string_view name, std::span<std::byte> to,
                                                                 std::uint64_t offset = 0) noexcept;
    [[nodiscard]] std::expected<CopyTicket, Errc> begin_fill(std::string_view name, std::byte value,
                                                             std::uint64_t offset, std::uint64_t bytes) noexcept;

    // True once the copy has finished, well or not: wait says which. Never blocks. False for a copy of a device that
    // was lost: wait says so.
    bool poll(const CopyTicket& copy) noexcept;

    // Waits for the copy, in the way of wait() for slots. Errors: timed_out (wait again, nothing is lost), bad_ticket
    // (no copy of this runtime's), device_lost (also a copy that began before recover()), opencl_failed.
    [[nodiscard]] std::expected<void, Errc> wait(const CopyTicket& copy, Timeout timeout = Timeout::never()) noexcept;

    // ---- debug log -----------------------------------------------------------------------------------------------

    // Registers the text of a PRINTF format and returns its id, from 0 up. "{}" stands for an argument, decimal;
    // "{x}" for one in hexadecimal; the first is a, the second is b. May allocate. Errors: out_of_memory.
    [[nodiscard]] std::expected<std::uint32_t, Errc> add_format(std::string_view text) noexcept;

    // Takes the records that are there: the ring's, in the order of their execution, then those of launch(), which
    // has a log of its own with as many records. If an id has no format the text is "format N: a b".
    // Errors: out_of_memory (nothing is taken), opencl_failed, and in per_launch mode device_lost. The log of a lost
    // persistent kernel can still be read.
    [[nodiscard]] std::expected<Log, Errc> read_log() noexcept;

    // ---- the rest ------------------------------------------------------------------------------------------------

    // Reads shared memory alone; the device takes no part.
    Stats stats() noexcept;

    // What the device seems to be doing, also while it does not answer or is lost: reads shared memory alone, and
    // waits for nothing. Not while recover() runs. What on_error is told of a lost device ends with its text().
    // Errors: out_of_memory.
    [[nodiscard]] std::expected<Diagnosis, Errc> diagnose() const noexcept;

    // Runs one slot in a kernel launch of its own and waits for it. For comparison with the ring, and for an
    // operation that takes too long for it: there is no time limit. BATCH_FENCE and SHUTDOWN have no ring here and do
    // nothing. Two calls run one after the other. In persistent mode nothing else waits for them; in per_launch mode
    // the ring and every copy do, within Options::hang_timeout.
    // Errors: shut_down, device_lost, opencl_failed.
    [[nodiscard]] std::expected<Result, Errc> launch(const Slot& slot) noexcept;

    // After device_lost: opens the device again, or `device` if that is not empty, and goes on there. Needs the
    // runtime to itself, but for calls to its completion queues. Without a lost device it does nothing.
    //
    // Slots that the lost kernel had not claimed run on the new device. Those that it had claimed end as FAULT with
    // Code::device_lost; no slot runs twice. If the lost kernel comes back it runs nothing more. Tickets stay valid.
    // Control words, table, log and buffers start anew, zeroed.
    //
    // Memory of the lost device that the user holds stays valid until the runtime is destroyed: spans that buffer()
    // returned, copies of ring(), open reservations. No kernel reads it. The positions of an open reservation end as
    // FAULT with Code::device_lost; slots that were put behind its first one may run.
    //
    // Takes as long as open(), but some seconds at most: a driver may hold a new context back while the lost kernel
    // stalls.
    // Errors: as open(). no_device also means that the lost kernel leaves the device no room for another, or that the
    // device did not open in time. After an error the runtime is as lost as before: call recover() again, for the
    // same device (it goes on with the opening that had begun) or for another.
    [[nodiscard]] std::expected<void, Error> recover(std::string device = {});

    // Refuses further publishing, drains the ring, and lets the kernel leave. Waits no longer than
    // Options::shutdown_timeout. Results, control words and log can be read afterwards. A second call does no harm.
    // Errors: device_lost: the kernel does not answer. It keeps its memory for as long as the process lives, since
    // nothing can take memory from a running kernel. timed_out: the kernel has left, but not every slot has finished
    // (behind a reservation that is never committed, say); or another call still had the kernel.
    [[nodiscard]] std::expected<void, Errc> shutdown() noexcept;

private:
    friend class CompletionQueue;
    struct [[gnu::visibility("hidden")]] Impl;
    explicit Runtime(std::unique_ptr<Impl> impl) noexcept;

    std::unique_ptr<Impl> impl_;
};

}  // namespace slipring
