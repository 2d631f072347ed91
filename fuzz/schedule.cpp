// Target schedule: the device's drain over three levels of hostile slots, launch after launch. Oracle:
// level_rings.hpp.
#include "level_rings.hpp"

using namespace fuzz;

namespace fuzz::near {
constexpr std::uint32_t then_[] = {0,  1,  2,  4,  5,  6,  8,  9, 10,
                                   32, 33, 34, 16, 17, 18, 65, 68};  // level, launch, many, clock
constexpr Field then{then_};
}  // namespace fuzz::near

constexpr Field head[] = {SR_FUZZ_LEVELS_FIELDS};
// A slot whose state word says at which level it is published, whether its tenant is what the clock shows from now
// on, and what comes behind it.
constexpr Field record[] = {near::then,      near::opcode,    near::small,     near::attributes,
                            near::first_arg, near::later_arg, near::later_arg, near::later_arg,
                            near::index,     near::index,     near::index,     near::index,
                            near::index,     near::index,     near::index,     near::index};
const Format format{head, record, 24};

void run(Input& in) {
    constexpr std::uint32_t many = 12;
    LevelRings rings(in);
    while (in.more()) {
        uint words[16];
        in.words(words);
        if (words[0] / 64 % 2 == 1) rings.set_now(words[2]);
        const std::uint32_t times = words[0] / 32 % 2 == 1 ? many : 1;
        for (std::uint32_t i = 0; i < times; ++i) rings.add(words[0] % 4 % level_count, words);
        if (words[0] / 4 % 4 == 1) rings.launch();
    }
    rings.finish();
}
