#include "opening.hpp"

#include <array>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "operations.hpp"
#include "producer.hpp"

namespace slipring::soak {
namespace {

using namespace std::chrono_literals;

Options options_of(const Request& request, const Setting& setting) {
    Options options{.device = request.device, .shape = request.shape, .capacity = setting.capacity};
    options.control_words = control_words;
    options.idle_timeout = setting.idle_timeout;
    options.max_launch_time = setting.max_launch_time;
    // Where no device is to be lost, a busy machine may hold a healthy one up for long.
    options.hang_timeout = setting.kind == Kind::lost ? 400ms : 60s;
    options.shutdown_timeout = 60s;
    if (setting.kind == Kind::per_launch) options.mode = ExecutionMode::per_launch;
    else options.memory = request.memory;
    if (!setting.has_marks()) return options;
    options.ops = {marking, stalling_marked};
    options.buffers = {release_word,
                       {.name = "marks", .bytes = marks_of(setting.rounds) * 4u, .use = BufferSpec::Use::output}};
    return options;
}

class Opening {
public:
    Opening(Runtime runtime, const Setting& setting, Random random, bool brief)
        : runtime_(std::move(runtime)), setting_(setting), random_(random), brief_(brief),
          marks_(setting.has_marks() ? marks_of(setting.rounds) : 0) {
        const DeviceInfo& device = runtime_.device();
        const bool in_order = device.shape == LaunchShape{1, 1} && device.teams.groups == 0;
        for (std::uint32_t i = 0; i < max_producers; ++i) producers_.emplace_back(i, random_.word(), in_order);
        at_open_ = runtime_.stats();
    }

    // Empty: all was right.
    std::string run_round(std::uint32_t number) {
        plan_ = draw_plan(random_, setting_, brief_);
        Round round{.runtime = runtime_,
                    .plan = plan_,
                    .marks = marks_,
                    .has_marks = setting_.has_marks(),
                    .may_be_lost = setting_.kind == Kind::lost,
                    .is_alone = plan_.producers == 1 && setting_.kind != Kind::lost,
                    .end = Clock::now() + plan_.time};
        for (std::uint32_t i = 0; i < max_producers; ++i)
            producers_[i].begin_round((number * max_producers + i) * marks_of_a_round);
        std::string wrong;
        {
            std::vector<std::jthread> threads;
            threads.reserve(plan_.producers);
            for (std::uint32_t i = 0; i < plan_.producers; ++i)
                threads.emplace_back([&round, &producer = producers_[i]] { producer.run(round); });
            if (round.may_be_lost) lose(first_stall(setting_.rounds) + number);
        }
        if (round.may_be_lost) wrong = recover(round);
        if (wrong.empty()) wrong = check();
        return wrong.empty() ? wrong : wrong + "\n  round " + std::to_string(number) + ": " + text(plan_);
    }

    std::string close() {
        if (const auto closed = runtime_.shutdown(); !closed)
            return "shutdown: " + std::string(message(closed.error()));
        return setting_.has_marks() ? check_marks() : "";  // a lost kernel that came back has run nothing since
    }

    Tally tally() {
        Tally tally{.openings = 1, .recoveries = lost_marks_.size()};
        for (const Producer& producer : producers_) {
            tally.slots += producer.counts().published;
            tally.results += producer.counts().results;
            tally.full_rings += producer.counts().full_rings;
        }
        const Stats stats = runtime_.stats();
        tally.slots += stalls_;
        tally.launches = stats.launches - at_open_.launches;
        tally.faults = faults(stats);
        tally.lost = tally.faults - total(&Counts::bad);
        return tally;
    }

private:
    std::uint64_t total(std::uint64_t Counts::* count) const {
        std::uint64_t sum = 0;
        for (const Producer& producer : producers_) sum += producer.counts().*count;
        return sum;
    }
    std::uint32_t faults(const Stats& stats) const {
        return static_cast<std::uint32_t>(stats.faults - at_open_.faults);
    }

    // ---- a device that is lost -----------------------------------------------------------------------------------

    // Publishes a slot that stalls, somewhere among those of the producers.
    void lose(std::uint32_t number) {
        const std::uint64_t from = runtime_.ring().reserved() + random_.below(2 * marks_of_a_round);
        for (const auto end = Clock::now() + 50ms; runtime_.ring().reserved() < from && Clock::now() < end;)
            std::this_thread::yield();
        stall_.reset();
        const Slot stalls = slot(stall_marked, {number, stall_slot(runtime_.device()).args()[0]});
        for (const auto end = Clock::now() + patience; Clock::now() < end;) {
            const auto ticket = runtime_.publish(stalls);
            if (ticket) {
                stall_ = *ticket;
                stall_mark_ = number;
                ++stalls_;
                return;
            }
            if (ticket.error() != Errc::ring_full) return;  // a busy machine may lose the device by itself
            std::this_thread::yield();
        }
    }

    // Until every slot of the round has finished, on as many devices as that takes.
    std::string recover(Round& round) {
        for (const auto end = Clock::now() + patience;;) {
            bool finished = !stall_ || runtime_.wait(*stall_, patience).has_value();
            for (std::uint32_t i = 0; i < plan_.producers && finished; ++i) finished = producers_[i].settle(round);
            if (!wrong().empty()) return wrong();
            finished = finished && all_finished().has_value();
            if (finished) break;
            if (Clock::now() > end) return "after a recovery not all slots finished";
            if (std::string error = reopen(); !error.empty()) return error;
        }
        if (stall_) {
            const auto result = runtime_.result(*stall_);
            if (!result) return "the slot that stalled: " + std::string(message(result.error()));
            told_stalls_ += !result->ok();
            marks_.set(stall_mark_, result->ok() ? Marks::End::done : Marks::End::lost);
        }
        // What comes back now must run nothing that ran here.
        for (const auto release : lost_releases_) word(release).store(1);
        std::this_thread::sleep_for(20ms);
        return {};
    }

    // A device may have no room for a second kernel while the first stalls: then that one is released first.
    std::string reopen() {
        const auto release = runtime_.buffer("release"), marks = runtime_.buffer("marks");
        const auto end = Clock::now() + patience;
        for (auto recovered = runtime_.recover(); !recovered; recovered = runtime_.recover()) {
            if (Clock::now() > end) return "recover: " + recovered.error().text();
            word(release).store(1);
            std::this_thread::sleep_for(10ms);
        }
        if (runtime_.buffer("marks").data() == marks.data()) return {};  // it was not lost
        lost_releases_.push_back(release);
        lost_marks_.push_back(marks);
        return {};
    }

    // ---- whether all is right ------------------------------------------------------------------------------------

    std::string wrong() const {
        for (const Producer& producer : producers_)
            if (!producer.wrong().empty()) return producer.wrong();
        return {};
    }

    std::expected<void, Errc> all_finished() {
        const std::uint64_t end = runtime_.ring().reserved();
        if (end == at_open_.published) return {};
        return runtime_.wait(Ticket{.first = end - 1, .count = 1, .quiet = Quiet::yes}, patience);
    }

    std::string check() {
        if (!wrong().empty()) return wrong();
        if (const auto waited = all_finished(); !waited)
            return "wait for all: " + std::string(message(waited.error()));
        const Stats stats = runtime_.stats();
        const std::uint64_t expected = at_open_.published + total(&Counts::published) + stalls_;
        for (const auto& [what, found] : {std::pair{"published", stats.published}, {"finished", stats.completed}})
            if (found != expected)
                return "expected " + std::to_string(expected) + " slots " + what + ", found " + std::to_string(found);
        const std::uint32_t bad = static_cast<std::uint32_t>(total(&Counts::bad));
        if (setting_.kind != Kind::lost && faults(stats) != bad)
            return "expected " + std::to_string(bad) + " faults, found " + std::to_string(faults(stats));
        if (setting_.has_marks())
            if (std::string wrong = check_marks(); !wrong.empty()) return wrong;
        return setting_.kind == Kind::lost ? "" : check_words();  // which start anew on another device
    }

    std::string check_words() {
        std::array<std::uint32_t, control_words> words;
        if (const auto read = runtime_.read_control(0, words); !read)
            return "read_control: " + std::string(message(read.error()));
        if (words[0] != static_cast<std::uint32_t>(total(&Counts::fences)))
            return "expected " + std::to_string(total(&Counts::fences)) + " fences, found " +
                   std::to_string(words[0]);
        for (std::uint32_t i = 0; i < max_producers; ++i) {
            const auto own = std::span(words).subspan(first_word(i), words_of_a_producer);
            std::string wrong = producers_[i].sums().check(own.first<Sums::words>());
            if (wrong.empty()) wrong = producers_[i].sequence().check(own[Sums::words]);
            if (!wrong.empty()) return "producer " + std::to_string(i) + ": " + wrong;
        }
        return {};
    }

    std::string check_marks() {
        std::vector<std::uint32_t> ran(marks_.size()), here(marks_.size());
        const auto add = [&](std::span<std::byte> counts, std::vector<std::uint32_t>& to) {
            for (std::uint32_t i = 0; i < marks_.size(); ++i) to[i] += word(counts.subspan(i * 4)).load();
        };
        for (const auto counts : lost_marks_) add(counts, ran);
        add(runtime_.buffer("marks"), here);
        add(runtime_.buffer("marks"), ran);
        const std::uint64_t told = total(&Counts::losses) + told_stalls_ + total(&Counts::bad);
        return marks_.check(ran, here, faults(runtime_.stats()) - static_cast<std::uint32_t>(told));
    }

    Runtime runtime_;
    Setting setting_;
    Random random_;
    bool brief_;
    Plan plan_{};
    Marks marks_;
    std::vector<Producer> producers_{};
    Stats at_open_{};
    std::optional<Ticket> stall_{};
    std::uint32_t stall_mark_ = 0, stalls_ = 0, told_stalls_ = 0;
    std::vector<std::span<std::byte>> lost_marks_{}, lost_releases_{};
};

}  // namespace

Tally& Tally::operator+=(const Tally& other) noexcept {
    for (const auto count : {&Tally::slots, &Tally::results, &Tally::openings, &Tally::rounds, &Tally::launches,
                             &Tally::recoveries, &Tally::full_rings, &Tally::faults, &Tally::lost})
        this->*count += other.*count;
    return *this;
}

std::expected<Outcome, Error> run_opening(const Request& request, std::uint64_t number, const std::atomic<bool>& over,
                                          Clock::time_point end) {
    Random random = random_of(request.seed, number);
    const Setting setting = draw_setting(random, kind_of(number));
    auto runtime = Runtime::open(options_of(request, setting));
    if (!runtime) return std::unexpected(std::move(runtime.error()));

    Outcome outcome{.device = runtime->device()};
    Opening opening(std::move(*runtime), setting, random, request.brief);
    std::uint64_t rounds = 0;
    for (std::uint32_t i = 0; i < setting.rounds && outcome.wrong.empty(); ++i) {
        if (over.load(std::memory_order_relaxed) || Clock::now() >= end) break;
        outcome.wrong = opening.run_round(i);
        if (outcome.wrong.empty()) outcome.tally = opening.tally(), ++rounds;
    }
    if (outcome.wrong.empty()) outcome.wrong = opening.close();
    outcome.tally.rounds = rounds;
    if (!outcome.wrong.empty()) outcome.wrong += "\n  opening " + std::to_string(number) + ": " + text(setting);
    return outcome;
}

}  // namespace slipring::soak
