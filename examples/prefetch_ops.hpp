// Pages, and the two team operations on them: one fetches a page from host memory into a frame of the cache in device
// memory, the other uses it there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <slipring/runtime.hpp>

namespace prefetch {

inline constexpr std::uint32_t page_bytes = 65536, page_words = page_bytes / 4;

inline constexpr auto fetch_page = slipring::custom_opcode<0x100>(), use_page = slipring::custom_opcode<0x101>();

inline const slipring::CustomOp fetching{.opcode = fetch_page.value(),
                                         .name = "fetch_page",
                                         .source = R"(
uint fetch_page(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {
    const ulong page = a.word[0], frame = a.word[1];
    if (page >= b->bytes[0] / 65536 || frame >= b->bytes[1] / 65536) return SR_CODE_OUT_OF_RANGE;
    const __global ulong2* const from = (const __global ulong2*)(b->at[0] + page * 65536);
    __global ulong2* const to = (__global ulong2*)(b->at[1] + frame * 65536);

    // Neighbours read neighbours. Sixteen loads are under way before the first is needed: each takes the bus a
    // microsecond, and they take it together.
    uint i = team->lane;
    for (; i + 15 * team->width < 4096; i += 16 * team->width) {
        ulong2 part[16];
        for (uint k = 0; k < 16; ++k) part[k] = from[i + k * team->width];
        for (uint k = 0; k < 16; ++k) to[i + k * team->width] = part[k];
    }
    for (; i < 4096; i += team->width) to[i] = from[i];
    return SR_CODE_OK;
}
)",
                                         .buffers = {"store", "cache"},
                                         .team = slipring::CustomOp::Team{}};

// What a lane adds to a page's checksum: a word that is wrong, or lies elsewhere in the page, changes it.
inline constexpr const char* lane_sum = R"(
uint lane_sum(const __global uint4* page, uint lane, uint width) {
    uint4 sum = 0;
    for (uint i = lane; i < 4096; i += width) sum += page[i] * (2 * i + 1);
    return sum.x + 3 * sum.y + 5 * sum.z + 7 * sum.w;
}
)";

inline const slipring::CustomOp using_page{.opcode = use_page.value(),
                                           .name = "use_page",
                                           .source = std::string(lane_sum) + R"(
uint use_page(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result) {
    const ulong frame = a.word[0];
    if (frame >= b->bytes[0] / 65536) return SR_CODE_OUT_OF_RANGE;
    __local uint* const parts = (__local uint*)team->local_memory;
    parts[team->lane] = lane_sum((const __global uint4*)(b->at[0] + frame * 65536), team->lane, team->width);
    sr_team_barrier(team);
    if (team->lane != 0) return SR_CODE_OK;
    uint sum = 0;  // modulo 2^32, as checksum() below
    for (uint i = 0; i < team->width; ++i) sum += parts[i];
    *result = sum;
    return SR_CODE_OK;
}
)",
                                           .buffers = {"cache"},
                                           .team = slipring::CustomOp::Team{.local_bytes = 4 * 1024}};

// Fills a page with words that no other page has. They are folded once: the weights of a checksum add up to a power
// of two, and would hide the page's number.
inline void write_page(std::span<std::uint32_t, page_words> words, std::uint32_t page) {
    for (std::uint32_t i = 0; i < page_words; ++i) {
        const std::uint32_t spread = (page * page_words + i) * 2654435761u;
        words[i] = spread ^ spread >> 15;
    }
}

// What use_page returns of a page that is right.
inline std::uint32_t checksum(std::span<const std::uint32_t, page_words> words) {
    constexpr std::uint32_t weights[] = {1, 3, 5, 7};
    std::uint32_t sum = 0;
    for (std::uint32_t i = 0; i < page_words; ++i) sum += words[i] * (2 * (i / 4) + 1) * weights[i % 4];
    return sum;
}

// Fills a store with all pages; the checksum of each.
inline std::vector<std::uint32_t> write_pages(std::span<std::byte> store) {
    std::vector<std::uint32_t> checksums;
    for (std::uint32_t page = 0; page < store.size() / page_bytes; ++page) {
        auto* const words = reinterpret_cast<std::uint32_t*>(store.data() + std::size_t{page} * page_bytes);
        const std::span<std::uint32_t, page_words> all(words, page_words);
        write_page(all, page);
        checksums.push_back(checksum(all));
    }
    return checksums;
}

}  // namespace prefetch
