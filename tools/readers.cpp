#include "readers.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <ranges>
#include <utility>

#include "interrupt.hpp"

namespace {
constexpr std::chrono::milliseconds now_and_then{100};
// More threads that open files at once stand in each other's way: the system has one table of them for a process.
constexpr std::uint32_t max_openers = 4;
constexpr std::uint64_t least_part_bytes = 8u << 20;
}  // namespace

Readers::Readers(Scanner& scanner, const Options& options, Unreadable unreadable)
    : scanner_(scanner), options_(options), unreadable_(std::move(unreadable)),
      part_bytes_(std::max(least_part_bytes, 16 * std::uint64_t{scanner.geometry().overlap})) {
    running_ = scanner.readers(options.threads);
    for (std::uint32_t i = 0; i < running_; ++i) threads_.emplace_back([this, i, n = running_] { run(i, n); });
}

Readers::~Readers() {
    parts_.abandon();
    for (std::thread& thread : threads_)
        if (thread.joinable()) thread.join();
}

bool Readers::add(const std::string& path, const std::function<void()>& wait) {
    Part part{.number = files_, .path = path};
    while (!parts_.push(part, now_and_then)) {
        if (parts_.abandoned() || interrupted()) return false;
        wait();
    }
    ++files_;
    return true;
}

std::expected<void, std::string> Readers::finish(const std::function<void()>& wait) {
    parts_.close();
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, now_and_then, [this] { return running_ == 0; })) {
        lock.unlock();
        if (interrupted()) parts_.abandon();
        wait();
        lock.lock();
    }
    if (!failure_.empty()) return std::unexpected(failure_);
    return {};
}

// ---- a reader ---------------------------------------------------------------------------------------------------

std::expected<void, std::string> Readers::read_and_scan(std::uint32_t index, std::uint32_t readers) {
    Feeder feeder(scanner_, index, readers);
    std::list<Listed> listed;
    if (auto ok = read_all_parts(feeder, index < max_openers, listed); !ok || interrupted()) return ok;
    if (auto ok = feeder.finish(); !ok) return ok;
    pass_on(listed);
    return {};
}

void Readers::run(std::uint32_t index, std::uint32_t readers) {
    std::expected<void, std::string> ok;
    try {
        ok = read_and_scan(index, readers);
    } catch (const std::exception& error) {  // of a machine without memory
        ok = std::unexpected(error.what());
    }
    const std::lock_guard lock(mutex_);
    if (!ok) {
        if (failure_.empty()) failure_ = ok.error();
        parts_.abandon();
    }
    if (--running_ == 0) ended_.notify_all();
}

std::expected<void, std::string> Readers::read_all_parts(Feeder& feeder, bool opens, std::list<Listed>& listed) {
    for (std::vector<Part> parts = parts_.pop(opens); !parts.empty(); parts = parts_.pop(opens)) {
        for (Part& part : parts) {
            if (part.file == nullptr) {
                const bool is_open = open(part);
                parts_.opened();
                if (!is_open) continue;
            }
            Matches* const matches = options_.lister != nullptr ? &listed.emplace_back(part).matches : nullptr;
            if (auto ok = read(feeder, part, matches); !ok) return ok;
            pass_on(listed);
        }
    }
    return {};
}

// Opens a part's file, and leaves all but the file's first part to whichever reader has time. False if it cannot be
// read.
bool Readers::open(Part& part) {
    auto file = File::open(part.path);
    if (!file) {
        unreadable_(part.path, file.error());
        if (options_.lister != nullptr) options_.lister->add(part, {});
        return false;
    }
    part.file = std::make_shared<const File>(std::move(*file));
    const std::uint64_t bytes = part.file->bytes();
    if (bytes <= 2 * part_bytes_) return true;
    std::vector<Part> others;
    for (std::uint64_t begin = part_bytes_; begin < bytes; begin += part_bytes_) {
        Part& other = others.emplace_back(part);
        other.index = static_cast<std::uint32_t>(others.size());
        other.begin = begin;
        other.end = begin + part_bytes_;
        other.is_last = other.end >= bytes;
        if (other.is_last) other.end = Part::to_the_end;
    }
    part.end = part_bytes_;
    part.is_last = false;
    for (Part& other : std::views::reverse(others)) parts_.push_front(std::move(other));
    return true;
}

// Of a file that can be read again its path is noted, once; else where to keep its bytes is returned.
std::string* Readers::remember(const Part& part) {
    if (options_.keep == nullptr || part.index != 0) return nullptr;
    const std::lock_guard lock(options_.keep->mutex);
    if (!part.file->is_regular()) return &options_.keep->bytes.emplace_back();
    options_.keep->paths.push_back(part.path);
    return nullptr;
}

std::expected<void, std::string> Readers::read(Feeder& feeder, const Part& part, Matches* matches) {
    std::string* const keep = remember(part);
    auto into = feeder.begin(part.begin, matches);
    if (!into) return std::unexpected(into.error());
    std::uint64_t at = part.begin - into->size();
    // First the bytes in front of the part, if there are any, then its text.
    for (bool in_front = !into->empty(); !interrupted() && at != part.end;) {
        if (!in_front) {
            into = feeder.room();
            if (!into) return std::unexpected(into.error());
            into = into->first(std::min<std::uint64_t>(into->size(), part.end - at));
        }
        const auto n = part.file->read(*into, at);
        if (!n && n.error() == EAGAIN) continue;
        if (!n) unreadable_(part.path, system_text(n.error()));
        if (!n || *n == 0) break;
        at += *n;
        if (in_front) {
            into = into->subspan(*n);
            in_front = !into->empty();
            continue;
        }
        if (keep != nullptr) keep->append(reinterpret_cast<const char*>(into->data()), *n);
        feeder.add(*n);
        if (at == part.file->bytes()) break;  // without asking once more
    }
    feeder.end();
    return {};
}

// Lists those parts whose matches are complete. They are so in the order in which they were read.
void Readers::pass_on(std::list<Listed>& listed) {
    for (; !listed.empty() && listed.front().matches.open == 0; listed.pop_front())
        options_.lister->add(listed.front().part, std::move(listed.front().matches.matches));
}
