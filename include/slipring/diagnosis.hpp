// Who is stuck? What a runtime knows of a device that does not answer: Runtime::diagnose reads memory that the device
// writes by itself, and asks nothing of the device or its driver.
//
//   if (!runtime->wait(*ticket, 1s)) std::puts(runtime->diagnose()->text().c_str());
//
//   launch 3 runs, queued 5.2 s ago, nothing finished for 1.0 s; normal: 12 finished, 13 begun, 20 published, 21
//   reserved; position 12 runs match (0x100); position 20 was reserved 3.0 s ago and is not published
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <slipring/api.hpp>
#include <slipring/priority.hpp>

namespace slipring {

struct Diagnosis {
    // A slot that has begun and has not finished.
    struct Running {
        std::uint64_t position = 0;
        std::uint32_t opcode = 0;
        std::string operation{};  // of a custom one its handler's name
        bool quiet = false;       // whether such a one has finished nobody is told: it may have
    };
    struct Level {
        Priority level = Priority::normal;
        std::uint32_t tenant = 0;  // whose ring it is; 0: the program's own
        std::string label{};       // that tenant's
        // Positions, each at most the next one's: every slot before it has finished, has begun, is published, is
        // reserved. In per_launch mode what a launch has taken along has begun, and has not finished before the
        // launch has.
        std::uint64_t completed = 0, begun = 0, published = 0, reserved = 0;
        // The first that run, no more than max_running; the first of them holds up `completed`. Where slots run one
        // after the other there is one at most.
        std::vector<Running> running{};
        // A reservation holds up `published`, that position's: how long ago that was first seen, by wait() or this. A
        // producer that died between reserving and publishing stays here for ever.
        bool is_held = false;
        std::chrono::nanoseconds held_for{};
        bool is_fence = false;  // no producer died: it is publish_fence()'s, and waits for this level and the others
    };
    static constexpr std::size_t max_running = 64;

    std::uint64_t launches = 0;           // of the kernel, ever
    bool runs = false;                    // the newest one has not said that it has left
    std::chrono::nanoseconds launched{};  // how long ago that was queued
    // How long no slot has finished though there was work, as far as a thread that waited was looking.
    std::chrono::nanoseconds silence{};
    std::vector<Level> levels{};  // those that are open, the highest first, and behind them the tenants'

    // All of it, in one line.
    SLIPRING_API std::string text() const;
};

}  // namespace slipring
