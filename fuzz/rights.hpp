// What a tenant may do: the contract's table, written a second time with 64-bit arithmetic and nothing of the
// device's.
#pragma once

#include <array>
#include <span>

#include "device.hpp"
#include "handler_args.h"

namespace fuzz {

class Rights {
public:
    // The program's: it may do everything.
    Rights() noexcept = default;
    // A tenant's, whose row of the table this is.
    explicit Rights(std::span<const uint, 8> row) noexcept
        : id_(row[0]), is_tenant_(true), built_in_(row[1] % 65536), weight_(row[1] / 65536),
          custom_(row[2] | ulong{row[3]} << 32), reads_{row[4], row[5]}, writes_{row[6], row[7]} {}

    uint id() const noexcept { return id_; }
    ulong slots_a_turn() const noexcept { return weight_ == 0 ? 16 : 16 * weight_; }
    // The first words behind those that it may read, and write.
    std::uint64_t end_of_reads() const noexcept { return reads_.first + reads_.count; }
    std::uint64_t end_of_writes() const noexcept { return writes_.first + writes_.count; }
    bool may_write(std::uint64_t word) const noexcept { return !is_tenant_ || writes_.has(word, 1); }

    bool may(uint op, const std::array<uint, 12>& a) const noexcept {
        if (!is_tenant_) return true;
        const auto has_bit = [](ulong word, uint bit) { return word / (ulong{1} << bit) % 2 == 1; };
        switch (op) {
            case 0: return has_bit(built_in_, 0);
            case 1:
            case 2: return has_bit(built_in_, op) && writes_.has(a[1], 1);
            case 3: return has_bit(built_in_, 3) && reads_.has(a[0], 1) && writes_.has(160ull + a[1], 1);
            case 4: return has_bit(built_in_, 4) && writes_.has(a[0], 1);
            case 5: return has_bit(built_in_, 5) && reads_.has(a[0], a[2]) && writes_.has(a[1], a[2]);
            case 6: return has_bit(built_in_, 6) && writes_.has(160ull + a[2], 1);
            case 0xFFFE: return has_bit(built_in_, 8);
            case 0xFFF0:
            case 0xFFF1:
            case 0xFFF2: return true;
            case 0x100: return has_bit(custom_, number_of_sums);
            case op_writes: return has_bit(custom_, number_of_writes);
            case team_opcode_of_device: return has_bit(custom_, number_of_team);
            default: return false;  // a fence and a shutdown, too
        }
    }

private:
    // Control words [first, first + count).
    struct Range {
        std::uint64_t first = 0, count = 0;
        bool has(std::uint64_t from, std::uint64_t words) const noexcept {
            return from >= first && from + words <= first + count;
        }
    };

    uint id_ = 0;
    bool is_tenant_ = false;
    ulong built_in_ = 0, weight_ = 1, custom_ = 0;
    Range reads_{}, writes_{};
};

}  // namespace fuzz
