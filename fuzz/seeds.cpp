// seeds FOLDER VECTORS: writes first inputs for the fuzz targets, one folder each, from the cases of the unit tests
// and of the conformance vectors. `./dev fuzz --seeds` takes the fewest that reach the same code into fuzz/corpus.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <slipring/codec.hpp>

#include "../tests/cases.hpp"
#include "../tests/vectors.hpp"

namespace {

using Words = std::vector<std::uint32_t>;

class Corpus {
public:
    explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // `tail` is bytes behind the words.
    void add(const std::string& target, const Words& words, std::span<const std::byte> tail = {}) {
        std::filesystem::create_directories(folder_ / target);
        std::ofstream file(folder_ / target / ("seed-" + std::to_string(count_++)), std::ios::binary);
        file.write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(words.size() * 4));
        file.write(reinterpret_cast<const char*>(tail.data()), static_cast<std::streamsize>(tail.size()));
        good_ = good_ && file.good();
    }
    std::size_t count() const { return count_; }
    bool good() const { return good_; }

private:
    std::filesystem::path folder_;
    std::size_t count_ = 0;
    bool good_ = true;
};

void append(Words& to, std::span<const std::uint32_t> from, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) to.push_back(i < from.size() ? from[i] : 0);
}

// ---- conformance vectors: the inputs of slot, batch, window and decode -------------------------------------------

Words image_head(const vectors::Case& given) {
    std::uint32_t states = 0;
    const std::size_t slots = given.before.size() / 64;
    for (std::size_t i = 0; i < std::min<std::size_t>(slots, 8); ++i)
        states |= (static_cast<std::uint32_t>(given.before[64 * i]) & 15) << (4 * i);
    return {static_cast<std::uint32_t>(slots), 0, 0, given.start, states};
}

void append_descriptor(Words& to, const vectors::SlotSpec& spec) {
    Words args = spec.args, inner;
    for (const auto& op : spec.inner) {
        inner.push_back(op.opcode | static_cast<std::uint32_t>(op.args.size()) << 16);
        args.insert(args.end(), op.args.begin(), op.args.end());
    }
    const std::uint32_t kind = spec.packed ? 1 : spec.opcode.custom ? 2 : 0;
    const std::size_t count = spec.packed ? spec.inner.size() : spec.args.size();
    append(to, Words{kind, spec.opcode.value, spec.tenant, static_cast<std::uint32_t>(count)}, 4);
    append(to, args, 12);
    append(to, inner, 12);
}

void add_vector(Corpus& corpus, const vectors::Case& given) {
    Words words = image_head(given);
    if (given.kind == vectors::Kind::window) {
        const auto required = static_cast<std::uint32_t>(given.required.size());
        append(words, Words{given.ticket, given.tenant, given.opcode.value, required}, 4);
        for (const auto* entries : {&given.required, &given.lookahead})
            for (const vectors::List& payload : *entries) {
                words.push_back(static_cast<std::uint32_t>(payload.size()));
                append(words, payload, 11);
            }
    } else {
        for (const auto& spec : given.slots) append_descriptor(words, spec);
    }
    const char* const targets[] = {"slot", "batch", "window"};
    corpus.add(targets[static_cast<int>(given.kind)], words);
    if (given.ok) corpus.add("decode", {given.start, given.consumed, 0}, given.after);
}

// ---- the unit tests' cases: the inputs of the device's targets and of scan ----------------------------------------

// Three rows of the table of tenants: weights 1, 2 and 1; what each may read and write, the second one less.
void append_rows(Words& to) {
    append(to, Words{7, 0x1017F, 3, 0x80000001, 0, 200, 160, 40}, 8);
    append(to, Words{8, 0x2017F, 1, 1, 160, 20, 170, 10}, 8);
    append(to, Words{9, 0x1017F, 0xFFFFFFFF, 0xFFFFFFFF, 160, 40, 180, 20}, 8);
}

void add_slots(Corpus& corpus, const std::vector<slipring::Slot>& slots) {
    const Words memory = {40, 2, 0, 0, 0, 3};
    Words program = memory;
    append(program, Words{3, 0, 0, 1, 0}, 5);
    Words schedule = memory;
    append(schedule, Words{4, 0, 0, 0}, 4);
    Words tenants = schedule;
    append_rows(tenants);
    std::uint32_t level = 0;
    for (const slipring::Slot& slot : slots)
        for (const std::uint32_t flags : {0u, SR_FLAG_QUIET, SR_FLAG_WINDOWED, 0xFFFF0000u}) {
            Words words(slot.words().begin(), slot.words().end());
            words[SR_WORD_PRIORITY] |= flags;
            Words alone = memory;
            alone.push_back(7);
            append(alone, words, 16);
            corpus.add("interpreter", alone);
            alone.erase(alone.begin() + 6);
            append(alone, Words{3, SR_WORD_ARGS + 1, 0, 0, 161, 16, SR_WORD_OPCODE, SR_OP_NOP, 0, 0}, 10);
            corpus.add("double_fetch", alone);
            words[SR_WORD_STATE] = 0;
            append(program, words, 16);
            words[SR_WORD_STATE] = level % 3;
            append(schedule, words, 16);
            words[SR_WORD_STATE] = level++ % 4;
            append(tenants, words, 16);
        }
    corpus.add("program", program);
    corpus.add("schedule", schedule);
    corpus.add("tenants", tenants);
}

void add_scan(Corpus& corpus, const cases::Scan& given) {
    Words words = {4, 0, 3, 5, 0, 0, 1, 4, 0, 0, 0};
    const auto piece = [&words](std::uint32_t kind, std::string_view bytes) {
        words.push_back(kind);
        words.push_back(static_cast<std::uint32_t>(bytes.size()) - 1);
        std::uint32_t letters[4] = {};
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(letters));
        append(words, letters, 4);
    };
    for (const std::string& pattern : given.patterns) piece(0, pattern);
    for (std::size_t at = 0; at < given.text.size(); at += 16) piece(1, std::string_view(given.text).substr(at, 16));
    corpus.add("scan", words);
}

// As raw bytes, up to four a record, of the first operation of two.
void add_source(Corpus& corpus, std::string_view source) {
    Words words = {0, 0, 8, 0, 0};
    for (; !source.empty(); source.remove_prefix(std::min<std::size_t>(4, source.size()))) {
        std::uint32_t letters = 0;
        const std::size_t n = source.copy(reinterpret_cast<char*>(&letters), 4);
        append(words, Words{7, static_cast<std::uint32_t>(n - 1), letters}, 3);
    }
    corpus.add("handlers", words);
}

// Every step of the ring's target, on rings at hard positions; every kind of memory for ring_attach.
void add_rings(Corpus& corpus) {
    for (std::uint32_t place = 0; place < 5; ++place)
        for (const std::uint32_t shift : {0u, 0xFFFFFFFFu, 0xFFFFFFFCu}) {
            Words words = {1, place, shift};
            for (const std::uint32_t step : {0u, 1u, 2u, 3u, 4u, 8u, 5u, 6u, 7u, 8u, 9u, 1u, 8u})
                append(words, Words{step, 3, step, 0x10001 + step}, 4);
            corpus.add("ring", words);
            corpus.add("ring_attach", {2, 0, 0, SR_RING_FORMAT_2, 0, 0, place, shift, 2, 0, 1, 1});
            corpus.add("ring_attach", {2, 0, 0, SR_RING_FORMAT_2, 0, 3, place, shift, 3, 0, 2, 2, 9, 0, 3});
        }
}

// Rings of tenants that are served by weight, launches that leave early, and slots that are denied: of others, alone,
// packed, and at the ends of a range.
void add_tenants(Corpus& corpus) {
    for (const std::uint32_t log2_capacity : {0u, 4u})
        for (const std::uint32_t leaving : {0u, 1u, 3u, 8u}) {
            Words words = {40, 2, 0, 0, 0, 3, log2_capacity, leaving, 0, leaving};
            append_rows(words);
            const auto record = [&words](std::uint32_t then, std::uint32_t opcode, std::uint32_t whose,
                                         const Words& args) {
                append(words, Words{then, opcode, whose, 2}, 4);
                append(words, args, 12);
            };
            for (const std::uint32_t ring : {1u, 2u, 3u}) {
                record(0x30 | ring, SR_OP_ATOMIC_ADD, 0, {ring, 185});  // 40 times
                record(0x10 | ring, 0x100, 0, {0, ring});
            }
            record(0x10, SR_OP_LOAD_U32, 0, {165, 12});
            record(0x04, SR_OP_NOP, 0, {});                  // and a launch
            for (const std::uint32_t flags : {0u, 0x80u}) {  // in a ring, and alone
                for (const std::uint32_t whose : {0u, 1u, 2u, 3u}) record(flags | whose, SR_OP_NOP, whose, {});
                for (const std::uint32_t index : {160u, 169u, 180u, 200u})
                    for (const std::uint32_t ring : {0u, 3u}) {
                        record(flags | ring, SR_OP_STORE_U32, 0, {index, index});
                        record(flags | ring, SR_OP_COMPARE_SWAP, 0, {index, 0, 5});
                        record(flags | ring, SR_OP_MEMCPY, 0, {index, 180, 1});
                    }
                record(flags | 2, SR_OP_PACKED_SLOT, 0, {0x00010402, 0x00000201, 5, 180, 5, 150});
                record(flags | 3, 0xFF, 0, {64});
            }
            corpus.add("tenants", words);
        }
}

// Rings that workers and teams drain, of three sizes: slots of all kinds by themselves and in batches around a hole
// that is filled late or never, and each way in which a launch ends.
void add_wide(Corpus& corpus) {
    for (const std::uint32_t log2_capacity : {2u, 5u, 6u})
        for (const std::uint32_t how : {0u, 1u, 2u, 3u}) {
            Words words = {log2_capacity, how, 0xFFFFFFFC, 10240, 2560, 3, how, 0, 0, 3};
            append(words, Words{2, how, 20, 300, 200, how, how == 1 ? 0xFFFFFFF8 : 0, 1}, 8);
            const auto record = [&words](std::uint32_t action, std::uint32_t then, std::uint32_t opcode,
                                         const Words& args, std::uint32_t flags = 0) {
                append(words, Words{action, opcode, then, 2 | flags}, 4);
                append(words, args, 11);
                words.push_back(0x00010100);
            };
            // 80 bytes of the second buffer; two lanes of a team fault.
            const auto writes = [](std::uint32_t faults) { return Words{9, 35, 0, faults, 0, 0, 80, 0, 1, 4}; };
            record(0x705, 0x20, 0x100, {64, 5});          // handlers around a hole
            record(0x001, 0x40, SR_OP_LOAD_U32, {0, 1});  // what the epoch is
            record(0x401, 0x60, 0x200, writes(0));
            record(0x301, 0x240, SR_OP_BATCH_FENCE, {1, 7});
            record(0x003, 0x40, SR_OP_MEMCPY, {160, 161, 1100});
            record(0x101, 0x60, 0x200, writes(0x40404121));
            record(0x001, 0x40, 0xFD, writes(0));
            record(0x101, 0x60, 0x200, {7, 1, 9, 2}, SR_FLAG_WINDOWED);
            record(0x1F01, 0x20, SR_OP_PRINTF, {1, 2, 3});
            record(0x505, 0x20, 0x100, {64, 5}, 0x10000);                // late ones around a hole
            record(0x006 + how * 256, 0x20, SR_OP_NOP, {300, 300, 10});  // the end of a launch, and the next
            corpus.add("wide", words);
        }
}

// Rings of five levels, of two sizes, with and without teams: bulk work in the lowest beside slots that come alone in
// the highest, fences, a hole, cancelled and promoted slots, and another launch.
void add_wide_levels(Corpus& corpus) {
    enum : std::uint32_t { add, says, team, fence, shutdown, hole, fill, cancel, promote, end, trips, again };
    for (const std::uint32_t log2_capacity : {2u, 5u})
        for (const std::uint32_t teams : {0u, 1u}) {
            Words words = {log2_capacity, teams, 0xFFFFFFFC, 3 + 4 * teams, teams, 300, 300, 200, 3};
            const auto step = [&words](std::uint32_t what, std::uint32_t level, std::uint32_t times,
                                       std::uint32_t then) { append(words, Words{what, level, times, then}, 4); };
            step(says, 4, 64, 0x20);
            step(trips, 0, 7, 0x40);
            step(hole, 3, 1, 0);
            step(team, 3, 9, 0x40);
            step(says, 2, 2, 0xFF);
            step(fence, 2, 1, 0xFF);
            step(trips, 2, 3, 0xFF);
            step(add, 2, 9, 0x20);
            step(says, 2, 2, 0x160);
            step(add, 4, 33, 0);
            step(promote, 1, 1, 0x40);
            step(says, 1, 2, 0x20);
            step(cancel, 4, 8, 0x40);
            step(fill, 0, 0, 0x40);
            step(shutdown, 2, 1, 0xC060);
            step(again, 0, 3, 0x40);
            step(says, 3, 31, 0x60);
            step(teams == 0 ? end : add, 0, teams, 0x40);
            corpus.add("wide_levels", words);
        }
}

// The rings of the program and of three tenants, one of whom forges what was never published, a lap ahead and more,
// and writes over what was: beside slots of the others, with and without teams, and through the end of a launch.
void add_wide_tenants(Corpus& corpus) {
    enum : std::uint32_t { add, says, team, foreign, fence, forge, scribble, declare, stop };
    for (const std::uint32_t log2_capacity : {0u, 2u, 5u})
        for (const std::uint32_t teams : {0u, 1u}) {
            Words words = {log2_capacity, 0, 0xFFFFFFFC, 2, teams, 200, 3, 1, 1, 3};
            const auto step = [&words](std::uint32_t what, std::uint32_t ring, std::uint32_t where,
                                       std::uint32_t word, std::uint32_t then) {
                append(words, Words{what, ring, where, word, then}, 5);
            };
            step(says, 3, 33, 0, 0x20);
            step(team, 2, 9, 0, 0x40);
            step(says, 1, 9, 0, 0x20);
            for (int i = 0; i < 4; ++i) step(forge, 2, 64, 0, 0x1FF);  // while the retirer stands still
            step(add, 0, 3, 0, 0xFF);
            step(says, 2, 33, 0, 0x20);
            step(scribble, 0, 31, 0, 0x10);
            step(says, 2, 33, 0, 0x8);
            for (const std::uint32_t back : {31u, 30u, 20u}) step(scribble, 0, back, 0, 0);
            step(says, 3, 2, 0, 0xFF);
            step(scribble, 1, 34, 0x200, 0x20);
            step(team, 3, 2, 0, 0x40);
            step(declare, 2, 0, 200, 0x20);
            for (const std::uint32_t ring : {0u, 3u, 3u, 0u}) step(foreign, ring, 1, 0, 0x40);
            step(fence, 1, 1, 0, 0x40);
            step(stop, 0, 0, 0, 0xFF);
            step(add, 3, 15, 0, 0xFF);
            corpus.add("wide_tenants", words);
        }
}

// Windows of two parts, of which lookahead is promoted to either level, or cancelled, before a launch and between
// two.
void add_windows(Corpus& corpus) {
    constexpr std::uint32_t launch = 16, normal = 4;
    for (const std::uint32_t wraps : {0u, 3u})
        for (const std::uint32_t to : {0u, 1u, 7u}) {
            Words words = {40, 2, 0, 0, 0, 3, 4, wraps, 2, 0};
            const auto step = [&words](std::uint32_t then, std::uint32_t counts, std::uint32_t which) {
                append(words, Words{then, SR_OP_ATOMIC_ADD, counts, SR_PRIORITY_NORMAL, which, 2, 1, 161}, 16);
            };
            for (const std::uint32_t counts : {0x32u, 0x24u, 0x51u}) step(counts == 0x24 ? normal : 0, counts, 9);
            step(3, to, 1);
            step(2 | launch, 0, 2);
            step(normal, 0x72, 9);
            step(0, 0x32, 9);
            step(3, to, 3);
            step(3, 1, 4);
            step(2, 3, 4);
            step(3 | launch, 0, 0);
            corpus.add("windows", words);
        }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: seeds FOLDER VECTORS\n"), 2;
    Corpus corpus(argv[1]);
    std::ifstream file(argv[2]);
    for (std::string line; std::getline(file, line);) {
        const auto given = vectors::parse(line);
        if (!given) return std::fprintf(stderr, "seeds: %s: malformed line\n", argv[2]), 2;
        add_vector(corpus, *given);
    }
    if (corpus.count() == 0) return std::fprintf(stderr, "seeds: cannot read %s\n", argv[2]), 2;
    for (const std::uint32_t index : cases::indices) add_slots(corpus, cases::operations(index));
    add_slots(corpus, cases::packed_slots());
    add_slots(corpus, {slipring::slot(slipring::custom_opcode<0xFD>(), {9, 0, 0, 0, 3, 0, 100, 0, 1, 4})});
    for (const cases::Scan& scan : cases::scans()) add_scan(corpus, scan);
    for (const cases::Source& source : cases::sources()) add_source(corpus, source.text);
    add_rings(corpus);
    add_tenants(corpus);
    add_windows(corpus);
    add_wide(corpus);
    add_wide_levels(corpus);
    add_wide_tenants(corpus);
    if (!corpus.good()) return std::fprintf(stderr, "seeds: cannot write to %s\n", argv[1]), 2;
    std::printf("%zu inputs\n", corpus.count());
}
