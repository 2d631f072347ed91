// Control words that each slot of a ring has for itself. What runs side by side then comes to the same in any order,
// and one model that goes from slot to slot says what: an effect that is lost, comes twice or too late shows here.
//
// Four words are no slot's own. The epoch and the last fence's tag change with each fence, and everything may read
// them: they show in which order a slot and a fence ran. And the count of faults and the launch that has left, which
// no slot may read here.
#pragma once

#include <algorithm>
#include <cstring>

#include "own_bytes.hpp"

namespace fuzz {

// The first slots have room for a copy that all lanes of a sub-group do together.
constexpr uint long_slots = 4, long_words = 1168, short_words = 16;

constexpr uint own_size(uint slot) noexcept { return slot < long_slots ? long_words : short_words; }
constexpr uint own_first(uint slot) noexcept {
    return SR_OBSERVABLE_BASE + std::min(slot, long_slots) * long_words +
           (slot > long_slots ? slot - long_slots : 0) * short_words;
}

// Turns what a slot does to others' words into the same to its own. What it must not do stays.
class OwnWords {
public:
    OwnWords(uint slot, uint words, const OwnBytes& bytes) noexcept
        : slot_(slot), first_(own_first(slot)), size_(own_size(slot)), words_(words), bytes_(bytes) {}

    // `slot`: 16 words.
    void take(uint* slot) const noexcept {
        const bool windowed = (slot[SR_WORD_PRIORITY] & SR_FLAG_WINDOWED) != 0;
        uint* const given = slot + SR_WORD_ARGS + (windowed ? SR_WINDOW_PREFIX : 0);
        const uint count = SR_MAX_ARGS - (windowed ? SR_WINDOW_PREFIX : 0);
        uint args[SR_MAX_ARGS] = {};
        std::copy(given, given + count, args);
        if (slot[SR_WORD_OPCODE] == SR_OP_PACKED_SLOT) take_packed(args);
        else if (!take_op(slot[SR_WORD_OPCODE], args, SR_MAX_ARGS)) slot[SR_WORD_OPCODE] = SR_OP_NOP;
        // What stands in for a window's last arguments is zero, and stays so.
        if (args[10] + args[11] != 0 && windowed) slot[SR_WORD_OPCODE] = SR_OP_NOP;
        std::copy(args, args + count, given);
    }

private:
    bool is_others(uint index) const noexcept { return index >= SR_OBSERVABLE_BASE && index < words_; }
    void move(uint& index) const noexcept {
        if (is_others(index)) index = first_ + (index - SR_OBSERVABLE_BASE) % size_;
        if (index == SR_CONTROL_FAULTS || index == SR_CONTROL_LEFT) ++index;
    }
    void move_out(uint& out) const noexcept {
        if (out >= words_ - SR_OBSERVABLE_BASE) return;
        uint index = SR_OBSERVABLE_BASE + out;
        move(index);
        out = index - SR_OBSERVABLE_BASE;
    }
    // False if there are too few arguments to say where.
    bool take_op(uint op, uint* args, uint count) const noexcept {
        const uint needs = op == SR_OP_LOAD_U32                         ? 2
                           : op == SR_OP_DFA_STEP || op == SR_OP_MEMCPY ? 3
                           : op == op_writes                            ? arg_which + 1
                                                                        : 0;
        if (count < needs) return false;
        switch (op) {
            case SR_OP_STORE_U32:
            case SR_OP_ATOMIC_ADD:
                if (count > 1) move(args[1]);
                break;
            case SR_OP_LOAD_U32:
                move(args[0]);
                move_out(args[1]);
                break;
            case SR_OP_COMPARE_SWAP:
                if (count > 0) move(args[0]);
                break;
            case SR_OP_MEMCPY: take_copy(args[0], args[1], args[2]); break;
            case SR_OP_DFA_STEP: move_out(args[2]); break;
            case op_writes: bytes_.take(slot_, args); break;
            case op_team_writes:
            case op_team_writes_too:  // inside a packed slot nobody runs it
                if (count == SR_MAX_ARGS) bytes_.take(slot_, args);
                break;
            default: break;
        }
        return true;
    }
    void take_copy(uint& source, uint& destination, uint& words) const noexcept {
        if (std::uint64_t{source} + words > words_ || std::uint64_t{destination} + words > words_) return;
        if (!is_others(destination)) return;
        move(source);
        move(destination);
        if (words > 1024 && size_ == long_words && source >= SR_OBSERVABLE_BASE) {
            source = first_ + source % 16;
            destination = first_ + destination % 16;
        }
        // As far as the source goes, and the destination.
        const uint end = source < SR_CONTROL_FAULTS    ? SR_CONTROL_FAULTS
                         : source < SR_CONTROL_LEFT    ? SR_CONTROL_LEFT
                         : source < SR_OBSERVABLE_BASE ? SR_OBSERVABLE_BASE
                                                       : first_ + size_;
        words = std::min({words, end - source, first_ + size_ - destination});
    }
    void take_packed(uint* args) const noexcept {
        unsigned char bytes[48];
        std::memcpy(bytes, args, sizeof bytes);
        const uint count = bytes[0], words = bytes[1], table = (2 + 2 * count + 3) / 4;
        if (count > SR_PACKED_MAX_OPS || table + words > SR_MAX_ARGS) return;  // refused
        for (uint i = 0; i < count; ++i) {
            const uint begin = bytes[3 + 2 * i], end = i + 1 < count ? bytes[5 + 2 * i] : words;
            if (begin > end || end > words) return;
            if (take_op(bytes[2 + 2 * i], args + table + begin, end - begin)) continue;
            bytes[2 + 2 * i] = SR_OP_NOP;
            std::memcpy(args, bytes, 4 * table);  // the table alone: arguments may have been changed
        }
    }

    uint slot_, first_, size_, words_;
    const OwnBytes& bytes_;
};

}  // namespace fuzz
