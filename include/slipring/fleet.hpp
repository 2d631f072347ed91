// Several devices in one process: a runtime each, and work for whichever has the least to do.
//
//   auto fleet = slipring::Fleet::open_all();                     // every GPU; without one, every device that serves
//   if (!fleet) return report(fleet.error().text());
//   auto ticket = fleet->publish(batch);                          // whole, on the device with the least outstanding
//   auto waited = fleet->wait(*ticket);
//
// What goes where. A slot, a batch or a window goes whole to one device: the one with the fewest slots outstanding,
// that is reserved and not completed, at the level that it is published at and at higher ones; among equals they
// take turns. So successive batches spread over the devices, a device that is slow or busy gets fewer, and one that
// hangs gets no more than fill the difference. If that ring is full, or the level is not open there, the next least
// loaded is asked, and so on. What is a tenant's counts that tenant's slots besides, and passes over a device where
// its quota is full, or where it is closed or not declared. Only spread() divides a batch.
//
// What is kept. Within one ticket everything means what it means on one runtime: order, fences, all or nothing.
// Between tickets nothing does: two of them may be on two devices. A BATCH_FENCE waits for the earlier slots of its
// own ring, SHUTDOWN stops the kernel of its own ring. Work that must follow other work waits for its ticket, or is
// published to the same member, runtime(ticket.device).
//
// What is not shared. Control words, DFA table, buffers and debug log are each runtime's own: read, write and load
// them through runtime(i). A slot works on those of the device that it ran on, which the ticket names.
//
// Thread-safety, ordering and errors are Runtime's: publish, spread, outstanding, deadline, poll, wait, result and
// stats may be called from any thread at any time; open, shutdown, move and destruction want the fleet to themselves.
// So does whatever wants one member to itself (its shutdown, recover and move): publish looks at every member. No
// global state.
//
// Several runtimes on one device are allowed, each with its own persistent kernel. On a CPU device a persistent
// kernel occupies one compute unit while it is there. Where there are fewer units than kernels they take turns: the
// next one starts when one has left, after Options::idle_timeout without work, or at the end of its launch. That may
// be long while there is work: have a unit for each.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include <slipring/runtime.hpp>

namespace slipring {

// What was published: consecutive positions of one member's ring.
struct FleetTicket {
    std::uint32_t device = 0;  // the member: an index for Fleet::runtime
    Ticket ticket{};
};

// What spread() published: the first `slots` slots of the batch, cut into `count` pieces in the batch's order, each
// on a device of its own.
struct Spread {
    static constexpr std::uint32_t max_pieces = 16;

    std::array<FleetTicket, max_pieces> pieces{};
    std::uint32_t count = 0;
    std::uint64_t slots = 0;
};

class SLIPRING_API Fleet {
public:
    static constexpr std::size_t max_size = Spread::max_pieces;

    // One runtime for each of the options, in their order, opened one after the other.
    // Errors: bad_options (none, or more than max_size), and as Runtime::open; the detail says which member's.
    [[nodiscard]] static std::expected<Fleet, Error> open(std::vector<Options> members);

    // One runtime, with these options, on every device that Options::device means and that serves (in at least
    // Options::mode, if that is given): on the GPUs and other accelerators if there are any, else on the CPUs.
    // A device that two platforms offer counts twice: name a platform. Probes every device first: see devices().
    // Errors: no_platform, device_not_found, no_device, bad_options (more than max_size), and as Runtime::open.
    [[nodiscard]] static std::expected<Fleet, Error> open_all(Options each = {});

    // A moved-from fleet may be assigned to or destroyed, nothing else.
    Fleet(Fleet&&) noexcept;
    Fleet& operator=(Fleet&&) noexcept;
    // As each runtime's, one after the other.
    ~Fleet();

    std::size_t size() const noexcept;  // 1 .. max_size
    // Member i, i < size(); valid as long as the fleet, also when that moves. Slots that a program publishes to it
    // directly count as its load.
    Runtime& runtime(std::size_t i) noexcept;
    const Runtime& runtime(std::size_t i) const noexcept;

    // Slots that member i, i < size(), has reserved and not completed, at the level and the higher ones: publish
    // compares these. Never more than those rings hold; a moment later it may be another number. A persistent kernel
    // that is busy reports in steps of up to 32 slots.
    std::uint64_t outstanding(std::size_t i, Priority level = Priority::normal) const noexcept;

    // ---- publish: lock-free, no allocation, all or nothing on one device ---------------------------------------
    // Costs, beyond Runtime::publish, a look at two positions of each ring that counts, of each member; a window with
    // a ticket number costs a look at each member's windows, too. A member in per_launch mode that has such work is
    // also woken: it takes in finished slots only in a call. Skips members that are lost or shut down.
    // Errors: the first of these that any member returned: ring_full or quota_full (every other member refused too),
    // larger_than_ring, device_lost, level_not_open, unknown_tenant, tenant_closed, shut_down (by all); a window also
    // payload_too_long, payload_not_whole, and ticket_in_flight if any member that serves has the number (at once);
    // where tenants are declared also denied, mixed_tenants (at once). Of two threads that publish one number at once
    // both may succeed, on two members.

    [[nodiscard]] std::expected<FleetTicket, Errc> publish(const Slot& slot, Quiet quiet = Quiet::no,
                                                           Priority level = Priority::normal) noexcept;
    [[nodiscard]] std::expected<FleetTicket, Errc> publish(std::span<const Slot> batch, Quiet quiet = Quiet::no,
                                                           Priority level = Priority::normal) noexcept;
    [[nodiscard]] std::expected<FleetTicket, Errc> publish(const Window& window, Quiet quiet = Quiet::no,
                                                           Priority level = Priority::normal) noexcept;

    // For a batch whose slots need no order: divides it so that the devices are equally loaded afterwards, with one
    // piece at most for each. Only the last piece, and one that fills its ring, has fewer than min_piece slots. Each
    // piece is published whole, the batch need not be: if there is too little room, only its beginning is published,
    // Spread::slots says how much, and batch.subspan(slots) can be spread later. The batch may be larger than any
    // ring. Lock-free, no allocation.
    // Errors: as publish, if no member took anything.
    [[nodiscard]] std::expected<Spread, Errc> spread(std::span<const Slot> batch, Quiet quiet = Quiet::no,
                                                     Priority level = Priority::normal) noexcept;
    static constexpr std::uint64_t min_piece = 32;

    // As Runtime's, and good on every member: see slipring/deadline.hpp.
    // Errors: deadline_too_far, out_of_memory.
    [[nodiscard]] std::expected<Deadline, Errc> deadline(std::chrono::milliseconds after) noexcept;

    // ---- completion: as Runtime's --------------------------------------------------------------------------------
    // Of a ticket that no member has given, poll says false, wait and result bad_ticket.

    bool poll(const FleetTicket& ticket) noexcept;
    bool poll(const Spread& spread) noexcept;  // every piece

    // Errors: timed_out (wait again, nothing is lost), device_lost, bad_ticket. For a Spread the time is that of all
    // pieces together, and the error the first piece's that has one.
    [[nodiscard]] std::expected<void, Errc> wait(const FleetTicket& ticket,
                                                 Timeout timeout = Timeout::never()) noexcept;
    [[nodiscard]] std::expected<void, Errc> wait(const Spread& spread, Timeout timeout = Timeout::never()) noexcept;

    // How entry `index` of the ticket, or of the batch that was spread, ended.
    // Errors: bad_ticket, not_finished, result_expired, no_result (a quiet slot), device_lost.
    [[nodiscard]] std::expected<Result, Errc> result(const FleetTicket& ticket, std::uint32_t index = 0) noexcept;
    [[nodiscard]] std::expected<Result, Errc> result(const Spread& spread, std::uint64_t index) noexcept;

    // ---- the rest ------------------------------------------------------------------------------------------------

    Stats stats() noexcept;  // the members' sums

    // Shuts down every member, one after the other, whatever becomes of the others; each has its own timeout.
    // Errors: the first member's that has one.
    [[nodiscard]] std::expected<void, Errc> shutdown() noexcept;

private:
    struct [[gnu::visibility("hidden")]] Impl;
    explicit Fleet(std::unique_ptr<Impl> impl) noexcept;

    std::unique_ptr<Impl> impl_;
};

}  // namespace slipring
