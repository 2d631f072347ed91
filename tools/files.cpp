#include "files.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

namespace fs = std::filesystem;

std::string system_text(int error) { return std::system_category().message(error); }

// Without O_NONBLOCK to open a pipe waits for its writer, and no signal to another thread ends that.
std::expected<File, std::string> File::open(const std::string& path) {
    if (path == "-") return File(STDIN_FILENO);
    File file(::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    struct stat info{};
    if (file.fd_ < 0 || ::fstat(file.fd_, &info) != 0) return std::unexpected(system_text(errno));
    file.is_regular_ = S_ISREG(info.st_mode);
    if (file.is_regular_) file.bytes_ = static_cast<std::uint64_t>(info.st_size);
    return file;
}

File::~File() {
    if (fd_ > STDIN_FILENO) ::close(fd_);
}

std::expected<std::size_t, int> File::read(std::span<std::byte> into, std::uint64_t offset) const {
    ssize_t n = -1;
    if (is_regular_) {
        n = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    } else {
        pollfd wanted{.fd = fd_, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&wanted, 1, 100);
        if (ready == 0) return std::unexpected(EAGAIN);
        if (ready > 0) n = ::read(fd_, into.data(), into.size());
    }
    if (n < 0) return std::unexpected(errno == EINTR ? EAGAIN : errno);
    return static_cast<std::size_t>(n);
}

std::expected<void, std::string> read_all(const std::string& path, std::string& text) {
    const auto file = File::open(path);
    if (!file) return std::unexpected(file.error());
    std::vector<std::byte> buffer(1 << 16);
    for (std::uint64_t at = 0;;) {
        const auto n = file->read(buffer, at);
        if (!n && n.error() == EAGAIN) continue;
        if (!n) return std::unexpected(system_text(n.error()));
        if (*n == 0) return {};
        text.append(reinterpret_cast<const char*>(buffer.data()), *n);
        at += *n;
    }
}

bool walk(const std::string& path, const Visit& visit, const Complain& complain) {
    std::error_code error;
    if (path == "-") return visit(path);
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
        complain(path, error ? error.message() : system_text(ENOENT));
        return true;
    }
    if (!fs::is_directory(status)) return visit(path);

    std::vector<fs::path> directories{path};
    while (!directories.empty()) {
        const fs::path directory = std::move(directories.back());
        directories.pop_back();
        fs::directory_iterator entries(directory, error);
        for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
            std::error_code unknown;  // an entry that vanished is no error: it is not there
            if (entries->is_symlink(unknown)) continue;
            if (entries->is_directory(unknown)) directories.push_back(entries->path());
            else if (entries->is_regular_file(unknown) && !visit(entries->path().string())) return false;
        }
        if (error) complain(directory.string(), error.message());
    }
    return true;
}
