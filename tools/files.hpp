// Files as a grep user expects them: what a path stands for, and their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <span>
#include <string>
#include <utility>

// An open file; closes itself, standard input excepted. Any number of threads may read one.
class File {
public:
    // "-" is standard input. The error is the system's, as text.
    static std::expected<File, std::string> open(const std::string& path);

    File(File&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), is_regular_(other.is_regular_), bytes_(other.bytes_) {}
    File& operator=(File&&) = delete;
    ~File();

    // Reads bytes from `offset` on, or the next ones of what is no regular file; how many, 0 at the end. The error is
    // the system's number. EAGAIN: a pipe had nothing for 0.1 s, ask again.
    std::expected<std::size_t, int> read(std::span<std::byte> into, std::uint64_t offset) const;

    // Whether it can be read a second time: no pipe, no terminal, not standard input.
    bool is_regular() const noexcept { return is_regular_; }
    // Of a regular file when it was opened; it may have changed since, and some have bytes that are not counted: 0.
    std::uint64_t bytes() const noexcept { return bytes_; }

private:
    explicit File(int fd) noexcept : fd_(fd) {}
    int fd_;
    bool is_regular_ = false;
    std::uint64_t bytes_ = 0;
};

// Appends a file's bytes to `text`: of one that fails half-way, those before. The error is the system's, as text.
std::expected<void, std::string> read_all(const std::string& path, std::string& text);

// Calls visit(path) for each file that `path` stands for: itself, or everything below it if it is a directory. A
// symbolic link is followed where the user named it, and skipped below a directory, like sockets, pipes and devices
// there. What cannot be looked at goes to complain(path, why), and the walk goes on. It ends early, with false, when
// visit returns false.
using Visit = std::function<bool(const std::string& path)>;
using Complain = std::function<void(const std::string& path, const std::string& why)>;
bool walk(const std::string& path, const Visit& visit, const Complain& complain);

// The system's text for an error number.
std::string system_text(int error);
