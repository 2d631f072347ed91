// Without an engine: runs the target once on each file, and on each file of each folder, named on the command line.
// Exit status: 0 all ran, 2 a file cannot be read or there was none. A finding aborts, after its file's name.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// What an engine offers to the mutator, which is linked and not used here.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) { return size; }

namespace {

std::string current;  // for whoever looks at a core

bool replay(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
    if (!file) return std::fprintf(stderr, "replay: cannot read %s\n", path.c_str()), false;
    current = path;
    std::fprintf(stderr, "%s\n", current.c_str());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        if (!std::filesystem::is_directory(argv[i])) {
            files.emplace_back(argv[i]);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    if (files.empty() || !std::ranges::all_of(files, replay)) return 2;
    std::printf("%zu inputs\n", files.size());
}
