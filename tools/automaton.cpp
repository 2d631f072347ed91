#include "automaton.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include <slipring/abi.h>

namespace {

constexpr std::size_t max_words = (std::size_t{1} << 31) / 4 - automaton_table;  // a device buffer's bound

// Bytes that occur in patterns get a column each, from 1 up in the order of their values; all others share column 0.
struct Columns {
    std::array<std::uint8_t, 256> of{};
    std::uint32_t count = 1;
    std::optional<std::byte> unused{};  // the first byte that occurs in none

    explicit Columns(const std::vector<std::string>& patterns) {
        std::array<bool, 256> used{};
        for (const std::string& pattern : patterns)
            for (const char c : pattern) used[static_cast<unsigned char>(c)] = true;
        // With all 256 in use no byte needs the shared column.
        if (std::ranges::all_of(used, [](bool u) { return u; })) count = 0;
        for (std::size_t byte = 0; byte < used.size(); ++byte)
            if (used[byte]) of[byte] = static_cast<std::uint8_t>(count++);
            else if (!unused) unused = static_cast<std::byte>(byte);
    }
    std::uint32_t at(char c) const { return of[static_cast<unsigned char>(c)]; }
};

}  // namespace

struct Builder {
    static constexpr std::uint32_t none = Automaton::none;

    explicit Builder(std::vector<std::string> unique) : columns(unique), patterns(std::move(unique)) { add_state(); }

    std::uint32_t add_state() {
        next.resize(next.size() + columns.count, none);
        fail.push_back(0);
        ends.push_back(none);
        rest.push_back(none);
        return static_cast<std::uint32_t>(fail.size() - 1);
    }
    std::uint32_t& step(std::uint32_t state, std::uint32_t column) {
        return next[std::size_t{state} * columns.count + column];
    }

    // False if the table would be larger than a buffer can be.
    bool add_patterns() {
        for (std::uint32_t i = 0; i < patterns.size(); ++i) {
            std::uint32_t state = 0;
            for (const char c : patterns[i]) {
                std::uint32_t to = step(state, columns.at(c));
                if (to == none) {
                    if ((fail.size() + 1) * (columns.count + 1) > max_words) return false;
                    to = add_state();
                    step(state, columns.at(c)) = to;
                }
                state = to;
            }
            ends[state] = i;
        }
        return true;
    }

    // Breadth first, so that a state's failure state, which is nearer to the root, is complete before it is used.
    void follow_failures() {
        order.push_back(0);
        for (std::size_t at = 0; at < order.size(); ++at) {
            const std::uint32_t state = order[at];
            // The nearest state on the failure path that ends a pattern, the failure state itself included.
            if (state != 0) rest[state] = ends[fail[state]] != none ? fail[state] : rest[fail[state]];
            for (std::uint32_t column = 0; column < columns.count; ++column) {
                const std::uint32_t along = state == 0 ? 0 : step(fail[state], column);
                std::uint32_t& to = step(state, column);
                if (to == none) {
                    to = along;
                } else {
                    fail[to] = along;
                    order.push_back(to);
                }
            }
        }
    }

    bool accepts(std::uint32_t state) const { return ends[state] != none || rest[state] != none; }

    Automaton finish() {
        // New numbers: accepting states first, each part breadth first, which keeps the busy rows together.
        std::vector<std::uint32_t> number(fail.size());
        std::uint32_t count = 0;
        for (const std::uint32_t state : order)
            if (accepts(state)) number[state] = count++;
        const std::uint32_t accepting = count;
        for (const std::uint32_t state : order)
            if (!accepts(state)) number[state] = count++;

        Automaton made;
        const std::uint32_t row = columns.count + 1;
        made.ends_.resize(accepting);
        made.image_.resize(automaton_table + std::size_t{count} * row);
        made.image_[0] = count * row;
        made.image_[1] = columns.count;
        made.image_[2] = accepting * row;
        made.image_[3] = number[0] * row;
        std::ranges::copy(columns.of, reinterpret_cast<std::uint8_t*>(made.image_.data() + 16));

        std::uint32_t* const table = made.image_.data() + automaton_table;
        for (const std::uint32_t state : order) {  // shorter suffixes, hence weights, before longer ones
            std::uint32_t* const out = table + std::size_t{number[state]} * row;
            for (std::uint32_t column = 0; column < columns.count; ++column)
                out[column] = number[step(state, column)] * row;
            if (!accepts(state)) continue;
            const std::uint32_t others = rest[state] == none ? none : number[rest[state]];
            const std::uint32_t weight = others == none ? 0 : table[std::size_t{others} * row + columns.count];
            out[columns.count] = weight + (ends[state] != none ? 1 : 0);
            made.ends_[number[state]] = {ends[state], others};
        }
        for (const std::string& pattern : patterns)
            made.image_[4] = std::max(made.image_[4], static_cast<std::uint32_t>(pattern.size() - 1));
        made.patterns_ = std::move(patterns);
        made.separator_ = columns.unused;
        return made;
    }

    Columns columns;
    std::vector<std::string> patterns;
    std::vector<std::uint32_t> next;  // columns.count a state
    std::vector<std::uint32_t> fail;  // the longest proper suffix that is a state
    std::vector<std::uint32_t> ends;  // the pattern that a state spells, or none
    std::vector<std::uint32_t> rest;  // where the shorter patterns that end here are found, or none
    std::vector<std::uint32_t> order;
};

std::expected<Automaton, std::string> Automaton::compile(const std::vector<std::string>& patterns) {
    if (patterns.empty()) return std::unexpected("there is no pattern");
    std::vector<std::string> unique;
    std::unordered_set<std::string_view> seen;
    for (const std::string& pattern : patterns) {
        if (pattern.empty()) return std::unexpected("a pattern is empty; an empty pattern would match everywhere");
        if (seen.insert(pattern).second) unique.push_back(pattern);
    }
    Builder builder(std::move(unique));
    if (!builder.add_patterns())
        return std::unexpected("the patterns are too many: their automaton would exceed 2 GiB");
    builder.follow_failures();
    return builder.finish();
}

std::vector<std::uint32_t> Automaton::ends_in(std::uint32_t state) const {
    std::vector<std::uint32_t> patterns;
    for (std::uint32_t at = state; at != none; at = ends_[at].rest)
        if (ends_[at].pattern != none) patterns.push_back(ends_[at].pattern);
    return patterns;
}

std::vector<std::uint64_t> Automaton::count_patterns(std::span<const std::uint64_t> entered) const {
    std::vector<std::uint64_t> counts(patterns_.size(), 0);
    for (std::uint32_t state = 0; state < accepting(); ++state)
        if (entered[state] != 0)
            for (const std::uint32_t pattern : ends_in(state)) counts[pattern] += entered[state];
    return counts;
}
