// The session of a device whose running kernel does not see the host's stores: a launch for what was published, which
// takes the slots along and brings their completions back.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "../ring_inside.hpp"
#include "device_session.hpp"
#include "pace.hpp"

namespace slipring {
namespace {

// What a launch has of one ring: the slots of [first, end), and what it says of them.
struct Part {
    explicit Part(const RingPlace& of) : shared_at(of.shared_at), completions(2 * std::size_t{of.completions}) {}

    std::size_t shared_at;
    std::vector<std::uint64_t> completions;                                          // how they finished
    alignas(8) std::array<std::byte, SR_RING_LEFT + 4 - SR_RING_COMPLETED> words{};  // from COMPLETED to LEFT
    std::uint64_t first = 0, end = 0;
    std::uint64_t promoted = 0;  // SR_RING_PROMOTED, as the device has it

    template <class Word>
    Word word(std::size_t offset) const noexcept {
        Word value;
        std::memcpy(&value, words.data() + (offset - SR_RING_COMPLETED), sizeof value);
        return value;
    }
    std::uint64_t completed() const noexcept { return word<std::uint64_t>(SR_RING_COMPLETED); }
    bool is_possible() const noexcept { return completed() - first <= end - first; }  // it had no more than these

    // The part of an array with `size` bytes a position: one piece, or two where it wraps. copy(offset, bytes)
    void each_piece(std::uint32_t capacity, std::size_t size, auto copy) const noexcept {
        for (std::uint64_t at = first; at != end;) {
            const std::uint64_t index = at & (capacity - 1);
            const std::uint64_t count = std::min<std::uint64_t>(end - at, capacity - index);
            copy(index * size, count * size);
            at += count;
        }
    }
};

class PerLaunch final : public DeviceSession {
public:
    PerLaunch(Telling telling, std::unique_ptr<Device> device, const Options& options)
        : DeviceSession(telling, std::move(device)), pace_(options.ops, options.hang_timeout) {
        const RingPlace* before = nullptr;
        for (const RingPlace& place : places()) {
            const std::size_t which = RingNumbers::of_row(place.level, place.row);
            parts_[which].emplace(place);
            if (before == nullptr || before->level != place.level) levels_.emplace_back();
            before = &place;
            levels_.back().push_back(which);
            weights_[which].store(place.weight, std::memory_order_relaxed);
        }
        if (options.lower_every != 0)
            launches_a_turn_ =
                std::max<std::size_t>(1, options.lower_every / std::max<std::size_t>(1, levels_.size() - 1));
    }

    // Published slots that are not complete belong to the device, so no thread writes them meanwhile. The launch gets
    // as many as finish soon.
    std::expected<void, Failure> submit(const Rings& rings, std::uint32_t number) noexcept override {
        Device& d = device();
        const cl::CommandQueue& queue = d.run_queue;
        share_out(rings, number);
        submitted_at_ = Clock::now();

        Status status;
        rings.each([&](std::size_t which, const Ring& ring) {
            Part& part = *parts_[which];
            // Where a ring begins, the device's copy does not know: not at 0, after a recovery.
            if (number == 1) status << d.ring.upload(queue, part.shared_at + SR_RING_COMPLETED, sizeof part.first);
            // From a place of its own, since a thread may promote more while it is being copied.
            const std::uint64_t promoted = inside(ring).word64(SR_RING_PROMOTED).load(std::memory_order_relaxed);
            if (std::exchange(part.promoted, promoted) != promoted || number == 1)
                status << d.ring.upload_from(queue, part.shared_at + SR_RING_PROMOTED,
                                             std::as_bytes(std::span(&part.promoted, 1)));
            part.each_piece(ring.capacity(), SR_SLOT_BYTES, [&](std::size_t offset, std::size_t bytes) {
                status << d.ring.upload(queue, part.shared_at + SR_RING_SLOTS + offset, bytes);
            });
        });
        // The clock stands still during a launch: no thread writes what is being copied.
        if (const std::uint32_t now = now_.load(std::memory_order_relaxed); now != std::exchange(brought_, now)) {
            DeviceSession::tell_time(now);
            status << d.ring.upload(queue, SR_RING_NOW, sizeof now);
        }
        status << d.upload_inputs(queue);
        status << enqueue(number, parts_[SR_PRIORITY_NORMAL]->first);
        status << d.download_outputs(queue);
        rings.each([&](std::size_t which, const Ring& ring) {
            Part& part = *parts_[which];
            const std::span<std::byte> own = std::as_writable_bytes(std::span(part.completions));
            const std::size_t theirs = part.shared_at + SR_RING_SLOTS + std::size_t{ring.capacity()} * SR_SLOT_BYTES;
            part.each_piece(ring.completions(), SR_COMPLETION_BYTES, [&](std::size_t offset, std::size_t bytes) {
                status << d.ring.download_to(queue, theirs + offset, own.subspan(offset, bytes), last());
            });
            status << d.ring.download_to(queue, part.shared_at + SR_RING_COMPLETED, part.words, last());
        });
        unreaped_.store(true, std::memory_order_relaxed);
        return send(status);
    }

    // Does what a persistent kernel does itself: completions first, then the position. Other threads look at these
    // meanwhile, so no copy writes them.
    void reap(const Rings& rings) noexcept override {
        if (!unreaped_.load(std::memory_order_relaxed) || !finished() || failed())
            return;  // what a failed launch had stays begun
        if (std::ranges::any_of(parts_, [](const auto& part) { return part && !part->is_possible(); })) return;
        unreaped_.store(false, std::memory_order_relaxed);
        pace_.took(Clock::now() - submitted_at_);
        rings.each([&](std::size_t which, const Ring& ring) {
            const Part& part = *parts_[which];
            const std::uint64_t completed = part.completed();
            for (std::uint64_t at = part.first; at != completed; ++at) {
                if ((inside(ring).word(at, SR_WORD_PRIORITY) & SR_FLAG_QUIET) != 0) continue;
                const std::uint64_t* const from = &part.completions[2 * (at & (ring.completions() - 1))];
                inside(ring).completion_ref(at, 1).store(from[1], std::memory_order_release);  // E1
                inside(ring).completion_ref(at, 0).store(from[0], std::memory_order_release);  // A2
            }
        });
        const RingInside lead = inside(rings.lead());
        const Part& of_lead = *parts_[SR_PRIORITY_NORMAL];
        lead.word32(SR_RING_FAULTS).store(of_lead.word<std::uint32_t>(SR_RING_FAULTS), std::memory_order_relaxed);
        rings.each([&](std::size_t which, const Ring& ring) {
            const std::uint64_t completed = parts_[which]->completed();
            inside(ring).word64(SR_RING_COMPLETED).store(completed, std::memory_order_release);  // A2
        });
        lead.word32(SR_RING_LEFT).store(of_lead.word<std::uint32_t>(SR_RING_LEFT), std::memory_order_seq_cst);
    }

    std::uint64_t begun(std::size_t which, const RingView&, std::uint64_t completed,
                        std::uint64_t) const noexcept override {
        if (!unreaped_.load(std::memory_order_relaxed)) return completed;
        return ends_[which].load(std::memory_order_relaxed);
    }

private:
    using Clock = std::chrono::steady_clock;

    // What launch `number` has of each ring: the highest level goes first; but in its turn, as in cl/levels.h, a
    // lower one does. Of one level each ring goes first in its turn, and takes as many slots as its weight says, then
    // the next one, and so on until the launch has enough.
    void share_out(const Rings& rings, std::uint32_t number) noexcept {
        pace_.begin_launch();
        rings.each([this](std::size_t which, const Ring& ring) {
            parts_[which]->first = parts_[which]->end = ring.completed();
        });
        const auto take = [&](const std::vector<std::size_t>& level) {
            for (bool more = true; more;) {
                more = false;
                for (std::size_t i = 0; i < level.size(); ++i) {
                    const std::size_t which = level[(number + i) % level.size()];
                    std::uint64_t& end = parts_[which]->end;
                    const std::uint64_t turn = level.size() == 1
                                                   ? UINT64_MAX
                                                   : SR_TENANT_TURN * weights_[which].load(std::memory_order_relaxed);
                    const std::uint64_t before = std::exchange(end, pace_.end_of_launch(*rings.at(which), end, turn));
                    more = more || (end != before && level.size() != 1);
                }
            }
        };
        const std::size_t lower = levels_.size() - 1;
        std::size_t in_turn = levels_.size();  // none is
        if (lower != 0 && launches_a_turn_ != 0 && number % launches_a_turn_ == 0) {
            in_turn = 1 + number / launches_a_turn_ % lower;
            take(levels_[in_turn]);
        }
        for (std::size_t level = 0; level < levels_.size(); ++level) {
            take_promoted(rings, level);
            if (level != in_turn) take(levels_[level]);
        }
        for (const std::vector<std::size_t>& level : levels_)
            for (const std::size_t which : level) ends_[which].store(parts_[which]->end, std::memory_order_relaxed);
    }

    // Lookahead that was promoted to a level goes in front of that.
    void take_promoted(const Rings& rings, std::size_t level) noexcept {
        auto& part = parts_[SR_PRIORITY_IDLE];
        if (!part) return;
        const RingInside ring = inside(*rings.at(SR_PRIORITY_IDLE));
        const auto promoted = ring.promoted();
        if (!promoted || promoted->level != level) return;
        // The position counts modulo 2^61.
        const auto ahead = static_cast<std::int64_t>((promoted->end - part->end) << SR_PROMOTED_SHIFT);
        if (ahead > 0)
            part->end = pace_.end_of_launch(ring, part->end, static_cast<std::uint64_t>(ahead) >> SR_PROMOTED_SHIFT);
    }

    // Both for the next launch.
    void tell_weight(std::size_t number, std::uint32_t weight) noexcept override {
        weights_[number].store(weight, std::memory_order_relaxed);
    }
    void tell_time(std::uint32_t ticks) noexcept override { now_.store(ticks, std::memory_order_relaxed); }

    bool says_left() const noexcept override { return false; }

    cl_int bring_inputs() noexcept override { return device().upload_inputs(device().alone_queue); }

    cl_int await_outcome(const cl::Event&, const GoOn& go_on) noexcept override {
        Device& d = device();
        Status status;
        status << d.download_outputs(d.alone_queue);
        status << d.outcome.download(d.alone_queue, 0, 20);
        status << finish(d.alone_sentinel, d.alone_queue, go_on);
        return status.value;
    }

    std::array<std::optional<Part>, Rings::max> parts_{};
    std::vector<std::vector<std::size_t>> levels_;  // the numbers of each level's rings, the highest level first
    std::size_t launches_a_turn_ = 0;               // 0: no level has one
    std::atomic<bool> unreaped_{false};
    std::array<std::atomic<std::uint32_t>, Rings::max> weights_{};
    std::array<std::atomic<std::uint64_t>, Rings::max> ends_{};  // of each part, for begun()
    std::atomic<std::uint32_t> now_{0};                          // the clock as it was told
    std::uint32_t brought_ = 0;                                  // and as the device has it
    Pace pace_;
    Clock::time_point submitted_at_{};
};

}  // namespace

// A launch ends with what it was given.
std::expected<std::unique_ptr<DeviceSession>, Error> per_launch_session(std::unique_ptr<Device> device,
                                                                        const Options& options) {
    Status status;
    status << device->run.setArg(run_arg::idle_timeout, cl_ulong{0});
    status << device->run.setArg(run_arg::max_time, ~cl_ulong{0});
    status << device->run.setArg(run_arg::crowded_gap, cl_ulong{0});
    if (!status) return cl_error("clSetKernelArg", status.value);
    constexpr Session::Telling telling{.by_last = false, .by_reap = true};
    return std::make_unique<PerLaunch>(telling, std::move(device), options);
}

}  // namespace slipring
