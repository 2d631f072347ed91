// Target ring: sequences of reserve, put, commit, publish, claim, finish, reclaim and cancel on one thread, from
// positions near 2^32 and 2^64. Oracle: a deque. It foretells every answer, every position, every word that the
// consumer finds, every completion and how long it stays. At each step inside publish the slots on their way must not
// be visible, also when another producer reserved the position first. What the ring leaves in memory can be attached
// again exactly while no slot is between its end and its release. Some rings have a window, which holds what is
// published.
#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <optional>

#include <slipring/consumer.hpp>

#include "../lib/ring_inside.hpp"
#include "../lib/wide_store.hpp"
#include "fields.hpp"
#include "guarded.hpp"
#include "positions.hpp"

using namespace fuzz;
using namespace slipring;

namespace fuzz::near {
constexpr std::uint32_t step_[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
constexpr std::uint32_t log2_[] = {0, 0, 1, 2, 5, 8, 16, 25};
constexpr std::uint32_t many_[] = {0, 1, 1, 2, 3, 4, 8, 9, 63, 64, 65};
constexpr Field step{step_}, log2{log2_}, many{many_};
}  // namespace fuzz::near

constexpr Field head[] = {near::log2, SR_FUZZ_POSITION_FIELDS};
constexpr Field record[] = {near::step, near::many, near::choice, near::anything};
const Format format{head, record, 24};

namespace {

// What is on its way must not be seen before it is published.
class Model;
struct Watch {
    static inline Model* model = nullptr;
    static inline std::uint64_t on_its_way = 0;  // position of a reservation's first slot
    static constexpr bool unseen_consumer = false;
    static constexpr std::memory_order publish_order = std::memory_order_seq_cst;
};

}  // namespace

template <>
void slipring::detail::at_step<Watch>(RingStep step) noexcept;

namespace {

using WatchedRing = BasicRing<Watch>;

constexpr std::uint32_t max_capacity = 64;
constexpr Words unwritten = [] {
    Words words{};
    words.fill(0xA5A5A5A5);
    return words;
}();

// A slot as the model holds it: what the consumer must find, and whether it has been published.
struct Expected {
    Words words;
    bool published;
};

class Model {
public:
    explicit Model(Input& in) noexcept
        : sizes_(in.word()), capacity_(2u << sizes_ % 8 % 6), completions_(capacity_ << sizes_ / 8 % 3),
          start_(hard_position(in, completions_)), bytes_(memory().take(*Ring::bytes(capacity_, completions_))),
          has_window_(sizes_ / 8 % 3 == 2 && widest_store() != WideStore::none),
          ring_(*WatchedRing::create(parts(), capacity_, start_, completions_)), consumer_(ring_), head_(start_),
          completed_(start_) {
        FUZZ_CHECK(ring_.capacity() == capacity_ && ring_.completions() == completions_);
        Watch::model = this;
    }
    ~Model() { Watch::model = nullptr; }

    void step(Input& in) {
        const std::uint32_t what = in.word() % 10, n = in.word() % (capacity_ + 2), flags = in.word();
        value_ = in.word();
        quiet_ = flags % 3 == 1 ? Quiet::yes : Quiet::no;
        rival_ = value_ % 8 == 7;
        Watch::on_its_way = end();
        switch (what) {
            case 0: publish_one(); break;
            case 1: publish_batch(n); break;
            case 2: publish_window(n, flags); break;
            case 3: reserve(n); break;
            case 4: put(flags); break;
            case 5: commit(flags); break;
            case 6: finish(flags); break;
            case 7: release(); break;
            case 8: drain(n); break;
            default: attach(); break;
        }
        check_positions();
        check_completions();
        if (has_window_) check_window();
    }

    void at(detail::RingStep step) {
        if (step == detail::RingStep::reserving) return let_rival_publish();
        if (step == detail::RingStep::published) return;
        // With a window the shared part says so first.
        FUZZ_CHECK(step == detail::RingStep::not_copied || ring_.state(Watch::on_its_way) != State::published);
        if (has_window_) FUZZ_CHECK(window_state(Watch::on_its_way) != published_state(Watch::on_its_way));
    }

    void end_all() {
        for (std::uint32_t i = 0; i < std::size(open_); ++i) commit(i);
        release();
        while (!slots_.empty()) drain(capacity_);
        check_positions();
        FUZZ_CHECK(ring_.completed() == ring_.reserved());
        attach();
    }

private:
    using Clock = std::chrono::steady_clock;
    struct Open {
        WatchedRing::Reservation reservation;
        std::uint64_t next;
    };
    struct Asked {
        std::uint64_t position;
        Clock::time_point from, until;
    };

    static Guarded<std::byte, *Ring::bytes(max_capacity, 4 * max_capacity)>& memory() noexcept {
        static Guarded<std::byte, *Ring::bytes(max_capacity, 4 * max_capacity)> memory;
        return memory;
    }
    // With two slots in front and one behind, which nobody writes: AddressSanitizer sees no store of 64 bytes.
    static std::span<Words, max_capacity + 3> window() noexcept {
        alignas(SR_RING_ALIGN) static std::array<Words, max_capacity + 3> words;
        return words;
    }
    RingParts parts() const noexcept {
        const std::size_t shared = *Ring::shared_bytes(capacity_, completions_);
        const RingParts parts{bytes_.first(shared), bytes_.subspan(shared), {}};
        if (!has_window_) return parts;
        std::ranges::fill(window(), unwritten);
        return {parts.shared, parts.producers, std::as_writable_bytes(window().subspan(2, capacity_))};
    }
    std::uint32_t window_state(std::uint64_t position) const noexcept {
        return std::atomic_ref(window()[2 + position % capacity_][0]).load();
    }
    std::uint32_t published_state(std::uint64_t position) const noexcept {
        return static_cast<std::uint32_t>(position / capacity_ % (1u << 24)) * 256 + 1;
    }
    std::uint64_t end() const noexcept { return head_ + slots_.size(); }
    Expected& at(std::uint64_t position) { return slots_[static_cast<std::size_t>(position - head_)]; }

    Slot some_slot() {
        const std::uint32_t args[] = {++count_, value_};
        return slot(custom_opcode<0x100>(), args).for_tenant(value_ % 3);
    }
    Words on_wire(const Slot& slot, std::uint64_t position, std::uint32_t flags) const {
        Words words = slot.words();
        words[0] = published_state(position);
        words[3] |= flags;
        return words;
    }
    std::uint32_t quiet_flag() const noexcept { return static_cast<std::uint32_t>(quiet_); }

    // The ring's answer to a call for `n` slots; on success they are the model's too.
    template <class SlotAt>
    bool expect(const std::expected<std::uint64_t, Errc>& answer, std::uint64_t n, std::uint32_t flags,
                SlotAt slot_at) {
        if (n > capacity_) {
            FUZZ_CHECK(!answer && answer.error() == Errc::larger_than_ring);
        } else if (end() + n - completed_ > capacity_) {
            FUZZ_CHECK(!answer && answer.error() == Errc::ring_full);
        } else {
            FUZZ_CHECK(answer == end());
            for (std::uint64_t i = 0; i < n; ++i) slots_.push_back({on_wire(slot_at(i), end(), flags), true});
            return true;
        }
        return false;
    }

    // Another producer publishes right before a position is reserved: the ring must then reserve the next position.
    void let_rival_publish() {
        if (!std::exchange(rival_, false)) return;
        const Slot slot = some_slot();
        expect(ring_.publish(slot), 1, 0, [&](auto) { return slot; });
        Watch::on_its_way = end();
    }

    void publish_one() {
        const Slot slot = some_slot();
        expect(ring_.publish(slot, quiet_), 1, quiet_flag(), [&](auto) { return slot; });
    }
    void publish_batch(std::uint32_t n) {
        std::array<Slot, max_capacity + 1> batch;
        for (std::uint32_t i = 0; i < n; ++i) batch[i] = some_slot();
        expect(ring_.publish(std::span<const Slot>(batch).first(n), quiet_), n, quiet_flag(),
               [&](std::uint64_t i) { return batch[i]; });
    }
    void publish_window(std::uint32_t n, std::uint32_t split) {
        const std::uint32_t words[] = {++count_, value_, 3};
        std::array<Payload, max_capacity + 1> entries;
        for (std::uint32_t i = 0; i < n; ++i) entries[i] = std::span(words).first(i % 4);
        const std::span<const Payload> all = std::span(entries).first(n);
        const std::size_t required = split % (n + 1);
        const Window window{count_, custom_opcode<0x200>(), 1, all.first(required), all.subspan(required), {}};
        expect(ring_.publish(window, quiet_), n, quiet_flag() | SR_FLAG_WINDOWED,
               [&](std::uint64_t i) { return entry_slot(window, i); });
    }

    void reserve(std::uint32_t n) {
        const auto free = std::ranges::find_if(open_, [](const auto& open) { return !open.has_value(); });
        if (free == std::end(open_)) return;
        // Far more than a ring has: a sum that wraps, in 32 bits or in 64, is small.
        for (const std::uint64_t far : {std::uint64_t{1} << 32, ~std::uint64_t{0} - end(), 0 - (end() - completed_)})
            if (far + n > capacity_ && far + n >= far)
                FUZZ_CHECK(ring_.reserve(far + n).error() == Errc::larger_than_ring);
        auto answer = ring_.reserve(n);
        const std::uint64_t first = end();
        const auto position =
            answer ? std::expected<std::uint64_t, Errc>(answer->first()) : std::unexpected(answer.error());
        if (!expect(position, n, 0, [](auto) { return nop(); })) return;
        for (std::uint64_t i = 0; i < n; ++i) at(first + i).published = false;
        free->emplace(std::move(*answer), first);
    }
    void put(std::uint32_t which) {
        auto& open = open_[which % std::size(open_)];
        if (!open) return;
        Watch::on_its_way = open->reservation.first();
        const bool room = open->next - open->reservation.first() < open->reservation.count();
        const Slot slot = some_slot();
        FUZZ_CHECK(open->reservation.put(slot, quiet_) == room);
        if (room) at(open->next).words = on_wire(slot, open->next, quiet_flag());
        if (room) ++open->next;
        if (which / 4 % 4 != 3) return;
        // Half filled, it moves; what it was moved from ends, and that is nothing.
        Open moved = std::move(*open);
        FUZZ_CHECK(!open->reservation.put(slot));
        open.reset();
        open.emplace(std::move(moved));
    }
    // By commit, or cancelled: then it ends as NOPs.
    void commit(std::uint32_t which) {
        auto& open = open_[which % std::size(open_)];
        if (!open) return;
        const std::uint64_t first = open->reservation.first(), n = open->reservation.count();
        Watch::on_its_way = first;
        if (which / 4 % 2 == 0) open->reservation.commit();
        open.reset();
        for (std::uint64_t i = 0; i < n; ++i) at(first + i).published = true;
    }

    Completion some_outcome(std::uint32_t from) const {
        constexpr State states[] = {State::done, State::fault, State::cancelled};
        return {states[from % 3], Code{from / 4 % 9}, value_ * std::uint64_t{0x100000001}, from / 32 % 12};
    }
    // The slot at the head, if it is there: claimed and finished.
    void finish(std::uint32_t how) {
        const std::uint32_t* const found = consumer_.peek();
        FUZZ_CHECK(consumer_.head() == head_);
        FUZZ_CHECK((found != nullptr) == (!slots_.empty() && slots_.front().published));
        if (found == nullptr) return;
        FUZZ_CHECK(std::ranges::equal(std::span(found, 16), slots_.front().words));
        const Completion outcome = some_outcome(how);
        consumer_.finish(outcome);
        finished(outcome);
    }
    void finished(const Completion& outcome) {
        const Words& words = slots_.front().words;
        const bool quiet = (words[3] & SR_FLAG_QUIET) != 0;
        if (!quiet) {
            unreleased_ = true;
            // A stand-in for the consumer writes the same completion, and nothing else.
            inside(ring_).complete(head_, outcome);
        }
        for (std::uint32_t w = 0; w < 16; ++w) FUZZ_CHECK(inside(ring_).word(head_, w) == words[w]);
        ended_.push_back(quiet ? std::optional<Completion>() : outcome);
        if (ended_.size() > 2 * completions_) ended_.pop_front();
        slots_.pop_front();
        ++head_;
    }
    // Of a position that the input chooses, of the last, of the oldest that is kept, and of those beside it.
    void check_completions() {
        FUZZ_CHECK(ring_.oldest_result() == end() - completions_);
        const std::uint64_t oldest = end() - completions_, chosen = end() - value_ % (completions_ + 2);
        for (const std::uint64_t position : {chosen, head_ - 1, head_, oldest, oldest - 1}) {
            const auto found = ring_.completion(position);
            const std::uint64_t ago = head_ - position;  // 1: the last that has finished
            const bool known = ago - 1 < ended_.size();
            const std::optional<Completion> expected = known ? ended_[ended_.size() - ago] : std::nullopt;
            if (static_cast<std::int64_t>(oldest - position) > 0) FUZZ_CHECK(!found);
            else FUZZ_CHECK(found.has_value() == expected.has_value());
            if (found)
                FUZZ_CHECK(found->state == expected->state && found->code == expected->code &&
                           found->result == expected->result && found->inner == expected->inner);
            if (expected) FUZZ_CHECK(ring_.is_finished(position));
            if (ago - 1 >= std::uint64_t{1} << 63) FUZZ_CHECK(!ring_.is_finished(position));
        }
    }
    void release() {
        consumer_.release();
        completed_ = head_;
        unreleased_ = false;
    }
    void drain(std::uint32_t most) {
        std::uint64_t there = 0;
        while (there < slots_.size() && slots_[there].published) ++there;
        const std::uint64_t n = std::min<std::uint64_t>(most, there);
        std::uint32_t at = 0;
        FUZZ_CHECK(consumer_.drain(most, [&](auto words) {
            FUZZ_CHECK(std::ranges::equal(words, slots_[at].words));
            return some_outcome(at++);
        }) == n);
        for (std::uint32_t i = 0; i < n; ++i) finished(some_outcome(i));
        if (n == 0) return;
        completed_ = head_;
        unreleased_ = false;
    }

    void attach() {
        const auto again = WatchedRing::attach(bytes_);
        FUZZ_CHECK(again.has_value() == !unreleased_);
        if (!again) FUZZ_CHECK(again.error() == Errc::not_a_ring);
        else FUZZ_CHECK(again->capacity() == capacity_ && again->reserved() == end());
        if (again) asked_.reset();  // the time before is another clock's
    }

    // The consumer finds there what is published, and nothing else that it awaits; and nothing lies beside it.
    void check_window() {
        for (std::uint64_t p = head_; p != end(); ++p) {
            if (at(p).published) FUZZ_CHECK(window()[2 + p % capacity_] == at(p).words);
        }
        std::uint64_t first = head_;
        while (first != end() && at(first).published) ++first;
        if (first != head_ + capacity_) FUZZ_CHECK(window_state(first) != published_state(first));
        FUZZ_CHECK(window()[1] == unwritten && window()[2 + capacity_] == unwritten);
    }

    void check_positions() {
        std::uint64_t tail = head_;
        for (const Expected& slot : slots_) {
            if (!slot.published) break;
            ++tail;
        }
        FUZZ_CHECK(ring_.completed() == completed_);
        FUZZ_CHECK(ring_.reserved() == end());
        FUZZ_CHECK(ring_.is_complete(completed_) && !ring_.is_complete(completed_ + 1));
        if (value_ % 2 == 0) return;  // a later call must catch up
        FUZZ_CHECK(ring_.tail() == tail);
        const auto before = Clock::now();
        const auto held = ring_.held();
        const auto after = Clock::now();
        FUZZ_CHECK(held.has_value() == (tail != end()));
        if (!held) return;
        FUZZ_CHECK(held->position == tail);
        // Since a call of held() first saw it; with the clock read around that call and this one, between these two.
        if (!asked_ || asked_->position != tail) asked_ = {tail, before, after};
        FUZZ_CHECK(held->since >= before - asked_->until && held->since <= after - asked_->from);
    }

    std::uint32_t sizes_, capacity_, completions_;
    std::uint64_t start_;
    std::span<std::byte> bytes_;
    bool has_window_;
    WatchedRing ring_;
    Consumer consumer_;
    std::deque<Expected> slots_;                   // from head_ on
    std::deque<std::optional<Completion>> ended_;  // up to head_; none of quiet ones
    std::optional<Open> open_[4];
    std::optional<Asked> asked_;  // the hold that was last seen, and when first
    std::uint64_t head_, completed_;
    bool unreleased_ = false;  // a slot has a completion, and has not been given back
    std::uint32_t count_ = 0, value_ = 0;
    Quiet quiet_ = Quiet::no;
    bool rival_ = false;  // another producer publishes during this step
};

}  // namespace

template <>
void slipring::detail::at_step<Watch>(RingStep step) noexcept {
    if (Watch::model != nullptr) Watch::model->at(step);
}

void run(Input& in) {
    Model model(in);
    for (int steps = 0; in.more() && steps < 64; ++steps) model.step(in);
    model.end_all();
}
