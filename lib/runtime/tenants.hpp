// The declared tenants: their rights as the device has them, what publish asks, and who may publish now.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <slipring/descriptor.hpp>
#include <slipring/options.hpp>

#include "../device/session.hpp"

namespace slipring {

// A row of the device's table: SR_TENANT_*.
using TenantRow = std::array<std::uint32_t, SR_TENANT_WORDS>;

class Tenants {
public:
    class One {
    public:
        // Null where the tenant is closed. While the thread holds it, close() does not return.
        class Publishing {
        public:
            explicit Publishing(One& tenant) noexcept;
            ~Publishing() {
                if (is_counted_) tenant_.publishing_.fetch_sub(1, std::memory_order_release);
            }
            Publishing(const Publishing&) = delete;
            Publishing& operator=(const Publishing&) = delete;
            explicit operator bool() const noexcept { return is_open_; }

        private:
            One& tenant_;
            bool is_counted_, is_open_;
        };

        Priority level() const noexcept { return level_; }
        // Of one that publishes. Errors: denied, mixed_tenants.
        std::expected<void, Errc> may(const Slot& slot) const noexcept;
        std::expected<void, Errc> may(std::span<const Slot> batch) const noexcept;
        std::expected<void, Errc> may(const Window& window) const noexcept;

    private:
        friend class Tenants;

        bool may(std::uint32_t opcode, std::span<const std::uint32_t> args) const noexcept;

        std::uint32_t id_ = 0;
        Priority level_{};
        TenantRow row_{};
        const std::vector<CustomOp>* ops_ = nullptr;
        std::string label_;
        std::atomic<bool> is_closed_{false};
        std::atomic<bool> rests_{false};  // it is closed, and nothing of it is in flight any more
        std::atomic<std::uint32_t> publishing_{0};
    };

    explicit Tenants(const Options& options);

    bool any() const noexcept { return count_ != 0; }
    // Null if there is none.
    One* find(std::uint32_t id) const noexcept;
    // Calls `how` with the tenant's level, for a descriptor that it may publish; until that returns the tenant does
    // not come to rest. Errors: unknown_tenant, tenant_closed, denied, mixed_tenants; those of `how`.
    template <class Descriptor, class How>
    std::invoke_result_t<How, Priority> publish(std::uint32_t id, const Descriptor& what,
                                                const How& how) const noexcept {
        One* const tenant = find(id);
        if (tenant == nullptr) return std::unexpected(Errc::unknown_tenant);
        const One::Publishing publishing(*tenant);
        if (!publishing) return std::unexpected(Errc::tenant_closed);
        if (auto ok = tenant->may(what); !ok) return std::unexpected(ok.error());
        return how(tenant->level());
    }
    // A thread is about to publish for it.
    bool is_publishing(std::uint32_t id) const noexcept {
        const One* const tenant = find(id);
        return tenant != nullptr && tenant->publishing_.load(std::memory_order_acquire) != 0;
    }
    // May throw std::bad_alloc.
    std::string label_of(std::uint32_t id) const;

    // Writes the whole table. Errors: those of Session::write_control; timed_out.
    std::expected<void, Errc> tell(Session& session, std::chrono::milliseconds patience) const noexcept;

    // Nothing is published for it from here on; true once no thread is about to.
    static bool close(One& tenant) noexcept;
    // Its slots have finished since.
    static void came_to_rest(One& tenant) noexcept { tenant.rests_.store(true, std::memory_order_release); }
    static bool rests(const One& tenant) noexcept { return tenant.rests_.load(std::memory_order_acquire); }
    // To open it again: its row as `spec` has it goes to the device, to these control words; then reopen().
    static TenantRow row_of(const Tenant& spec, const Options& options);
    std::uint32_t place_of(const One& tenant) const noexcept {
        return SR_CONTROL_TENANTS + static_cast<std::uint32_t>(&tenant - all_.get()) * SR_TENANT_WORDS;
    }
    void reopen(One& tenant, const TenantRow& row, std::string label) noexcept;

private:
    std::unique_ptr<One[]> all_;
    mutable std::mutex labels_;
    std::size_t count_;  // each publish asks
};

}  // namespace slipring
