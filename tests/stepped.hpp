// A fixture whose sub-groups of 32 lanes a test steps until something is so.
#pragma once

#include <cstdint>
#include <memory>

#include "lanes.hpp"

namespace lanes {

constexpr std::uint32_t patience = 400'000;  // steps: far more than most of what a test waits for takes

struct Stepped {
    std::unique_ptr<Machine> machine{};
    std::uint32_t most_steps = patience;

    Stepped() = default;
    Stepped(const Stepped&) = delete;
    Stepped& operator=(const Stepped&) = delete;
    virtual ~Stepped() = default;

    // One step, and what the fixture looks at behind each.
    virtual void step() { machine->step(); }
    void steps(std::uint32_t n) {
        for (std::uint32_t i = 0; i < n && !machine->ended(); ++i) step();
    }
    // Steps until `condition` holds; false if the launch has ended by then, or it does not in time.
    template <class Condition>
    bool eventually(Condition condition) {
        for (std::uint32_t i = 0; !condition(); ++i) {
            if (machine->ended() || i == most_steps) return false;
            step();
        }
        return true;
    }
    bool end() {
        return eventually([this] { return machine->ended(); });
    }
};

}  // namespace lanes
