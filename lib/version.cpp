#include <slipring/version.hpp>

namespace slipring {

std::string_view version() noexcept { return SLIPRING_VERSION_STRING; }

std::uint32_t abi_version() noexcept { return SR_ABI_VERSION; }

}  // namespace slipring
