// Files as a grep user expects them: what a path stands for, and their bytes.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <utility>

// An open file; closes itself, standard input excepted.
class File {
public:
    // "-" is standard input. The error is the system's, as text.
    static std::expected<File, std::string> open(const std::string& path);

    File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    File& operator=(File&&) = delete;
    ~File();

    int fd() const noexcept { return fd_; }
    // Whether it can be read a second time: no pipe, no terminal, not standard input.
    bool is_regular() const noexcept;

private:
    explicit File(int fd) noexcept : fd_(fd) {}
    int fd_;
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
