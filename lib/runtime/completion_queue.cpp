// How tickets get through a completion queue: `waiting`, then `finished`, then to a thread that asks.
#include "completion_queue.hpp"

#include <sys/eventfd.h>

#include <new>
#include <shared_mutex>
#include <utility>

namespace slipring {
namespace {

constexpr std::chrono::microseconds brisk{250};  // how long a waiting thread spins and yields before it naps

bool is_behind(std::uint64_t position, std::uint64_t other) noexcept {
    return static_cast<std::int64_t>(position - other) > 0;
}

}  // namespace

// ---- looking -----------------------------------------------------------------------------------------------------

std::optional<Finished> CompletionQueue::Impl::poll(Held& held, bool spins) noexcept {
    if (finished.empty() && !is_idle()) look(held, spins);
    return take();
}

void CompletionQueue::Impl::look(Held& held, bool spins) noexcept {
    held.unlock();
    const std::shared_lock no_recovery(runtime.recovering, std::try_to_lock);
    if (no_recovery) attend(spins);
    // Asked first: what had finished when the device was lost has finished.
    const bool lost = runtime.phase.load(std::memory_order_acquire) == Runtime::Impl::Phase::lost;
    held.lock();
    if (!no_recovery) return;
    find();
    if (lost) give_up();
    if (!finished.empty()) tell();
}

// What Runtime::wait does for the device, but no more often than it is good for.
void CompletionQueue::Impl::attend(bool spins) noexcept {
    if (runtime.wake_needed()) runtime.wake();
    runtime.look_at_times();
    if (!spins) runtime.rings.each([](std::size_t, const Ring& ring) { static_cast<void>(ring.held()); });
}

// Tickets are in the order of their positions. The completed position passes the first ones; those behind the claimed
// position have not begun; what lies between is looked at one by one, from the last to the first: where slots finish
// in their order, none that is found finished has one before it that is found unfinished.
void CompletionQueue::Impl::find(const Ring& ring, std::list<Finished>& own) noexcept {
    auto at = own.begin(), to = finished.end();
    const auto ends = [&](auto one) {
        inside(ring).came_back(one->ticket.first, one->ticket.end());
        finished.splice(to, own, one);
        --unfinished;
    };
    const std::uint64_t completed = ring.completed();
    while (at != own.end() && !is_behind(at->ticket.end(), completed)) ends(at++);
    const std::uint64_t claimed = inside(ring).claimed();
    while (at != own.end() && !is_behind(at->ticket.end(), claimed)) ++at;
    while (at != own.begin()) {
        const auto one = std::prev(at);
        if (runtime.tells_by_completion(one->ticket) && ring.is_finished(one->ticket.end() - 1)) {
            ends(one);
            to = one;
        } else {
            at = one;
        }
    }
}

void CompletionQueue::Impl::find() noexcept {
    runtime.rings.each([this](std::size_t number, const Ring& ring) {
        std::list<Finished>& own = waiting[number];
        if (!own.empty()) find(ring, own);
    });
}

void CompletionQueue::Impl::give_up() noexcept {
    for (std::list<Finished>& own : waiting) {
        for (Finished& one : own) one.outcome = std::unexpected(Errc::device_lost);
        finished.splice(finished.end(), own);
    }
    unfinished = 0;
}

std::optional<Finished> CompletionQueue::Impl::take() noexcept {
    if (finished.empty()) return std::nullopt;
    const Finished first = finished.front();
    spare.splice(spare.begin(), finished, finished.begin());
    if (fd >= 0 && finished.empty()) tell();
    return first;
}

// ---- sleeping ----------------------------------------------------------------------------------------------------

void CompletionQueue::Impl::sleep(Held& held, std::chrono::nanoseconds nap) noexcept {
    const bool is_told = nap >= long_nap;
    sleepers += is_told ? 1 : 0;
    // The longest is no more than an hour: the clock overflows nowhere, and who sleeps looks again anyway.
    changed.wait_for(held, std::min<std::chrono::nanoseconds>(nap, std::chrono::hours(1)));
    sleepers -= is_told ? 1 : 0;
}

void CompletionQueue::Impl::tell() noexcept {
    if (sleepers != 0) changed.notify_all();
    if (fd < 0 || readable != finished.empty()) return;
    readable = !readable;
    eventfd_t count = 0;
    static_cast<void>(readable ? eventfd_write(fd, 1) : eventfd_read(fd, &count));
}

// ---- the calls ---------------------------------------------------------------------------------------------------

CompletionQueue::CompletionQueue(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
CompletionQueue::CompletionQueue(CompletionQueue&&) noexcept = default;
CompletionQueue& CompletionQueue::operator=(CompletionQueue&&) noexcept = default;
CompletionQueue::~CompletionQueue() = default;

std::expected<CompletionQueue, Errc> CompletionQueue::open(Runtime& runtime) noexcept try {
    return CompletionQueue(std::make_unique<Impl>(*runtime.impl_));
} catch (const std::bad_alloc&) {
    return std::unexpected(Errc::out_of_memory);
}

std::expected<void, Errc> CompletionQueue::add(const Ticket& ticket, std::uint64_t tag) noexcept try {
    Impl& queue = *impl_;
    const std::size_t number = queue.numbers.find(ticket.level, ticket.tenant);
    if (!queue.numbers.is_open(number)) return std::unexpected(Errc::bad_ticket);
    const std::scoped_lock held(queue.lock);
    if (queue.spare.empty()) queue.spare.emplace_back();
    const auto node = queue.spare.begin();
    *node = {ticket, tag, {}};
    ++queue.added;
    if (ticket.count == 0) {
        queue.finished.splice(queue.finished.end(), queue.spare, node);
    } else {
        std::list<Finished>& own = queue.waiting[number];
        auto at = own.end();
        while (at != own.begin() && is_behind(std::prev(at)->ticket.end(), ticket.end())) --at;
        own.splice(at, queue.spare, node);
        ++queue.unfinished;
    }
    queue.tell();
    return {};
} catch (const std::bad_alloc&) {
    return std::unexpected(Errc::out_of_memory);
}

std::expected<Finished, Errc> CompletionQueue::wait_any(Timeout timeout) noexcept {
    const auto began = Impl::Clock::now();
    Impl& queue = *impl_;
    Impl::Held held(queue.lock);
    std::uint64_t added = queue.added;
    Backoff backoff(brisk);
    Naps naps;
    for (bool spins = true;;) {
        if (auto one = queue.poll(held, spins)) return *one;
        const auto left = timeout.time() - (Impl::Clock::now() - began);
        if (left <= std::chrono::nanoseconds::zero()) return std::unexpected(Errc::timed_out);
        if (std::exchange(added, queue.added) != queue.added) {  // what was added may be brief
            backoff = Backoff(brisk);
            naps = {};
            spins = true;
        }
        if (!queue.finished.empty()) continue;  // another thread found it while this one looked
        if (queue.is_idle()) {
            queue.sleep(held, left);
        } else if (spins) {
            held.unlock();
            spins = backoff.pause();
            held.lock();
        } else {
            queue.sleep(held, std::min(left, naps.next()));
        }
    }
}

std::optional<Finished> CompletionQueue::poll_any() noexcept {
    Impl::Held held(impl_->lock);
    return impl_->poll(held, true);
}

std::size_t CompletionQueue::pending() const noexcept {
    const std::scoped_lock held(impl_->lock);
    return impl_->unfinished + impl_->finished.size();
}

std::size_t CompletionQueue::remove(std::uint64_t tag) noexcept {
    Impl& queue = *impl_;
    const std::scoped_lock held(queue.lock);
    const auto drop = [&](std::list<Finished>& from) {
        const std::size_t before = queue.spare.size();
        for (auto at = from.begin(); at != from.end();)
            if (const auto one = at++; one->tag == tag) queue.spare.splice(queue.spare.begin(), from, one);
        return queue.spare.size() - before;
    };
    std::size_t dropped = 0;
    for (std::list<Finished>& own : queue.waiting) dropped += drop(own);
    queue.unfinished -= dropped;
    dropped += drop(queue.finished);
    queue.tell();
    return dropped;
}

bool CompletionQueue::poll(const Ticket& ticket) noexcept {
    Runtime::Impl& runtime = impl_->runtime;
    const std::shared_lock no_recovery(runtime.recovering, std::try_to_lock);
    if (!no_recovery) return false;
    if (runtime.done(ticket)) return true;
    if (!runtime.wake_needed()) return false;
    runtime.wake();
    return runtime.done(ticket);
}

}  // namespace slipring
