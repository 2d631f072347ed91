// The device's interpreter, natively, beside a model written from the contract. The memory it may touch is exactly as
// large as it says, so that AddressSanitizer sees one word too far.
#include <boost/test/unit_test.hpp>

#include <array>
#include <memory>
#include <random>
#include <vector>

#include <slipring/codec.hpp>

#include "native_device.hpp"

namespace {

using namespace slipring;

constexpr uint states = 3;

struct Memory {
    std::vector<uint> control;
    std::vector<uint> table;
    std::vector<uint> log;

    explicit Memory(uint words = 200)
        : control(words), table(states * 256), log(SR_LOG_RECORDS / 4 + 4 * SR_LOG_RECORD_WORDS) {
        for (uint i = 0; i < words; ++i) control[i] = i * 7;
        for (uint i = 0; i < table.size(); ++i) table[i] = (i * 5 + i / 256) % states;
    }
    sr_outcome run(const Words& words, uint position = 0) {
        const auto copy = std::make_unique<uint[]>(SR_SLOT_WORDS + SR_WINDOW_PREFIX);
        std::copy(words.begin(), words.end(), copy.get());
        sr_memory memory{control.data(), static_cast<uint>(control.size()), table.data(), states, log.data(), 3, nullptr};
        return sr_run_slot(copy.get(), position, &memory);
    }
    sr_outcome run(const Slot& slot) { return run(slot.words()); }
};

// ---- the contract, written once more, with 64-bit arithmetic --------------------------------------------------

struct Expected {
    std::vector<uint> control;
    uint code = SR_CODE_OK;
    uint inner = 0;
    uint value = 0;
};

uint model_op(std::vector<uint>& control, const std::vector<uint>& table, uint op, const std::array<uint, 12>& a,
              uint& value) {
    const std::uint64_t size = control.size();
    const auto readable = [&](std::uint64_t index) { return index < size; };
    const auto writable = [&](std::uint64_t index) { return index >= 160 && index < size; };
    switch (op) {
        case 0: return SR_CODE_OK;
        case 1:
            if (!writable(a[1])) return SR_CODE_OUT_OF_RANGE;
            value = control[a[1]] = a[0];
            return SR_CODE_OK;
        case 2:
            if (!writable(a[1])) return SR_CODE_OUT_OF_RANGE;
            value = control[a[1]];
            control[a[1]] += a[0];
            return SR_CODE_OK;
        case 3:
            if (!readable(a[0]) || !writable(160ull + a[1])) return SR_CODE_OUT_OF_RANGE;
            value = control[a[0]];
            control[160 + a[1]] = value;
            return SR_CODE_OK;
        case 4:
            if (!writable(a[0])) return SR_CODE_OUT_OF_RANGE;
            value = control[a[0]];
            if (value == a[1]) control[a[0]] = a[2];
            return SR_CODE_OK;
        case 5: {
            const std::uint64_t n = a[2];
            if (a[0] + n > size || a[1] < 160 || a[1] + n > size) return SR_CODE_OUT_OF_RANGE;
            const std::vector<uint> from(control.begin() + a[0], control.begin() + a[0] + static_cast<long>(n));
            std::copy(from.begin(), from.end(), control.begin() + a[1]);
            value = a[2];
            return SR_CODE_OK;
        }
        case 6:
            if (a[1] > 255) return SR_CODE_BAD_ARGUMENT;
            if (a[0] >= states || !writable(160ull + a[2])) return SR_CODE_OUT_OF_RANGE;
            value = control[160 + a[2]] = table[a[0] * 256 + a[1]];
            return SR_CODE_OK;
        case 7:
            value = ++control[0];
            control[1] = a[1];
            return SR_CODE_OK;
        case 0xFFFFFFFF: return SR_CODE_OK;
        case 0x100:
            for (uint word : a) value += word;
            return a[0] <= 255 ? a[0] : SR_CODE_BAD_ARGUMENT;
        default: return SR_CODE_UNKNOWN_OPCODE;
    }
}

Expected model(const Memory& memory, const Words& words) {
    Expected out{memory.control};
    const uint flags = words[3] >> 8;
    if ((words[3] & 255) > 4 || (flags & ~3u) != 0) return out.code = SR_CODE_BAD_ARGUMENT, out;
    std::array<uint, 12> args{};
    if ((flags & 1) != 0) {
        if (words[5] > 1) return out.code = SR_CODE_BAD_ARGUMENT, out;
        std::copy(words.begin() + 6, words.end(), args.begin());
    } else {
        std::copy(words.begin() + 4, words.end(), args.begin());
    }
    if (words[1] != SR_OP_PACKED_SLOT) {
        out.code = model_op(out.control, memory.table, words[1], args, out.value);
        return out;
    }
    std::array<unsigned char, 48> bytes;
    std::memcpy(bytes.data(), args.data(), 48);
    const uint count = bytes[0];
    if (count > 11) return out.code = SR_CODE_BAD_ARGUMENT, out;
    const uint table_words = (2 + 2 * count + 3) / 4;
    std::vector<uint> ends;
    for (uint i = 0; i < count; ++i) ends.push_back(bytes[3 + 2 * i]);
    ends.push_back(bytes[1]);
    if (ends[0] != 0 || !std::is_sorted(ends.begin(), ends.end()) || table_words + ends.back() > 12)
        return out.code = SR_CODE_BAD_ARGUMENT, out;
    for (uint i = 0; i < count && out.code == SR_CODE_OK; ++i) {
        std::array<uint, 12> own{};
        std::copy(args.begin() + table_words + ends[i], args.begin() + table_words + ends[i + 1], own.begin());
        out.inner = i;
        out.value = 0;
        out.code = model_op(out.control, memory.table, bytes[2 + 2 * i], own, out.value);
    }
    return out;
}

void compare(Memory& memory, const Words& words) {
    const Expected expected = model(memory, words);
    const sr_outcome got = memory.run(words);
    BOOST_REQUIRE_EQUAL(got.code, expected.code);
    BOOST_REQUIRE_EQUAL(got.inner, expected.inner);
    BOOST_REQUIRE_EQUAL(got.value, expected.value);
    BOOST_REQUIRE(memory.control == expected.control);
}

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

BOOST_AUTO_TEST_CASE(bounds_hold_at_their_edges) {
    for (const uint size : {160u, 161u, 200u}) {
        for (uint index : {0u, 159u, 160u, size - 1, size, size + 1, 0x7FFFFFFFu, 0xFFFFFF60u, 0xFFFFFFFFu}) {
            Memory memory(size);
            for (const Slot& slot : {store_u32(1, index), atomic_add(1, index), load_u32(index, 0), load_u32(0, index),
                                     compare_swap(index, index * 7, 1), memcpy_words(index, 160, 1),
                                     memcpy_words(0, index, 1), memcpy_words(0, 160, index), memcpy_words(index, index, 0),
                                     dfa_step(index, 0, 0), dfa_step(0, index, 0), dfa_step(0, 0, index)})
                compare(memory, slot.words());
        }
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
    for (uint i = 0; i < 6; ++i) BOOST_TEST(memory.run(print(i, 10 + i, 20 + i).words(), 100 + i).value == (i < 4 ? 1u : 0u));
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

BOOST_AUTO_TEST_CASE(hostile_slots_do_what_the_model_says) {
    std::mt19937 random(20261123);
    const auto pick = [&](std::initializer_list<uint> from) { return from.begin()[random() % from.size()]; };
    Memory memory;
    for (int i = 0; i < 50'000; ++i) {
        Words words;
        for (uint& word : words)
            word = pick({static_cast<uint>(random()), static_cast<uint>(random() % 8), 160u, 159u, 199u, 200u,
                         static_cast<uint>(160 + random() % 42), 0xFFFFFFFFu, 0x100u});
        words[1] = pick({0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 0x100u, SR_OP_PACKED_SLOT, SR_OP_PACKED_SLOT, SR_OP_SHUTDOWN,
                         static_cast<uint>(random())});
        words[3] = pick({0u, 2u, 4u, 0x102u, 0x202u, 0x302u, 5u, 0x402u, static_cast<uint>(random())});
        if (words[1] == SR_OP_PACKED_SLOT && random() % 4 != 0) {  // metadata that is nearly right
            const uint first = words[3] >> 8 & 1 ? 6 : 4;
            unsigned char bytes[48];
            std::memcpy(bytes, &words[first], 40);
            bytes[0] = static_cast<unsigned char>(random() % 13);
            uint offset = 0;
            for (uint k = 0; k < bytes[0] && 3 + 2 * k < 40; ++k) {
                bytes[2 + 2 * k] = static_cast<unsigned char>(random() % 9);
                bytes[3 + 2 * k] = static_cast<unsigned char>(offset);
                offset += static_cast<uint>(random() % 4);
            }
            bytes[1] = static_cast<unsigned char>(offset);
            std::memcpy(&words[first], bytes, 40);
        }
        compare(memory, words);
    }
}
