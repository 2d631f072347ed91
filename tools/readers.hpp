// The threads that read files for a scan, each with a feeder of its own. A large file is cut into parts that several
// of them read.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "feeder.hpp"
#include "lister.hpp"
#include "parts.hpp"
#include "scanner.hpp"

// For another look at what was read: the paths of files that can be read again, and the bytes of the others.
struct ReadFiles {
    std::mutex mutex{};
    std::vector<std::string> paths{};
    std::deque<std::string> bytes{};
};

class Readers {
public:
    struct Options {
        std::uint32_t threads = 0;  // 0: what suits the device
        Lister* lister = nullptr;   // where matches are listed, if they are
        ReadFiles* keep = nullptr;  // where to note what was read, if it is asked for
    };
    // unreadable(path, why) is called by any of the threads.
    using Unreadable = std::function<void(const std::string& path, const std::string& why)>;

    Readers(Scanner& scanner, const Options& options, Unreadable unreadable);
    ~Readers();  // what was not read is not

    // Has a file read soon. Calls wait() now and then while that must wait. False: the scan cannot go on.
    bool add(const std::string& path, const std::function<void()>& wait);
    // Waits until everything was read and scanned; calls wait() now and then. The error is a sentence for the user.
    // After an interrupt some files were not scanned.
    std::expected<void, std::string> finish(const std::function<void()>& wait);

private:
    struct Listed {
        explicit Listed(const Part& of) : part(of) {}

        Part part;
        Matches matches{};
    };

    void run(std::uint32_t index, std::uint32_t readers);
    std::expected<void, std::string> read_and_scan(std::uint32_t index, std::uint32_t readers);
    std::expected<void, std::string> read_all_parts(Feeder& feeder, bool opens, std::list<Listed>& listed);
    std::expected<void, std::string> read(Feeder& feeder, const Part& part, Matches* matches);
    bool open(Part& part);
    std::string* remember(const Part& part);
    void pass_on(std::list<Listed>& listed);

    Scanner& scanner_;
    const Options options_;
    const Unreadable unreadable_;
    const std::uint64_t part_bytes_;
    Parts parts_;
    std::uint64_t files_ = 0;  // that were added

    std::mutex mutex_;
    std::condition_variable ended_;
    std::uint32_t running_ = 0;
    std::string failure_;
    std::vector<std::thread> threads_;
};
