// A runtime's insides: runtime.cpp is the public face, wake.cpp the kernel's coming and going, recover.cpp a
// lost device's replacement, log.cpp the debug log.
#pragma once

#include <atomic>
#include <mutex>

#include <slipring/runtime.hpp>

#include "backoff.hpp"
#include "opencl/engine.hpp"

namespace slipring {

// What a waiter saw of the device's progress, which is its heartbeat, and since when.
struct Watch {
    std::uint64_t completed = 0;
    Backoff::Clock::time_point since{};  // zero: has not looked yet
};

struct Runtime::Impl {
    enum class Phase : std::uint32_t { open, closed, lost };

    Options options;
    std::unique_ptr<Engine> engine;
    Ring ring;

    std::atomic<Phase> phase{Phase::open};
    // The newest launch's number. LEFT in the ring equals it while no kernel runs: 0 before the first.
    std::atomic<std::uint32_t> launch{0};
    std::atomic<std::uint64_t> launches{0};

    // Who holds `busy` is alone with the engine's persistent kernel. Nobody waits for it but load_dfa and shutdown:
    // a producer that finds it taken leaves its wish in `wanted`, which the holder looks at after letting go.
    std::atomic<bool> busy{false};
    std::atomic<bool> wanted{false};

    std::mutex data;  // the engine's other queue
    std::mutex formats_mutex;
    std::vector<std::string> formats;

    Impl(Options given, std::unique_ptr<Engine> opened, Ring made)
        : options(std::move(given)), engine(std::move(opened)), ring(made) {
        listen();
    }
    ~Impl();

    // A launch that is over is followed by the next at once, if there is more to do, whoever waits or does not.
    void listen() {
        engine->tell([this] { wake(); });
    }
    // Parts with the engine; what still runs keeps it, and may not touch the host's half any more.
    void dismiss() noexcept;

    // Where the kernel may have left, starts it. In relaunch mode also takes in what a launch has done.
    void wake() noexcept;
    bool wake_needed() const noexcept {
        return !engine->live() || ring.wake_needed(launch.load(std::memory_order_seq_cst));
    }

    bool done(const Ticket& ticket) const noexcept;
    // For a waiter's loop: loses the device if it has had work since `watch` began and shows no progress.
    void watch(Watch& watch) noexcept;
    // The same, whether it has had work or not.
    void watch_idle(Watch& watch) noexcept;
    // How long a copy may take: as long as a slot. A slot in a launch of its own takes what it takes.
    enum class Takes { copy, own_time };
    // One wait of the engine's: no longer than until the device is lost, which a copy that the device does not come to loses,
    // too. It begins by yielding and does not spin, since what it waits for may need this core.
    class Wait {
    public:
        Wait(Impl& impl, Takes takes) noexcept : impl_(impl), takes_(takes) {}
        bool operator()() noexcept;

    private:
        Impl& impl_;
        Takes takes_;
        Backoff::Clock::time_point yield_until_ = Backoff::Clock::now() + std::chrono::microseconds(250);
        Backoff backoff_{std::chrono::nanoseconds::max()};
        Watch watch_;
    };
    // A call to the engine, alone with its other queue.
    template <class Call>
    auto on_data(Takes takes, Call call) noexcept {
        const std::scoped_lock lock(data);
        Wait wait(*this, takes);
        return call(Engine::GoOn([&wait] { return wait(); }));
    }
    // Waits until every position before `end` is terminal; false when the time is up or the device is lost.
    bool drained(std::uint64_t end, Backoff& backoff) noexcept;

    // With `busy` held: asks the kernel to leave and waits for it.
    bool leave(Backoff& backoff) noexcept;
    // Takes `busy`, waiting for it; false when the time is up.
    bool hold(Backoff& backoff) noexcept;
    void let_go() noexcept;

    std::expected<Log, Errc> read_log(const Engine::GoOn& go_on) noexcept;
    std::expected<void, Errc> shutdown() noexcept;
    std::expected<void, Error> recover(const std::string& device);
    void lose(Error error) noexcept;

private:
    void step() noexcept;
};

}  // namespace slipring
