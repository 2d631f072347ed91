// What open() refuses before it touches a device.
#include "options.hpp"

#include <algorithm>
#include <bit>
#include <cctype>

namespace slipring {
namespace {

std::unexpected<Error> bad(std::string detail) { return std::unexpected(Error{Errc::bad_options, std::move(detail)}); }

bool is_identifier(std::string_view name) {
    const auto word = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
    return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 && std::ranges::all_of(name, word);
}

std::expected<void, Error> check_op(const CustomOp& op) {
    if (!is_custom(op.opcode)) return std::unexpected(Error{Errc::reserved_opcode, std::to_string(op.opcode)});
    if (!is_identifier(op.name)) return bad("an operation's name is no C identifier: \"" + op.name + "\"");
    if (op.buffers.size() > 8) return bad(op.name + " has more than 8 buffers");
    for (const BufferSpec& buffer : op.buffers)
        if (buffer.bytes == 0 || buffer.bytes > std::size_t{1} << 31)
            return bad(op.name + " has a buffer of no bytes, or of more than 2^31");
    return {};
}

}  // namespace

std::expected<void, Error> check(const Options& options) {
    if (auto bytes = Ring::bytes(options.capacity); !bytes)
        return std::unexpected(Error{bytes.error(), std::to_string(options.capacity)});
    if (options.control_words < SR_OBSERVABLE_BASE || options.control_words > 1u << 24)
        return bad("control_words is not between 160 and 2^24");
    if (!std::has_single_bit(options.log_records) || options.log_records > 1u << 16)
        return bad("log_records is no power of two up to 2^16");
    if (options.residency == Residency::none) return bad("residency none serves nobody");
    if (options.idle.count() < 0 || options.shutdown_timeout.count() <= 0)
        return bad("idle is negative, or shutdown_timeout not positive");
    for (const CustomOp& op : options.ops) {
        if (auto ok = check_op(op); !ok) return ok;
        const auto twin = [&](const CustomOp& other) { return &other != &op && other.opcode == op.opcode; };
        if (std::ranges::any_of(options.ops, twin))
            return std::unexpected(Error{Errc::duplicate_opcode, std::to_string(op.opcode) + ", " + op.name});
    }
    return {};
}

}  // namespace slipring
