#include <slipring/runtime.hpp>

#include <algorithm>
#include <new>

#include "options.hpp"
#include "runtime_impl.hpp"

namespace slipring {
namespace {

// Whether a wide kernel's answer is that of `position`. A launch is shorter than 2^30 slots and begins with an answer
// that is none of them.
bool is_answer(std::uint64_t answer, std::uint64_t position) noexcept {
    return static_cast<std::uint32_t>(answer) == static_cast<std::uint32_t>(position + 1);
}
bool is_terminal(std::uint32_t state) noexcept {
    return state == SR_STATE_DONE || state == SR_STATE_FAULT || state == SR_STATE_CANCELLED;
}

}  // namespace

// ---- open and close --------------------------------------------------------------------------------------------

std::expected<Runtime, Error> Runtime::open(Options options) try {
    if (auto ok = check(options); !ok) return std::unexpected(ok.error());
    bound_durations(options);
    auto engine = Engine::open(options);
    if (!engine) return std::unexpected(engine.error());
    const auto ring = Ring::create((*engine)->ring_memory(), options.capacity);
    if (!ring) return std::unexpected(Error{ring.error(), {}});
    return Runtime(std::make_unique<Impl>(std::move(options), std::move(*engine), *ring));
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

Runtime::Runtime(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Runtime::Runtime(Runtime&&) noexcept = default;
Runtime& Runtime::operator=(Runtime&&) noexcept = default;
Runtime::~Runtime() = default;

std::expected<void, Errc> Runtime::shutdown() noexcept { return impl_->shutdown(); }

const DeviceInfo& Runtime::device() const noexcept { return impl_->engine->info(); }
const Ring& Runtime::ring() const noexcept { return impl_->ring; }
void Runtime::wake() noexcept { impl_->wake(); }

// ---- publish ---------------------------------------------------------------------------------------------------

namespace {

// Whoever waits for room must learn that there will be none.
template <class Impl>
std::unexpected<Errc> refused(Impl& impl, Errc why) noexcept {
    // Who spins here is to find the next room at once: no clock and no lock each time.
    static thread_local std::uint32_t refusals = 0;
    if (why == Errc::ring_full && ++refusals % 64 == 0) impl.look_when_full();
    const bool lost = impl.phase.load(std::memory_order_acquire) == Impl::Phase::lost;
    return std::unexpected(lost ? Errc::device_lost : why);
}

// The same for a slot, a batch and a window: publish, then look whether the kernel has left (S).
template <class Impl, class Descriptor>
std::expected<Ticket, Errc> publish_to(Impl& impl, const Descriptor& descriptor, std::uint64_t count,
                                       Quiet quiet) noexcept {
    if (const auto phase = impl.phase.load(std::memory_order_relaxed); phase != Impl::Phase::open) [[unlikely]]
        return std::unexpected(phase == Impl::Phase::lost ? Errc::device_lost : Errc::shut_down);
    const auto first = impl.ring.publish(descriptor, quiet);
    if (impl.wake_needed()) [[unlikely]]
        impl.wake();
    if (!first) [[unlikely]]
        return refused(impl, first.error());
    return Ticket{*first, static_cast<std::uint32_t>(count), quiet};
}

}  // namespace

std::expected<Ticket, Errc> Runtime::publish(const Slot& slot, Quiet quiet) noexcept {
    return publish_to(*impl_, slot, 1, quiet);
}

std::expected<Ticket, Errc> Runtime::publish(std::span<const Slot> batch, Quiet quiet) noexcept {
    return publish_to(*impl_, batch, batch.size(), quiet);
}

std::expected<Ticket, Errc> Runtime::publish(const Window& window, Quiet quiet) noexcept {
    return publish_to(*impl_, window, window.size(), quiet);
}

// ---- completion ------------------------------------------------------------------------------------------------

bool Runtime::Impl::done(const Ticket& ticket) const noexcept {
    const bool ended = all_ended(ticket);
    if (ended) ring.came_back(ticket.first, ticket.end());
    return ended;
}

// A live slot says itself that it has ended, before the completed position does, which moves every 32 slots. Whoever
// polls looks at the slot's line alone, so the device has one line to win back when it answers. The flag in the slot
// is for tickets of reservations, which may have put quiet slots.
bool Runtime::Impl::all_ended(const Ticket& ticket) const noexcept {
    if (ticket.count == 0) return true;
    const bool in_order = engine->in_order();
    // Of several slots the last one tells, where they end in order and a later one is not seen before an earlier one.
    const bool last_tells = in_order && engine->info().memory == SharedMemory::svm;
    if (engine->live() && ticket.quiet == Quiet::no && (last_tells || ticket.count == 1)) {
        const std::uint64_t last = ticket.end() - 1;
        if (!in_order && is_answer(ring.answer(), last)) return true;
        const std::uint32_t word = ring.state_word(last);
        const std::uint32_t state = word & SR_STATE_MASK;
        if (word == ring.tagged(last, state)) {
            if (is_terminal(state)) return true;
            // The completed position all the same, now and then: a producer that has stopped while it writes the next
            // lap's slot leaves this one's state, and hides its flag.
            static thread_local std::uint32_t looks = 0;
            if ((ring.word(last, SR_WORD_PRIORITY) & SR_FLAG_QUIET) == 0 && ++looks % 64 != 0) return false;
        }
    }
    return ring.is_complete(ticket.end());
}

bool Runtime::poll(const Ticket& ticket) noexcept {
    if (impl_->done(ticket)) return true;
    if (!impl_->wake_needed()) [[likely]]
        return false;
    impl_->wake();
    return impl_->done(ticket);
}

std::expected<void, Errc> Runtime::wait(const Ticket& ticket, Timeout timeout) noexcept {
    for (int i = 0; i < 64; ++i)
        if (impl_->done(ticket)) return {};
    Backoff backoff(timeout.time());
    while (!impl_->done(ticket)) {
        // A kernel that still runs is left alone while this spins; later, look whether it died.
        if (impl_->wake_needed() || !backoff.spinning()) {
            impl_->wake();
            impl_->look();
            static_cast<void>(impl_->ring.held());  // starts the clock on a producer that never finishes
            if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost)
                return std::unexpected(Errc::device_lost);
        }
        if (!backoff.pause() && !impl_->done(ticket)) return std::unexpected(Errc::timed_out);
    }
    return {};
}

std::expected<Result, Errc> Runtime::result(const Ticket& ticket, std::uint32_t index) noexcept {
    if (index >= ticket.count) return std::unexpected(Errc::bad_ticket);
    const Ring& ring = impl_->ring;
    const std::uint64_t position = ticket.first + index;

    const bool live = impl_->engine->live();
    const bool answers = live && !impl_->engine->in_order() && ticket.count == 1 && ticket.quiet == Quiet::no;
    Result result;
    bool complete = false, terminal = false;
    Backoff::Clock::time_point until{};
    for (int look = 0; !terminal; ++look) {
        const std::uint64_t answer = ring.answer();
        if (answers && is_answer(answer, position)) {
            result = {SR_STATE_DONE, SR_CODE_OK, 0, static_cast<std::uint32_t>(answer >> 32)};
            terminal = true;
            break;
        }
        complete = ring.is_complete(position + 1);
        const std::uint32_t word = ring.state_word(position);
        const std::uint32_t state = word & SR_STATE_MASK;
        const bool own = word == ring.tagged(position, state);
        if (own && is_terminal(state) && (complete || live)) {
            const std::uint32_t code = ring.word(position, SR_WORD_CODE);
            result = {state, code & 0xFF, code >> 8 & 0xFF, ring.word(position, SR_WORD_RESULT)};
            terminal = true;
        }
        // An answer comes a moment before its slot, and poll may have seen it: with another one over it, of a slot
        // before or behind, this one's is on its way over the bus. That takes some 2 us.
        if (complete || !own || !answers) break;
        if (look == 16) until = Backoff::Clock::now() + std::chrono::microseconds(20);
        if (look > 16 && Backoff::Clock::now() > until) break;
        cpu_relax();
    }
    // A producer reserves before it writes: as long as nobody has reserved the position a lap later, what was read
    // above was the device's.
    if (static_cast<std::int64_t>(ring.reserved() - position) > std::int64_t{ring.capacity()})
        return std::unexpected(Errc::result_expired);
    if (terminal) {
        ring.came_back(position, position + 1);
        return result;
    }
    if (complete) return std::unexpected(Errc::no_result);
    const bool lost = impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost;
    return std::unexpected(lost ? Errc::device_lost : Errc::not_finished);
}

// ---- memory ----------------------------------------------------------------------------------------------------

namespace {

bool inside(std::uint32_t index, std::size_t count, std::uint32_t bound) noexcept {
    return count <= bound && index <= bound - count;
}

}  // namespace

std::expected<void, Errc> Runtime::read_control(std::uint32_t index, std::span<std::uint32_t> words) noexcept {
    if (!inside(index, words.size(), impl_->options.control_words)) return std::unexpected(Errc::out_of_range);
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost) return std::unexpected(Errc::device_lost);
    return impl_->copying([&](const Engine::GoOn& go_on) {
        return impl_->engine->read_control(index, words, go_on);
    });
}

std::expected<void, Errc> Runtime::write_control(std::uint32_t index, std::span<const std::uint32_t> words) noexcept {
    if (!inside(index, words.size(), impl_->options.control_words)) return std::unexpected(Errc::out_of_range);
    if (index < SR_OBSERVABLE_BASE) return std::unexpected(Errc::system_word);
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost) return std::unexpected(Errc::device_lost);
    return impl_->copying([&](const Engine::GoOn& go_on) {
        return impl_->engine->write_control(index, words, go_on);
    });
}

std::expected<void, Errc> Runtime::load_dfa(std::span<const std::uint32_t> table) noexcept {
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::closed) return std::unexpected(Errc::shut_down);
    const std::size_t states = table.size() / 256;
    if (table.size() % 256 != 0 || states > UINT32_MAX / 256) return std::unexpected(Errc::bad_table);
    if (std::ranges::any_of(table, [states](std::uint32_t next) { return next >= states; }))
        return std::unexpected(Errc::bad_table);

    Backoff backoff(impl_->options.shutdown_timeout);
    const bool ready = impl_->drained(impl_->ring.reserved(), backoff) && impl_->hold(backoff);
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost) {
        if (ready) impl_->let_go();
        return std::unexpected(Errc::device_lost);
    }
    if (!ready) return std::unexpected(Errc::timed_out);

    std::expected<void, Errc> out{};
    if (!impl_->leave(backoff)) {
        out = std::unexpected(Errc::timed_out);
    } else {
        out = impl_->copying([&](const Engine::GoOn& go_on) -> std::expected<void, Errc> {
            try {
                return impl_->engine->load_table(table, go_on);
            } catch (const std::bad_alloc&) {
                return std::unexpected(Errc::out_of_memory);
            }
        });
    }
    impl_->let_go();
    return out;
}

std::span<std::byte> Runtime::buffer(std::uint32_t opcode, std::uint32_t index) noexcept {
    const auto& ops = impl_->options.ops;
    const auto op = std::ranges::find(ops, opcode, &CustomOp::opcode);
    return impl_->engine->buffer(static_cast<std::size_t>(op - ops.begin()), index);
}

// ---- the rest ----------------------------------------------------------------------------------------------------

Stats Runtime::stats() noexcept {
    Stats stats;
    stats.completed = impl_->ring.completed();
    stats.published = impl_->ring.tail();
    stats.faults = impl_->lost_faults.load(std::memory_order_relaxed) + faults_of(impl_->ring);
    stats.launches = impl_->launches.load(std::memory_order_relaxed);
    return stats;
}

std::expected<Result, Errc> Runtime::launch(const Slot& slot) noexcept {
    const auto phase = impl_->phase.load(std::memory_order_acquire);
    if (phase != Impl::Phase::open)
        return std::unexpected(phase == Impl::Phase::lost ? Errc::device_lost : Errc::shut_down);
    return impl_->on_engine(impl_->once, Impl::Takes::own_time, [&](const Engine::GoOn& go_on) {
        return impl_->engine->once(slot, go_on);
    });
}

}  // namespace slipring
