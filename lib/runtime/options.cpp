// What open() refuses before it touches a device.
#include "options.hpp"

#include <algorithm>
#include <bit>

#include <slipring/opcode.hpp>
#include <slipring/ring.hpp>

#include "../device/handlers.hpp"
#include "../device/source.hpp"

namespace slipring {
namespace {

using namespace std::chrono_literals;

std::unexpected<Error> bad(std::string detail) {
    return std::unexpected(Error{Errc::bad_options, std::move(detail)});
}

std::expected<void, Error> check_op(const CustomOp& op) {
    if (!is_custom(op.opcode)) return std::unexpected(Error{Errc::reserved_opcode, std::to_string(op.opcode)});
    if (!is_identifier(op.name)) return bad("an operation's name is no C identifier: \"" + op.name + "\"");
    if (op.buffers.size() > 8) return bad(op.name + " has more than 8 buffers");
    for (const BufferSpec& buffer : op.buffers)
        if (buffer.bytes == 0 || buffer.bytes > std::size_t{1} << 31)
            return bad(op.name + " has a buffer of no bytes, or of more than 2^31");
    return check_source(op);
}

}  // namespace

std::expected<void, Error> check(const Options& options) {
    if (auto bytes = Ring::bytes(options.capacity); !bytes)
        return std::unexpected(Error{bytes.error(), std::to_string(options.capacity)});
    if (options.control_words < SR_OBSERVABLE_BASE || options.control_words > 1u << 24)
        return bad("control_words is not between 160 and 2^24");
    if (!std::has_single_bit(options.log_records) || options.log_records > 1u << 16)
        return bad("log_records is no power of two up to 2^16");
    if (options.mode == ExecutionMode::none) return bad("mode none serves nobody");
    if (options.idle_timeout.value_or(0us).count() < 0) return bad("idle_timeout is negative");
    if (options.max_launch_time.count() <= 0 || options.hang_timeout.count() <= 0 ||
        options.shutdown_timeout.count() <= 0)
        return bad("max_launch_time, hang_timeout or shutdown_timeout is not positive");
    if (options.shape.groups > 4096 || options.shape.lanes > 1024) return bad("more than 4096 groups of 1024 lanes");
    if (options.memory && options.mode &&
        (*options.memory == SharedMemory::mirrored) != (*options.mode == ExecutionMode::per_launch))
        return bad("mirrored memory and per_launch go together, and no other memory with it");
    if (options.memory == SharedMemory::none) return bad("memory none is shared by nobody");
    for (const CustomOp& op : options.ops) {
        if (auto ok = check_op(op); !ok) return ok;
        const auto twin = [&](const CustomOp& other) { return &other != &op && other.opcode == op.opcode; };
        if (std::ranges::any_of(options.ops, twin))
            return std::unexpected(Error{Errc::duplicate_opcode, std::to_string(op.opcode) + ", " + op.name});
        const auto namesake = [&](const CustomOp& other) { return &other != &op && other.name == op.name; };
        if (std::ranges::any_of(options.ops, namesake)) return bad("two operations are called " + op.name);
    }
    return {};
}

void bound_durations(Options& options) noexcept {
    constexpr std::chrono::hours longest{24 * 3652};
    if (options.idle_timeout)
        options.idle_timeout = std::min<std::chrono::microseconds>(*options.idle_timeout, longest);
    for (std::chrono::milliseconds* const time :
         {&options.max_launch_time, &options.hang_timeout, &options.shutdown_timeout})
        *time = std::min<std::chrono::milliseconds>(*time, longest);
}

}  // namespace slipring
