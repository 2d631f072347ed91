// Tenants: parties that share a runtime and do not trust each other. Each is declared with what it may do, and has a
// ring of its own; a slot names its tenant.
//
//   Tenant tenant{.id = 7, .label = "prefetch", .quota = 256};
//   tenant.writes = {.first = 200, .count = 16};
//   tenant.opcodes = {Op::store_u32, Op::atomic_add};
//   auto runtime = Runtime::open({.tenants = {tenant}});
//   auto ticket = runtime->publish(store_u32(1, 200).for_tenant(7));
//
// What a tenant may not do is refused twice: by publish, at once, as Errc::denied, and by the device for every slot,
// whatever is written in shared memory: such a slot ends as FAULT with Code::denied. The device takes a slot for its
// ring's tenant's, and a slot that names another tenant is denied. So one that can write a tenant's slots harms that
// tenant alone: its ring may stand still until recover(), behind which some of its slots may run once more.
//
// A tenant has no fence. Where DeviceInfo::shape is not 1 x 1 its slots run side by side: it orders two of them by
// waiting for the first, or packs both into one.
//
// Tenant 0 is the program itself: its slots lie in the rings of Runtime::ring and may do everything. Without declared
// tenants a slot's tenant is a number that nothing looks at.
//
// Not kept apart: the device's time, of which a slot takes what it takes (a handler that hangs loses the device for
// all), the table of DFA_STEP, the debug log's room, and what a handler does beyond its buffers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <slipring/abi.h>
#include <slipring/opcode.hpp>
#include <slipring/priority.hpp>

namespace slipring {

// Control words [first, first + count).
struct ControlRange {
    std::uint32_t first = 0, count = 0;
};

struct Tenant {
    static constexpr std::size_t max = SR_MAX_TENANTS;  // of one runtime

    std::uint32_t id = 0;               // not 0, and no two the same
    std::string label{};                // for people: Runtime::diagnose names it
    Priority level = Priority::normal;  // at which it publishes, and at no other; the level need not be open
    // Slots in flight, and how many results the runtime keeps: its ring's capacity, a power of two, 2 .. 2^24.
    // Publishing more is quota_full.
    std::uint32_t quota = 256;
    // Backlogged tenants of one level, and the program's own slots there with weight 1, are served in proportion to
    // their weights; 1 .. quota / 16. In the shape 1 x 1 slots are counted, 16 times its weight each in its turn. In
    // others chunks are, what a sub-group runs at once: 32 slots on a GPU, fewer where no more waited, one on a CPU.
    std::uint32_t weight = 1;
    // The control words that its operations may read, and those that they may write; from first_user_word on. An
    // operation that adds or compares needs the right to write. None if empty.
    ControlRange reads{}, writes{};
    // The operations that it may use, in slots of their own and packed ones. NOP is one of them; batch_fence and
    // shutdown are no tenant's.
    std::vector<Opcode> opcodes{};
    // The buffers that its operations may work on. A custom operation with a buffer that is not among these is
    // denied, though `opcodes` may have it. A handler asks sr_tenant(b) whose slot it runs.
    std::vector<std::string> buffers{};
};

}  // namespace slipring
