#include "handlers.hpp"

#include <algorithm>
#include <bit>

#include <slipring/abi.h>

#include "source.hpp"

namespace slipring {
namespace {

std::string decimal(std::uint64_t number) { return std::to_string(number); }

// A handler and what puts back the macros it changes. A declaration that it leaves open ends at the semicolon.
std::string guarded(const CustomOp& op) {
    std::string before, after = "\n;\n";
    const auto macros = macros_of(op.source);
    for (const std::string& name : *macros) {
        before += "#pragma push_macro(\"" + name + "\")\n";
        after += "#undef " + name + "\n#pragma pop_macro(\"" + name + "\")\n";
    }
    return before + line_mark(op.name) + op.source + after;
}

// The kernels' buffer parameters, its memory and its size, and the statements that gather an sr_buffers for each
// operation. The sizes are no constants in the text: programs that differ in nothing else are compiled once.
std::string buffer_macros(std::span<const CustomOp> ops, std::span<const BufferSpec> buffers) {
    std::string parameters = "#define SR_BUFFER_PARAMETERS ";
    for (std::size_t i = 0; i < buffers.size(); ++i)
        parameters += ", __global uchar* sr_b" + decimal(i) + ", ulong sr_n" + decimal(i);
    std::string gather = "#define SR_BUFFERS sr_running running = {0, 0}; sr_buffers buffers[" +
                         decimal(ops.empty() ? 1 : ops.size()) + "];";
    for (std::size_t i = 0; i < ops.size(); ++i) {
        const std::string own = " buffers[" + decimal(i) + "].";
        gather += own + "count = " + decimal(ops[i].buffers.size()) + "u;";
        gather += own + "revoked = (__global uint*)(ring + SR_RING_REVOKED);" + own + "running = &running;";
        for (std::size_t k = 0; k < ops[i].buffers.size(); ++k) {
            const auto buffer = std::ranges::find(buffers, ops[i].buffers[k], &BufferSpec::name);
            const auto number = static_cast<std::size_t>(buffer - buffers.begin());
            gather += own + "at[" + decimal(k) + "] = sr_b" + decimal(number) + ";";
            gather += own + "bytes[" + decimal(k) + "] = sr_n" + decimal(number) + ";";
        }
    }
    return parameters + "\n" + gather + "\n";
}

// A function with one case for each operation that is a team's, or none. On a CPU it stays behind a call: a handler's
// own loop is better off without the drain's registers (a scan is a quarter faster so).
std::string cases(std::span<const CustomOp> ops, bool teams) {
    const std::string parameter = teams ? "const sr_team* team, " : "", argument = teams ? "team, " : "";
    std::string out = "#ifdef SR_CACHED\n__attribute__((noinline))\n#endif\nstatic uint " +
                      std::string(teams ? "sr_custom_team" : "sr_custom") +
                      "(uint opcode, const uint* args, const sr_memory* memory, " + parameter + "ulong* value) {\n" +
                      "sr_args a;\nfor (uint i = 0; i < SR_MAX_ARGS; ++i) a.word[i] = args[i];\nswitch (opcode) {\n";
    for (std::size_t i = 0; i < ops.size(); ++i)
        if (ops[i].team.has_value() == teams)
            out += "case " + decimal(ops[i].opcode) + "u: return sr_handler_code(" + ops[i].name +
                   "(a, memory->buffers + " + decimal(i) + ", " + argument + "value));\n";
    return out + "default: return SR_CODE_UNKNOWN_OPCODE;\n}\n}\n";
}

std::string is_team(std::span<const CustomOp> ops) {
    std::string out = "static int sr_is_team(uint opcode) {\nswitch (opcode) {\n";
    for (const CustomOp& op : ops)
        if (op.team) out += "case " + decimal(op.opcode) + "u: return 1;\n";
    return out + "default: return 0;\n}\n}\n";
}

// Buffers that a user brought may lie in the host's memory.
std::string writes_shared(std::span<const CustomOp> ops, std::span<const BufferSpec> buffers) {
    std::string out = "#ifdef __NV_CL_C_VERSION\nstatic int sr_writes_shared(uint opcode) {\nswitch (opcode) {\n";
    for (const CustomOp& op : ops) {
        const bool writes = std::ranges::any_of(op.buffers, [&](const std::string& name) {
            const BufferSpec& buffer = *std::ranges::find(buffers, name, &BufferSpec::name);
            return buffer.memory != nullptr ||
                   (buffer.place == BufferSpec::Place::shared && buffer.use == BufferSpec::Use::output);
        });
        if (!writes) out += "case " + decimal(op.opcode) + "u: return 0;\n";
    }
    return out + "default: return 1;\n}\n}\n#endif\n";
}

// See cl/tenants.h.
std::string numbers(std::span<const CustomOp> ops) {
    std::string out = "#if SR_TENANTS > 0u\nstatic uint sr_op_number(uint opcode) {\nswitch (opcode) {\n";
    for (std::size_t i = 0; i < ops.size(); ++i)
        out += "case " + decimal(ops[i].opcode) + "u: return " + decimal(i) + "u;\n";
    return out + "default: return SR_MAX_TENANT_OPS;\n}\n}\n#endif\n";
}

std::string dispatch(std::span<const CustomOp> ops, std::span<const BufferSpec> buffers) {
    return cases(ops, false) + cases(ops, true) + is_team(ops) + writes_shared(ops, buffers) + numbers(ops);
}

// What cl/types.h and persistent.cl ask of the host where there are several rings.
std::string ring_macros(std::span<const RingPlace> rings, std::uint32_t lower_every) {
    if (rings.size() <= 1) return {};
    const auto lead = std::ranges::find_if(rings, &RingPlace::is_lead) - rings.begin();
    const auto lookahead = std::ranges::find_if(rings, &RingPlace::is_lookaheads) - rings.begin();
    std::string table;
    std::size_t levels = 0, tenants = 0;
    const RingPlace* before = nullptr;
    for (const RingPlace& ring : rings) {
        if (before == nullptr || before->level != ring.level) ++levels;
        before = &ring;
        if (ring.tenant != 0) ++tenants;
        table += table.empty() ? "{" : ", {";
        for (const std::uint64_t of : {std::uint64_t{ring.shared_at}, std::uint64_t{ring.window_at},
                                       std::uint64_t(std::countr_zero(ring.capacity)),
                                       std::uint64_t(std::countr_zero(ring.completions)), std::uint64_t{levels - 1}})
            table += decimal(of) + "ul, ";
        table += decimal(ring.row) + "ul}";
    }
    const auto define = [](const std::string& name, std::uint64_t value) {
        return "#define " + name + " " + decimal(value) + "u\n";
    };
    return define("SR_RINGS", rings.size()) + define("SR_LEVELS", levels) + define("SR_TENANTS", tenants) +
           define("SR_LEAD", static_cast<std::uint64_t>(lead)) + define("SR_LOWER_EVERY", lower_every) +
           define("SR_LOOKAHEAD", static_cast<std::uint64_t>(lookahead)) +  // SR_RINGS if there is none
           "#define SR_RING_TABLE {" + table + "}\n";
}

}  // namespace

std::string line_mark(const std::string& name) { return "#line 1 \"" + name + "\"\n"; }

std::expected<void, Error> check_source(const CustomOp& op) {
    const auto macros = macros_of(op.source);
    if (macros) return {};
    std::string detail = op.name + ", line " + decimal(macros.error().line) + ": ";
    return std::unexpected(Error{Errc::bad_options, detail.append(macros.error().what)});
}

std::string program_source(std::span<const CustomOp> ops, std::span<const BufferSpec> buffers,
                           std::span<const RingPlace> rings, std::uint32_t lower_every) {
    std::string source = ring_macros(rings, lower_every) + embedded::prelude;
    for (const CustomOp& op : ops) source += guarded(op);
    source += line_mark("slipring") + dispatch(ops, buffers) + buffer_macros(ops, buffers);
    return source + embedded::kernels;
}

}  // namespace slipring
