// The contenders of the ring bench: the ring and the queues that Debian packages, each behind the same two calls, in
// the best configuration that it has for a shape.
//
//   push(producer, batch)   how many slots of the batch went in, 0 when the queue is full; never waits
//   drain(read)             calls read(the 16 words) for each slot that is there, up to some hundred; how many
//   capacity(producers)     how many slots it holds at most where so many producers push
//
// All carry slipring's Slot, 64 bytes, 64-byte aligned, and hold 1024 of them where not said otherwise.
#pragma once

#include <memory>
#include <new>
#include <span>
#include <vector>

#include <slipring/consumer.hpp>

#if HAVE_ATOMIC_QUEUE
#include <atomic_queue/atomic_queue.h>
#endif
#if HAVE_CONCURRENTQUEUE
#include <concurrentqueue/concurrentqueue.h>
#endif
#if HAVE_BOOST_LOCKFREE
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#endif

namespace slipring::bench {

inline constexpr std::uint32_t queue_capacity = 1024;
inline constexpr std::size_t drain_most = 256;

using Batch = std::span<const Slot>;

// As the others: no producer is told how a single item ended, and the consumer never leaves. Roomy has room for as
// many items as moodycamel_roomy at most, rounded down to a power of two.
template <bool Roomy>
class RingQueue {
public:
    static constexpr const char* name = Roomy ? "slipring_roomy" : "slipring";

    static constexpr std::uint32_t capacity(unsigned producers) {
        if (!Roomy) return queue_capacity;
        return producers > 2 ? 4096 : 2048;
    }

    explicit RingQueue(unsigned producers)
        : capacity_(capacity(producers)),
          memory_(new(std::align_val_t{ThreadRing::alignment}) std::byte[*ThreadRing::bytes(capacity_)]) {}

    std::size_t push(unsigned, Batch batch) {
        const bool in = batch.size() == 1 ? ring_.publish(batch[0], Quiet::yes).has_value()
                                          : ring_.publish(batch, Quiet::yes).has_value();
        return in ? batch.size() : 0;
    }
    template <class Read>
    std::size_t drain(Read read) {
        return consumer_.drain(drain_most, [&read](auto words) {
            read(words);
            return Completion{};
        });
    }

private:
    struct Free {
        void operator()(std::byte* memory) const {
            operator delete[](memory, std::align_val_t{ThreadRing::alignment});
        }
    };

    std::uint32_t capacity_;
    std::unique_ptr<std::byte[], Free> memory_;
    ThreadRing ring_ = *ThreadRing::create({memory_.get(), *ThreadRing::bytes(capacity_)}, capacity_);
    Consumer consumer_{ring_};
};

#if HAVE_ATOMIC_QUEUE
template <bool Spsc>
class AtomicQueue {
public:
    static constexpr const char* name = Spsc ? "atomic_queue_spsc" : "atomic_queue";
    static constexpr std::uint32_t capacity(unsigned) { return queue_capacity; }

    explicit AtomicQueue(unsigned) {}

    std::size_t push(unsigned, Batch batch) {
        std::size_t in = 0;
        while (in < batch.size() && queue_->try_push(batch[in])) ++in;
        return in;
    }
    template <class Read>
    std::size_t drain(Read read) {
        Slot item;
        std::size_t out = 0;
        for (; out < drain_most && queue_->try_pop(item); ++out) read(std::span(item.words()));
        return out;
    }

private:
    using Queue = atomic_queue::AtomicQueue2<Slot, queue_capacity, true, true, false, Spsc>;
    std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
};
#endif

#if HAVE_CONCURRENTQUEUE
// Tokens and bulk calls; preallocated, so that full is full: try_enqueue never allocates. It keeps a queue for each
// producer, so capacity means one of two things: 1024 items in all, as the others have, or (Roomy), by its author's
// formula, room for 1024 however they are spread, which is 2048 to 5216 in all.
template <bool Roomy>
class Moodycamel {
    using Queue = moodycamel::ConcurrentQueue<Slot>;

public:
    static constexpr const char* name = Roomy ? "moodycamel_roomy" : "moodycamel";

    // It allocates (items / block - 1) * (producers + 1) + 2 * producers blocks.
    static constexpr std::uint32_t capacity(unsigned producers) {
        const std::size_t block = Queue::BLOCK_SIZE;
        return static_cast<std::uint32_t>(((items_for(producers) / block - 1) * (producers + 1) + 2 * producers) *
                                          block);
    }

    explicit Moodycamel(unsigned producers) : queue_(items_for(producers), producers, 0), consumer_(queue_) {
        for (unsigned i = 0; i < producers; ++i) producers_.emplace_back(queue_);
    }

    std::size_t push(unsigned producer, Batch batch) {
        const bool in = batch.size() == 1 ? queue_.try_enqueue(producers_[producer], batch[0])
                                          : queue_.try_enqueue_bulk(producers_[producer], batch.data(), batch.size());
        return in ? batch.size() : 0;
    }
    template <class Read>
    std::size_t drain(Read read) {
        const std::size_t out = queue_.try_dequeue_bulk(consumer_, items_.data(), items_.size());
        for (std::size_t i = 0; i < out; ++i) read(std::span(items_[i].words()));
        return out;
    }

private:
    static constexpr std::size_t items_for(unsigned producers) {
        return Roomy ? queue_capacity : queue_capacity / (producers + 1) / Queue::BLOCK_SIZE * Queue::BLOCK_SIZE;
    }

    Queue queue_;
    std::vector<moodycamel::ProducerToken> producers_;
    moodycamel::ConsumerToken consumer_;
    std::vector<Slot> items_ = std::vector<Slot>(64);  // more take the items out of the first-level cache
};
#endif

#if HAVE_BOOST_LOCKFREE
class BoostQueue {
public:
    static constexpr const char* name = "boost_queue";
    static constexpr std::uint32_t capacity(unsigned) { return queue_capacity; }

    explicit BoostQueue(unsigned) {}

    std::size_t push(unsigned, Batch batch) {
        std::size_t in = 0;
        while (in < batch.size() && queue_->bounded_push(batch[in])) ++in;
        return in;
    }
    template <class Read>
    std::size_t drain(Read read) {
        Slot item;
        std::size_t out = 0;
        for (; out < drain_most && queue_->pop(item); ++out) read(std::span(item.words()));
        return out;
    }

private:
    using Queue = boost::lockfree::queue<Slot, boost::lockfree::capacity<queue_capacity>>;
    std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
};

class BoostSpsc {
public:
    static constexpr const char* name = "boost_spsc_queue";
    static constexpr std::uint32_t capacity(unsigned) { return queue_capacity; }

    explicit BoostSpsc(unsigned) {}

    std::size_t push(unsigned, Batch batch) { return queue_->push(batch.data(), batch.size()); }
    template <class Read>
    std::size_t drain(Read read) {
        return queue_->consume_all([&read](const Slot& item) { read(std::span(item.words())); });
    }

private:
    using Queue = boost::lockfree::spsc_queue<Slot, boost::lockfree::capacity<queue_capacity>>;
    std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
};
#endif

}  // namespace slipring::bench
