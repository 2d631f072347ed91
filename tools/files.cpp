#include "files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

namespace fs = std::filesystem;

std::string system_text(int error) { return std::system_category().message(error); }

std::expected<File, std::string> File::open(const std::string& path) {
    if (path == "-") return File(STDIN_FILENO);
    const int fd = ::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return std::unexpected(system_text(errno));
    return File(fd);
}

File::~File() {
    if (fd_ > STDIN_FILENO) ::close(fd_);
}

bool File::is_regular() const noexcept {
    struct stat info{};
    return fd_ != STDIN_FILENO && ::fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
}

std::expected<void, std::string> read_all(const std::string& path, std::string& text) {
    const auto file = File::open(path);
    if (!file) return std::unexpected(file.error());
    std::vector<char> buffer(1 << 16);
    for (;;) {
        const ssize_t n = ::read(file->fd(), buffer.data(), buffer.size());
        if (n < 0) return std::unexpected(system_text(errno));
        if (n == 0) return {};
        text.append(buffer.data(), static_cast<std::size_t>(n));
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
