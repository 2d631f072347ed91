#include "program.hpp"

#include <algorithm>
#include <cctype>

#include "../ring_inside.hpp"
#include "handlers.hpp"

namespace slipring {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

std::string handler_line(const CustomOp& op, std::size_t line) {
    return "handler " + op.name + ", line " + text(line) + "\n";
}

// The number that stands at `at`, or 0.
std::size_t number_at(const std::string& log, std::size_t at) {
    std::size_t number = 0;
    for (; at < log.size() && std::isdigit(static_cast<unsigned char>(log[at])) != 0 && number < 1'000'000; ++at)
        number = 10 * number + static_cast<std::size_t>(log[at] - '0');
    return number;
}

// The first "NAME:LINE" of a handler in a build log, where the compiler honours #line (PoCL).
std::string blame_by_name(const std::string& log, std::span<const CustomOp> ops) {
    std::size_t first = std::string::npos;
    std::string found;
    for (const CustomOp& op : ops) {
        const std::string mark = op.name + ":";
        for (std::size_t at = log.find(mark); at < first; at = log.find(mark, at + 1)) {
            const std::size_t line = number_at(log, at + mark.size());
            if (line == 0) continue;
            first = at;
            found = handler_line(op, line);
        }
    }
    return found;
}

// The first ":LINE:COLUMN: error" of a log that counts the lines of the whole source (NVIDIA), if it is a handler's.
std::string blame_by_line(const std::string& log, const std::string& source, std::span<const CustomOp> ops) {
    std::size_t line = 0;
    for (std::size_t at = log.find(':'); at != std::string::npos && line == 0; at = log.find(':', at + 1)) {
        const std::size_t column = log.find(':', at + 1);
        if (number_at(log, at + 1) == 0 || column == std::string::npos || number_at(log, column + 1) == 0) continue;
        if (log.compare(log.find(':', column + 1), 7, ": error") == 0) line = number_at(log, at + 1);
    }
    for (const CustomOp& op : ops) {
        const std::string mark = line_mark(op.name);
        const auto begin = source.begin();
        const std::size_t marked = source.find(mark);
        const auto above = static_cast<std::size_t>(
            std::count(begin, begin + static_cast<std::ptrdiff_t>(marked + mark.size()), '\n'));
        const auto own = static_cast<std::size_t>(std::ranges::count(op.source, '\n')) + 1;
        if (line > above && line <= above + own) return handler_line(op, line - above);
    }
    return {};
}

}  // namespace

std::expected<cl::Program, Error> build(const cl::Context& context, const cl::Device& device,
                                        const std::string& source, std::span<const CustomOp> ops, BuildFor what) {
    cl_int status = CL_SUCCESS;
    cl::Program program(context, source, false, &status);
    if (status != CL_SUCCESS) return cl_error("clCreateProgramWithSource", status);

    // C11 atomics need 3.0 (PoCL 3.1 fails at 2.0); without them 1.2 is enough.
    const std::string version = device.getInfo<CL_DEVICE_VERSION>();
    const bool three = version.starts_with("OpenCL 3");
    std::string options = three ? "-cl-std=CL3.0" : "-cl-std=CL1.2";
    // A device that shares the host's caches, see launch.h, and whose compiler, if it is PoCL's, knows a cycle
    // counter.
    if ((device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0) {
        options += " -DSR_CACHED";
        if (RingInside::takes_ahead()) options += " -DSR_TAKES_AHEAD";
    }
    if (version.find("pocl") != std::string::npos || version.find("PoCL") != std::string::npos)
        options += " -DSR_CYCLES";
    options += what.wide ? " -DSR_NO_SERIAL" : " -DSR_NO_WIDE";
    if (what.teams) options += " -DSR_TEAMS";
    if (what.window) options += " -DSR_WINDOW";
    status = program.build(device, options.c_str());
    if (status != CL_SUCCESS) {
        const std::string log = program.getBuildInfo<CL_PROGRAM_BUILD_LOG>(device);
        std::string handler = blame_by_name(log, ops);
        if (handler.empty()) handler = blame_by_line(log, source, ops);
        return std::unexpected(Error{Errc::build_failed, handler + log});
    }
    return program;
}

}  // namespace slipring
