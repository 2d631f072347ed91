#include <array>
#include <cstdint>
#include <span>

#include <slipring/codec.hpp>

#include "bench.hpp"

namespace slipring::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t image_slots = 1024;
constexpr std::uint32_t batch = 32;

using Image = std::array<std::uint32_t, std::size_t{image_slots} * SR_SLOT_WORDS>;

void clear(Image& image) {
    for (std::size_t i = 0; i < image.size(); i += SR_SLOT_WORDS) image[i] = SR_STATE_EMPTY;
}

// ns per slot of one pass over the image. The codec lies in the library, out of the optimizer's sight.
template <class Pass>
double time_pass(Pass pass) {
    const auto begin = Clock::now();
    pass();
    const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
    return took.count() / image_slots;
}

}  // namespace

CodecNumbers measure_codec(std::chrono::duration<double> time) {
    alignas(SR_SLOT_BYTES) static Image image;
    const std::array<std::uint32_t, 4> words{1, 2, 3, 4};
    std::array<Payload, batch> entries;
    entries.fill(words);
    const Window window{
        .ticket = 1, .required = std::span(entries).first(8), .lookahead = std::span(entries).subspan(8)};

    bool ok = true;
    std::uint32_t value = 0;
    std::vector<double> one, many, windows, back;
    const auto end = Clock::now() + time;
    do {
        clear(image);
        one.push_back(time_pass([&] {
            for (std::uint32_t i = 0; i < image_slots; ++i)
                ok &= encode(store_u32(value++, SR_OBSERVABLE_BASE), image, i).has_value();
        }));
        back.push_back(time_pass([&] {
            for (std::uint32_t i = 0; i < image_slots; ++i)
                ok &= decode(std::as_bytes(std::span(image)), i).has_value();
        }));
        clear(image);
        many.push_back(time_pass([&] {
            std::array<Slot, batch> slots;
            for (std::uint32_t i = 0; i < image_slots; i += batch) {
                for (Slot& slot : slots) slot = store_u32(value++, SR_OBSERVABLE_BASE);
                ok &= encode(std::span<const Slot>(slots), image, i).has_value();
            }
        }));
        clear(image);
        windows.push_back(time_pass([&] {
            for (std::uint32_t i = 0; i < image_slots; i += batch) ok &= encode(window, image, i).has_value();
        }));
    } while (ok && Clock::now() < end);
    if (!ok) return {};
    return {median(one), median(many), median(windows), median(back)};
}

}  // namespace slipring::bench
