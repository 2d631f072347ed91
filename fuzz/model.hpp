// What operations mean: the contract's table, written a second time with 64-bit arithmetic and nothing of the
// device's. The memory that an input gives to a device, the model's copy of it, and the comparison.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "buffers.hpp"
#include "device.hpp"
#include "fields.hpp"
#include "guarded.hpp"
#include "rights.hpp"

namespace fuzz {

namespace near {
inline constexpr std::uint32_t control_words_[] = {160, 161, 200, 255, 256};
inline constexpr std::uint32_t log_records_[] = {0, 1, 2, 3};
inline constexpr std::uint32_t log_counter_[] = {0, 1, 2, 3, 4, 7, 8, 0xFFFFFFFF, 0xFFFFFFFC};
inline constexpr std::uint32_t states_[] = {0,  1,   2,   3,   5,   14, 27,
                                            43, 102, 131, 195, 252, 255};  // and bytes of buffers
inline constexpr Field control_words{control_words_}, log_records{log_records_}, log_counter{log_counter_},
    states{states_};
}  // namespace near

// ---- memory: 6 words of a head ------------------------------------------------------------------------------------

#define SR_FUZZ_MEMORY_FIELDS \
    near::control_words, near::log_records, near::log_counter, near::log_counter, near::log_counter, near::states

inline uint handler_code(uint code) noexcept {
    return code == 0 || code == 3 || (code >= 64 && code <= 255) ? code : 2;
}

// The custom operations of device.cl. A team has one lane there.
struct DeviceHandlers {
    Buffers<256> buffers;
    uint tenant = 0;  // whose slot runs

    // How large the buffers are.
    void begin(uint choice) noexcept {
        constexpr std::size_t sizes[] = {200, 0, 1, 7, 64, 100, 255, 256};
        buffers.begin(sizes[choice % 8], sizes[choice / 8 % 8]);
    }
    const sr_buffers* of_device(uint* revoked) noexcept { return buffers.of_device(revoked); }
    static bool is_team(uint op) noexcept { return op == team_opcode_of_device; }
    uint run(uint op, const std::array<uint, 12>& args, ulong& value) noexcept {
        if (op == op_writes) return buffers.run(args.data(), value);
        if (op != custom_opcode_of_device && !is_team(op)) return SR_CODE_UNKNOWN_OPCODE;
        value = is_team(op) ? 1 : tenant;
        if (!is_team(op))
            for (const uint arg : args) value += arg;
        return handler_code(args[0]);
    }
};

template <std::uint32_t MostWords, class Handlers = DeviceHandlers>
class MemoryOf {
public:
    static constexpr std::uint32_t max_words = MostWords, max_records = 8;
    Handlers handlers;
    bool ringless = false;           // what runs is no ring's
    const Rights* rights = nullptr;  // of whose ring it is; null: there are no tenants

    explicit MemoryOf(Input& in) noexcept
        : MemoryOf(in, SR_OBSERVABLE_BASE + in.word() % (max_words - SR_OBSERVABLE_BASE + 1)) {}
    // With that many control words: the head has one word less.
    MemoryOf(Input& in, std::uint32_t words, Handlers own = {}) noexcept : handlers(own), words_(words) {
        records_ = 1u << in.word() % 4;
        log_words_ = SR_LOG_RECORDS / 4 + records_ * SR_LOG_RECORD_WORDS;
        std::memset(log_, 0, log_words_ * 4);
        log_[SR_LOG_WRITTEN / 4] = in.word();
        // The host has read what is not in the log any more; it may have read more, says a hostile host.
        log_[SR_LOG_CONSUMED / 4] = log_[SR_LOG_WRITTEN / 4] - in.word() % (records_ + 2);
        log_[SR_LOG_DROPPED / 4] = in.word();
        const std::uint32_t choice = in.word();
        states_ = choice % 4;
        handlers.begin(choice / 4);
        for (std::uint32_t i = 0; i < words_; ++i) control_[i] = i * 7;

        static Guarded<uint, max_words> control;
        static Guarded<uint, SR_LOG_RECORDS / 4 + max_records * SR_LOG_RECORD_WORDS> log;
        device_control_ = control.take(words_);
        device_log_ = log.take(log_words_);
        std::memcpy(device_control_.data(), control_, words_ * 4);
        std::memcpy(device_log_.data(), log_, log_words_ * 4);
    }

    sr_memory of_device(uint* revoked = nullptr) noexcept {
        return {device_control_.data(),
                words_,
                table(states_).data(),
                states_,
                device_log_.data(),
                records_ - 1,
                handlers.of_device(revoked),
                0,
                nullptr,
                0,
                &now_,
                nullptr};
    }
    // The host's clock.
    void set_now(uint now) noexcept { now_ = now; }

    // The device's memory is the model's; the table is as it was.
    void check() noexcept {
        for (const std::uint32_t k : {0u, 1u}) FUZZ_CHECK(handlers.buffers.are_as_modelled(k, 0));
        FUZZ_CHECK(std::memcmp(device_control_.data(), control_, words_ * 4) == 0);
        FUZZ_CHECK(std::memcmp(device_log_.data(), log_, log_words_ * 4) == 0);
        const auto now = table(states_);
        for (std::size_t i = 0; i < now.size(); i += 67) FUZZ_CHECK(now[i] == next_state(i));
    }

    // The model: runs a slot of 16 words.
    sr_outcome run(const uint* slot, uint position) noexcept {
        sr_outcome out{SR_CODE_BAD_ARGUMENT, 0, 0};
        if (!is_well_formed(slot)) return out;
        const bool windowed = slot[3] / 256 % 2 == 1;
        std::array<uint, 12> args{};
        std::copy(slot + (windowed ? 6 : 4), slot + 16, args.begin());
        if (slot[1] == 0x80000001) return run_packed(args, position);
        out.code = run_op(slot[1], args, position, out.value, false);
        return out;
    }
    // Of a slot that a drain takes out of a ring: one that names another tenant than the ring's is denied; one that
    // is late is not run. One that says that it was cancelled is not run either, and stays so.
    sr_outcome run_in_time(const uint* slot, uint position) noexcept {
        if (rights != nullptr && slot[2] != rights->id()) return {SR_CODE_DENIED, 0, 0};
        const uint due = slot[3] / 65536;
        const bool late = due != 0 && slot[1] != 0xFFF1 && static_cast<std::int16_t>(now_ - due) >= 0;
        return late ? end_unrun(slot, SR_CODE_DEADLINE) : run(slot, position);
    }
    // A slot that is malformed says that first.
    static sr_outcome end_unrun(const uint* slot, uint code) noexcept {
        return {is_well_formed(slot) ? code : SR_CODE_BAD_ARGUMENT, 0, 0};
    }
    uint& control(std::size_t index) noexcept { return control_[index]; }
    // Words that the host writes, from `first` on.
    void write(std::size_t first, std::span<const uint> words) noexcept {
        std::ranges::copy(words, control_ + first);
        std::ranges::copy(words, device_control_.begin() + static_cast<std::ptrdiff_t>(first));
    }
    // The device's own, for a target that says itself what is there and when.
    // The launch that has left last. A launch alone changes it, when it leaves: behind its slots the model has it
    // from the device.
    void set_left(uint launch) noexcept { control_[SR_CONTROL_LEFT] = device_control_[SR_CONTROL_LEFT] = launch; }
    uint take_left() noexcept { return control_[SR_CONTROL_LEFT] = device_control_[SR_CONTROL_LEFT]; }

    std::span<uint> device_control() const noexcept { return device_control_; }
    std::span<uint> device_log() const noexcept { return device_log_; }

private:
    using Args = std::array<uint, 12>;

    static bool is_well_formed(const uint* slot) noexcept {
        const uint priority = slot[3] % 256, flags = slot[3] / 256 % 256;
        return priority <= 4 && flags <= 3 && (flags % 2 == 0 || slot[5] <= 1);
    }

    static uint next_state(std::size_t i) noexcept { return static_cast<uint>((i * 5 + i / 256) % 4); }

    static std::span<const uint> table(std::size_t states) noexcept {
        static Guarded<uint, 4 * 256> memory;
        static std::size_t filled = ~std::size_t{0};
        const std::span<uint> words = memory.take(states * 256);
        if (filled != states)
            for (std::size_t i = 0; i < words.size(); ++i) words[i] = next_state(i);
        filled = states;
        return words;
    }

    sr_outcome run_packed(const Args& args, uint position) noexcept {
        sr_outcome out{SR_CODE_BAD_ARGUMENT, 0, 0};
        unsigned char bytes[48];
        std::memcpy(bytes, args.data(), 48);
        const uint count = bytes[0], words = bytes[1];
        if (count > 11) return out;
        const uint table_words = (2 + 2 * count + 3) / 4;
        uint ends[12];  // where op i's arguments begin; those of the one before end there
        for (uint i = 0; i < count; ++i) ends[i] = bytes[3 + 2 * i];
        ends[count] = words;
        if (ends[0] != 0 || table_words + words > 12) return out;
        for (uint i = 0; i < count; ++i)
            if (ends[i] > ends[i + 1]) return out;
        out.code = SR_CODE_OK;
        for (uint i = 0; i < count && out.code == SR_CODE_OK; ++i) {
            Args own{};
            for (uint k = ends[i]; k < ends[i + 1]; ++k) own[k - ends[i]] = args[table_words + k];
            out.inner = i;
            out.value = 0;
            out.code = run_op(bytes[2 + 2 * i], own, position, out.value, true);
        }
        return out;
    }

    uint run_op(uint op, const Args& a, uint position, ulong& value, bool packed) noexcept {
        if (rights != nullptr && !rights->may(op, a)) return SR_CODE_DENIED;
        if (packed && handlers.is_team(op)) return SR_CODE_NO_TEAM;
        const auto readable = [&](std::uint64_t index) { return index < words_; };
        const auto writable = [&](std::uint64_t index) { return index >= 160 && index < words_; };
        const auto word = [&](std::uint64_t index) -> uint& { return control_[index]; };
        switch (op) {
            case 0: return SR_CODE_OK;
            case 1:
                if (!writable(a[1])) return SR_CODE_OUT_OF_RANGE;
                value = word(a[1]) = a[0];
                return SR_CODE_OK;
            case 2:
                if (!writable(a[1])) return SR_CODE_OUT_OF_RANGE;
                value = word(a[1]);
                word(a[1]) += a[0];
                return SR_CODE_OK;
            case 3:
                if (!readable(a[0]) || !writable(160ull + a[1])) return SR_CODE_OUT_OF_RANGE;
                value = word(160ull + a[1]) = word(a[0]);
                return SR_CODE_OK;
            case 4:
                if (!writable(a[0])) return SR_CODE_OUT_OF_RANGE;
                value = word(a[0]);
                if (value == a[1]) word(a[0]) = a[2];
                return SR_CODE_OK;
            case 5:
                if (std::uint64_t{a[0]} + a[2] > words_ || a[1] < 160 || std::uint64_t{a[1]} + a[2] > words_)
                    return SR_CODE_OUT_OF_RANGE;
                std::memmove(control_ + a[1], control_ + a[0], a[2] * std::size_t{4});
                value = a[2];
                return SR_CODE_OK;
            case 6:
                if (a[1] > 255) return SR_CODE_BAD_ARGUMENT;
                if (a[0] >= states_ || !writable(160ull + a[2])) return SR_CODE_OUT_OF_RANGE;
                value = word(160ull + a[2]) = next_state(a[0] * std::size_t{256} + a[1]);
                return SR_CODE_OK;
            case 7:
                if (ringless) return SR_CODE_OK;
                value = ++control_[0];
                control_[1] = a[1];
                return SR_CODE_OK;
            case 0xFFF0: return SR_CODE_DEVICE_LOST;
            case 0xFFF1: return SR_CODE_CANCELLED;
            case 0xFFF2: return SR_CODE_DEADLINE;
            case 0xFFFE: return print(a, position, value);
            case 0xFFFFFFFF: return SR_CODE_OK;
            default: return handlers.run(op, a, value);
        }
    }

    uint print(const Args& a, uint position, ulong& value) noexcept {
        uint& written = log_[SR_LOG_WRITTEN / 4];
        const uint waiting = written - log_[SR_LOG_CONSUMED / 4];
        if (waiting >= records_) {
            ++log_[SR_LOG_DROPPED / 4];
            value = 0;
            return SR_CODE_OK;
        }
        uint* const record = log_ + SR_LOG_RECORDS / 4 + std::size_t{written % records_} * SR_LOG_RECORD_WORDS;
        record[0] = a[0];
        record[1] = a[1];
        record[2] = a[2];
        record[3] = position;
        ++written;
        value = 1;
        return SR_CODE_OK;
    }

    uint words_, records_, states_, log_words_, now_ = 0;
    uint control_[max_words];
    uint log_[SR_LOG_RECORDS / 4 + max_records * SR_LOG_RECORD_WORDS];
    std::span<uint> device_control_, device_log_;
};
using Memory = MemoryOf<256>;

}  // namespace fuzz
