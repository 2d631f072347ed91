// Target interpreter: the device's interpreter, as OpenCL C for the host, runs one hostile slot over control words, a
// table and a log of any size. Oracle: a model of the operations' table: the same code, failing operation and result,
// the same memory after it; and AddressSanitizer sees a word too far, since every memory ends where it says.
#include "model.hpp"

using namespace fuzz;

constexpr Field head[] = {SR_FUZZ_MEMORY_FIELDS, near::anything, SR_FUZZ_SLOT_FIELDS};
const Format format{head, {}, 0};

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
    const sr_outcome expected = memory.run(copy.data(), position);
    FUZZ_CHECK(got.code == expected.code);
    FUZZ_CHECK(got.inner == expected.inner);
    FUZZ_CHECK(got.value == expected.value);
    memory.check();
}
