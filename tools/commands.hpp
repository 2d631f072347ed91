// The subcommands of `slipring`, one file each. A function adds its subcommand to the program; when the user picks
// it, it runs inside the parser's callback and leaves the program's exit status in `status`.
#pragma once

#include <CLI/CLI.hpp>

void add_scan(CLI::App& program, int& status);
void add_devices(CLI::App& program, int& status);
void add_bench(CLI::App& program, int& status);
