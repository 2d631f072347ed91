// Prints where matches are, as `grep -b -o` does: the file's name, the byte at which the match begins, and the
// pattern. In the order of the files and of the bytes, in whatever order their parts were scanned. Of matches that
// begin at one byte the longest comes first.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "feeder.hpp"
#include "parts.hpp"

class Lister {
public:
    Lister(const Automaton& automaton, bool with_names) : automaton_(automaton), with_names_(with_names) {}

    // All matches that end in a part. Any thread may call it; it prints what can be printed now.
    void add(const Part& part, std::vector<Match> matches);

private:
    using Key = std::pair<std::uint64_t, std::uint32_t>;  // of a part: its file, and which of its parts
    struct Added {
        Part part;
        std::vector<Match> matches;
    };
    void print(const Part& part, const Match& match) const;

    const Automaton& automaton_;
    const bool with_names_;
    std::mutex mutex_;
    std::map<Key, Added> added_;    // and not printed: one before them is missing
    Key next_{0, 0};                // that one
    std::vector<Match> held_back_;  // of its file: the next part may have one that begins before
};
