// The stress behind the tests of leaving: one thread is the device and runs a launch for each that is asked of it,
// while producers publish and ask for the next as the runtime does, if LEFT names the newest launch. A wake that is
// lost leaves a slot for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "patience.hpp"

namespace slipring {

// A ring whose consumer is native code: ThreadSanitizer sees it and judges it, and is told nothing of it.
struct SeenConsumer : DeviceConsumer {
    static constexpr bool unseen_consumer = false;
};
using SeenRing = BasicRing<SeenConsumer>;

struct Wakes {
    int producers;
    int each;        // publishes of a producer
    int wait_every;  // how often a producer waits for what it has published
};

// launch(n) runs launch n and says whether to ask for the next at once, as the runtime may when one is over;
// publish(p, i) is producer p's i-th, and the position behind it. The newest launch's number; 0 if something was
// lost.
template <class Launch, class Publish>
std::uint32_t lose_no_wake(const RingView& ring, Wakes wakes, Launch launch, Publish publish) {
    std::atomic<std::uint32_t> newest{0};
    std::atomic<bool> over{false}, lost{false};

    std::thread device([&] {
        for (std::uint32_t ran = 0; !over.load();) {
            if (newest.load() == ran) {
                std::this_thread::yield();
                continue;
            }
            ++ran;
            std::uint32_t current = ran;
            if (launch(ran)) newest.compare_exchange_strong(current, ran + 1);
        }
    });
    std::vector<std::thread> threads;
    for (int p = 0; p < wakes.producers; ++p) {
        threads.emplace_back([&, p] {
            for (int i = 0; i < wakes.each && !lost.load();) {
                const auto end = publish(p, i);
                if (!end) {
                    std::this_thread::yield();
                    continue;
                }
                std::uint32_t current = newest.load(std::memory_order_seq_cst);
                while (slipring::inside(ring).wake_needed(current) &&
                       !newest.compare_exchange_weak(current, current + 1)) {}
                if (i++ % wakes.wait_every == 0 && !eventually([&] { return ring.is_complete(*end) || lost.load(); }))
                    lost = true;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    if (!lost.load() && !eventually([&] { return ring.is_complete(ring.reserved()); })) lost = true;
    over = true;
    device.join();
    return lost.load() ? 0 : newest.load();
}

}  // namespace slipring
