// Files, cut into parts for several threads to read: a queue between the thread that walks the directories and those
// that read.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "files.hpp"

// A file to open, or, where `file` is set, a part of one that is open.
struct Part {
    std::uint64_t number = 0;  // of the file, in the order of the walk
    std::string path{};
    std::shared_ptr<const File> file{};
    std::uint32_t index = 0;  // of the part in its file
    std::uint64_t begin = 0;
    std::uint64_t end = to_the_end;
    bool is_last = true;

    static constexpr std::uint64_t to_the_end = ~std::uint64_t{0};
};

// Any thread may call any function at any time.
class Parts {
public:
    // Waits while the queue is long, but not beyond `patience`: false then. Also false when the queue is closed.
    bool push(Part& part, std::chrono::milliseconds patience);
    // In front of all others, and at once: a reader that waited for room might wait for itself.
    void push_front(Part part);
    // Waits for parts, and takes several where there are many. None: there will be no more. For each whose file is
    // not open yet opened() follows, when its other parts were pushed. `opens`: also such ones; else parts of open
    // files alone.
    std::vector<Part> pop(bool opens);
    void opened();

    void close();    // no more will be pushed
    void abandon();  // nor read: what is there is dropped
    bool abandoned() const;

private:
    static constexpr std::size_t max_length = 1024;

    bool has_ended() const;  // with the mutex held, as the next
    void wake_all();

    mutable std::mutex mutex_;
    std::condition_variable pushed_, popped_;
    std::condition_variable split_;  // a file was: for those that open none
    std::deque<Part> parts_;
    std::uint32_t opening_ = 0;  // files that were popped, and may have other parts
    bool closed_ = false;
    bool abandoned_ = false;
};
