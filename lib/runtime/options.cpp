// What open() refuses before it touches a device.
#include "options.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include <slipring/abi.h>
#include <slipring/opcode.hpp>
#include <slipring/ring.hpp>

#include "../../cl/wide/layout.h"

#include "../device/handlers.hpp"
#include "../device/places.hpp"
#include "../device/source.hpp"

namespace slipring {
namespace {

using namespace std::chrono_literals;

std::unexpected<Error> bad(std::string detail) {
    return std::unexpected(Error{Errc::bad_options, std::move(detail)});
}

constexpr std::size_t max_buffers = 64;                             // each is a parameter of the kernel's
constexpr std::uint64_t max_buffer_bytes = std::uint64_t{1} << 48;  // sums of some do not wrap

std::expected<void, Error> check_op(const CustomOp& op, std::span<const BufferSpec> buffers) {
    if (!is_custom(op.opcode)) return std::unexpected(Error{Errc::reserved_opcode, std::to_string(op.opcode)});
    if (!is_identifier(op.name)) return bad("an operation's name is no C identifier: \"" + op.name + "\"");
    if (op.buffers.size() > SR_MAX_BUFFERS)
        return std::unexpected(Error{Errc::too_many_buffers, op.name + " has " + std::to_string(op.buffers.size())});
    for (const std::string& name : op.buffers)
        if (std::ranges::find(buffers, name, &BufferSpec::name) == buffers.end())
            return std::unexpected(Error{Errc::unknown_buffer, op.name + " works on \"" + name + "\""});
    return check_source(op);
}

std::expected<void, Error> check_buffers(std::span<const BufferSpec> buffers, bool in_context) {
    if (buffers.size() > max_buffers)
        return std::unexpected(Error{Errc::too_many_buffers, std::to_string(buffers.size())});
    for (const BufferSpec& buffer : buffers) {
        if (buffer.name.empty()) return bad("a buffer has no name");
        if (buffer.bytes == 0 && buffer.memory == nullptr) return bad("buffer " + buffer.name + " has no bytes");
        if (buffer.bytes > max_buffer_bytes)
            return std::unexpected(Error{Errc::buffer_too_large, buffer.name + ": more than 2^48 bytes"});
        if (buffer.memory != nullptr && !in_context)
            return std::unexpected(Error{Errc::foreign_buffer, buffer.name + ": the runtime's context is its own"});
        if (std::ranges::count(buffers, buffer.name, &BufferSpec::name) > 1)
            return std::unexpected(Error{Errc::duplicate_buffer, buffer.name});
    }
    return {};
}

std::unexpected<Error> bad(const Tenant& tenant, const std::string& why) {
    return std::unexpected(Error{Errc::bad_tenant, std::to_string(tenant.id) + ": " + why});
}

bool is_inside(const ControlRange& range, std::uint32_t control_words) noexcept {
    if (range.count == 0) return true;
    return range.first >= SR_OBSERVABLE_BASE && range.count <= control_words &&
           range.first <= control_words - range.count;
}

std::expected<void, Error> check_tenants(const Options& options) {
    if (options.tenants.empty()) return {};
    if (options.tenants.size() > Tenant::max) return bad("more than 16 tenants");
    if (options.ops.size() > SR_MAX_TENANT_OPS) return bad("more than 64 operations, with tenants");
    for (const Tenant& tenant : options.tenants) {
        if (auto ok = check(tenant, options); !ok) return ok;
        if (std::ranges::count(options.tenants, tenant.id, &Tenant::id) > 1) return bad(tenant, "declared twice");
    }
    if ((options.shape.groups > 1 || options.shape.lanes > 1) && places_of(options).size() > SR_MAX_WIDE_RINGS)
        return bad("more than 6 levels and tenants together take the shape 1 x 1");
    return {};
}

}  // namespace

std::expected<void, Error> check(const Tenant& tenant, const Options& options) {
    if (tenant.id == 0) return bad(tenant, "it is the program itself");
    if (name(tenant.level) == "none") return bad(tenant, "no such level");
    if (!Ring::bytes(tenant.quota)) return bad(tenant, "the quota is no power of two from 2 to 2^24");
    if (tenant.weight == 0 || tenant.weight > tenant.quota / SR_TENANT_TURN || tenant.weight > UINT16_MAX)
        return bad(tenant, "the weight is not between 1 and a sixteenth of the quota");
    if (!is_inside(tenant.reads, options.control_words) || !is_inside(tenant.writes, options.control_words))
        return bad(tenant, "control words that are the system's, or do not exist");
    for (const Opcode opcode : tenant.opcodes) {
        if (opcode == Op::batch_fence || opcode == Op::shutdown) return bad(tenant, "batch_fence or shutdown");
        const bool is_known = is_builtin(opcode.value()) ||
                              std::ranges::find(options.ops, opcode.value(), &CustomOp::opcode) != options.ops.end();
        if (!is_known) return bad(tenant, "no operation " + std::to_string(opcode.value()));
    }
    for (const std::string& buffer : tenant.buffers)
        if (std::ranges::find(options.buffers, buffer, &BufferSpec::name) == options.buffers.end())
            return std::unexpected(
                Error{Errc::unknown_buffer, "tenant " + std::to_string(tenant.id) + ": " + buffer});
    return {};
}

std::expected<void, Error> check(const Options& options) {
    if (auto bytes = Ring::bytes(options.capacity); !bytes)
        return std::unexpected(Error{bytes.error(), std::to_string(options.capacity)});
    if (auto bytes = Ring::bytes(options.capacity, options.completions); !bytes)
        return std::unexpected(Error{bytes.error(), "completions: " + std::to_string(options.completions)});
    for (const Priority level : every_level)
        if (const auto slots = capacity_of(options, level); slots != 0 && !Ring::bytes(slots))
            return std::unexpected(
                Error{Errc::bad_capacity, std::string(name(level)) + ": " + std::to_string(slots)});
    if (options.lower_every != 0 && (options.lower_every < 4 || options.lower_every > 1u << 16))
        return bad("lower_every is neither 0 nor between 4 and 2^16");
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
    const LaunchShape &shape = options.shape, &teams = options.teams;
    if (teams.groups > SR_MAX_TEAMS || teams.lanes > 1024) return bad("more than 128 teams of 1024 lanes");
    if (shape.lanes > 1 && teams.lanes != 0 && teams.lanes != shape.lanes)
        return bad("teams have other lanes than the launch's other groups");
    if (options.memory && options.mode &&
        (*options.memory == SharedMemory::mirrored) != (*options.mode == ExecutionMode::per_launch))
        return bad("mirrored memory and per_launch go together, and no other memory with it");
    if (options.memory == SharedMemory::none) return bad("memory none is shared by nobody");
    if (auto ok = check_buffers(options.buffers, options.context != nullptr); !ok) return ok;
    for (const CustomOp& op : options.ops) {
        if (auto ok = check_op(op, options.buffers); !ok) return ok;
        const auto twin = [&](const CustomOp& other) { return &other != &op && other.opcode == op.opcode; };
        if (std::ranges::any_of(options.ops, twin))
            return std::unexpected(Error{Errc::duplicate_opcode, std::to_string(op.opcode) + ", " + op.name});
        const auto namesake = [&](const CustomOp& other) { return &other != &op && other.name == op.name; };
        if (std::ranges::any_of(options.ops, namesake)) return bad("two operations are called " + op.name);
    }
    return check_tenants(options);
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
