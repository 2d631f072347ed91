#include "cores.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace {

// What the control group allows in each period, in cores; 0: any number.
double quota() {
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    std::string each;
    double period = 0;
    if (!(file >> each >> period) || each == "max" || period <= 0) return 0;
    return std::strtod(each.c_str(), nullptr) / period;
}

}  // namespace

std::uint32_t usable_cores() noexcept {
    std::uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
    cpu_set_t mine;
    CPU_ZERO(&mine);
    if (::sched_getaffinity(0, sizeof mine, &mine) == 0)
        cores = std::clamp(static_cast<std::uint32_t>(CPU_COUNT(&mine)), 1u, cores);
    if (const double most = quota(); most > 0)
        cores = std::min(cores, static_cast<std::uint32_t>(std::max(1.0, std::ceil(most))));
    return cores;
}
