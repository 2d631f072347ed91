#include <slipring/fleet.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <new>
#include <string>
#include <utility>

#include "../device/choice.hpp"
#include "../device/places.hpp"
#include "../runtime/tenant_of.hpp"
#include "load.hpp"

namespace slipring {
namespace {

using Members = std::uint32_t;  // a set of them, a bit each
static_assert(Fleet::max_size <= 32);

// Of several members' refusals the one to hand on: waiting helps against the first, nothing against the last.
int weight(Errc refusal) noexcept {
    switch (refusal) {
        case Errc::shut_down: return 1;
        case Errc::level_not_open:
        case Errc::unknown_tenant:
        case Errc::tenant_closed: return 2;
        case Errc::device_lost: return 3;
        case Errc::larger_than_ring: return 4;
        case Errc::ring_full:
        case Errc::quota_full: return 5;
        default: return 6;  // the descriptor's own fault, on every device
    }
}

class Refusal {
public:
    void add(Errc error) noexcept {
        if (weight(error) > weight(error_)) error_ = error;
    }
    bool is_final() const noexcept { return weight(error_) > weight(Errc::ring_full); }
    std::unexpected<Errc> get() const noexcept { return std::unexpected(error_); }

private:
    Errc error_ = Errc::shut_down;
};

// The ring that something goes to: a level's, or a tenant's.
struct Target {
    Priority level;
    std::uint32_t tenant;  // 0: none
};

}  // namespace

struct Fleet::Impl {
    std::vector<Runtime> runtimes;
    // Where among equals the search begins. Every producer writes it where members are equally loaded; two that write
    // at once cost a turn, no more.
    alignas(RingView::alignment) std::atomic<std::uint32_t> turn{0};

    explicit Impl(std::vector<Runtime> opened) noexcept : runtimes(std::move(opened)) {}

    Members everyone() const noexcept { return static_cast<Members>((std::uint64_t{1} << runtimes.size()) - 1); }
    std::uint32_t after(std::uint32_t member) const noexcept {
        return member + 1 == runtimes.size() ? 0 : member + 1;
    }

    // Members that have room, the least loaded first, among equals in their turn.
    struct Ranked {
        std::array<std::uint64_t, max_size> loads;
        std::array<std::uint32_t, max_size> members;
        std::size_t size = 0;

        void insert(std::uint32_t member, std::uint64_t load) noexcept {
            std::size_t at = size++;
            for (; at > 0 && loads[at - 1] > load; --at) {
                loads[at] = loads[at - 1];
                members[at] = members[at - 1];
            }
            loads[at] = load;
            members[at] = member;
        }
        std::span<const std::uint64_t> loads_from(std::size_t at) const noexcept {
            return std::span(loads).subspan(at, size - at);
        }
    };

    const Ring* ring_of_tenant(std::size_t i, Target target) const noexcept;
    const Ring* ring(std::size_t i, Target target) const noexcept;
    Errc full(std::size_t i, Target target) const noexcept;
    std::uint64_t outstanding(std::size_t i, Target target) const noexcept;
    std::uint64_t room(std::size_t i, Target target) const noexcept;
    std::uint64_t current_load(std::size_t i, Target target) noexcept;
    std::uint32_t least_loaded(Members among, Target target) noexcept;
    template <class Descriptor>
    std::expected<FleetTicket, Errc> publish(const Descriptor& descriptor, Quiet quiet, Priority level) noexcept;
    Ranked rank(Quiet quiet, Target target, Refusal& refusal) noexcept;
    std::expected<Spread, Errc> spread(std::span<const Slot> batch, Quiet quiet, Priority level) noexcept;
};

// ---- open and close ----------------------------------------------------------------------------------------------

std::expected<Fleet, Error> Fleet::open(std::vector<Options> members) try {
    if (members.empty() || members.size() > max_size)
        return std::unexpected(Error{Errc::bad_options, "a fleet of " + std::to_string(members.size()) +
                                                            " devices, not of 1 to " + std::to_string(max_size)});
    std::vector<Runtime> runtimes;
    runtimes.reserve(members.size());
    for (Options& options : members) {
        auto runtime = Runtime::open(std::move(options));
        if (!runtime) {
            const std::string which = "member " + std::to_string(runtimes.size());
            const std::string& detail = runtime.error().detail;
            return std::unexpected(Error{runtime.error().code, detail.empty() ? which : which + ": " + detail});
        }
        runtimes.push_back(std::move(*runtime));
    }
    return Fleet(std::make_unique<Impl>(std::move(runtimes)));
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

std::expected<Fleet, Error> Fleet::open_all(Options each) try {
    const auto found = devices();
    if (!found) return std::unexpected(found.error());

    std::vector<std::size_t> accelerators, cpus;
    bool named = false;
    std::string why;
    for (std::size_t i = 0; i < found->size(); ++i) {
        const DeviceInfo& device = (*found)[i];
        if (i != 0) why += "; ";
        why += numbered(i) + " " + device.name + ": " + device.why;
        if (!means(each.device, i, device)) continue;
        named = true;
        if (device.mode >= each.mode.value_or(ExecutionMode::per_launch))
            (device.is_cpu ? cpus : accelerators).push_back(i);
    }
    if (!named) return std::unexpected(Error{Errc::device_not_found, "no " + each.device + "; there is " + why});
    const std::vector<std::size_t>& chosen = accelerators.empty() ? cpus : accelerators;
    if (chosen.empty()) return std::unexpected(Error{Errc::no_device, why});

    std::vector<Options> members(chosen.size(), each);
    for (std::size_t i = 0; i < chosen.size(); ++i) members[i].device = numbered(chosen[i]);
    return open(std::move(members));
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

Fleet::Fleet(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Fleet::Fleet(Fleet&&) noexcept = default;
Fleet& Fleet::operator=(Fleet&&) noexcept = default;
Fleet::~Fleet() = default;

std::size_t Fleet::size() const noexcept { return impl_->runtimes.size(); }
Runtime& Fleet::runtime(std::size_t i) noexcept { return impl_->runtimes[i]; }
const Runtime& Fleet::runtime(std::size_t i) const noexcept { return impl_->runtimes[i]; }

std::uint64_t Fleet::outstanding(std::size_t i, Priority level) const noexcept {
    return impl_->outstanding(i, {level, 0});
}

std::expected<void, Errc> Fleet::shutdown() noexcept {
    std::expected<void, Errc> out{};
    for (Runtime& runtime : impl_->runtimes)
        if (auto ok = runtime.shutdown(); !ok && out) out = ok;
    return out;
}

// ---- whose turn it is --------------------------------------------------------------------------------------------

// Null where it is not declared. Where no tenant is, a slot's tenant is a number that nothing looks at. Rings are
// asked for each time, because a recovered runtime has others.
const Ring* Fleet::Impl::ring_of_tenant(std::size_t i, Target target) const noexcept {
    return target.tenant != 0 ? runtimes[i].ring_of(target.tenant) : nullptr;
}

// Null if the level is not open there.
const Ring* Fleet::Impl::ring(std::size_t i, Target target) const noexcept {
    const Ring* const own = ring_of_tenant(i, target);
    return own != nullptr ? own : runtimes[i].ring(target.level);
}

Errc Fleet::Impl::full(std::size_t i, Target target) const noexcept {
    return ring_of_tenant(i, target) != nullptr ? Errc::quota_full : Errc::ring_full;
}

// What stands in front of a slot that comes now: its own level's, and what goes before that.
std::uint64_t Fleet::Impl::outstanding(std::size_t i, Target target) const noexcept {
    std::uint64_t slots = 0;
    for (const Priority level : every_level) {
        if (level > target.level) break;
        if (const Ring* const one = runtimes[i].ring(level)) slots += slipring::outstanding(*one);
    }
    if (const Ring* const own = ring_of_tenant(i, target)) slots += slipring::outstanding(*own);
    return slots;
}

std::uint64_t Fleet::Impl::room(std::size_t i, Target target) const noexcept {
    const Ring* const one = ring(i, target);
    return one == nullptr ? 0 : one->capacity() - slipring::outstanding(*one);
}

std::uint64_t Fleet::Impl::current_load(std::size_t i, Target target) noexcept {
    const std::uint64_t load = outstanding(i, target);
    if (load == 0 || runtimes[i].device().mode == ExecutionMode::persistent) return load;
    runtimes[i].wake();
    return outstanding(i, target);
}

std::uint32_t Fleet::Impl::least_loaded(Members among, Target target) noexcept {
    std::uint32_t i = turn.load(std::memory_order_relaxed);
    std::uint32_t best = i;
    std::uint64_t least = UINT64_MAX;
    bool tie = false;
    for (std::size_t seen = 0; seen < runtimes.size(); ++seen, i = after(i)) {
        if ((among >> i & 1) == 0) continue;
        const std::uint64_t load = current_load(i, target);
        tie = load < least ? false : tie || load == least;
        if (load < least) {
            least = load;
            best = i;
        }
    }
    if (tie) turn.store(after(best), std::memory_order_relaxed);
    return best;
}

// ---- publish -----------------------------------------------------------------------------------------------------

template <class Descriptor>
std::expected<FleetTicket, Errc> Fleet::Impl::publish(const Descriptor& descriptor, Quiet quiet,
                                                      Priority level) noexcept {
    const Target target{level, tenant_of(descriptor)};
    Refusal refusal;
    for (Members untried = everyone(); untried != 0 && !refusal.is_final();) {
        const bool choice = (untried & (untried - 1)) != 0;
        const auto i = choice ? least_loaded(untried, target) : static_cast<std::uint32_t>(std::countr_zero(untried));
        const auto ticket = runtimes[i].publish(descriptor, quiet, level);
        if (ticket) return FleetTicket{i, *ticket};
        refusal.add(ticket.error());
        untried &= ~(Members{1} << i);
    }
    return refusal.get();
}

std::expected<FleetTicket, Errc> Fleet::publish(const Slot& slot, Quiet quiet, Priority level) noexcept {
    return impl_->publish(slot, quiet, level);
}

std::expected<FleetTicket, Errc> Fleet::publish(std::span<const Slot> batch, Quiet quiet, Priority level) noexcept {
    return impl_->publish(batch, quiet, level);
}

std::expected<FleetTicket, Errc> Fleet::publish(const Window& window, Quiet quiet, Priority level) noexcept {
    const auto has_it = [&window](Runtime& one) { return one.is_in_flight(window.ticket, window.tenant); };
    if (std::ranges::any_of(impl_->runtimes, has_it)) return std::unexpected(Errc::ticket_in_flight);
    return impl_->publish(window, quiet, level);
}

// ---- spread ------------------------------------------------------------------------------------------------------

namespace {

// Of `slots` slots, the share of the first of these, so that all that get any end with the same load. `loads` rise.
std::uint64_t share(std::span<const std::uint64_t> loads, std::uint64_t slots) noexcept {
    std::uint64_t sum = 0;
    std::uint64_t level = 0;
    for (std::size_t n = 1; n <= loads.size(); ++n) {
        if (n > 1 && loads[n - 1] >= level) break;
        sum += loads[n - 1];
        level = (sum + slots + n - 1) / n;
    }
    return level - loads[0];
}

}  // namespace

Fleet::Impl::Ranked Fleet::Impl::rank(Quiet quiet, Target target, Refusal& refusal) noexcept {
    Ranked ranked;
    const std::uint32_t first = turn.load(std::memory_order_relaxed);
    std::uint32_t i = first;
    for (std::size_t seen = 0; seen < runtimes.size(); ++seen, i = after(i)) {
        // Nothing, but a lost member refuses it, and is given no share of the batch.
        if (const auto open = runtimes[i].publish(std::span<const Slot>(), quiet); !open) {
            refusal.add(open.error());
            continue;
        }
        if (ring(i, target) == nullptr) {
            refusal.add(Errc::level_not_open);
            continue;
        }
        const std::uint64_t load = current_load(i, target);
        if (room(i, target) == 0) {
            refusal.add(full(i, target));
            continue;
        }
        ranked.insert(i, load);
    }
    turn.store(after(first), std::memory_order_relaxed);
    return ranked;
}

std::expected<Spread, Errc> Fleet::Impl::spread(std::span<const Slot> batch, Quiet quiet, Priority level) noexcept {
    const Target target{level, tenant_of(batch)};
    Refusal refusal;
    const Ranked ranked = rank(quiet, target, refusal);
    Spread out;
    for (std::size_t at = 0; at < ranked.size && !batch.empty() && !refusal.is_final(); ++at) {
        const std::uint32_t i = ranked.members[at];
        const std::uint64_t fair = share(ranked.loads_from(at), batch.size());
        const std::uint64_t count =
            std::min({std::max(fair, min_piece), room(i, target), std::uint64_t{batch.size()}});
        if (count == 0) {  // others were faster
            refusal.add(full(i, target));
            continue;
        }
        const auto ticket = runtimes[i].publish(batch.first(static_cast<std::size_t>(count)), quiet, level);
        if (!ticket) {
            refusal.add(ticket.error());
            continue;
        }
        out.pieces[out.count++] = {i, *ticket};
        out.slots += count;
        batch = batch.subspan(static_cast<std::size_t>(count));
    }
    if (out.count == 0 && !batch.empty()) return refusal.get();
    return out;
}

std::expected<Spread, Errc> Fleet::spread(std::span<const Slot> batch, Quiet quiet, Priority level) noexcept {
    return impl_->spread(batch, quiet, level);
}

// ---- deadlines ---------------------------------------------------------------------------------------------------

// Every member's clock has to go on until then. Theirs may be a tick later than the first's.
std::expected<Deadline, Errc> Fleet::deadline(std::chrono::milliseconds after) noexcept {
    std::expected<Deadline, Errc> out = impl_->runtimes.front().deadline(after);
    for (std::size_t i = 1; i < size() && out; ++i)
        if (const auto other = runtime(i).deadline(after); !other) out = other;
    return out;
}

// ---- completion --------------------------------------------------------------------------------------------------

namespace {

std::span<const FleetTicket> pieces(const Spread& spread) noexcept {
    return std::span(spread.pieces).first(std::min(spread.count, Spread::max_pieces));
}

}  // namespace

bool Fleet::poll(const FleetTicket& ticket) noexcept {
    return ticket.device < size() && runtime(ticket.device).poll(ticket.ticket);
}

bool Fleet::poll(const Spread& spread) noexcept {
    return std::ranges::all_of(pieces(spread), [this](const FleetTicket& piece) { return poll(piece); });
}

std::expected<void, Errc> Fleet::wait(const FleetTicket& ticket, Timeout timeout) noexcept {
    if (ticket.device >= size()) return std::unexpected(Errc::bad_ticket);
    return runtime(ticket.device).wait(ticket.ticket, timeout);
}

std::expected<void, Errc> Fleet::wait(const Spread& spread, Timeout timeout) noexcept {
    const auto start = std::chrono::steady_clock::now();
    for (const FleetTicket& piece : pieces(spread)) {
        const auto left = timeout.time() - (std::chrono::steady_clock::now() - start);
        if (auto ok = wait(piece, left); !ok) return ok;
    }
    return {};
}

std::expected<Result, Errc> Fleet::result(const FleetTicket& ticket, std::uint32_t index) noexcept {
    if (ticket.device >= size()) return std::unexpected(Errc::bad_ticket);
    return runtime(ticket.device).result(ticket.ticket, index);
}

std::expected<Result, Errc> Fleet::result(const Spread& spread, std::uint64_t index) noexcept {
    for (const FleetTicket& piece : pieces(spread)) {
        if (index < piece.ticket.count) return result(piece, static_cast<std::uint32_t>(index));
        index -= piece.ticket.count;
    }
    return std::unexpected(Errc::bad_ticket);
}

// ---- the rest ----------------------------------------------------------------------------------------------------

Stats Fleet::stats() noexcept {
    Stats sum;
    for (Runtime& runtime : impl_->runtimes) {
        const Stats one = runtime.stats();
        sum.published += one.published;
        sum.completed += one.completed;
        sum.faults += one.faults;
        sum.launches += one.launches;
    }
    return sum;
}

}  // namespace slipring
