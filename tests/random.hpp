// Random words for tests, the same in every run.
#pragma once

#include <cstdint>
#include <random>

class Random {
public:
    explicit Random(std::uint32_t seed) : engine_(seed) {}

    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }
    std::uint32_t below(std::uint32_t bound) { return word() % bound; }
    bool once_in(std::uint32_t n) { return below(n) == 0; }

private:
    std::mt19937 engine_;
};
