// Target windows: windows whose required entries stand in the ring of one level, and their lookahead in the lowest
// one's, of which some is cancelled or promoted while launches come and go. Oracle: level_rings.hpp; so what is
// cancelled has no effect, and what is promoted goes in front of its level.
#include "level_rings.hpp"

using namespace fuzz;
using slipring::Payloads;

namespace fuzz::near {
// What it is, level, launch, clock.
constexpr std::uint32_t then_[] = {0, 4, 8, 16, 20, 24, 0, 4, 1, 2, 3, 6, 7, 19, 18, 23, 64, 65};
// Required and lookahead entries; and of a cancellation the part, of a promotion the level.
constexpr std::uint32_t counts_[] = {0x00, 0x01, 0x10, 0x11, 0x32, 0x53, 0xF0, 0x0F, 0x72, 0x02, 0x03, 0x07};
constexpr Field then{then_}, counts{counts_};
}  // namespace fuzz::near

constexpr Field head[] = {SR_FUZZ_LEVELS_FIELDS};
constexpr Field record[] = {near::then,  near::opcode, near::counts, near::attributes, near::choice, near::small,
                            near::index, near::index,  near::index,  near::index,      near::index,  near::index,
                            near::index, near::index,  near::index,  near::index};
const Format format{head, record, 20};

namespace {

constexpr std::size_t lowest = level_count - 1, remembered = 8;

// What was published lately, and may have finished meanwhile.
struct Published {
    std::size_t level;
    std::uint64_t required, lookahead;  // the first positions
    std::uint32_t required_count, lookahead_count;
};

class Windows {
public:
    explicit Windows(Input& in) noexcept : rings(in) {}

    // Each entry has the same arguments, and counts on in the first.
    void publish(const uint* words) noexcept {
        const std::size_t level = words[0] / 4 % 4 % lowest, size = words[5] % (SR_WINDOW_MAX_PAYLOAD + 1);
        const std::uint32_t required = words[2] % 16, lookahead = words[2] / 16 % 16;
        if (!rings.make_room(level, required) || !rings.make_room(lowest, lookahead)) return;
        const auto opcode = slipring::is_builtin(words[1]) ? slipring::Opcode(static_cast<slipring::Op>(words[1]))
                                                           : slipring::Opcode::custom(words[1]);
        if (!opcode) return;
        std::uint32_t payloads[30][SR_WINDOW_MAX_PAYLOAD];
        slipring::Payload entries[30];
        for (std::uint32_t i = 0; i < required + lookahead; ++i) {
            std::copy_n(words + 6, size, payloads[i]);
            payloads[i][0] = sr_plus(payloads[i][0], i);
            entries[i] = std::span(payloads[i]).first(size);
        }
        const std::span<const slipring::Payload> all(entries, required + lookahead);
        slipring::Window window{.ticket = words[4], .opcode = *opcode};
        window.deadline = slipring::Deadline::of_wire(static_cast<std::uint16_t>(words[3] >> 16));
        const auto quiet = words[3] / 512 % 2 == 1 ? slipring::Quiet::yes : slipring::Quiet::no;
        Published one{level, 0, 0, required, lookahead};
        window.required = all.first(required);
        one.required = rings.at(level).add(window, quiet);
        window.required = {};
        window.lookahead = all.subspan(required);
        one.lookahead = rings.at(lowest).add(window, quiet);
        published_[count_++ % remembered] = one;
    }

    void cancel(const Published& one, bool all) noexcept {
        for (std::uint32_t i = 0; i < one.lookahead_count; ++i) rings.at(lowest).cancel(one.lookahead + i);
        for (std::uint32_t i = 0; all && i < one.required_count; ++i) rings.at(one.level).cancel(one.required + i);
    }

    void step(const uint* words) noexcept {
        if (words[0] / 64 % 2 == 1) rings.set_now(words[3]);
        const std::uint32_t kind = words[0] % 4;
        const Published& one = published_[words[4] % remembered];
        if (kind < 2) publish(words);
        else if (words[4] % remembered >= count_) return;
        else if (kind == 2) cancel(one, words[2] % 4 == 3);
        else rings.promote(one.lookahead + one.lookahead_count, words[2] % 8);
        if (words[0] / 16 % 4 == 1) rings.launch();
    }

    LevelRings rings;

private:
    std::array<Published, remembered> published_{};
    std::size_t count_ = 0;
};

}  // namespace

void run(Input& in) {
    Windows windows(in);
    while (in.more()) {
        uint words[16];
        in.words(words);
        windows.step(words);
    }
    windows.rings.finish();
}
