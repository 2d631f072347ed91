// Two tenants of one device: each does what it was declared for and nothing else, and the busier one does not push
// the other aside.
#include <cstdio>
#include <thread>
#include <vector>
#include <slipring/runtime.hpp>

using namespace slipring;

int main() {
    Tenant index{.id = 7, .label = "index", .quota = 256, .weight = 3};
    index.writes = index.reads = {.first = 200, .count = 16};
    index.opcodes = {Op::atomic_add, Op::load_u32};
    Tenant metrics{.id = 8, .label = "metrics", .quota = 64};
    metrics.writes = {.first = 216, .count = 1};
    metrics.opcodes = {Op::store_u32};

    auto runtime = Runtime::open({.tenants = {index, metrics}});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    // What a tenant may not do is refused at once.
    const auto word = [&](Slot slot) { return runtime->publish(slot.for_tenant(8)); };
    std::printf("another's word: %s\n", message(word(store_u32(1, 200)).error()).data());
    std::printf("another operation: %s\n", message(word(atomic_add(1, 216)).error()).data());
    std::printf("no such tenant: %s\n", message(runtime->publish(nop().for_tenant(9)).error()).data());

    // One tenant is busy; the other has its turn all the same.
    std::uint32_t added = 0;
    std::thread busy([&] {
        const std::vector<Slot> batch(64, atomic_add(1, 200).for_tenant(7));
        while (added < 100'000) {
            if (runtime->publish(batch, Quiet::yes)) added += 64;  // otherwise its quota is full
            else static_cast<void>(runtime->wait_for_room(64, std::chrono::seconds(1), Priority::normal, 7));
        }
    });
    std::uint32_t stored = 0;
    for (std::uint32_t i = 0; i < 100; ++i) {
        const auto ticket = word(store_u32(i, 216));
        if (ticket && runtime->wait(*ticket, std::chrono::seconds(60))) stored += runtime->result(*ticket)->ok();
    }
    busy.join();
    std::printf("stored beside it: %u of 100\n", stored);

    // A tenant comes to rest, and goes on with other rights.
    if (!runtime->quiesce(7, std::chrono::seconds(60))) return std::fputs("it does not come to rest\n", stderr), 1;
    std::uint32_t counted = 0;
    if (!runtime->read_control(200, std::span(&counted, 1))) return 1;
    std::printf("all of it was done: %s\n", counted == added ? "yes" : "no");
    index.opcodes = {Op::load_u32};
    if (const auto again = runtime->declare(index); !again)
        return std::fprintf(stderr, "%s\n", again.error().text().c_str()), 1;
    std::printf("adding: %s\n", message(runtime->publish(atomic_add(1, 200).for_tenant(7)).error()).data());
    return counted == added && stored == 100 ? 0 : 1;
}
