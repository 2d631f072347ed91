#include <sys/utsname.h>

#include <fstream>
#include <string_view>
#include <thread>

#include "bench.hpp"
#include "commit.hpp"

namespace slipring::bench {
namespace {

// What follows `key` and its separator in the first line of `file` that begins with it.
std::string find(const char* file, std::string_view key, char separator) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key)) continue;
        const auto at = line.find(separator);
        if (at == std::string::npos) continue;
        const auto begin = line.find_first_not_of(" \t\"", at + 1);
        const auto end = line.find_last_not_of(" \t\"");
        if (begin != std::string::npos) return line.substr(begin, end - begin + 1);
    }
    return "unknown";
}

std::string compiler() {
#if defined(__clang__)
    return "clang++ " __clang_version__;
#elif defined(__GNUC__)
    return "g++ " __VERSION__;
#else
    return "unknown";
#endif
}

std::string system() {
    std::string text = find("/etc/os-release", "PRETTY_NAME", '=');
    if (utsname names{}; uname(&names) == 0)
        text.append(", ").append(names.sysname).append(" ").append(names.release).append(" ").append(names.machine);
    return text;
}

}  // namespace

Machine describe_machine() {
    return {find("/proc/cpuinfo", "model name", ':'), std::thread::hardware_concurrency(), compiler(), system(),
            SLIPRING_COMMIT};
}

}  // namespace slipring::bench
