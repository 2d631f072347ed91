#include "program.hpp"

#include <cctype>

namespace slipring {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

// The kernels' buffer parameters, and the statements that gather them, one sr_buffers an operation.
std::string buffer_macros(std::span<const CustomOp> ops) {
    std::string parameters = "#define SR_BUFFER_PARAMETERS ";
    std::string gather = "#define SR_BUFFERS sr_buffers buffers[" + text(ops.empty() ? 1 : ops.size()) + "];";
    std::size_t parameter = 0;
    for (std::size_t i = 0; i < ops.size(); ++i) {
        const std::string own = " buffers[" + text(i) + "].";
        gather += own + "count = " + text(ops[i].buffers.size()) + "u;";
        for (std::size_t k = 0; k < ops[i].buffers.size(); ++k, ++parameter) {
            const std::string name = "sr_b" + text(parameter);
            parameters += ", __global uchar* " + name;
            gather += own + "at[" + text(k) + "] = " + name + ";";
            gather += own + "bytes[" + text(k) + "] = " + text(ops[i].buffers[k].bytes) + "ul;";
        }
    }
    return parameters + "\n" + gather + "\n";
}

// sr_custom: one case an operation.
std::string dispatch(std::span<const CustomOp> ops) {
    std::string out =
        "static uint sr_custom(uint opcode, const uint* args, const sr_memory* memory, uint* value) {\n"
        "sr_args a;\nfor (uint i = 0; i < SR_MAX_ARGS; ++i) a.word[i] = args[i];\nswitch (opcode) {\n";
    for (std::size_t i = 0; i < ops.size(); ++i)
        out += "case " + text(ops[i].opcode) + "u: return " + ops[i].name + "(a, memory->buffers + " + text(i) +
               ", value);\n";
    return out + "default: return SR_CODE_UNKNOWN_OPCODE;\n}\n}\n";
}

// The first "NAME:LINE" of a handler in a build log, as "handler NAME, line LINE"; empty if there is none.
// Compilers write it in several ways (name:3:5, name(3), <name>:3), all with the line right behind the name.
std::string blame(const std::string& log, std::span<const CustomOp> ops) {
    std::size_t first = std::string::npos;
    std::string found;
    for (const CustomOp& op : ops) {
        for (std::size_t at = log.find(op.name); at != std::string::npos; at = log.find(op.name, at + 1)) {
            std::size_t digit = at + op.name.size();
            while (digit < log.size() && (log[digit] == ':' || log[digit] == '(' || log[digit] == '>')) ++digit;
            std::size_t end = digit;
            while (end < log.size() && std::isdigit(static_cast<unsigned char>(log[end])) != 0) ++end;
            if (end == digit || digit == at + op.name.size()) continue;
            if (at < first) {
                first = at;
                found = "handler " + op.name + ", line " + log.substr(digit, end - digit) + "\n";
            }
            break;
        }
    }
    return found;
}

}  // namespace

std::string program_source(std::span<const CustomOp> ops) {
    std::string source = embedded::prelude;
    for (const CustomOp& op : ops) source += "#line 1 \"" + op.name + "\"\n" + op.source + "\n";
    source += "#line 1 \"slipring\"\n" + dispatch(ops) + buffer_macros(ops);
    return source + embedded::kernels;
}

std::expected<cl::Program, Error> build(const cl::Context& context, const cl::Device& device,
                                        const std::string& source, std::span<const CustomOp> ops) {
    cl_int status = CL_SUCCESS;
    cl::Program program(context, source, false, &status);
    if (status != CL_SUCCESS) return cl_error("clCreateProgramWithSource", status);

    // C11 atomics need 3.0 (PoCL 3.1 fails at 2.0); without them 1.2 is enough.
    const std::string version = device.getInfo<CL_DEVICE_VERSION>();
    const bool three = version.starts_with("OpenCL 3");
    std::string options = three ? "-cl-std=CL3.0" : "-cl-std=CL1.2";
    // A device that shares the host's caches: see drain.h.
    if ((device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0) options += " -DSR_CACHED";
    status = program.build(device, options.c_str());
    if (status != CL_SUCCESS) {
        const std::string log = program.getBuildInfo<CL_PROGRAM_BUILD_LOG>(device);
        return std::unexpected(Error{Errc::build_failed, blame(log, ops) + log});
    }
    return program;
}

}  // namespace slipring
