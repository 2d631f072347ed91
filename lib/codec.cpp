#include <slipring/codec.hpp>

#include <atomic>
#include <bit>
#include <cstring>
#include <new>
#include <stdexcept>

namespace slipring {
namespace {

static_assert(std::endian::native == std::endian::little, "slots are little-endian; a big-endian host must swap");

// Words by memcpy: an image may have any alignment.
std::uint32_t load_word(std::span<const std::byte> image, std::size_t slot, std::size_t word) noexcept {
    std::uint32_t value;
    std::memcpy(&value, image.data() + slot * SR_SLOT_BYTES + word * 4, 4);
    return value;
}

// Everything that can be wrong with the place: the image, the range, the states of the slots in it.
std::expected<void, Errc> check_place(std::span<const std::byte> image, std::uint32_t start,
                                      std::uint64_t count) noexcept {
    if (image.size() % SR_SLOT_BYTES != 0) return std::unexpected(Errc::image_not_whole_slots);
    if (count > UINT32_MAX) return std::unexpected(Errc::index_overflow);
    const std::uint64_t end = start + count;
    if (end > UINT32_MAX) return std::unexpected(Errc::index_overflow);
    const std::size_t slots = image.size() / SR_SLOT_BYTES;
    if (end > slots) return std::unexpected(Errc::out_of_image);
    for (std::uint64_t i = start; i < end; ++i) {
        const std::uint32_t word = load_word(image, i, SR_WORD_STATE);
        const std::uint32_t state = word & SR_STATE_MASK;
        if (state != SR_STATE_EMPTY && state != SR_STATE_DONE) return std::unexpected(Errc::slot_in_use);
    }
    return {};
}

bool is_level(std::uint32_t level) noexcept { return level <= SR_PRIORITY_IDLE; }

void write(const Slot& slot, std::uint32_t level, std::byte* to) noexcept {
    const Words& words = slot.words();
    std::memcpy(to + 4, &words[1], SR_SLOT_BYTES - 4);
    if (level != SR_PRIORITY_NORMAL) {  // which a descriptor has
        const std::uint32_t word = words[SR_WORD_PRIORITY] ^ SR_PRIORITY_NORMAL ^ level;
        std::memcpy(to + 4 * SR_WORD_PRIORITY, &word, 4);
    }
    std::atomic_signal_fence(std::memory_order_release);  // else a compiler makes one store of it and the state
    std::memcpy(to, &words[0], 4);                        // the state last
}

// The checks and the writes of a batch and of a window are the same; only where entry i comes from differs.
template <class EntryAt>
std::expected<std::uint32_t, Errc> encode_all(std::uint64_t count, std::span<std::byte> image, std::uint32_t start,
                                              Priority level, EntryAt entry_at) noexcept {
    const auto number = static_cast<std::uint32_t>(level);
    if (!is_level(number)) return std::unexpected(Errc::bad_flags);
    if (auto ok = check_place(image, start, count); !ok) return std::unexpected(ok.error());
    std::byte* const to = image.data() + std::size_t{start} * SR_SLOT_BYTES;
    for (std::size_t i = 0; i < count; ++i) write(entry_at(i), number, to + i * SR_SLOT_BYTES);
    return static_cast<std::uint32_t>(count);
}

bool known(std::uint32_t opcode) noexcept {
    return is_builtin(opcode) || is_custom(opcode) || opcode == SR_OP_PACKED_SLOT;
}

// Byte `i` of the argument words.
std::uint32_t byte_at(const Slot& slot, std::size_t i) noexcept { return slot.args()[i / 4] >> (8 * (i % 4)) & 0xFF; }

// Copies slot `index` into `slot`, which is to be used only if the copy is right, and gives its level. A descriptor
// is of no level: its priority is NORMAL. Inlined, as the call costs 2 ns of decode's 4 (g++ 12).
[[gnu::always_inline]] inline std::expected<Priority, Errc> read(std::span<const std::byte> image,
                                                                 std::uint32_t index, Slot& slot) noexcept {
    if (image.size() % SR_SLOT_BYTES != 0) return std::unexpected(Errc::image_not_whole_slots);
    if (index >= image.size() / SR_SLOT_BYTES) return std::unexpected(Errc::out_of_image);

    Words& words = SlotAccess::words(slot);  // copy once, check the copy
    std::memcpy(words.data(), image.data() + std::size_t{index} * SR_SLOT_BYTES, SR_SLOT_BYTES);
    if (words[SR_WORD_STATE] != SR_STATE_PUBLISHED) return std::unexpected(Errc::not_published);
    if (!known(slot.opcode())) return std::unexpected(Errc::unknown_opcode);
    const std::uint32_t level = words[SR_WORD_PRIORITY] & (SR_PRIORITY_MASK | SR_FLAGS_MASK);
    if (!is_level(level)) return std::unexpected(Errc::bad_flags);  // nor is it with a flag
    if (slot.is_packed()) {
        if (auto ops = unpack(slot); !ops) return std::unexpected(ops.error());
    }
    if (level != SR_PRIORITY_NORMAL) words[SR_WORD_PRIORITY] ^= level ^ SR_PRIORITY_NORMAL;
    return static_cast<Priority>(level);
}

}  // namespace

std::expected<std::uint32_t, Errc> encode(const Slot& slot, std::span<std::byte> image, std::uint32_t start,
                                          Priority level) noexcept {
    return encode(std::span(&slot, 1), image, start, level);
}

std::expected<std::uint32_t, Errc> encode(std::span<const Slot> batch, std::span<std::byte> image,
                                          std::uint32_t start, Priority level) noexcept {
    return encode_all(batch.size(), image, start, level, [batch](std::size_t i) -> const Slot& { return batch[i]; });
}

std::expected<std::uint32_t, Errc> encode(const Window& window, std::span<std::byte> image, std::uint32_t start,
                                          Priority level) noexcept {
    if (auto ok = check(window); !ok) return std::unexpected(ok.error());
    return encode_all(window.size(), image, start, level, [&window](std::size_t i) { return entry_slot(window, i); });
}

std::expected<std::vector<Slot>, Errc> to_batch(const Window& window) noexcept {
    if (auto ok = check(window); !ok) return std::unexpected(ok.error());
    std::vector<Slot> batch;
    try {
        batch.reserve(window.size());
    } catch (const std::bad_alloc&) {
        return std::unexpected(Errc::out_of_memory);
    } catch (const std::length_error&) {
        return std::unexpected(Errc::out_of_memory);
    }
    for (std::uint64_t i = 0; i < window.size(); ++i) batch.push_back(entry_slot(window, i));
    return batch;
}

std::expected<Slot, Errc> decode(std::span<const std::byte> image, std::uint32_t index) noexcept {
    Slot slot;
    if (auto level = read(image, index, slot); !level) return std::unexpected(level.error());
    return slot;
}

std::expected<Priority, Errc> decode_level(std::span<const std::byte> image, std::uint32_t index) noexcept {
    Slot slot;
    return read(image, index, slot);
}

std::expected<InnerOps, Errc> unpack(const Slot& slot) noexcept {
    if (!slot.is_packed()) return std::unexpected(Errc::not_packed);
    const auto malformed = std::unexpected(Errc::malformed_packed);

    InnerOps ops;
    ops.count = byte_at(slot, SR_PACKED_BYTE_OPS);
    const std::uint32_t words = byte_at(slot, SR_PACKED_BYTE_WORDS);
    if (ops.count > SR_PACKED_MAX_OPS) return malformed;
    const std::size_t table_bytes = SR_PACKED_BYTE_TABLE + 2 * std::size_t{ops.count};
    const std::size_t table_words = (table_bytes + 3) / 4;
    if (words > SR_MAX_ARGS - table_words) return malformed;

    // Each op's arguments end where the next one's begin; the first begins at 0 and the last ends at `words`.
    const auto offset = [&](std::size_t i) {
        return i < ops.count ? byte_at(slot, SR_PACKED_BYTE_TABLE + 2 * i + 1) : words;
    };
    if (offset(0) != 0) return malformed;
    for (std::size_t i = 0; i < ops.count; ++i) {
        if (offset(i + 1) < offset(i) || offset(i + 1) > words) return malformed;
        ops.op[i] = {byte_at(slot, SR_PACKED_BYTE_TABLE + 2 * i),
                     slot.args().subspan(table_words + offset(i), offset(i + 1) - offset(i))};
    }

    // What no op owns is zero.
    for (std::size_t i = table_bytes; i < 4 * table_words; ++i)
        if (byte_at(slot, i) != 0) return malformed;
    for (std::size_t i = table_words + words; i < SR_MAX_ARGS; ++i)
        if (slot.args()[i] != 0) return malformed;
    return ops;
}

std::expected<WindowHead, Errc> decode_window(std::span<const std::byte> image, std::uint32_t start,
                                              std::uint32_t count) noexcept {
    if (count == 0) return std::unexpected(Errc::malformed_window);
    if (start > UINT32_MAX - count) return std::unexpected(Errc::index_overflow);

    WindowHead head;
    for (std::uint32_t i = 0; i < count; ++i) {
        Slot slot;
        const auto level = read(image, start + i, slot);
        if (!level) return std::unexpected(level.error());
        if (i == 0) {
            const std::uint32_t opcode = slot.opcode();
            if (slot.is_packed()) return std::unexpected(Errc::malformed_window);
            head.ticket = slot.args()[0];
            head.opcode = is_custom(opcode) ? *Opcode::custom(opcode) : Opcode(static_cast<Op>(opcode));
            head.tenant = slot.tenant();
            head.deadline = slot.deadline();
            head.level = *level;
        }
        const bool same = slot.args()[0] == head.ticket && slot.opcode() == head.opcode.value() &&
                          slot.tenant() == head.tenant && slot.deadline() == head.deadline && *level == head.level;
        if (!same) return std::unexpected(Errc::malformed_window);
        switch (slot.args()[1]) {
            case SR_CLASS_REQUIRED:
                if (head.lookahead != 0) return std::unexpected(Errc::malformed_window);
                ++head.required;
                break;
            case SR_CLASS_LOOKAHEAD: ++head.lookahead; break;
            default: return std::unexpected(Errc::malformed_window);
        }
    }
    return head;
}

}  // namespace slipring
