// Whose a descriptor is; 0: no tenant's.
#pragma once

#include <cstdint>
#include <span>

#include <slipring/descriptor.hpp>

namespace slipring {

inline std::uint32_t tenant_of(const Slot& slot) noexcept { return slot.tenant(); }
// A batch is that of its first slot: others in it are refused.
inline std::uint32_t tenant_of(std::span<const Slot> batch) noexcept {
    return batch.empty() ? 0 : batch.front().tenant();
}
inline std::uint32_t tenant_of(const Window& window) noexcept { return window.tenant; }

}  // namespace slipring
