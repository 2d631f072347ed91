// Without an engine: runs the target once on each file, and on each file of each folder, named on the command line.
// Exit status: 0 all ran, 2 a file cannot be read or there was none. A finding aborts, after its file's name.
//
// In C's library, which MemorySanitizer knows: of the C++ library's compiled part it takes whatever comes for
// unwritten.
#include <dirent.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// What an engine offers to the mutator, which is linked and not used here.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) { return size; }

namespace {

const char* current;  // for a reader of the core dump

bool replay(const char* path) {
    std::FILE* const file = std::fopen(path, "rb");
    std::vector<std::uint8_t> bytes;
    std::uint8_t some[4096];
    while (file != nullptr)
        if (const std::size_t n = std::fread(some, 1, sizeof some, file)) bytes.insert(bytes.end(), some, some + n);
        else break;
    const bool read = file != nullptr && std::ferror(file) == 0;
    if (file != nullptr) std::fclose(file);
    if (!read) return std::fprintf(stderr, "replay: cannot read %s\n", path), false;
    current = path;
    std::fprintf(stderr, "%s\n", current);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    return true;
}

// The files of a folder, in the order of their names; or the one file. How many, or -1.
int replay_all(const char* path) {
    dirent** entries = nullptr;
    const int n =
        scandir(path, &entries, [](const dirent* entry) { return entry->d_name[0] == '.' ? 0 : 1; }, alphasort);
    if (n < 0) return replay(path) ? 1 : -1;
    bool all = true;
    for (int i = 0; i < n; ++i) {
        char file[4096];
        all = std::snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name) < int{sizeof file} && all &&
              replay(file);
        std::free(entries[i]);
    }
    std::free(entries);
    return all ? n : -1;
}

}  // namespace

int main(int argc, char** argv) {
    int inputs = 0;
    for (int i = 1; i < argc; ++i) {
        const int more = replay_all(argv[i]);
        if (more < 0) return 2;
        inputs += more;
    }
    if (inputs == 0) return 2;
    std::printf("%d inputs\n", inputs);
}
