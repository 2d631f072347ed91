// Target ring_attach: attaches to hostile memory: format, capacity, size and alignment, counters, states and
// generations. Oracle: the rules written a second time. Memory that breaks one is refused with its error and left as
// it was. What is accepted is then used to the full, and does what such a ring must: all that was published comes out
// once, in order, nothing else does, and no byte outside is touched. In memory that is refused a ring is created, or
// refused with its error again.
#include <algorithm>
#include <bit>
#include <chrono>

#include <slipring/consumer.hpp>

#include "fields.hpp"
#include "guarded.hpp"
#include "positions.hpp"

using namespace fuzz;
using namespace slipring;

namespace fuzz::near {
constexpr std::uint32_t log2_[] = {1, 1, 2, 3, 4};
constexpr std::uint32_t size_[] = {0, 0, 0, 0, 0, 1, 63, 64, 0xFFFFFFFF, 0xFFFFFFC0};
constexpr std::uint32_t skew_[] = {0, 0, 0, 0, 0, 0, 8, 64};
constexpr std::uint32_t format_[] = {SR_RING_FORMAT_2, SR_RING_FORMAT_2, SR_RING_FORMAT_2, SR_RING_FORMAT_2, 0};
constexpr std::uint32_t capacity_[] = {0, 0, 0, 0,  0,  1,        2,        3,        4,
                                       5, 6, 8, 16, 32, 1u << 24, 1u << 25, 1u << 31, 0xFFFFFFFF};
constexpr std::uint32_t completions_[] = {0, 0, 0, 0, 1, 2, 3, 4, 8, 16, 32, 1u << 24, 1u << 25};
constexpr std::uint32_t which_[] = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr std::uint32_t lag_[] = {0, 0, 1, 2, 3, 4, 8, 16, 0xFFFFFFFF, 0x80000000};
constexpr std::uint32_t fill_[] = {0, 1, 1, 1, 2, 3};
constexpr std::uint32_t lap_[] = {0, 0, 0, 1, 2, 0xFFFFFFFF};
constexpr std::uint32_t slot_state_[] = {0, 1, 1, 2, 3, 7, 8, 255};
constexpr Field log2{log2_}, size{size_}, skew{skew_}, format_word{format_}, capacity{capacity_}, lag{lag_},
    fill{fill_}, lap{lap_}, slot_state{slot_state_}, completions{completions_}, which_one{which_};
}  // namespace fuzz::near

constexpr Field head[] = {
    near::log2, near::size, near::skew, near::format_word, near::capacity, near::completions, SR_FUZZ_POSITION_FIELDS,
    near::lag,  near::lag,  near::lag,  near::fill};
constexpr Field record[] = {near::which_one, near::lap, near::slot_state};
const Format format{head, record, 12};

namespace {

constexpr std::uint32_t max_capacity = 32;
constexpr std::size_t max_bytes = *Ring::bytes(max_capacity, 2 * max_capacity) + 64;

// As the ABI has them: the words, slots, completions, and behind these the producers' words.
std::uint64_t shared_bytes(std::uint64_t capacity, std::uint64_t completions) {
    return (640 + capacity * 64 + completions * 16 + 127) / 128 * 128;
}

// Memory as the input describes it, and the rules for it.
class Hostile {
public:
    explicit Hostile(Input& in) noexcept : slots_(1u << in.word() % 6) {
        const std::uint32_t extra = in.word();
        skew_ = in.word() % 128;
        format_ = in.word();
        const std::uint32_t capacity = in.word(), completions = in.word();
        capacity_ = capacity == 0 ? slots_ : capacity;
        completions_ = completions == 0 ? capacity_ : completions;
        entries_ = std::clamp(std::bit_ceil(std::min(completions_, 64u)), slots_, 2 * max_capacity);
        const std::uint64_t wanted = shared_bytes(slots_, entries_) + 128;
        const std::int64_t size = static_cast<std::int64_t>(wanted) + static_cast<std::int32_t>(extra) % 128;
        static Guarded<std::byte, max_bytes + 256> memory;
        bytes_ = memory.take(static_cast<std::size_t>(std::clamp<std::int64_t>(size, 0, max_bytes)), skew_);
        std::fill(bytes_.begin(), bytes_.end(), std::byte{0});

        completed_ = hard_position(in, slots_);
        const auto near_it = [&] {
            return completed_ + static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(in.word())});
        };
        reserved_ = near_it();
        reclaimed_ = 2 * completed_ - near_it();
        tail_ = near_it();
        set(SR_RING_COMPLETED, completed_);
        set(SR_RING_FORMAT, std::uint64_t{capacity_} << 32 | format_);
        set(SR_RING_COMPLETIONS, completions_);
        const std::size_t own = shared_bytes(slots_, entries_);
        set(own, reserved_);
        set(own + 8, tail_);
        set(own + 16, reclaimed_);
        set(own + 24, tail_);
        set(own + 32, std::uint64_t{1} << 63);

        const std::uint32_t fill = in.word();
        for (std::uint64_t i = 0; i < slots_; ++i) set_state(i, fill);
        while (in.more()) {
            const std::uint64_t i = in.word();
            const std::uint32_t lap = in.word(), state = in.word();
            if (i / 8 % 2 == 1) set_entry(i / 16 % entries_, lap, state % 256);
            else set_word(i % slots_, word_of(completed_ + i % slots_ + std::uint64_t{slots_} * lap, state % 256));
        }
        // Where the header has other sizes than the memory was laid out for, the producers' words are others.
        const std::uint64_t read = shared_bytes(capacity_, completions_);
        if (bytes_.size() < read + 128) return;
        reserved_ = get(read);
        tail_ = get(read + 8);
        reclaimed_ = get(read + 16);
    }

    std::span<std::byte> bytes() const noexcept { return bytes_; }
    std::uint64_t reserved() const noexcept { return reserved_; }
    std::uint64_t completed() const noexcept { return completed_; }
    std::uint64_t capacity() const noexcept { return capacity_; }

    // Published, as its slot has it.
    bool published(std::uint64_t position) const noexcept {
        const std::uint32_t word = word_at(position % capacity_);
        return word % 256 != 0 && word / 256 == position / capacity_ % (1u << 24);
    }
    std::uint32_t state(std::uint64_t position) const noexcept { return word_at(position % capacity_) % 256; }

    // Why create must refuse it.
    std::expected<void, Errc> creatable() const noexcept {
        if (std::popcount(capacity_) != 1 || capacity_ < 2 || capacity_ > 1u << 24)
            return std::unexpected(Errc::bad_capacity);
        if (bytes_.size() < shared_bytes(capacity_, capacity_) + 128 || skew_ % SR_RING_ALIGN != 0)
            return std::unexpected(Errc::bad_memory);
        return {};
    }

    // Why attach must refuse it.
    std::expected<void, Errc> allowed() const noexcept {
        const auto refused = std::unexpected(Errc::not_a_ring);
        if (bytes_.size() < SR_RING_SLOTS || skew_ % SR_RING_ALIGN != 0) return std::unexpected(Errc::bad_memory);
        if (format_ != SR_RING_FORMAT_2) return refused;
        if (std::popcount(capacity_) != 1 || capacity_ < 2 || capacity_ > 1u << 24) return refused;
        if (std::popcount(completions_) != 1 || completions_ < capacity_ || completions_ > 1u << 24) return refused;
        if (bytes_.size() < shared_bytes(capacity_, completions_) + 128) return std::unexpected(Errc::bad_memory);
        // Differences modulo 2^64: completed and reserved lie at most a lap behind what producers know as free.
        if (reserved_ - reclaimed_ > capacity_ || reserved_ - completed_ > reserved_ - reclaimed_) return refused;
        if (reserved_ - tail_ > std::uint64_t{1} << 63) return refused;
        if (reserved_ - tail_ == std::uint64_t{1} << 63) return refused;
        for (std::uint64_t i = 0; i < capacity_; ++i) {
            const std::uint64_t position = completed_ + i;
            const bool open = i < reserved_ - completed_;
            if (published(position) && (!open || state(position) != 1)) return refused;
            const std::uint64_t ahead = tail_ - position;
            if (!published(position) && ahead != 0 && ahead < std::uint64_t{1} << 63) return refused;
        }
        for (std::uint64_t i = 0; i < completions_; ++i)
            if (is_to_come(completed_ + i)) return refused;
        return {};
    }

    std::uint64_t completions() const noexcept { return completions_; }

private:
    // The completion in the place of this one is its own, or a later one's.
    bool is_to_come(std::uint64_t position) const noexcept {
        const std::uint64_t head = get(640 + capacity_ * std::size_t{64} + position % completions_ * 16);
        const std::uint64_t forty = (std::uint64_t{1} << 40) - 1;
        const std::uint64_t generation = head / 256 % (1u << 24) + (head >> 48) * (1u << 24);
        return head % 256 != 0 && ((generation - position / completions_) & forty) < std::uint64_t{1} << 39;
    }
    std::uint64_t get(std::size_t at) const noexcept {
        std::uint64_t value;
        std::memcpy(&value, bytes_.data() + at, 8);
        return value;
    }
    // Completion of position completed + i, or of one so many generations later.
    void set_entry(std::uint64_t i, std::uint32_t lap, std::uint32_t state) noexcept {
        const std::uint64_t position = completed_ + i;
        const std::uint64_t generation = position / entries_ + std::uint64_t(std::int64_t{std::int32_t(lap)});
        set(640 + slots_ * std::size_t{64} + position % entries_ * 16,
            state + 256 * (generation % (1u << 24)) + (generation / (1u << 24) % (1u << 16) << 48));
    }
    void set(std::size_t at, std::uint64_t value) noexcept {
        if (at + 8 <= bytes_.size()) std::memcpy(bytes_.data() + at, &value, 8);
    }
    std::uint32_t word_of(std::uint64_t position, std::uint32_t state) const noexcept {
        return static_cast<std::uint32_t>(position / slots_ % (1u << 24)) * 256 + state;
    }
    // Slot of position completed + i.
    void set_word(std::uint64_t i, std::uint32_t word) noexcept {
        const std::size_t at = SR_RING_SLOTS + (completed_ + i) % slots_ * 64;
        if (at + 4 <= bytes_.size()) std::memcpy(bytes_.data() + at, &word, 4);
    }
    std::uint32_t word_at(std::uint64_t index) const noexcept {
        std::uint32_t word;
        std::memcpy(&word, bytes_.data() + SR_RING_SLOTS + index * 64, 4);
        return word;
    }
    // As a ring leaves it: open slots published, but for every third where holes are wanted; others of the generation
    // before, or unused.
    void set_state(std::uint64_t i, std::uint32_t fill) noexcept {
        const bool open = i < reserved_ - completed_;
        const bool hole = fill % 4 == 2 && i % 3 == 2;
        if (fill % 4 == 0) return;
        if (open && !hole) set_word(i, word_of(completed_ + i, SR_STATE_PUBLISHED));
        else if (fill % 4 != 3) set_word(i, word_of(completed_ + i - slots_, SR_STATE_PUBLISHED));
    }

    std::uint32_t slots_, format_, capacity_, completions_, entries_;
    std::size_t skew_;
    std::span<std::byte> bytes_;
    std::uint64_t reserved_, completed_, reclaimed_, tail_;
};

// Everything that was published up to the first hole, and then all that fits.
void use(const Ring& ring, const Hostile& memory, std::chrono::steady_clock::time_point attached) {
    std::uint64_t end = memory.completed();
    while (end != memory.reserved() && memory.published(end)) ++end;
    FUZZ_CHECK(ring.tail() == end);
    const auto held = ring.held();
    FUZZ_CHECK(held.has_value() == (end != memory.reserved()));
    const auto age = std::chrono::steady_clock::now() - attached;
    if (held) FUZZ_CHECK(held->position == end && held->since.count() >= 0 && held->since <= age);

    const std::uint64_t room = memory.capacity() - (memory.reserved() - memory.completed());
    for (std::uint64_t i = 0; i < room; ++i) FUZZ_CHECK(ring.publish(nop()) == memory.reserved() + i);
    FUZZ_CHECK(ring.publish(nop()).error() == Errc::ring_full);

    Consumer consumer(ring);
    const bool whole = end == memory.reserved();
    const std::uint64_t all = whole ? memory.capacity() : end - memory.completed();
    FUZZ_CHECK(consumer.drain(~std::size_t{0}, [](auto) { return Completion{}; }) == all);
    FUZZ_CHECK(ring.completed() == memory.completed() + all);
    FUZZ_CHECK(ring.publish(nop()).has_value() == (all != 0));
}

}  // namespace

void run(Input& in) {
    const Hostile memory(in);
    static std::byte before[max_bytes];
    std::ranges::copy(memory.bytes(), before);
    const auto untouched = [&] {
        return std::ranges::equal(memory.bytes(), std::span(before).first(memory.bytes().size()));
    };
    const auto allowed = memory.allowed();
    const auto now = std::chrono::steady_clock::now();
    const auto ring = Ring::attach(memory.bytes());
    FUZZ_CHECK(ring.has_value() == allowed.has_value());
    if (ring) return use(*ring, memory, now);
    FUZZ_CHECK(ring.error() == allowed.error());
    FUZZ_CHECK(untouched());

    const auto creatable = memory.creatable();
    const auto created =
        Ring::create(memory.bytes(), static_cast<std::uint32_t>(memory.capacity()), memory.completed());
    FUZZ_CHECK(created.has_value() == creatable.has_value());
    if (!created) FUZZ_CHECK(created.error() == creatable.error() && untouched());
    else FUZZ_CHECK(created->reserved() == memory.completed() && created->tail() == memory.completed());
}
