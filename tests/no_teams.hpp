// Of a program without team operations. Include it behind shim.hpp.
#pragma once

static int sr_is_team(uint) { return 0; }
static uint sr_custom_team(uint, const uint*, const sr_memory*, const sr_team*, ulong*) {
    return SR_CODE_UNKNOWN_OPCODE;
}
