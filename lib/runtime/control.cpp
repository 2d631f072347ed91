// Control words, the table of DFA_STEP, and a slot in a launch of its own.
#include <algorithm>
#include <new>

#include "impl.hpp"

namespace slipring {
namespace {

bool inside(std::uint32_t index, std::size_t count, std::uint32_t bound) noexcept {
    return count <= bound && index <= bound - count;
}

}  // namespace

std::expected<void, Errc> Runtime::read_control(std::uint32_t index, std::span<std::uint32_t> words) noexcept {
    if (!inside(index, words.size(), impl_->options.control_words)) return std::unexpected(Errc::out_of_range);
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost) return std::unexpected(Errc::device_lost);
    return impl_->copying(
        [&](const Session::GoOn& go_on) { return impl_->session->read_control(index, words, go_on); });
}

std::expected<void, Errc> Runtime::write_control(std::uint32_t index, std::span<const std::uint32_t> words) noexcept {
    if (!inside(index, words.size(), impl_->options.control_words)) return std::unexpected(Errc::out_of_range);
    if (index < SR_OBSERVABLE_BASE) return std::unexpected(Errc::system_word);
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost) return std::unexpected(Errc::device_lost);
    return impl_->copying(
        [&](const Session::GoOn& go_on) { return impl_->session->write_control(index, words, go_on); });
}

std::expected<void, Errc> Runtime::load_dfa(std::span<const std::uint32_t> table) noexcept {
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::closed) return std::unexpected(Errc::shut_down);
    const std::size_t states = table.size() / 256;
    if (table.size() % 256 != 0 || states > UINT32_MAX / 256) return std::unexpected(Errc::bad_table);
    if (std::ranges::any_of(table, [states](std::uint32_t next) { return next >= states; }))
        return std::unexpected(Errc::bad_table);

    Backoff backoff(impl_->options.shutdown_timeout);
    const bool ready = impl_->drained(backoff) && impl_->lock_kernel(backoff);
    if (impl_->phase.load(std::memory_order_acquire) == Impl::Phase::lost) {
        if (ready) impl_->unlock_kernel();
        return std::unexpected(Errc::device_lost);
    }
    if (!ready) return std::unexpected(Errc::timed_out);

    std::expected<void, Errc> out{};
    if (!impl_->leave(backoff)) {
        out = std::unexpected(Errc::timed_out);
    } else {
        out = impl_->copying([&](const Session::GoOn& go_on) -> std::expected<void, Errc> {
            try {
                return impl_->session->load_table(table, go_on);
            } catch (const std::bad_alloc&) {
                return std::unexpected(Errc::out_of_memory);
            }
        });
    }
    impl_->unlock_kernel();
    return out;
}

std::expected<Result, Errc> Runtime::launch(const Slot& slot) noexcept {
    if (auto ok = impl_->is_open(); !ok) return std::unexpected(ok.error());
    if (!impl_->tenants.any() || slot.tenant() == 0) return impl_->run_alone(slot);
    return impl_->tenants.publish(slot.tenant(), slot, [&](Priority) { return impl_->run_alone(slot); });
}

std::expected<Result, Errc> Runtime::Impl::run_alone(const Slot& slot) noexcept {
    return on_session(launching, Takes::own_time,
                      [&](const Session::GoOn& go_on) { return session->run_alone(slot, go_on); });
}

}  // namespace slipring
