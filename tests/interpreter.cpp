// The device's interpreter, natively: what each operation does. The memory it may touch is exactly as large as it
// says, so that AddressSanitizer sees one word too far. What it makes of hostile slots: fuzz/interpreter.cpp.
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <slipring/codec.hpp>

#include "cases.hpp"
#include "native_device.hpp"

namespace {

using namespace slipring;

constexpr uint states = 3;

struct Memory {
    std::vector<uint> control;
    std::vector<uint> table;
    std::vector<uint> log;
    uint ringless = 0;

    explicit Memory(uint words = 200)
        : control(words), table(states * 256), log(SR_LOG_RECORDS / 4 + 4 * SR_LOG_RECORD_WORDS) {
        for (uint i = 0; i < words; ++i) control[i] = i * 7;
        for (uint i = 0; i < table.size(); ++i) table[i] = (i * 5 + i / 256) % states;
    }
    sr_outcome run(const Words& words, uint position = 0) {
        const auto copy = std::make_unique<uint[]>(SR_SLOT_WORDS + SR_WINDOW_PREFIX);
        std::copy(words.begin(), words.end(), copy.get());
        sr_memory memory{};
        memory.control = control.data();
        memory.control_words = static_cast<uint>(control.size());
        memory.table = table.data();
        memory.table_states = states;
        memory.log = log.data();
        memory.log_mask = 3;
        memory.ringless = ringless;
        return sr_run_slot(copy.get(), position, &memory);
    }
    sr_outcome run(const Slot& slot) { return run(slot.words()); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_operation_does_what_its_constructor_says) {
    Memory memory;
    BOOST_TEST(memory.run(store_u32(9, 160)).value == 9u);
    BOOST_TEST(memory.run(atomic_add(5, 160)).value == 9u);
    BOOST_TEST(memory.run(load_u32(160, 3)).value == 14u);
    BOOST_TEST(memory.control[163] == 14u);
    BOOST_TEST(memory.run(compare_swap(163, 14, 2)).value == 14u);
    BOOST_TEST(memory.run(compare_swap(163, 14, 3)).value == 2u);
    BOOST_TEST(memory.control[163] == 2u);
    BOOST_TEST(memory.run(memcpy_words(160, 161, 4)).value == 4u);
    BOOST_TEST(memory.control[161] == 14u);  // overlapping, as memmove
    BOOST_TEST(memory.control[164] == 2u);
    BOOST_TEST(memory.run(dfa_step(1, 'x', 7)).value == memory.table[256 + 'x']);
    BOOST_TEST(memory.control[167] == memory.table[256 + 'x']);
    BOOST_TEST(memory.run(batch_fence(3, 77)).value == 1u);
    BOOST_TEST(memory.control[SR_CONTROL_FENCE_TAG] == 77u);
    BOOST_TEST(memory.run(nop()).code == SR_CODE_OK);
    BOOST_TEST(memory.run(shutdown()).code == SR_CODE_OK);
}

BOOST_AUTO_TEST_CASE(a_handler_says_what_it_may_and_nothing_else) {
    Memory memory;
    for (uint code = 0; code < 0x1FF; ++code) {
        const bool may = code == SR_CODE_OK || code == SR_CODE_BAD_ARGUMENT || code == SR_CODE_OUT_OF_RANGE ||
                         (code >= SR_CODE_FIRST_CUSTOM && code <= 0xFF);
        BOOST_TEST(memory.run(slot(custom_opcode<0x100>(), {code})).code == (may ? code : SR_CODE_BAD_ARGUMENT));
    }
    BOOST_TEST(memory.run(slot(custom_opcode<0x101>())).code == SR_CODE_UNKNOWN_OPCODE);
}

// What recover() puts in the place of a reservation that was open when its device was lost.
BOOST_AUTO_TEST_CASE(a_lost_slot_says_so_and_cannot_be_decoded_or_packed) {
    Memory memory, before;
    Words words = nop().words();
    words[SR_WORD_OPCODE] = SR_OP_LOST;
    const sr_outcome out = memory.run(words);
    BOOST_TEST(out.code == SR_CODE_DEVICE_LOST);
    BOOST_TEST(out.value == 0u);
    BOOST_TEST((memory.control == before.control));
    alignas(SR_SLOT_BYTES) std::array<std::byte, SR_SLOT_BYTES> image;
    std::memcpy(image.data(), words.data(), sizeof image);
    BOOST_TEST((decode(image, 0).error() == Errc::unknown_opcode));
    BOOST_TEST(!is_custom(SR_OP_LOST));
}

// As Runtime::launch runs it, beside a ring: it leaves the ring's epoch as it is.
BOOST_AUTO_TEST_CASE(without_a_ring_a_fence_does_nothing) {
    Memory memory, before;
    memory.ringless = 1;
    BOOST_TEST((memory.run(batch_fence(3, 77)).code == SR_CODE_OK && memory.run(batch_fence(3, 77)).value == 0));
    BOOST_TEST((memory.control == before.control));
    const sr_outcome out = memory.run(*packed({inner(batch_fence(3, 77)), inner(store_u32(9, 160))}));
    BOOST_TEST((out.code == SR_CODE_OK && out.value == 9u));
    BOOST_TEST((memory.control[SR_CONTROL_EPOCH] == 0 && memory.control[SR_CONTROL_FENCE_TAG] == 7));
}

BOOST_AUTO_TEST_CASE(a_handler_learns_that_its_ring_was_revoked) {
    uint revoked = 0;
    sr_buffers buffers{};
    BOOST_TEST(!sr_should_stop(&buffers));  // of no ring
    buffers.revoked = &revoked;
    BOOST_TEST(!sr_should_stop(&buffers));
    revoked = 1;
    BOOST_TEST(sr_should_stop(&buffers));
}

BOOST_AUTO_TEST_CASE(a_handler_learns_that_its_deadline_is_over) {
    uint line[2] = {0, 100};
    sr_running running{};  // REVOKED, and the clock behind it
    sr_buffers buffers{};
    buffers.running = &running;
    BOOST_TEST(!sr_should_stop(&buffers));  // of no ring, and without a deadline
    buffers.revoked = line;
    BOOST_TEST(!sr_should_stop(&buffers));
    running.due = 101;
    BOOST_TEST(!sr_should_stop(&buffers));
    line[1] = 101;
    BOOST_TEST(sr_should_stop(&buffers));
    running.due = 0;
    BOOST_TEST(!sr_should_stop(&buffers));
    buffers.running = nullptr;
    BOOST_TEST(!sr_should_stop(&buffers));
}

// What lies less than half of the clock's range back, of whatever its upper half shows.
BOOST_AUTO_TEST_CASE(a_deadline_is_over_for_half_of_the_clocks_range) {
    for (const uint now : {1u, 2u, 0x7FFFu, 0x8000u, 0xFFFFu, 0x10000u, 0x12345678u, 0xFFFFFFFFu})
        for (const uint back : {0u, 1u, 0x7FFFu}) {
            BOOST_TEST(sr_is_over((now - back) & 0xFFFF, now));
            BOOST_TEST(!sr_is_over((now - back - 0x8000) & 0xFFFF, now));
            BOOST_TEST(!sr_is_over((now + back + 1) & 0xFFFF, now));
        }
}

// What each of them does is the model's business, in the fuzz target interpreter.
BOOST_AUTO_TEST_CASE(system_words_can_be_read_and_not_written) {
    for (const uint size : {160u, 161u, 200u})
        for (const uint index : cases::indices)
            for (const Slot& slot : cases::operations(index)) {
                Memory memory(size), before(size);
                const uint code = memory.run(slot).code;
                const bool fence = slot.opcode() == SR_OP_BATCH_FENCE;
                BOOST_TEST((code == SR_CODE_OK || code == SR_CODE_OUT_OF_RANGE || code == SR_CODE_BAD_ARGUMENT));
                for (uint i = fence ? 2 : 0; i < SR_OBSERVABLE_BASE; ++i)
                    BOOST_REQUIRE(memory.control[i] == before.control[i]);
                const bool store = slot.opcode() == SR_OP_STORE_U32 || slot.opcode() == SR_OP_ATOMIC_ADD;
                if (store) BOOST_TEST((code == SR_CODE_OK) == (index >= SR_OBSERVABLE_BASE && index < size));
            }
}

BOOST_AUTO_TEST_CASE(packed_operations_see_their_own_arguments_alone) {
    Memory memory;
    const std::array<std::uint32_t, 1> short_args{55};
    // STORE_U32 with its value alone: the index reads as zero, not as the neighbour's argument.
    const auto slot = packed({InnerOp{1, short_args}, inner(store_u32(2, 161))});
    BOOST_REQUIRE(slot.has_value());
    const sr_outcome out = memory.run(*slot);
    BOOST_TEST(out.code == SR_CODE_OUT_OF_RANGE);
    BOOST_TEST(out.inner == 0u);
    BOOST_TEST(memory.control[161] == 161u * 7);

    const auto two = packed({inner(store_u32(4, 160)), inner(atomic_add(3, 160)), inner(batch_fence(0, 5))});
    BOOST_TEST(memory.run(*two).value == 1u);
    BOOST_TEST(memory.control[160] == 7u);
    BOOST_TEST(memory.run(*packed({})).code == SR_CODE_OK);
}

BOOST_AUTO_TEST_CASE(a_packed_slot_stops_at_its_first_fault) {
    Memory memory;
    const auto slot = packed({inner(store_u32(4, 160)), inner(store_u32(4, 3)), inner(store_u32(4, 162))});
    const sr_outcome out = memory.run(*slot);
    BOOST_TEST(out.code == SR_CODE_OUT_OF_RANGE);
    BOOST_TEST(out.inner == 1u);
    BOOST_TEST(memory.control[160] == 4u);
    BOOST_TEST(memory.control[162] == 162u * 7);
}

BOOST_AUTO_TEST_CASE(a_window_entry_means_what_it_means_outside) {
    Memory memory;
    const std::array<std::uint32_t, 2> args{31, 170};
    const Payload entries[] = {args};
    const Window window{.ticket = 8, .opcode = Op::store_u32, .required = entries};
    Words words = entry_slot(window, 0).words();
    words[SR_WORD_PRIORITY] |= SR_FLAG_WINDOWED;
    BOOST_TEST(memory.run(words).code == SR_CODE_OK);
    BOOST_TEST(memory.control[170] == 31u);
    words[SR_WORD_ARGS + 1] = 2;  // no such class
    BOOST_TEST(memory.run(words).code == SR_CODE_BAD_ARGUMENT);
}

BOOST_AUTO_TEST_CASE(a_full_log_counts_drops_and_overwrites_nothing) {
    Memory memory;
    for (uint i = 0; i < 6; ++i)
        BOOST_TEST(memory.run(print(i, 10 + i, 20 + i).words(), 100 + i).value == (i < 4 ? 1u : 0u));
    BOOST_TEST(memory.log[SR_LOG_WRITTEN / 4] == 4u);
    BOOST_TEST(memory.log[SR_LOG_DROPPED / 4] == 2u);
    const uint* records = memory.log.data() + SR_LOG_RECORDS / 4;
    for (uint i = 0; i < 4; ++i) {
        BOOST_TEST(records[i * 4] == i);
        BOOST_TEST(records[i * 4 + 2] == 20 + i);
        BOOST_TEST(records[i * 4 + 3] == 100 + i);
    }
    memory.log[SR_LOG_CONSUMED / 4] = 1;
    BOOST_TEST(memory.run(print(9, 9, 9).words(), 1).value == 1u);
    BOOST_TEST(records[0] == 9u);
}

// A handler may take the place from a slot, too.
BOOST_AUTO_TEST_CASE(a_handler_reads_64_bits_of_arguments_or_none) {
    sr_args args{};
    for (uint i = 0; i < SR_MAX_ARGS; ++i) args.word[i] = i + 1;
    BOOST_TEST(sr_arg64(args, 0) == (2ull << 32 | 1));
    BOOST_TEST(sr_arg64(args, SR_MAX_ARGS - 2) == (ulong{SR_MAX_ARGS} << 32 | (SR_MAX_ARGS - 1)));
    for (const uint behind : {SR_MAX_ARGS - 1, SR_MAX_ARGS, 0x80000000u, ~0u})
        BOOST_TEST(sr_arg64(args, behind) == 0u);
}
