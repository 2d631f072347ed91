// Tenants as the host sees them. cl/tenants.h asks the same of each slot, on the device.
#include "tenants.hpp"

#include <algorithm>

#include <slipring/abi.h>
#include <slipring/codec.hpp>

#include "../backoff.hpp"

namespace slipring {
namespace {

bool has(std::span<const std::uint32_t, 2> range, std::uint64_t first, std::uint64_t count) noexcept {
    return first >= range[0] && first + count <= std::uint64_t{range[0]} + range[1];
}

}  // namespace

TenantRow Tenants::row_of(const Tenant& tenant, const Options& options) {
    TenantRow row{};
    row[SR_TENANT_ID] = tenant.id;
    row[SR_TENANT_RIGHTS] = tenant.weight << SR_TENANT_WEIGHT_SHIFT;
    for (const Opcode opcode : tenant.opcodes) {
        if (opcode.value() < SR_OP_BATCH_FENCE) row[SR_TENANT_RIGHTS] |= 1u << opcode.value();
        if (opcode == Op::printf) row[SR_TENANT_RIGHTS] |= SR_TENANT_MAY_PRINT;
    }
    for (std::size_t i = 0; i < options.ops.size(); ++i) {
        const CustomOp& op = options.ops[i];
        const auto is_it = [&op](Opcode opcode) { return opcode.value() == op.opcode; };
        const auto is_own = [&tenant](const std::string& buffer) {
            return std::ranges::find(tenant.buffers, buffer) != tenant.buffers.end();
        };
        if (std::ranges::any_of(tenant.opcodes, is_it) && std::ranges::all_of(op.buffers, is_own))
            row[SR_TENANT_OPS + i / 32] |= 1u << i % 32;
    }
    row[SR_TENANT_READS] = tenant.reads.first;
    row[SR_TENANT_READS + 1] = tenant.reads.count;
    row[SR_TENANT_WRITES] = tenant.writes.first;
    row[SR_TENANT_WRITES + 1] = tenant.writes.count;
    return row;
}

Tenants::Tenants(const Options& options)
    : all_(options.tenants.empty() ? nullptr : std::make_unique<One[]>(options.tenants.size())),
      count_(options.tenants.size()) {
    for (std::size_t i = 0; i < count_; ++i) {
        const Tenant& spec = options.tenants[i];
        all_[i].id_ = spec.id;
        all_[i].level_ = spec.level;
        all_[i].row_ = row_of(spec, options);
        all_[i].ops_ = &options.ops;
        all_[i].label_ = spec.label;
    }
}

Tenants::One* Tenants::find(std::uint32_t id) const noexcept {
    for (std::size_t i = 0; i < count_; ++i)
        if (all_[i].id_ == id) return &all_[i];
    return nullptr;
}

std::string Tenants::label_of(std::uint32_t id) const {
    const std::scoped_lock lock(labels_);
    const One* const tenant = find(id);
    return tenant == nullptr ? std::string() : tenant->label_;
}

std::expected<void, Errc> Tenants::tell(Session& session, std::chrono::milliseconds patience) const noexcept {
    if (!any()) return {};
    std::array<std::uint32_t, SR_MAX_TENANTS * SR_TENANT_WORDS> table{};
    for (std::size_t i = 0; i < count_; ++i) {
        const TenantRow& row = all_[i].row_;
        std::ranges::copy(row, table.begin() + static_cast<std::ptrdiff_t>(i * SR_TENANT_WORDS));
        session.tell_weight(RingNumbers::of_row(all_[i].level_, static_cast<std::uint32_t>(i) + 1),
                            row[SR_TENANT_RIGHTS] >> SR_TENANT_WEIGHT_SHIFT);
    }
    Backoff backoff(patience);
    return session.write_control(SR_CONTROL_TENANTS, table, [&backoff] { return backoff.pause(); });
}

// ---- what a tenant may publish -----------------------------------------------------------------------------------

bool Tenants::One::may(std::uint32_t opcode, std::span<const std::uint32_t> args) const noexcept {
    const auto reads = std::span(row_).subspan<SR_TENANT_READS, 2>();
    const auto writes = std::span(row_).subspan<SR_TENANT_WRITES, 2>();
    const auto arg = [args](std::size_t i) -> std::uint64_t { return i < args.size() ? args[i] : 0; };
    const auto may_put_out = [&](std::uint64_t out) { return has(writes, SR_OBSERVABLE_BASE + out, 1); };
    const std::uint32_t rights = row_[SR_TENANT_RIGHTS];
    if (opcode < SR_OP_BATCH_FENCE && (rights >> opcode & 1) == 0) return false;
    switch (opcode) {
        case SR_OP_NOP: return true;
        case SR_OP_STORE_U32:
        case SR_OP_ATOMIC_ADD: return has(writes, arg(1), 1);
        case SR_OP_LOAD_U32: return has(reads, arg(0), 1) && may_put_out(arg(1));
        case SR_OP_COMPARE_SWAP: return has(writes, arg(0), 1);
        case SR_OP_MEMCPY: return has(reads, arg(0), arg(2)) && has(writes, arg(1), arg(2));
        case SR_OP_DFA_STEP: return may_put_out(arg(2));
        case SR_OP_PRINTF: return (rights & SR_TENANT_MAY_PRINT) != 0;
        default: break;
    }
    const auto op = std::ranges::find(*ops_, opcode, &CustomOp::opcode);
    if (op == ops_->end()) return false;
    const auto number = static_cast<std::size_t>(op - ops_->begin());
    return (row_[SR_TENANT_OPS + number / 32] >> number % 32 & 1) != 0;
}

std::expected<void, Errc> Tenants::One::may(const Slot& slot) const noexcept {
    if (slot.tenant() != id_) return std::unexpected(Errc::mixed_tenants);
    if (!slot.is_packed()) {
        if (may(slot.opcode(), slot.args())) return {};
        return std::unexpected(Errc::denied);
    }
    const auto ops = unpack(slot);
    if (!ops) return std::unexpected(ops.error());
    for (const InnerOp& op : *ops)
        if (!may(op.opcode, op.args)) return std::unexpected(Errc::denied);
    return {};
}

std::expected<void, Errc> Tenants::One::may(std::span<const Slot> batch) const noexcept {
    for (const Slot& slot : batch)
        if (auto ok = may(slot); !ok) return ok;
    return {};
}

std::expected<void, Errc> Tenants::One::may(const Window& window) const noexcept {
    for (std::uint64_t i = 0; i < window.size(); ++i)
        if (!may(window.opcode.value(), window.entry(i))) return std::unexpected(Errc::denied);
    return {};
}

// ---- who may publish now -----------------------------------------------------------------------------------------

// Q: a thread that publishes counts itself, then looks whether the tenant is closed. close() says so, then looks at
// the count. All four accesses are sequentially consistent, so one of the two sees the other. The look before is for
// the threads that ask again and again: they leave the count alone, and it comes to 0.
Tenants::One::Publishing::Publishing(One& tenant) noexcept
    : tenant_(tenant), is_counted_(!tenant.is_closed_.load(std::memory_order_relaxed)), is_open_(false) {
    if (!is_counted_) return;
    tenant.publishing_.fetch_add(1, std::memory_order_seq_cst);
    is_open_ = !tenant.is_closed_.load(std::memory_order_seq_cst);
}

bool Tenants::close(One& tenant) noexcept {
    tenant.is_closed_.store(true, std::memory_order_seq_cst);
    return tenant.publishing_.load(std::memory_order_seq_cst) == 0;
}

void Tenants::reopen(One& tenant, const TenantRow& row, std::string label) noexcept {
    {
        const std::scoped_lock lock(labels_);
        tenant.label_ = std::move(label);
    }
    tenant.row_ = row;
    tenant.rests_.store(false, std::memory_order_relaxed);
    tenant.is_closed_.store(false, std::memory_order_seq_cst);  // releases the row to threads that publish
}

}  // namespace slipring
