// The `slipring` command. What its subcommands do stands in their own files; here is only what they share.
#include <cstdio>
#include <exception>

#include "commands.hpp"

int main(int argc, char** argv) {
    CLI::App program("slipring: one OpenCL kernel that never stops, fed through a lock-free ring", "slipring");
    program.set_version_flag("--version", "slipring " SLIPRING_VERSION);
    program.require_subcommand(1);
    program.failure_message(CLI::FailureMessage::simple);
    int status = 0;
    add_scan(program, status);
    add_devices(program, status);
#ifdef SLIPRING_TOOL_BENCH
    add_bench(program, status);
#endif
    // Exceptions are the parser's, and those of a machine without memory.
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "slipring: %s\n", error.what());
        return 2;
    }
    return status;
}
