// One measurement of one queue: producers push for a while, one consumer reads; both yield when they cannot go on.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include <slipring/descriptor.hpp>

namespace slipring::bench {

struct Throughput {
    double slots_per_s = 0;
    bool intact = false;  // every slot that went in came out, with what it carried
};

// Producers make each slot anew; the consumer reads its first argument and its last word.
// Bounded: producers push without waiting and stop when told, which the consumer's clock does.
template <class Queue, std::size_t Batch>
Throughput measure(unsigned producers, std::chrono::nanoseconds length) {
    using Clock = std::chrono::steady_clock;
    Queue queue(producers);
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> sent_sum{0};

    const auto produce = [&](unsigned self) {
        std::uint64_t count = 0;
        std::uint64_t sum = 0;
        std::array<Slot, Batch> batch;
        while (!stop.load(std::memory_order_relaxed)) {
            for (std::size_t i = 0; i < Batch; ++i)
                batch[i] = store_u32(static_cast<std::uint32_t>(count + i), SR_OBSERVABLE_BASE + self);
            std::span<const Slot> rest(batch);
            while (!rest.empty() && !stop.load(std::memory_order_relaxed)) {
                const std::size_t in = queue.push(self, rest);
                for (std::size_t i = 0; i < in; ++i) sum += rest[i].args()[0];
                count += in;
                rest = rest.subspan(in);
                if (in == 0) std::this_thread::yield();
            }
        }
        sent.fetch_add(count, std::memory_order_relaxed);
        sent_sum.fetch_add(sum, std::memory_order_relaxed);
    };

    std::uint64_t got = 0;
    std::uint64_t got_sum = 0;
    const auto read = [&got_sum](std::span<const std::uint32_t, SR_SLOT_WORDS> words) {
        got_sum += words[SR_WORD_ARGS] + words[SR_SLOT_WORDS - 1];
    };
    // Until `end`; a little longer if nothing came: on a crowded machine the producers may not have run yet.
    const auto consume_until = [&](Clock::time_point end) {
        const std::uint64_t before = got;
        for (unsigned turn = 1;; ++turn) {
            const std::size_t out = queue.drain(read);
            got += out;
            if (out == 0) std::this_thread::yield();
            if (out != 0 && turn % 16 != 0) continue;
            const auto now = Clock::now();
            if (now >= end && (got != before || now >= end + std::chrono::seconds(1))) return;
        }
    };

    double slots_per_s = 0;
    {
        std::vector<std::jthread> threads;
        threads.reserve(producers);
        for (unsigned p = 0; p < producers; ++p) threads.emplace_back(produce, p);
        consume_until(Clock::now() + length / 10);  // threads start, caches fill
        const auto begin = Clock::now();
        const std::uint64_t before = got;
        consume_until(begin + length);
        const std::chrono::duration<double> took = Clock::now() - begin;
        slots_per_s = static_cast<double>(got - before) / took.count();
        stop.store(true, std::memory_order_relaxed);
    }
    while (const std::size_t out = queue.drain(read)) got += out;
    return {slots_per_s, got == sent.load() && got_sum == sent_sum.load()};
}

}  // namespace slipring::bench
