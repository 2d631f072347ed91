// Target interpreter: the device's interpreter, as OpenCL C for the host, runs one hostile slot over control words, a
// table and a log of any size. Oracle: a model of the operations' table: the same code, failing operation and result,
// the same memory after it, and the same word of whether it is a barrier; and AddressSanitizer sees a word too far,
// since every memory ends where it says.
#include "model.hpp"

using namespace fuzz;

constexpr Field head[] = {SR_FUZZ_MEMORY_FIELDS, near::anything, SR_FUZZ_SLOT_FIELDS};
const Format format{head, {}, 0};

// Whether a fence is in it, at the top or packed; the table's bytes are counted from the first argument.
static bool is_barrier(std::span<const uint> copy) {
    if (copy[1] != SR_OP_PACKED_SLOT) return copy[1] == SR_OP_BATCH_FENCE || copy[1] == SR_OP_SHUTDOWN;
    unsigned char bytes[56];
    std::memcpy(bytes, copy.data() + 4, sizeof bytes);
    const unsigned char* const table = bytes + ((copy[3] & SR_FLAG_WINDOWED) != 0 ? 8 : 0);
    bool fence = false;
    for (int i = 0; i < std::min<int>(table[0], 11); ++i) fence |= table[2 + 2 * i] == SR_OP_BATCH_FENCE;
    return fence;
}

void run(Input& in) {
    static Guarded<uint, SR_SLOT_WORDS + SR_WINDOW_PREFIX> slot;
    Memory memory(in);
    const uint position = in.word();
    const std::span<uint> copy = slot.take(SR_SLOT_WORDS + SR_WINDOW_PREFIX);
    in.words(copy.first(SR_SLOT_WORDS));
    copy[SR_SLOT_WORDS] = copy[SR_SLOT_WORDS + 1] = 0;

    const sr_memory device = memory.of_device();
    sr_outcome got{};
    device_run_slot(copy.data(), position, &device, &got);
    const sr_outcome expected = memory.run_in_time(copy.data(), position);
    FUZZ_CHECK((device_is_barrier(copy.data()) != 0) == is_barrier(copy));
    FUZZ_CHECK(got.code == expected.code);
    FUZZ_CHECK(got.inner == expected.inner);
    FUZZ_CHECK(got.value == expected.value);
    memory.check();
}
