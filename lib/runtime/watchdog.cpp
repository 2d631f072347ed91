// The threads that wait for a device find out that it hangs, and so does a producer that finds the ring full.
// watch.hpp has the rule.
#include <new>
#include <string>
#include <thread>

#include "impl.hpp"

namespace slipring {

// RESERVED is read last: whatever happens in between, it is not behind COMPLETED. A kernel does not look at RESERVED:
// where something wrote over the ring's memory, the kernel may have run slots that were never published.
bool Runtime::Impl::check_progress() noexcept {
    const bool impossible = rings.any([](std::size_t number, const Ring& ring) {
        if (number >= RingNumbers::tenants) return false;  // a tenant may have done it, and has harmed itself
        const std::uint64_t completed = ring.completed();
        return static_cast<std::int64_t>(ring.reserved() - completed) < 0;
    });
    if (!impossible) return true;
    lose("it says that it ran slots that nobody published");
    return false;
}

void Runtime::Impl::look() noexcept {
    const std::unique_lock alone(watching, std::try_to_lock);
    if (!alone || phase.load(std::memory_order_acquire) == Phase::lost) return;
    if (!check_progress()) return;
    const auto has_work = [&] { return rings.consumer_has_work(); };
    const bool hangs = watch.look(rings.completed(), has_work, options.hang_timeout);
    silence.store(watch.silence(), std::memory_order_relaxed);
    if (hangs) lose("no progress within hang_timeout");
}

void Runtime::Impl::look_at_times() noexcept {
    const auto now = Watch::Clock::now();
    {
        const std::unique_lock alone(watching, std::try_to_lock);
        if (!alone || now - looked_at < std::chrono::milliseconds(1)) return;
        looked_at = now;
    }
    wake();
    look();
}

void Runtime::Impl::lose(const char* what, int status) noexcept {
    if (phase.exchange(Phase::lost, std::memory_order_acq_rel) == Phase::lost) return;
    session->revoke();  // a caller that is told of the loss may rely on this: the device runs nothing more
    if (!options.on_error) return;
    Error error{Errc::device_lost, {}};
    try {
        error.detail = what;
        if (status != 0) error.detail += " gave " + std::to_string(status);
        error.detail += ": " + diagnose().text();
    } catch (const std::bad_alloc&) {}
    options.on_error(error);
}

bool Runtime::Impl::Wait::operator()() noexcept {
    if (impl_.phase.load(std::memory_order_acquire) == Phase::lost) return false;
    if (Backoff::Clock::now() < yield_until_) {
        std::this_thread::yield();
        return true;
    }
    impl_.wake();
    impl_.look();
    // A copy is work, whether the ring has any or not.
    if (takes_ == Takes::copy &&
        watch_.look(impl_.rings.completed(), [] { return true; }, impl_.options.hang_timeout))
        impl_.lose("a copy was not finished within hang_timeout");
    return backoff_.pause();
}

}  // namespace slipring
