// What the custom operations of target wide mean.
#pragma once

#include <array>

#include "model.hpp"
#include "own_bytes.hpp"

namespace fuzz {

// Who runs a team operation's slot: lanes that have no team, which refuse it; a team of one; a team.
enum class Runner : std::uint32_t { lanes, one, team };

struct WideHandlers {
    OwnBytes* bytes;
    Runner runner = Runner::team;

    void begin(uint) noexcept {}
    const sr_buffers* of_device(uint* revoked) noexcept { return bytes->all().of_device(revoked); }

    bool is_team(uint op) const noexcept { return op == op_team_writes || op == op_team_writes_too; }

    uint run(uint op, const std::array<uint, 12>& a, ulong& value) noexcept {
        if (is_team(op)) return runner == Runner::lanes ? SR_CODE_NO_TEAM : run_team(a, value);
        if (op == op_writes) return bytes->all().run(a.data(), value);
        if (op != custom_opcode_of_device) return SR_CODE_UNKNOWN_OPCODE;
        for (const uint arg : a) value += arg;
        return handler_code(a[0]);
    }

private:
    uint run_team(const std::array<uint, 12>& a, ulong& value) noexcept {
        const uint width = runner == Runner::team ? lanes_of_a_team : 1;
        for (uint lane = 0; lane < width; ++lane) {
            uint own = lane;  // what is in local memory
            for (const uint arg : a) own += arg;
            value += own;
        }
        for (uint lane = 0; lane < width; ++lane)
            for (const uint fault : {a[arg_faults] & 0xFFFF, a[arg_faults] >> 16})
                if (fault % 256 == lane + 1)
                    if (const uint code = handler_code(fault / 256); code != SR_CODE_OK) return code;
        return a[arg_faults] != 0 ? SR_CODE_OK : bytes->all().run(a.data());
    }
};

}  // namespace fuzz
