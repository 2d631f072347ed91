// Target scan: compiles patterns, puts files into segments of every size, and runs the scan's device code on each by
// teams of one lane and of several. Oracle: naive search over the whole files: each pattern's count, and each match
// once. Then the device code gets hostile arguments and a hostile automaton: it must stay inside its buffers.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "../tools/automaton.hpp"
#include "../tools/segment.hpp"
#include "device.hpp"
#include "fields.hpp"
#include "guarded.hpp"

using namespace fuzz;

namespace fuzz::near {
constexpr std::uint32_t chunk_[] = {0, 1, 2, 4, 15, 63, 64, 79};
constexpr std::uint32_t width_[] = {0, 1, 2, 3};
constexpr std::uint32_t kind_[] = {0, 0, 1, 1, 2, 2, 2, 3, 4, 5, 10, 16};
constexpr std::uint32_t length_[] = {0, 1, 2, 3, 7, 15};
constexpr std::uint32_t letters_[] = {0x00000000, 0x00010001, 0x01000100, 0x02010002, 0x01010000, 0x02000101};
constexpr std::uint32_t hostile_[] = {0, 1, 2, 3, 4, 60, 64, 100, 0xFFFFFFFF, 0xFFFFFFFC, 0xFFFFFFF0, 0xFFFFFF80};
constexpr Field chunk{chunk_}, width{width_}, kind{kind_}, length{length_}, letters{letters_}, hostile{hostile_};
}  // namespace fuzz::near

constexpr Field head[] = {near::chunk,   near::choice,  near::width,   near::chunk,   near::choice, near::hostile,
                          near::hostile, near::hostile, near::hostile, near::hostile, near::hostile};
// A piece: a pattern, text, a pattern in the text, the end of a file, or a run of text.
constexpr Field record[] = {near::kind, near::length, near::letters, near::letters, near::letters, near::letters};
const Format format{head, record, 24};

namespace {

constexpr std::uint32_t local_bytes = 320;  // SCAN_LOCAL_BYTES
constexpr std::uint32_t widths[] = {1, 2, 5, 32};
constexpr std::uint32_t max_pattern = 64, max_chunk = 80 + 63;
constexpr std::uint32_t max_text = 2 * (max_pattern + max_chunk + 32), max_found = 2 * (1 + max_chunk);

struct Pieces {
    std::vector<std::string> patterns;
    std::vector<std::string> files = std::vector<std::string>(1);

    explicit Pieces(Input& in) {
        while (in.more()) {
            const std::uint32_t what = in.word(), length = 1 + in.word() % 16;
            const std::uint32_t kind = what % 5, times = 1 + what / 5 % 4;
            std::uint32_t words[4];
            in.words(words);
            const std::string once(reinterpret_cast<const char*>(words), length);
            std::string bytes;  // up to 64, the same ones again, but for the last
            for (std::uint32_t i = 0; i < times; ++i) bytes += once;
            if (times > 1) ++bytes.back();
            if (kind < 4)  // else any bytes
                for (char& c : bytes) c = static_cast<char>('a' + c % 3);
            std::string& text = files.back();
            if (text.size() > 600) files.emplace_back();
            else if (kind == 0 && patterns.size() < 8) patterns.push_back(bytes);
            else if (kind == 2 && !patterns.empty()) text += patterns[words[0] % patterns.size()];
            else if (kind == 3) files.emplace_back();
            else if (kind == 4) text += std::string(words[0] % 100, bytes[0]);
            else text += bytes;
        }
    }
};

// The staging memory of two segments, and what runs on it.
class Device {
public:
    Device(const Automaton& automaton, const Geometry& geometry, std::uint32_t width)
        : automaton_(automaton), width_(width), entered_(automaton.accepting()) {
        static Guarded<uchar, max_text> text, near;
        static Guarded<uint, 2 * std::size_t{max_found}> found;
        text_ = text.take(2 * geometry.bytes());
        near_ = near.take(2 * geometry.bytes());
        found_ = found.take(4 * geometry.found_pairs());
    }

    std::span<uchar> text() const noexcept { return text_; }

    // Any arguments, any automaton.
    uint run(const sr_args& args, std::span<const std::uint32_t> image, ulong& result) const noexcept {
        auto* const words = const_cast<std::uint32_t*>(image.data());  // the handler only reads it
        const sr_buffers buffers{
            4,
            {reinterpret_cast<uchar*>(words), text_.data(), reinterpret_cast<uchar*>(found_.data()), near_.data()},
            {image.size_bytes(), text_.size(), found_.size_bytes(), near_.size()},
            nullptr,
            nullptr};
        static Guarded<uint, local_bytes / 4> local;
        const std::span<uint> words_of_the_team = local.take(local_bytes / 4);
        std::ranges::fill(words_of_the_team, 0xEEEEEEEEu);
        return device_scan(&args, &buffers, width_, reinterpret_cast<uchar*>(words_of_the_team.data()), local_bytes,
                           &result);
    }

    // What is refused has its own reason, and changes nothing.
    void run_hostile(const sr_args& args, std::span<const std::uint32_t> image) {
        const std::vector<uint> before(found_.begin(), found_.end());
        ulong result = 0xABCD;
        const uint code = run(args, image, result);
        const auto [first, length, front, out] =
            std::to_array({args.word[0], args.word[1], args.word[2], args.word[3]});
        const std::uint64_t end = (std::uint64_t{first} + length + 15) / 16 * 16;
        const bool inside = end <= text_.size() && end <= near_.size() && front <= first &&
                            std::uint64_t{out} + 1 + length <= found_.size() / 2;
        const bool table = image[0] != 0 && image[0] <= image.size() - 80;
        FUZZ_CHECK(code == (!inside || !table                                         ? SR_CODE_OUT_OF_RANGE
                            : front > image[4] || first < image[4] || first % 16 != 0 ? SR_CODE_BAD_ARGUMENT
                                                                                      : SR_CODE_OK));
        if (code != SR_CODE_OK) FUZZ_CHECK(result == 0xABCD && std::ranges::equal(found_, before));
        else FUZZ_CHECK(result <= length && found_[2 * std::size_t{out}] == result);
    }

    void scan(const Segment& segment) {
        sr_args args{};
        std::ranges::copy(segment.slot(), args.word);
        ulong hits = 0;
        FUZZ_CHECK(run(args, automaton_.image(), hits) == SR_CODE_OK);
        const std::span<const uint> found = found_.subspan(2 * std::size_t{segment.found()});
        FUZZ_CHECK(hits <= segment.used() && found[0] == hits);
        std::vector<bool> seen(segment.used());
        for (std::uint32_t hit = 1; hit <= hits; ++hit) {
            const uint end = found[2 * hit], state = found[2 * hit + 1];
            FUZZ_CHECK(end < segment.used() && !seen[end]);
            seen[end] = true;
            FUZZ_CHECK(state % automaton_.row_words() == 0 && state / automaton_.row_words() < entered_.size());
            ++entered_[state / automaton_.row_words()];
            matches_ += automaton_.patterns_in(state / automaton_.row_words());
        }
    }

    std::uint64_t matches() const noexcept { return matches_; }
    std::vector<std::uint64_t> counts() const { return automaton_.count_patterns(entered_); }

private:
    const Automaton& automaton_;
    std::uint32_t width_;
    std::span<uchar> text_, near_;
    std::span<uint> found_;
    std::vector<std::uint64_t> entered_;
    std::uint64_t matches_ = 0;
};

// As a feeder does it, with two segments and reads of at most `most` bytes.
void scan_files(Device& device, const Automaton& automaton, const Geometry& geometry,
                const std::vector<std::string>& files, std::uint32_t most) {
    Segment segments[] = {Segment(geometry, 0), Segment(geometry, 1)};
    std::uint32_t now = 0;
    const auto next = [&](std::uint32_t carried) {
        const Segment& from = segments[now];
        if (from.used() != 0) device.scan(from);
        Segment& to = segments[now ^= 1];
        std::ranges::copy(device.text().subspan(from.end() - carried, carried),
                          device.text().begin() + (to.begin() - carried));
        to.open(carried);
    };
    for (std::string_view file : files) {
        const auto separator = automaton.separator();
        if (segments[now].used() != 0 && (!separator || segments[now].room() < 2)) next(0);
        if (segments[now].used() != 0) {
            device.text()[segments[now].end()] = static_cast<uchar>(*separator);
            segments[now].add(1);
        } else {
            segments[now].open(0);
        }
        segments[now].begin_file();
        while (!file.empty()) {
            if (segments[now].room() == 0) next(segments[now].carried());
            Segment& segment = segments[now];
            const auto n = std::min({static_cast<std::uint32_t>(file.size()), segment.room(), most});
            std::ranges::copy(file.substr(0, n), device.text().begin() + segment.end());
            segment.add(n);
            file.remove_prefix(n);
        }
    }
    next(0);
}

std::uint64_t naive(std::string_view pattern, std::string_view text) {
    std::uint64_t count = 0;
    for (std::size_t at = 0; at + pattern.size() <= text.size(); ++at)
        count += text.substr(at, pattern.size()) == pattern;
    return count;
}

}  // namespace

void run(Input& in) {
    const std::uint32_t chunk = 1 + in.word() % 80, extra = in.word() % 64, width = widths[in.word() % 4];
    const std::uint32_t most = 1 + in.word() % 100;
    std::uint32_t hostile[7];
    in.words(hostile);
    const Pieces pieces(in);

    const auto automaton = Automaton::compile(pieces.patterns);
    FUZZ_CHECK(automaton.has_value() == !pieces.patterns.empty());
    if (!automaton) return;
    const Geometry geometry{.chunk = chunk + extra, .overlap = automaton->overlap()};
    Device device(*automaton, geometry, width);
    scan_files(device, *automaton, geometry, pieces.files, most);

    std::uint64_t all = 0;
    std::vector<std::uint64_t> expected;
    for (const std::string& pattern : automaton->patterns()) {
        expected.push_back(0);
        for (const std::string& file : pieces.files) expected.back() += naive(pattern, file);
        all += expected.back();
    }
    FUZZ_CHECK(device.counts() == expected);
    FUZZ_CHECK(device.matches() == all);

    sr_args args{};
    std::copy_n(hostile + 2, 4, args.word);
    std::vector<std::uint32_t> image(automaton->image().begin(), automaton->image().end());
    image[hostile[0] % image.size()] = hostile[1];
    device.run_hostile(args, image);
    device.run_hostile(args, automaton->image());
}
