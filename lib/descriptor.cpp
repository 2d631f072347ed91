#include <slipring/descriptor.hpp>

#include <algorithm>

namespace slipring {

std::expected<Slot, Errc> slot(Opcode opcode, std::span<const std::uint32_t> args) noexcept {
    if (args.size() > SR_MAX_ARGS) return std::unexpected(Errc::too_many_arguments);
    Slot made = SlotAccess::make(opcode.value());
    std::ranges::copy(args, SlotAccess::words(made).begin() + SR_WORD_ARGS);
    return made;
}

std::expected<Slot, Errc> packed(std::span<const InnerOp> ops) noexcept {
    if (ops.size() > SR_PACKED_MAX_OPS) return std::unexpected(Errc::too_many_inner_ops);

    // The table first: it says where the arguments begin. Both counts stay below 256: checked as they grow.
    const std::size_t table_words = (SR_PACKED_BYTE_TABLE + 2 * ops.size() + 3) / 4;
    std::size_t words = 0;
    for (const InnerOp& op : ops) {
        if (op.opcode > 0xFFu) return std::unexpected(Errc::inner_opcode_too_large);
        const std::size_t left = SR_MAX_ARGS - table_words - words;
        if (op.args.size() > left) return std::unexpected(Errc::packed_too_long);
        words += op.args.size();
    }

    Slot made = SlotAccess::make(SR_OP_PACKED_SLOT);
    Words& out = SlotAccess::words(made);
    const auto put_byte = [&out](std::size_t byte, std::size_t value) {
        out[SR_WORD_ARGS + byte / 4] |= static_cast<std::uint32_t>(value) << (8 * (byte % 4));
    };
    put_byte(SR_PACKED_BYTE_OPS, ops.size());
    put_byte(SR_PACKED_BYTE_WORDS, words);
    std::size_t byte = SR_PACKED_BYTE_TABLE;
    std::size_t offset = 0;
    for (const InnerOp& op : ops) {
        put_byte(byte++, op.opcode);
        put_byte(byte++, offset);
        std::ranges::copy(op.args, out.begin() + static_cast<std::ptrdiff_t>(SR_WORD_ARGS + table_words + offset));
        offset += op.args.size();
    }
    return made;
}

std::expected<void, Errc> check(const Window& window) noexcept {
    for (const Payloads* const entries : {&window.required, &window.lookahead}) {
        if (!entries->is_whole()) return std::unexpected(Errc::payload_not_whole);
        for (std::size_t i = 0; i < entries->size(); ++i)
            if ((*entries)[i].size() > SR_WINDOW_MAX_PAYLOAD) return std::unexpected(Errc::payload_too_long);
    }
    return {};
}

}  // namespace slipring
