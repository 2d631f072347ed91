// The device code compiled as C++, with two custom operations: 0x100 returns its first argument as its code and the
// sum of all arguments as its result; 0x102 does what `in_handler` says.
#pragma once

#include "shim.hpp"

#include "no_teams.hpp"

static void (*in_handler)() = nullptr;

static uint sr_custom(uint opcode, const uint* args, const sr_memory*, ulong* value) {
    if (opcode == 0x102 && in_handler != nullptr) return in_handler(), SR_CODE_OK;
    if (opcode != 0x100) return SR_CODE_UNKNOWN_OPCODE;
    for (uint i = 0; i < SR_MAX_ARGS; ++i) *value += args[i];
    return sr_handler_code(args[0]);
}
