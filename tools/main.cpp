// The `slipring` command. What its subcommands do stands in their own files; here is only what they share.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <slipring/version.hpp>

#include "commands.hpp"

namespace {

constexpr int trouble = 2;

// Letters to insert, remove or replace to get from one word to the other.
std::size_t distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t replaced = diagonal + (from[i] != to[j] ? 1 : 0);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

// Of a word that is no subcommand the parser would only say that a subcommand is required. Empty: it is one.
std::string complaint(const std::string& word, const CLI::App& program) {
    std::string all, near;
    std::size_t nearest = 3;
    for (const CLI::App* const command : program.get_subcommands([](const CLI::App*) { return true; })) {
        const std::string& name = command->get_name();
        all += (all.empty() ? "" : ", ") + name;
        if (const std::size_t far = distance(word, name); far < nearest) {
            nearest = far;
            near = name;
        }
    }
    if (nearest == 0) return "";
    const std::string hint = near.empty() ? "there are: " + all : "did you mean " + near + "?";
    return "there is no subcommand " + word + "; " + hint;
}

// What was printed must have arrived, or the status says that it did not.
int finish(int status) {
    errno = 0;
    std::cout.flush();
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout) return status;
    const char* const why = errno != 0 ? std::strerror(errno) : "could not be written";
    std::fprintf(stderr, "slipring: standard output: %s\n", why);
    return trouble;
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): to set up the parser, out of memory
    CLI::App program("slipring: one OpenCL kernel that never stops, fed through a lock-free ring", "slipring");
    program.set_version_flag("--version", "slipring " + std::string(slipring::version()));
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
        const std::string first = argc > 1 ? argv[1] : "-";
        if (const std::string unknown = complaint(first, program); !first.starts_with('-') && !unknown.empty()) {
            std::fprintf(stderr, "slipring: %s\n", unknown.c_str());
            return trouble;
        }
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return finish(program.exit(error) == 0 ? 0 : trouble);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "slipring: %s\n", error.what());
        return trouble;
    }
    return finish(status);
}
