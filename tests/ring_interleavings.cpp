// Two producers, and a consumer, stepped through every interleaving of their steps: after each step the positions and
// what can be drained are exactly what they must be.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include <slipring/consumer.hpp>

#include "choices.hpp"
#include "ring_memory.hpp"
#include "suspend.hpp"

using namespace slipring;

namespace {

using Answer = std::expected<std::uint64_t, Errc>;

// A thread that publishes one step at a time, whenever it is told to. Exactly one of it and its caller runs.
class Producer final : public StepListener {
public:
    Producer() : thread_([this] { run(); }) {}
    ~Producer() { hand_to(Turn::quit); }  // only between calls

    void begin(std::function<Answer()> call) {
        call_ = std::move(call);
        answer_.reset();
    }

    // Goes on to the next step; no step when the call has returned.
    std::optional<detail::RingStep> go_on() {
        hand_to(Turn::producer);
        wait_for(Turn::caller);
        return answer_ ? std::nullopt : std::optional(step_);
    }

    bool finished() const { return answer_.has_value(); }
    const Answer& answer() const { return *answer_; }

    void at(detail::RingStep step) noexcept override {
        step_ = step;
        hand_to(Turn::caller);
        wait_for(Turn::producer);
    }

private:
    enum class Turn { caller, producer, quit };

    void run() {
        Suspendable::listener = this;
        while (wait_for(Turn::producer) != Turn::quit) {
            answer_ = call_();
            hand_to(Turn::caller);
        }
    }

    void hand_to(Turn turn) {
        const std::lock_guard lock(mutex_);
        turn_ = turn;
        changed_.notify_all();
    }
    Turn wait_for(Turn turn) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return turn_ == turn || turn_ == Turn::quit; });
        return turn_;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    Turn turn_ = Turn::caller;
    std::function<Answer()> call_;
    std::optional<Answer> answer_;
    detail::RingStep step_{};
    std::jthread thread_;  // last: it uses all the others
};

enum class Draining { never, at_once, as_a_third };

struct Scenario {
    std::uint32_t capacity;
    std::uint64_t start;
    std::array<std::uint32_t, 2> slots;  // each producer's batch
    Draining draining;
};

// One interleaving and the model beside it.
class Run {
public:
    Run(const Scenario& scenario, std::array<Producer, 2>& producers)
        : scenario_(scenario), producers_(producers), memory_(scenario.capacity),
          ring_(memory_.ring<Suspendable>(scenario.capacity, scenario.start)), consumer_(ring_),
          reserved_(scenario.start), head_(scenario.start) {
        for (std::uint32_t i = 0; i < 2; ++i) {
            for (std::uint32_t n = 0; n < scenario.slots[i]; ++n)
                batches_[i].push_back(slot(custom_opcode<0x100>(), {i, n}));
            producers_[i].begin([this, i] { return ring_.publish(std::span<const Slot>(batches_[i])); });
        }
    }

    // Of the producers that can go on, one by choice, over and over.
    void run(Choices& choices) {
        for (;;) {
            std::vector<std::uint32_t> able;
            for (std::uint32_t i = 0; i < 2; ++i)
                if (!producers_[i].finished()) able.push_back(i);
            if (scenario_.draining == Draining::as_a_third && head_ != tail()) able.push_back(2);
            if (able.empty()) break;
            const std::uint32_t who = able[choices.choose(static_cast<std::uint32_t>(able.size()))];
            who == 2 ? drain(1) : step(who);
            if (scenario_.draining == Draining::at_once) drain(100);
            check();
            BOOST_REQUIRE(choices.depth() < 100u);  // nobody runs in circles
        }
        drain(100);
        BOOST_REQUIRE(head_ == reserved_);
        check();
    }

    // Also after a failure no call is left behind that would touch this memory.
    ~Run() {
        for (Producer& producer : producers_)
            while (!producer.finished()) producer.go_on();
    }

    std::size_t refused() const { return refused_; }

private:
    struct Taken {
        std::uint64_t first;
        std::uint32_t who;
        bool published;
    };

    std::uint64_t tail() const {
        for (const Taken& taken : taken_)
            if (!taken.published) return taken.first;
        return reserved_;
    }

    bool room_for(std::uint32_t who) const { return reserved_ + scenario_.slots[who] - head_ <= scenario_.capacity; }

    void step(std::uint32_t who) {
        const auto reached = producers_[who].go_on();
        const auto mine = std::ranges::find(taken_, who, &Taken::who);
        if (!reached) {
            const Answer& answer = producers_[who].answer();
            if (mine != taken_.end()) {
                BOOST_REQUIRE((answer == mine->first));
                BOOST_REQUIRE(mine->published);
            } else {
                BOOST_REQUIRE((!answer && answer.error() == Errc::ring_full));
                BOOST_REQUIRE(!room_for(who));
                ++refused_;
            }
        } else if (reached == detail::RingStep::reserved) {
            BOOST_REQUIRE(room_for(who));
            taken_.push_back({reserved_, who, false});
            reserved_ += scenario_.slots[who];
        } else if (reached == detail::RingStep::published) {
            mine->published = true;
        }
    }

    // What is published before the first gap, in order, and no more.
    void drain(std::size_t most) {
        const std::uint64_t there = tail() - head_;
        const std::size_t n = consumer_.drain(most, [&](auto words) {
            const auto owner = std::ranges::find_if(
                taken_, [&](const Taken& taken) { return head_ - taken.first < scenario_.slots[taken.who]; });
            BOOST_REQUIRE((owner != taken_.end()));
            BOOST_REQUIRE(words[SR_WORD_ARGS] == owner->who);
            BOOST_REQUIRE(words[SR_WORD_ARGS + 1] == head_ - owner->first);
            ++head_;
            return Completion{};
        });
        BOOST_REQUIRE(n == std::min<std::uint64_t>(most, there));
    }

    void check() {
        BOOST_REQUIRE(ring_.reserved() == reserved_);
        BOOST_REQUIRE(ring_.completed() == head_);
        BOOST_REQUIRE(ring_.tail() == tail());
        const auto held = ring_.held();
        BOOST_REQUIRE(held.has_value() == (tail() != reserved_));
        if (held) BOOST_REQUIRE(held->position == tail());
    }

    const Scenario& scenario_;
    std::array<Producer, 2>& producers_;
    RingMemory memory_;
    SuspendableRing ring_;
    Consumer consumer_;
    std::array<std::vector<Slot>, 2> batches_;
    std::vector<Taken> taken_;
    std::uint64_t reserved_, head_;
    std::size_t refused_ = 0;
};

void all_interleavings(const Scenario& scenario) {
    std::array<Producer, 2> producers;
    Choices choices;
    std::size_t runs = 0, refused = 0;
    do {
        Run run(scenario, producers);
        run.run(choices);
        refused += run.refused();
        ++runs;
    } while (choices.next());
    BOOST_TEST(runs > 200u);
    BOOST_TEST_MESSAGE(runs << " interleavings, " << refused << " times full");
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_singles) { all_interleavings({2, 0, {1, 1}, Draining::never}); }
BOOST_AUTO_TEST_CASE(two_singles_drained_at_once) {
    all_interleavings({2, ~std::uint64_t{0}, {1, 1}, Draining::at_once});
}
BOOST_AUTO_TEST_CASE(two_singles_and_a_consumer) {
    all_interleavings({2, (std::uint64_t{1} << 32) - 1, {1, 1}, Draining::as_a_third});
}
BOOST_AUTO_TEST_CASE(a_single_and_a_batch_that_do_not_fit_together) {
    all_interleavings({2, 0 - std::uint64_t{2}, {1, 2}, Draining::at_once});
}
BOOST_AUTO_TEST_CASE(two_batches_across_the_wrap) {
    all_interleavings({4, (std::uint64_t{4} << 24) - 3, {2, 2}, Draining::at_once});
}
