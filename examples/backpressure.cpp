// A producer that is faster than the device: a full ring refuses at once, and the producer decides what to do.
#include <cstdio>
#include <vector>
#include <slipring/runtime.hpp>

int main() {
    using namespace slipring;
    auto runtime = Runtime::open({.capacity = 64});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    const std::vector<Slot> batch(8, atomic_add(1, first_user_word));
    for (int published = 0; published < 1000;) {
        const auto ticket = runtime->publish(batch);
        if (ticket) {
            ++published;
        } else if (ticket.error() != Errc::ring_full || !runtime->wait_for_room(8)) {  // full: nothing was written
            return std::fprintf(stderr, "%s\n", message(ticket.error()).data()), 1;
        }
    }

    // A batch that no wait will make fit has an error of its own.
    const std::vector<Slot> too_many(65, nop());
    std::printf("65 slots at once: %s\n", message(runtime->publish(too_many).error()).data());

    if (!runtime->shutdown()) return std::fputs("the ring was not drained\n", stderr), 1;
    std::uint32_t count = 0;
    if (!runtime->read_control(first_user_word, std::span(&count, 1))) return 1;
    std::printf("%u slots ran, and none was dropped\n", count);
    return count == 8000 ? 0 : 1;
}
