// Target double_fetch: the target rewrites a slot's words while the device runs it, between any two of its reads:
// clang calls __sanitizer_cov_load* before every load of the device code, and that call does the rewriting. Oracle:
// the outcome is the model's for one slot, whose words are those that the device's first read of each gave it. A
// second read of a word would see another value than the one that was checked.
//
// Built by another compiler than clang nothing is rewritten, and this is the target interpreter over again.
#include <slipring/ring.hpp>

#include "../lib/ring_inside.hpp"
#include "completions.hpp"
#include "model.hpp"

using namespace fuzz;

namespace fuzz::near {
constexpr std::uint32_t read_[] = {0, 1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 18};
constexpr std::uint32_t word_[] = {1, 3, 4, 5, 6, 7};
constexpr Field read{read_}, word{word_};
}  // namespace fuzz::near

constexpr Field head[] = {SR_FUZZ_MEMORY_FIELDS, SR_FUZZ_SLOT_FIELDS};
// Before which read of the slot, which word, and what it becomes: an opcode, attributes or an argument.
constexpr Field record[] = {near::read, near::word, near::opcode, near::attributes, near::first_arg};
const Format format{head, record, 6};

namespace {

struct Rewrite {
    std::uint32_t read, word, value;
};

// What happens to the slot while the device looks at it.
struct Attack {
    uint* slot = nullptr;  // null: there is no attack
    Rewrite rewrites[8];
    std::size_t count;
    std::uint32_t reads;
    uint seen[16];  // what the first read of each word gave
    bool was_read[16];
    uint written[16];  // the slot, as it would be if the device wrote nothing
} attack;

// Before a load of `bytes` bytes at `at`.
void before_load(const void* at, std::size_t bytes) noexcept {
    if (attack.slot == nullptr) return;
    const auto offset = static_cast<std::size_t>(static_cast<const char*>(at) - reinterpret_cast<char*>(attack.slot));
    if (offset >= SR_SLOT_BYTES) return;
    for (std::size_t i = 0; i < attack.count; ++i)
        if (const Rewrite& now = attack.rewrites[i]; now.read == attack.reads)
            attack.slot[now.word] = attack.written[now.word] = now.value;
    ++attack.reads;
    for (std::size_t word = offset / 4; word < (offset + bytes + 3) / 4 && word < 16; ++word) {
        if (attack.was_read[word]) continue;
        attack.was_read[word] = true;
        attack.seen[word] = attack.slot[word];
    }
}

}  // namespace

extern "C" {
void __sanitizer_cov_load1(std::uint8_t* at) { before_load(at, 1); }
void __sanitizer_cov_load2(std::uint16_t* at) { before_load(at, 2); }
void __sanitizer_cov_load4(std::uint32_t* at) { before_load(at, 4); }
void __sanitizer_cov_load8(std::uint64_t* at) { before_load(at, 8); }
void __sanitizer_cov_load16(__int128* at) { before_load(at, 16); }
}

void run(Input& in) {
    constexpr std::uint32_t capacity = 2;
    constexpr std::size_t size = *slipring::Ring::bytes(capacity);
    static Guarded<std::byte, size> ring_memory;

    Memory memory(in);
    const std::span<std::byte> bytes = ring_memory.take(size);
    const slipring::Ring ring = *slipring::Ring::create(bytes, capacity);
    FUZZ_CHECK(ring.publish(slipring::nop()) == 0u);
    uint* const slot = reinterpret_cast<uint*>(bytes.data() + SR_RING_SLOTS);
    (void)in.word();  // the state stays the ring's
    in.words({slot + 1, 15});

    attack = {};
    while (in.more() && attack.count < std::size(attack.rewrites)) {
        Rewrite& rewrite = attack.rewrites[attack.count++];
        rewrite.read = in.word() % 20;
        rewrite.word = 1 + in.word() % 15;
        const std::uint32_t opcode = in.word(), attributes = in.word(), argument = in.word();
        rewrite.value = rewrite.word == 1 ? opcode : rewrite.word == 3 ? attributes : argument;
    }
    memory.set_left(0);
    const sr_memory device = memory.of_device();
    const sr_ring view = sr_ring_of(reinterpret_cast<uchar*>(bytes.data()), capacity - 1, 1, 1);
    const sr_bounds bounds{1, 0, 0, ~ulong{0}, 0};
    std::memcpy(attack.seen, slot, 64);  // for a build without hooks
    std::memcpy(attack.written, slot, 64);
    attack.slot = slot;
    device_drain_serial(&view, &device, &bounds);
    attack.slot = nullptr;

    const sr_outcome expected = memory.run_in_time(attack.seen, 0);
    if (expected.code != SR_CODE_OK) ++memory.control(SR_CONTROL_FAULTS);
    FUZZ_CHECK(memory.take_left() == (1u | SR_LEFT_IDLE));
    memory.check();
    FUZZ_CHECK(ring.completed() == 1 && slipring::inside(ring).claimed() == 1 && slipring::inside(ring).has_left(1));
    // The slot is as the attack left it.
    for (std::size_t word = 0; word < SR_SLOT_WORDS; ++word) FUZZ_CHECK(slot[word] == attack.written[word]);
    const Entries entries(bytes, capacity);
    const bool quiet = (attack.seen[3] & SR_FLAG_QUIET) != 0;
    FUZZ_CHECK(entries.at(0) == (quiet ? Entry{} : entries.of(0, expected)));
}
