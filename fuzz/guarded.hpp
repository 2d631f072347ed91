// Memory of a size that the input chooses, with nothing usable around it: under AddressSanitizer one byte too far is
// a finding. Without a call to malloc, which costs more than most targets do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SR_FUZZ_POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SR_FUZZ_POISON 1
#endif
#ifdef SR_FUZZ_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace fuzz {

template <class Element, std::size_t Most>
class Guarded {
public:
    // `count` <= Most elements, `skip` bytes off the alignment of a cache line. What take() returned before is gone.
    std::span<Element> take(std::size_t count, std::size_t skip = 0) noexcept {
        std::byte* const begin = bytes_ + margin + skip;
        [[maybe_unused]] std::byte* const end = begin + count * sizeof(Element);
#ifdef SR_FUZZ_POISON
        if (begin != begin_ || end != end_) {
            ASAN_UNPOISON_MEMORY_REGION(bytes_, sizeof bytes_);
            ASAN_POISON_MEMORY_REGION(bytes_, static_cast<std::size_t>(begin - bytes_));
            ASAN_POISON_MEMORY_REGION(end, static_cast<std::size_t>(bytes_ + sizeof bytes_ - end));
            begin_ = begin;
            end_ = end;
        }
#endif
        return {reinterpret_cast<Element*>(begin), count};
    }

private:
    static constexpr std::size_t margin = 128;
    alignas(128) std::byte bytes_[Most * sizeof(Element) + 3 * margin];
    [[maybe_unused]] std::byte* begin_ = nullptr;
    [[maybe_unused]] std::byte* end_ = nullptr;
};

}  // namespace fuzz
