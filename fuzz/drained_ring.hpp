// A ring of hostile slots that the device drains and the model runs once more, with one completion a slot.
#pragma once

#include <bit>

#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "completions.hpp"
#include "model.hpp"

namespace fuzz {

class DrainedRing {
public:
    static constexpr std::uint32_t max_capacity = 64;
    using Bytes = Guarded<std::byte, *slipring::Ring::bytes(max_capacity)>;

    DrainedRing(Bytes& memory, std::uint32_t capacity, std::uint64_t start, slipring::Priority level) noexcept
        : bytes_(memory.take(*slipring::Ring::bytes(capacity))), capacity_(capacity), ring_(make(level, start)),
          entries_(bytes_, capacity), head_(start) {}

    const slipring::Ring& ring() const noexcept { return ring_; }
    bool is_full() const noexcept { return ring_.reserved() - head_ == capacity_; }
    bool is_empty() const noexcept { return ring_.reserved() == head_; }
    // What the model has run; and slots that the device has run, and the model not yet.
    std::uint64_t head() const noexcept { return head_; }
    std::uint64_t run() const noexcept { return ring_.completed() - head_; }

    // Publishes a slot with these words; the state's is the ring's business.
    void add(const uint* words) noexcept {
        const auto position = ring_.publish(slipring::nop());
        FUZZ_CHECK(position == ring_.reserved() - 1);
        std::memcpy(slot(*position) + 1, words + 1, 60);
        keep(*position);
    }
    // Publishes a window, for which there is room; its first position.
    std::uint64_t add(const slipring::Window& window, slipring::Quiet quiet) noexcept {
        const auto first = ring_.publish(window, quiet);
        FUZZ_CHECK(first == ring_.reserved() - window.size());
        for (std::uint64_t i = 0; i < window.size(); ++i) keep(*first + i);
        return *first;
    }
    // While no launch runs.
    void cancel(std::uint64_t position) noexcept {
        if (static_cast<std::int64_t>(position - head_) < 0) return;
        const bool cancelled = slipring::inside(ring_).cancel(position);
        FUZZ_CHECK(cancelled != is_cancelled(position));
        given_[position % capacity_][0] = slot(position)[0];
        FUZZ_CHECK(is_cancelled(position));
    }

    sr_ring of_device() const noexcept {
        const uint shift = static_cast<uint>(std::countr_zero(capacity_));
        return sr_ring_of(reinterpret_cast<uchar*>(bytes_.data()), capacity_ - 1, shift, shift);
    }

    // Runs the next slot by the model, and compares.
    sr_outcome check_next(Memory& memory) noexcept {
        const std::uint64_t position = head_++;
        const uint* const given = given_[position % capacity_];
        const sr_outcome out = is_cancelled(position) ? Memory::end_unrun(given, SR_CODE_CANCELLED)
                                                      : memory.run_in_time(given, static_cast<uint>(position));
        const bool quiet = (given[3] >> 9 & 1) != 0;
        FUZZ_CHECK(entries_.at(position) ==
                   (quiet ? entry_before_[position % capacity_] : entries_.of(position, out)));
        FUZZ_CHECK(is_cancelled(position) || slot(position)[0] == given[0]);
        FUZZ_CHECK(std::memcmp(slot(position) + 1, given + 1, 60) == 0);
        return out;
    }

private:
    bool is_cancelled(std::uint64_t position) const noexcept { return given_[position % capacity_][0] % 256 == 8; }
    void keep(std::uint64_t position) noexcept {
        std::memcpy(given_[position % capacity_], slot(position), 64);
        entry_before_[position % capacity_] = entries_.at(position);
    }
    slipring::Ring make(slipring::Priority level, std::uint64_t start) const noexcept {
        const std::size_t shared = *slipring::Ring::shared_bytes(capacity_);
        const slipring::RingParts parts{
            .shared = bytes_.first(shared), .producers = bytes_.subspan(shared), .window = {}, .level = level};
        return *slipring::Ring::create(parts, capacity_, start);
    }
    uint* slot(std::uint64_t position) const noexcept {
        return reinterpret_cast<uint*>(bytes_.data() + SR_RING_SLOTS + position % capacity_ * 64);
    }

    std::span<std::byte> bytes_;
    std::uint32_t capacity_;
    slipring::Ring ring_;
    Entries entries_;
    std::uint64_t head_;  // what the model has run
    uint given_[max_capacity][16];
    Entry entry_before_[max_capacity];
};

}  // namespace fuzz
