// Calls something of every room that was built: the codec and the ring, and the runtime where there is one.
#include <cstdio>
#include <vector>

#include <slipring/codec.hpp>
#include <slipring/consumer.hpp>
#ifdef WITH_RUNTIME
#include <slipring/runtime.hpp>
#endif

using namespace slipring;

namespace {

bool codec_works() {
    std::vector<std::uint32_t> image(SR_SLOT_WORDS);
    return encode(store_u32(7, 160), image, 0) == 1u && image[SR_WORD_OPCODE] == SR_OP_STORE_U32;
}

bool ring_works() {
    alignas(Ring::alignment) static std::byte memory[*Ring::bytes(4)];
    const auto ring = Ring::create(memory, 4);
    if (!ring || !ring->publish(store_u32(7, 160))) return false;
    const auto done = [](std::span<const std::uint32_t, SR_SLOT_WORDS> slot) {
        return Completion{.result = slot[SR_WORD_ARGS]};
    };
    return Consumer(*ring).drain(1, done) == 1 && ring->completion(0)->result == 7;
}

bool runtime_works() {
#ifdef WITH_RUNTIME
    auto runtime = Runtime::open();
    if (!runtime) {
        std::fprintf(stderr, "%s\n", runtime.error().text().c_str());
        return false;
    }
    const auto ticket = runtime->publish(store_u32(7, 160));
    if (!ticket || !runtime->wait(*ticket)) return false;
    const auto result = runtime->result(*ticket);
    return result && result->ok() && result->value == 7;
#else
    return true;
#endif
}

}  // namespace

int main() {
    if (!codec_works()) return 1;
    if (!ring_works()) return 2;
    if (!runtime_works()) return 3;
    std::puts("slipring works");
}
