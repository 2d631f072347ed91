// The ring against a std::deque: random calls, every answer and every slot foretold.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <deque>
#include <list>

#include <slipring/consumer.hpp>

#include "random.hpp"
#include "ring_memory.hpp"

using namespace slipring;

namespace {

// A slot as the model holds it: what the consumer must find, and whether it has been published.
struct Expected {
    Words words;
    bool published;
};

// An open reservation and the position where its next put goes.
struct Open {
    Ring::Reservation reservation;
    std::uint64_t next;
};

class Model {
public:
    Model(std::uint32_t capacity, std::uint64_t start, std::uint32_t seed)
        : capacity_(capacity), memory_(capacity), ring_(memory_.ring(capacity, start)), consumer_(ring_),
          random_(seed), completed_(start), drained_(start) {}

    void step() {
        switch (random_.below(8)) {
            case 0: publish_one(); break;
            case 1: publish_batch(); break;
            case 2: publish_window(); break;
            case 3: reserve(); break;
            case 4: put(); break;
            case 5: commit(); break;
            default: drain(); break;
        }
        check_positions();
    }

    void finish() {
        while (!open_.empty()) commit();
        while (!slots_.empty()) drain();
        check_positions();
        BOOST_REQUIRE(ring_.completed() == ring_.reserved());
    }

    std::size_t published() const { return count_; }

private:
    std::uint64_t end() const { return drained_ + slots_.size(); }
    Expected& at(std::uint64_t position) { return slots_[static_cast<std::size_t>(position - drained_)]; }

    Slot random_slot() {
        const std::uint32_t args[] = {++count_, random_.word()};
        const auto some = std::span(args).first(1 + random_.below(2));
        return slot(custom_opcode<0x100>(), some).value().for_tenant(random_.below(3));
    }

    Quiet random_quiet() { return random_.once_in(3) ? Quiet::yes : Quiet::no; }

    Words on_wire(const Slot& slot, std::uint64_t position, std::uint32_t flags) const {
        Words words = slot.words();
        words[SR_WORD_STATE] = static_cast<std::uint32_t>(position / capacity_) << 8 | SR_STATE_PUBLISHED;
        words[SR_WORD_PRIORITY] |= flags;
        return words;
    }

    // The ring's answer to a call for `n` slots; on success the model's slots are appended.
    template <class SlotAt>
    void expect(const std::expected<std::uint64_t, Errc>& outcome, std::uint64_t n, std::uint32_t flags,
                SlotAt slot_at) {
        if (n > capacity_) {
            BOOST_REQUIRE((!outcome && outcome.error() == Errc::larger_than_ring));
        } else if (end() + n - completed_ > capacity_) {
            BOOST_REQUIRE((!outcome && outcome.error() == Errc::ring_full));
        } else {
            BOOST_REQUIRE((outcome == end()));
            for (std::uint64_t i = 0; i < n; ++i) slots_.push_back({on_wire(slot_at(i), end(), flags), true});
        }
    }

    void publish_one() {
        const Slot slot = random_slot();
        const Quiet quiet = random_quiet();
        expect(ring_.publish(slot, quiet), 1, static_cast<std::uint32_t>(quiet), [&](auto) { return slot; });
    }

    void publish_batch() {
        std::vector<Slot> batch(random_.below(capacity_ + 2));
        for (Slot& slot : batch) slot = random_slot();
        const Quiet quiet = random_quiet();
        expect(ring_.publish(std::span<const Slot>(batch), quiet), batch.size(), static_cast<std::uint32_t>(quiet),
               [&](std::uint64_t i) { return batch[i]; });
    }

    void publish_window() {
        const std::uint32_t words[] = {++count_, random_.word(), random_.word()};
        std::vector<Payload> entries(random_.below(capacity_ + 2));
        for (Payload& entry : entries) entry = std::span(words).first(random_.below(4));
        const std::size_t required = random_.below(static_cast<std::uint32_t>(entries.size()) + 1);
        const std::span<const Payload> all(entries);
        const Window window{count_, custom_opcode<0x200>(), 1, all.first(required), all.subspan(required)};
        const Quiet quiet = random_quiet();
        expect(ring_.publish(window, quiet), window.size(), static_cast<std::uint32_t>(quiet) | SR_FLAG_WINDOWED,
               [&](std::uint64_t i) { return entry_slot(window, i); });
    }

    void reserve() {
        const std::uint64_t n = random_.below(capacity_ + 2);
        auto outcome = ring_.reserve(n);
        const std::uint64_t first = end();
        const auto position = outcome ? std::expected<std::uint64_t, Errc>(outcome->first())
                                      : std::unexpected(outcome.error());
        expect(position, n, 0, [](auto) { return nop(); });
        if (!outcome) return;
        for (std::uint64_t i = 0; i < n; ++i) at(first + i).published = false;
        open_.push_back({std::move(*outcome), first});
    }

    void put() {
        if (open_.empty()) return;
        Open& open = *std::next(open_.begin(), random_.below(static_cast<std::uint32_t>(open_.size())));
        const Slot slot = random_slot();
        const Quiet quiet = random_quiet();
        const bool room = open.next - open.reservation.first() < open.reservation.count();
        BOOST_REQUIRE(open.reservation.put(slot, quiet) == room);
        if (room) at(open.next).words = on_wire(slot, open.next, static_cast<std::uint32_t>(quiet));
        if (room) ++open.next;
    }

    // By commit or by dropping it.
    void commit() {
        if (open_.empty()) return;
        const auto open = std::next(open_.begin(), random_.below(static_cast<std::uint32_t>(open_.size())));
        const std::uint64_t first = open->reservation.first(), n = open->reservation.count();
        if (random_.once_in(2)) open->reservation.commit();
        open_.erase(open);
        for (std::uint64_t i = 0; i < n; ++i) at(first + i).published = true;
    }

    void drain() {
        const std::uint64_t most = random_.below(capacity_ + 1);
        std::uint64_t there = 0;
        while (there < slots_.size() && slots_[there].published) ++there;
        const std::uint64_t n = std::min(most, there);

        std::vector<Outcome> outcomes;
        const std::uint64_t first = drained_;
        BOOST_REQUIRE(consumer_.drain(most, [&](auto words) {
            BOOST_REQUIRE(std::ranges::equal(words, slots_[outcomes.size()].words));
            return outcomes.emplace_back(random_.once_in(2) ? SR_STATE_DONE : SR_STATE_FAULT, random_.below(9),
                                         random_.word());
        }) == n);
        for (std::uint64_t i = 0; i < n; ++i) {
            const bool quiet = (slots_.front().words[SR_WORD_PRIORITY] & SR_FLAG_QUIET) != 0;
            Words left = slots_.front().words;
            if (!quiet) {
                left[SR_WORD_STATE] = (left[SR_WORD_STATE] & ~SR_STATE_MASK) | outcomes[i].state;
                left[SR_WORD_RESULT] = outcomes[i].result;
                left[SR_WORD_CODE] = outcomes[i].code;
            }
            Words found{ring_.state_word(first + i)};
            for (std::uint32_t w = 1; w < SR_SLOT_WORDS; ++w) found[w] = ring_.word(first + i, w);
            BOOST_REQUIRE((found == left));
            slots_.pop_front();
        }
        drained_ += n;
        completed_ = drained_;
    }

    void check_positions() {
        std::uint64_t tail = drained_;
        for (const Expected& slot : slots_) {
            if (!slot.published) break;
            ++tail;
        }
        BOOST_REQUIRE(ring_.completed() == completed_);
        BOOST_REQUIRE(ring_.reserved() == end());
        if (random_.once_in(2)) BOOST_REQUIRE(ring_.tail() == tail);  // else somebody must catch up later
        if (random_.once_in(2)) return;
        const auto held = ring_.held();
        BOOST_REQUIRE(held.has_value() == (tail != end()));
        if (held) BOOST_REQUIRE(held->position == tail);
        BOOST_REQUIRE(ring_.is_complete(completed_));
        BOOST_REQUIRE(!ring_.is_complete(completed_ + 1));
    }

    std::uint32_t capacity_;
    RingMemory memory_;
    Ring ring_;
    Consumer consumer_;
    Random random_;
    std::deque<Expected> slots_;  // from drained_ on
    std::list<Open> open_;
    std::uint64_t completed_, drained_;
    std::uint32_t count_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(random_calls) {
    for (const std::uint32_t capacity : {2u, 4u, 8u, 64u})
        for (const std::uint64_t start : hard_starts(capacity))
            for (std::uint32_t seed = 1; seed <= 2; ++seed) BOOST_TEST_CONTEXT(capacity << " slots from " << start) {
                Model model(capacity, start, seed);
                for (int i = 0; i < 1000; ++i) model.step();
                model.finish();
                BOOST_TEST(model.published() > 100);
            }
}
