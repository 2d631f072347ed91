// A tenant comes to rest, and is declared again.
#include <new>
#include <string>

#include "../backoff.hpp"
#include "impl.hpp"
#include "options.hpp"

namespace slipring {

// Everything that was published before the tenant was closed is in the ring by then, or the thread that publishes it
// is counted.
std::expected<void, Errc> Runtime::quiesce(std::uint32_t tenant, Timeout timeout) noexcept {
    Tenants::One* const one = impl_->tenants.find(tenant);
    if (one == nullptr) return std::unexpected(Errc::unknown_tenant);
    const Ring& ring = *impl_->rings.find(one->level(), tenant);
    Backoff backoff(timeout.time());
    while (!Tenants::close(*one) || !ring.is_complete(ring.reserved())) {
        impl_->attend(backoff);
        if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost)
            return std::unexpected(Errc::device_lost);
        if (!backoff.pause()) return std::unexpected(Errc::timed_out);
    }
    Tenants::came_to_rest(*one);
    return {};
}

std::expected<void, Error> Runtime::declare(const Tenant& tenant) noexcept try {
    Tenants::One* const one = impl_->tenants.find(tenant.id);
    if (one == nullptr) return std::unexpected(Error{Errc::unknown_tenant, std::to_string(tenant.id)});
    if (auto ok = check(tenant, impl_->options); !ok) return ok;
    const Ring& ring = *impl_->rings.find(one->level(), tenant.id);
    if (tenant.level != one->level() || tenant.quota != ring.capacity())
        return std::unexpected(
            Error{Errc::bad_tenant, std::to_string(tenant.id) + ": level and quota stay as they were"});
    const std::scoped_lock alone(impl_->declaring);
    if (!Tenants::rests(*one) || !ring.is_complete(ring.reserved()))
        return std::unexpected(Error{Errc::tenant_in_use, std::to_string(tenant.id)});
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost)
        return std::unexpected(Error{Errc::device_lost, {}});
    const TenantRow row = Tenants::row_of(tenant, impl_->options);
    std::string label = tenant.label;
    const auto told = impl_->copying([&](const Session::GoOn& go_on) {
        return impl_->session->write_control(impl_->tenants.place_of(*one), row, go_on);
    });
    if (!told) return std::unexpected(Error{told.error(), "the table of tenants"});
    impl_->session->tell_weight(impl_->rings.numbers().find(one->level(), tenant.id), tenant.weight);
    impl_->tenants.reopen(*one, row, std::move(label));
    return {};
} catch (const std::bad_alloc&) {
    return std::unexpected(Error{Errc::out_of_memory, {}});
}

}  // namespace slipring
