// What target wide expects of a launch, at each of its steps and once it has left: what may be claimed and by whom,
// in which order slots finish, and what the words of the ring and of the scheduler say meanwhile.
#pragma once

#include <cstring>
#include <span>
#include <utility>

#include <slipring/ring.hpp>

#include "../cl/wide/layout.h"
#include "../tests/lanes.hpp"
#include "ring_words.hpp"
#include "wide_slots.hpp"
#include "wide_teams.hpp"

namespace fuzz {

constexpr ulong for_ever = ~ulong{0};

class Oracle {
public:
    Oracle(const slipring::Ring& ring, RingWords words, std::uint32_t capacity, std::uint64_t start, Slots& slots,
           Teams& teams, std::span<const uint> sched) noexcept
        : ring_(ring), words_(words), capacity_(capacity), slots_(slots), teams_(teams), sched_(sched),
          completed_(start), tail_(start), claimed_(start) {}

    // All before it have finished.
    std::uint64_t completed() const noexcept { return completed_; }
    bool is_revoked() const noexcept { return revoked_; }

    // ---- what the host does ----
    // A launch begins with so many sub-groups. `claimed`: up to there the one before has claimed; what it left is
    // claimed again.
    void begin(const sr_bounds& bounds, std::uint32_t subgroups, std::uint64_t claimed) noexcept {
        bounds_ = bounds;
        subgroups_ = subgroups;
        claimed_ = claimed;
        claims_ = closed_from_ = claimed_last_ = 0;
        published_since_left_ = has_claimed_ = is_alone_ = false;
        queued_ = sched_[SR_SCHED_QUEUED];
    }
    void publish(std::uint64_t position) noexcept {
        slots_.at(position).published = true;
        slots_.at(position).was_hole = before(position, claimed_);
        while (tail_ != slots_.end() && slots_.at(tail_).published) ++tail_;
        published_since_left_ = published_since_left_ || has_left();
    }
    void revoke() noexcept { revoked_ = true; }

    // ---- what must be so then ----
    // Behind a step.
    void look() noexcept {
        is_alone_ = is_alone_ || sched_[SR_SCHED_STAGE] == SR_STAGE_ALONE;
        teams_.check(sched_);
        FUZZ_CHECK(is_there() || has_left());
        const std::uint64_t completed = words_.word64(SR_RING_COMPLETED), claimed = words_.word64(SR_RING_CLAIMED);
        FUZZ_CHECK(!before(completed, completed_) && !before(tail_, completed));
        if (claimed != raw_claimed_) {
            // Behind a cut the last sub-group goes on alone at the hole, and claims anew what was claimed and not
            // begun.
            const bool grows = has_claimed_ && !slots_.at(completed_).was_hole;
            FUZZ_CHECK(before(grows ? claimed_ : completed_, claimed) && claimed - completed_ <= capacity_);
            FUZZ_CHECK(!before(slots_.end(), claimed) && slots_.at(claimed - 1).published);
            FUZZ_CHECK(!revoked_ || ++claims_ <= 1);
            claimed_last_ =
                static_cast<uint>(claimed - (has_claimed_ && before(claimed_, claimed) ? claimed_ : completed_));
            check_claim(claimed, claimed_last_);
            has_claimed_ = true;
            raw_claimed_ = claimed_ = claimed;
        }
        FUZZ_CHECK(!before(claimed_, completed));
        for (std::uint64_t p = completed_; p != slots_.end(); ++p) {
            const Slots::Slot& s = slots_.at(p);
            // The device writes no slot.
            if (s.published) FUZZ_CHECK(std::memcmp(words_.slot(p), s.given, 64) == 0);
            if (s.ran || !slots_.has_completion(p)) continue;
            FUZZ_CHECK(before(p, claimed_));
            slots_.check_ended(p, completed_, runner());
        }
        for (; completed_ != completed; ++completed_) {
            FUZZ_CHECK(slots_.at(completed_).ran || slots_.at(completed_).quiet);
            slots_.pass(completed_, runner());
        }
        check_words();
    }

    // Behind the last step of a launch.
    void left() noexcept {
        const uint told_next = slots_.take_left();
        FUZZ_CHECK(has_left() && (told_next & SR_LAUNCH_MASK) == bounds_.launch);
        // A slot that a sub-group found when it said that it has left was published in time.
        FUZZ_CHECK((told_next & SR_LEFT_IDLE) == 0 || published_since_left_ || completed_ == tail_);
        const uint stop = words_.word32(SR_RING_STOP);
        FUZZ_CHECK(stop <= bounds_.launch && words_.word32(SR_RING_REVOKED) == (revoked_ ? 1 : 0));
        FUZZ_CHECK(ring_.reserved() == slots_.end());
        for (std::uint64_t p = completed_; p != slots_.end(); ++p) {
            const Slots::Slot& s = slots_.at(p);
            if (s.ran) FUZZ_CHECK(revoked_);
            else if (!s.quiet || !revoked_ || !before(p, claimed_)) slots_.check_untouched(p);
        }
        for (uint word = SR_SCHED_ARRIVED; word <= SR_SCHED_LEFT; word += 32) FUZZ_CHECK(sched_[word] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_ASKED] == sched_[SR_SCHED_QUEUED] && sched_[SR_SCHED_PRINTING] == 0);
        FUZZ_CHECK(sched_[SR_SCHED_TEAM_ASKED] == sched_[SR_SCHED_TEAM_QUEUED]);
        if (revoked_) return slots_.check_log();
        FUZZ_CHECK(words_.word32(SR_RING_FAULTS) == slots_.faults());
        slots_.check_all(completed_);
        // What was claimed has run, but for what is behind a slot that was claimed before it was published.
        FUZZ_CHECK(completed_ == claimed_ || completed_ == tail_ || slots_.at(completed_).was_hole);
        // A launch that was not told to leave has looked again since it said that it has left, unless much came while
        // it did.
        const bool told = bounds_.max_time != for_ever || stop == bounds_.launch;
        FUZZ_CHECK(told || published_since_left_ || completed_ == tail_ || completed_ - closed_at_ >= 8 ||
                   waits_for_a_team(completed_));
    }

private:
    static bool before(std::uint64_t a, std::uint64_t b) noexcept { return static_cast<std::int64_t>(a - b) < 0; }

    bool has_left() const noexcept { return words_.word32(SR_RING_LEFT) == bounds_.launch; }
    // It has not left, or it wants its successor: only after half of its time.
    bool is_there() const noexcept {
        const uint left = words_.word32(SR_RING_LEFT);
        return left == bounds_.launch - 1 ||
               (left == (bounds_.launch | SR_LEFT_WANTED) && bounds_.max_time != for_ever);
    }

    // Who runs the team slots that this launch runs now. No lanes claim one where there are teams.
    bool is_polled() const noexcept { return sched_[SR_SCHED_STAGE] == SR_STAGE_POLLED; }
    Runner runner() const noexcept {
        return !is_polled() ? Runner::one : teams_.count() != 0 ? Runner::team : Runner::lanes;
    }
    bool is_for_teams(std::uint64_t position) noexcept { return teams_.count() != 0 && slots_.at(position).is_team; }
    // The last one of a launch with teams leaves it to the next launch, whose teams may run long copies as well.
    bool waits_for_a_team(std::uint64_t position) noexcept {
        return is_for_teams(position) || (teams_.count() != 0 && slots_.at(position).is_long_copy);
    }

    // From the last `n` before `claimed` on.
    void check_claim(std::uint64_t claimed, uint n) noexcept {
        uint for_teams = 0, long_copies = 0;
        for (uint k = 1; k <= n; ++k) {
            for_teams += is_for_teams(claimed - k) ? 1 : 0;
            long_copies += slots_.at(claimed - k).is_long_copy ? 1 : 0;
            if (teams_.count() != 0) FUZZ_CHECK(slots_.at(claimed - k).published);
        }
        if (is_polled()) teams_.claim(for_teams, sched_);
        else FUZZ_CHECK(for_teams == 0 || is_alone_);
        // An earlier claim of this launch, up to where those of the last one ended, is not seen: it is part of n.
        const bool is_one = has_claimed_ || claimed_ == bounds_.first;
        if (is_polled() && is_one) FUZZ_CHECK(for_teams == 0 || for_teams + long_copies == n);
    }
    void check_words() noexcept {
        // Workers have asked for what is handed to them; for whole entries each of them may ask a moment later.
        const uint queued = sched_[SR_SCHED_QUEUED];
        const int ahead = static_cast<int>(queued - sched_[SR_SCHED_ASKED]);
        if (std::exchange(queued_, queued) != queued)
            FUZZ_CHECK(ahead <= (claimed_last_ % lanes::of_a_subgroup == 0 ? static_cast<int>(subgroups_ - 2) : 0));
        const uint faults = words_.word32(SR_RING_FAULTS);
        FUZZ_CHECK(faults - slots_.faults() <= slots_.faults_behind());
        if (sched_[SR_SCHED_FINISHED] != 0 && closed_from_++ == 0) closed_at_ = completed_;
    }

    slipring::Ring ring_;
    RingWords words_;
    std::uint32_t capacity_;
    Slots& slots_;
    Teams& teams_;
    std::span<const uint> sched_;
    // Positions. CLAIMED goes back when a launch begins; `raw_claimed_` is what the word said at the last look.
    std::uint64_t completed_, tail_, claimed_, raw_claimed_ = claimed_;
    std::uint64_t closed_at_ = 0;  // `completed_` when a launch last closed
    sr_bounds bounds_{};
    std::uint32_t subgroups_ = 0, queued_ = 0, claimed_last_ = 0, claims_ = 0, closed_from_ = 0;
    bool revoked_ = false, published_since_left_ = false, has_claimed_ = false, is_alone_ = false;
};

}  // namespace fuzz
