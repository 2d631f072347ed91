// One line of a conformance vectors file, parsed strictly: whatever deviates from the grammar is no case.
//
//     ring BEFORE | DESCRIPTOR | ok CONSUMED AFTER
//     ring BEFORE | DESCRIPTOR | err # why
//
//     slot   START SLOT
//     batch  START N SLOT...
//     window START TENANT OP TICKET  N_REQUIRED LIST...  N_LOOKAHEAD LIST...
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <slipring/opcode.hpp>

namespace vectors {

using List = std::vector<std::uint32_t>;

struct OpcodeSpec {
    bool custom = false;
    std::uint32_t value = 0;  // on the wire
};

struct InnerSpec {
    std::uint32_t opcode = 0;
    List args;
};

struct SlotSpec {
    bool packed = false;
    std::uint32_t tenant = 0;
    OpcodeSpec opcode;             // a single's
    List args;                     // a single's
    std::vector<InnerSpec> inner;  // a packed slot's
};

enum class Kind { slot, batch, window };

struct Case {
    std::vector<std::byte> before, after;  // after: of an ok case
    bool ok = false;
    std::uint32_t consumed = 0;
    Kind kind{};
    std::uint32_t start = 0;
    std::vector<SlotSpec> slots;  // one for Kind::slot
    std::uint32_t tenant = 0, ticket = 0;
    OpcodeSpec opcode;
    std::vector<List> required, lookahead;
};

// The words of a line, one space apart. A failure sticks: every later reading fails too.
class Reader {
public:
    explicit Reader(std::string_view line) : rest_(line) {}

    bool good() const { return good_; }
    bool at_end() const { return good_ && ended_; }

    std::string_view word() {
        if (ended_) return fail();
        const std::size_t space = rest_.find(' ');
        const std::string_view found = rest_.substr(0, space);
        if (found.empty()) return fail();
        ended_ = space == rest_.npos;
        rest_ = ended_ ? std::string_view{} : rest_.substr(space + 1);
        return found;
    }

    void expect(std::string_view text) {
        if (word() != text) fail();
    }

    // Decimal, within u32, without sign or leading zeros.
    std::uint32_t number() { return number_of(word()); }

    // A count of items, each of which takes a word at least: what cannot be there is not reserved for.
    std::size_t count() {
        const std::uint32_t n = number();
        if (n > rest_.size()) fail();
        return good_ ? n : 0;
    }

    List list() {
        List items(count());
        for (std::uint32_t& item : items) item = number();
        return items;
    }

    OpcodeSpec opcode() {
        constexpr std::uint32_t builtin[] = {SR_OP_NOP,          SR_OP_STORE_U32, SR_OP_ATOMIC_ADD, SR_OP_LOAD_U32,
                                             SR_OP_COMPARE_SWAP, SR_OP_MEMCPY,    SR_OP_DFA_STEP,   SR_OP_BATCH_FENCE,
                                             SR_OP_PRINTF,       SR_OP_SHUTDOWN};
        const std::string_view text = word();
        const std::uint32_t value = number_of(text.substr(text.empty() ? 0 : 1));
        if (text.starts_with('c')) return {true, value};
        if (text.starts_with('b') && value < std::size(builtin)) return {false, builtin[value]};
        fail();
        return {};
    }

    // An image in hexadecimal: whole slots, at least one.
    std::vector<std::byte> image() {
        const std::string_view text = word();
        if (text.size() % (2 * SR_SLOT_BYTES) != 0) fail();
        std::vector<std::byte> bytes;
        for (std::size_t i = 0; good_ && i < text.size(); i += 2) {
            unsigned value = 0;
            const char* const end = text.data() + i + 2;
            if (std::from_chars(text.data() + i, end, value, 16).ptr != end) fail();
            bytes.push_back(static_cast<std::byte>(value));
        }
        return bytes;
    }

    std::string_view fail() {
        good_ = false;
        ended_ = true;
        return {};
    }

private:
    std::uint32_t number_of(std::string_view text) {
        std::uint32_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        if (text.empty() || error != std::errc{} || stop != end || (text[0] == '0' && text.size() > 1)) fail();
        return value;
    }

    std::string_view rest_;
    bool ended_ = false;
    bool good_ = true;
};

inline SlotSpec read_slot(Reader& in) {
    SlotSpec slot;
    const std::string_view form = in.word();
    slot.tenant = in.number();
    if (form == "single") {
        slot.opcode = in.opcode();
        slot.args = in.list();
    } else if (form == "packed") {
        slot.packed = true;
        slot.inner.resize(in.count());
        for (InnerSpec& op : slot.inner) {
            op.opcode = in.number();
            op.args = in.list();
            if (op.opcode > 0xFF) in.fail();
        }
    } else {
        in.fail();
    }
    return slot;
}

inline void read_descriptor(Reader& in, Case& made) {
    const std::string_view kind = in.word();
    made.start = in.number();
    if (kind == "slot") {
        made.kind = Kind::slot;
        made.slots.push_back(read_slot(in));
    } else if (kind == "batch") {
        made.kind = Kind::batch;
        for (std::size_t n = in.count(); in.good() && n > 0; --n) made.slots.push_back(read_slot(in));
    } else if (kind == "window") {
        made.kind = Kind::window;
        made.tenant = in.number();
        made.opcode = in.opcode();
        made.ticket = in.number();
        made.required.resize(in.count());
        for (List& payload : made.required) payload = in.list();
        made.lookahead.resize(in.count());
        for (List& payload : made.lookahead) payload = in.list();
    } else {
        in.fail();
    }
}

inline std::optional<Case> parse(std::string_view line) {
    Reader in(line);
    Case made;
    in.expect("ring");
    made.before = in.image();
    in.expect("|");
    read_descriptor(in, made);
    in.expect("|");
    const std::string_view verdict = in.word();
    if (verdict == "ok") {
        made.ok = true;
        made.consumed = in.number();
        made.after = in.image();
        if (!in.at_end() || made.after.size() != made.before.size()) in.fail();
    } else if (verdict == "err") {
        in.expect("#");
        in.word();  // a reason, of any words
    } else {
        in.fail();
    }
    if (!in.good()) return std::nullopt;
    return made;
}

}  // namespace vectors
