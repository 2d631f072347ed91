// Target scan: compiles patterns, cuts files into chunks and segments of every size, and runs the scan's device code
// on each chunk. Oracle: naive search over the whole files: each pattern's count, and each match once. Then the
// device code gets hostile arguments and a hostile automaton: it must stay inside its buffers.
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
constexpr std::uint32_t slots_[] = {0, 1, 3, 7};
constexpr std::uint32_t kind_[] = {0, 0, 1, 1, 2, 2, 2, 3, 4, 5, 10, 16};
constexpr std::uint32_t length_[] = {0, 1, 2, 3, 7, 15};
constexpr std::uint32_t letters_[] = {0x00000000, 0x00010001, 0x01000100, 0x02010002, 0x01010000, 0x02000101};
constexpr std::uint32_t hostile_[] = {0, 1, 2, 3, 4, 60, 64, 100, 0xFFFFFFFF, 0xFFFFFFFC, 0xFFFFFFF0, 0xFFFFFF80};
constexpr Field chunk{chunk_}, slots{slots_}, kind{kind_}, length{length_}, letters{letters_}, hostile{hostile_};
}  // namespace fuzz::near

constexpr Field head[] = {near::chunk,   near::choice,  near::slots,   near::chunk,   near::choice, near::hostile,
                          near::hostile, near::hostile, near::hostile, near::hostile, near::hostile};
// A piece: a pattern, text, a pattern in the text, the end of a file, or a run of text.
constexpr Field record[] = {near::kind, near::length, near::letters, near::letters, near::letters, near::letters};
const Format format{head, record, 24};

namespace {

constexpr std::uint32_t lanes = 4;
constexpr std::uint32_t max_pattern = 64, max_segment_bytes = 4 * (80 + max_pattern) + 64;
constexpr std::uint32_t max_found = max_segment_bytes + lanes * 8;

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

// The staging memory and what runs on it.
class Device {
public:
    Device(const Automaton& automaton, const Geometry& geometry)
        : automaton_(automaton), entered_(automaton.accepting()) {
        static Guarded<uchar, 2 * std::size_t{max_segment_bytes}> text;
        static Guarded<uint, 2 * std::size_t{max_found}> found;
        text_ = text.take(2 * std::size_t{geometry.segment});
        found_ = found.take(2 * std::size_t{geometry.found_words()});
    }

    std::span<uchar> text() const noexcept { return text_; }

    // Any arguments, any automaton.
    uint run(const sr_args& args, std::span<const std::uint32_t> image, uint& result) const noexcept {
        auto* const words = const_cast<std::uint32_t*>(image.data());  // the handler only reads it
        const sr_buffers buffers{
            3,
            {reinterpret_cast<uchar*>(words), text_.data(), reinterpret_cast<uchar*>(found_.data())},
            {image.size_bytes(), text_.size(), found_.size_bytes()},
            nullptr};
        return device_scan(&args, &buffers, &result);
    }

    // What is refused has its own reason, and changes nothing.
    void run_hostile(const sr_args& args, std::span<const std::uint32_t> image) {
        const std::vector<uint> before(found_.begin(), found_.end());
        uint result = 0xABCD;
        const uint code = run(args, image, result);
        const auto [first, length, front, out, part] =
            std::to_array({args.word[0], args.word[1], args.word[2], args.word[3], args.word[4]});
        const bool inside = std::uint64_t{first} + length <= text_.size() && front <= first &&
                            std::uint64_t{out} + lanes + length <= found_.size();
        const bool table = image[0] != 0 && image[0] <= image.size() - 80;
        const bool lanes_fit = std::uint64_t{part} * lanes <= length && (part == 0 || part >= image[4]);
        FUZZ_CHECK(code == (!inside || !table                ? SR_CODE_OUT_OF_RANGE
                            : front > image[4] || !lanes_fit ? SR_CODE_BAD_ARGUMENT
                                                             : SR_CODE_OK));
        if (code != SR_CODE_OK) FUZZ_CHECK(result == 0xABCD && std::ranges::equal(found_, before));
    }

    void scan(const Chunk& chunk) {
        sr_args args{};
        std::ranges::copy(chunk, args.word);
        uint result = 0;
        FUZZ_CHECK(run(args, automaton_.image(), result) == SR_CODE_OK);
        matches_ += result;
        const auto [first, length, front, out, part] = chunk;
        for (std::uint32_t lane = 0; lane < lanes; ++lane) {
            FUZZ_CHECK(found_[out + lane] <= (lane == 3 ? length - 3 * part : part));
            for (std::uint32_t hit = 0; hit < found_[out + lane]; ++hit) {
                const uint state = found_[out + lanes + lane * part + hit];
                FUZZ_CHECK(state % automaton_.row_words() == 0 && state / automaton_.row_words() < entered_.size());
                ++entered_[state / automaton_.row_words()];
            }
        }
    }

    std::uint64_t matches() const noexcept { return matches_; }
    std::vector<std::uint64_t> counts() const { return automaton_.count_patterns(entered_); }

private:
    const Automaton& automaton_;
    std::span<uchar> text_;
    std::span<uint> found_;
    std::vector<std::uint64_t> entered_;
    std::uint64_t matches_ = 0;
};

// As the scanner does it, with two segments and reads of at most `most` bytes.
void scan_files(Device& device, const Automaton& automaton, const Geometry& geometry,
                const std::vector<std::string>& files, std::uint32_t most) {
    Segment segments[] = {Segment(geometry, automaton.overlap(), 0, 0),
                          Segment(geometry, automaton.overlap(), geometry.segment, geometry.found_words())};
    std::uint32_t now = 0;
    const auto flush = [&](const Segment& segment) {
        for (const Chunk& chunk : segment.chunks()) device.scan(chunk);
        FUZZ_CHECK(segment.chunks().size() <= geometry.slots);
    };
    for (std::string_view file : files) {
        segments[now].begin_file();
        while (!file.empty()) {
            if (segments[now].room() == 0) {
                Segment& from = segments[now];
                const std::uint32_t front = from.close();
                flush(from);
                Segment& to = segments[now ^= 1];
                std::ranges::copy(device.text().subspan(from.end() - front, front),
                                  device.text().begin() + to.base());
                to.open(front);
                FUZZ_CHECK(to.room() != 0);
            }
            Segment& segment = segments[now];
            const auto n = std::min({static_cast<std::uint32_t>(file.size()), segment.room(), most});
            std::ranges::copy(file.substr(0, n), device.text().begin() + segment.end());
            segment.add(n);
            file.remove_prefix(n);
        }
        segments[now].end_file();
    }
    flush(segments[now]);
}

std::uint64_t naive(std::string_view pattern, std::string_view text) {
    std::uint64_t count = 0;
    for (std::size_t at = 0; at + pattern.size() <= text.size(); ++at)
        count += text.substr(at, pattern.size()) == pattern;
    return count;
}

}  // namespace

void run(Input& in) {
    const std::uint32_t chunk = 1 + in.word() % 80, extra = in.word() % 64, slots = 1 + in.word() % 8;
    const std::uint32_t most = 1 + in.word() % 100;
    std::uint32_t hostile[7];
    in.words(hostile);
    const Pieces pieces(in);

    const auto automaton = Automaton::compile(pieces.patterns);
    FUZZ_CHECK(automaton.has_value() == !pieces.patterns.empty());
    if (!automaton) return;
    const Geometry geometry{.chunk = chunk, .segment = 4 * (chunk + automaton->overlap()) + extra, .slots = slots};
    Device device(*automaton, geometry);
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
    std::copy_n(hostile + 2, 5, args.word);
    std::vector<std::uint32_t> image(automaton->image().begin(), automaton->image().end());
    image[hostile[0] % image.size()] = hostile[1];
    device.run_hostile(args, image);
    device.run_hostile(args, automaton->image());
}
