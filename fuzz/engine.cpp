// libFuzzer's side of every target: the entry point, and a mutator and a crossover that know the format. Whatever
// engine there is, inputs and meaning are the same.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "fuzz.hpp"

// The engine's own mutations, on raw bytes.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace fuzz {
namespace {

// xorshift64*: small, and its state is libFuzzer's seed, so that a run can be repeated.
class Random {
public:
    explicit Random(std::uint32_t seed) noexcept : state_(seed * 0x9E3779B97F4A7C15u | 1) {}

    std::uint32_t word() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<std::uint32_t>(state_ * 0x2545F4914F6CDD1Du >> 32);
    }
    std::uint32_t below(std::size_t bound) noexcept {
        return static_cast<std::uint32_t>(std::uint64_t{word()} * bound >> 32);
    }
    bool once_in(std::uint32_t n) noexcept { return below(n) == 0; }

private:
    std::uint64_t state_;
};

// An input as the mutator sees it.
class Words {
public:
    Words(std::uint8_t* data, std::size_t size, std::size_t room) noexcept
        : data_(data), size_(size), room_(room / 4 * 4) {}

    std::size_t bytes() const noexcept { return size_; }
    std::size_t count() const noexcept { return size_ / 4; }
    std::size_t records() const noexcept {
        return format.record.empty() || count() <= format.head.size()
                   ? 0
                   : (count() - format.head.size()) / format.record.size();
    }
    std::size_t record_at(std::size_t i) const noexcept { return format.head.size() + i * format.record.size(); }

    std::uint32_t get(std::size_t i) const noexcept {
        std::uint32_t value;
        std::memcpy(&value, data_ + 4 * i, 4);
        return value;
    }
    void set(std::size_t i, std::uint32_t value) noexcept { std::memcpy(data_ + 4 * i, &value, 4); }

    // Makes it `words` long; what is new is zero. False, and nothing done, if there is no room.
    bool resize(std::size_t words) noexcept {
        if (4 * words > room_) return false;
        if (4 * words > size_) std::memset(data_ + size_, 0, 4 * words - size_);
        size_ = 4 * words;
        return true;
    }
    void copy(std::size_t from, std::size_t to, std::size_t words) noexcept {
        std::memmove(data_ + 4 * to, data_ + 4 * from, 4 * words);
    }

    Field field(std::size_t i) const noexcept {
        const std::size_t head = format.head.size();
        if (i < head) return format.head[i];
        return format.record.empty() ? Field{} : format.record[(i - head) % format.record.size()];
    }

private:
    std::uint8_t* data_;
    std::size_t size_, room_;
};

// What no target reads is not worth its time.
std::size_t max_bytes() noexcept { return 4 * (format.head.size() + format.records * format.record.size()); }

std::uint32_t any_number(Random& random) noexcept {
    const std::uint32_t power = 1u << random.below(32);
    switch (random.below(6)) {
        case 0: return random.word();
        case 1: return power;
        case 2: return power - 1;
        case 3: return 0 - random.below(4);
        default: return random.below(20);
    }
}

// Near one of the field's values: itself, mostly.
std::uint32_t draw(const Field& field, Random& random) noexcept {
    if (field.empty() || random.once_in(16)) return any_number(random);
    const std::uint32_t value = field[random.below(field.size())];
    return random.once_in(3) ? value + random.below(5) - 2 : value;
}

void fill(Words& words, std::size_t begin, std::size_t end, Random& random) noexcept {
    for (std::size_t i = begin; i < end; ++i) words.set(i, draw(words.field(i), random));
}

void make(Words& words, Random& random) noexcept {
    const std::size_t head = format.head.size();
    if (!words.resize(head)) return;
    fill(words, 0, head, random);
    const std::uint32_t records = format.record.empty() ? 0 : random.below(format.records + 1);
    if (words.resize(words.record_at(records))) fill(words, head, words.count(), random);
}

void insert_record(Words& words, Random& random) noexcept {
    const std::size_t n = words.records(), size = format.record.size();
    const std::size_t at = random.below(n + 1);
    if (words.count() < format.head.size() || !words.resize(words.record_at(n + 1))) return;
    words.copy(words.record_at(at), words.record_at(at + 1), (n - at) * size);
    const std::size_t twin = random.below(n + 1);
    if (n != 0 && random.once_in(2)) words.copy(words.record_at(twin), words.record_at(at), size);
    else fill(words, words.record_at(at), words.record_at(at + 1), random);
}

void erase_record(Words& words, Random& random) noexcept {
    const std::size_t n = words.records();
    if (n == 0) return;
    const std::size_t at = random.below(n);
    words.copy(words.record_at(at + 1), words.record_at(at), (n - at - 1) * format.record.size());
    words.resize(words.record_at(n - 1));
}

// A word of the head or of a record, as often the one as the other.
std::size_t some_word(const Words& words, Random& random) noexcept {
    const std::size_t head = std::min(format.head.size(), words.count());
    if (head == words.count() || (head != 0 && random.once_in(2))) return random.below(head);
    return head + random.below(words.count() - head);
}

void change_word(Words& words, Random& random) noexcept {
    if (words.count() == 0) return;
    const std::size_t at = some_word(words, random);
    switch (random.below(8)) {
        case 0: return words.set(at, words.get(at) + random.below(9) - 4);
        case 1: return words.set(at, words.get(at) ^ 1u << random.below(32));
        case 2: return words.set(at, words.get(some_word(words, random)));
        default: return words.set(at, draw(words.field(at), random));
    }
}

}  // namespace

void fail(const char* expectation, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: expected: %s\n", file, line, expectation);
    std::abort();
}

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input in({data, size});
    run(in);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    using namespace fuzz;
    Random random(seed);
    max_size = std::min(max_size, max_bytes());
    if (size > max_size) return max_size;
    if (random.once_in(10)) return LLVMFuzzerMutate(data, size, max_size);
    Words words(data, size, max_size);
    if (words.count() < format.head.size() || random.once_in(16)) {
        make(words, random);
        return words.bytes();
    }
    for (std::uint32_t steps = 1 + random.below(4); steps > 0; --steps) {
        const std::uint32_t step = format.record.empty() ? 2 : random.below(8);
        if (step == 0) insert_record(words, random);
        else if (step == 1) erase_record(words, random);
        else change_word(words, random);
    }
    return words.bytes();
}

// The head and the first records of one, then the last records of the other.
extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* first, std::size_t first_size,
                                                 const std::uint8_t* second, std::size_t second_size,
                                                 std::uint8_t* out, std::size_t max_size, unsigned seed) {
    fuzz::Random random(seed);
    max_size = std::min(max_size, fuzz::max_bytes());
    const std::size_t head = 4 * format.head.size();
    const std::size_t unit = format.record.empty() ? 4 : 4 * format.record.size();
    const std::size_t from = format.record.empty() ? 0 : head;  // without records: anywhere in the head
    const auto cut = [&](std::size_t size) {
        return size <= from ? size : from + unit * random.below((size - from) / unit + 1);
    };
    const std::size_t left = std::min(cut(first_size), max_size);
    const std::size_t begin = format.record.empty() ? std::min(left, second_size) : cut(second_size);
    const std::size_t right = std::min(second_size - begin, max_size - left);
    if (left != 0) std::memcpy(out, first, left);
    if (right != 0) std::memcpy(out + left, second + begin, right);
    return left + right;
}
