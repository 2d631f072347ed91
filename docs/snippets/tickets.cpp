// What a ticket stands for: the slots of a batch, the entries of a window, and a part of either.
#include <cstdio>
#include <slipring/runtime.hpp>

namespace {

using namespace slipring;

constexpr std::uint32_t word = first_user_word;

int failed(const char* what) { return std::fprintf(stderr, "%s\n", what), 1; }

}  // namespace

int main() {
    auto runtime = Runtime::open();
    if (!runtime) return failed(runtime.error().text().c_str());

    // A packed slot: several small operations in one slot. They run in order, and the first that faults ends it.
    const auto both = packed({inner(store_u32(5, word)), inner(atomic_add(1, word))});
    if (!both) return failed(message(both.error()).data());
    const auto one = runtime->publish(*both);
    if (!one || !runtime->wait(*one)) return failed("the device did not answer");
    const auto old = runtime->result(*one);
    if (!old) return failed(message(old.error()).data());
    std::printf("packed: old value %lu\n", old->value);

    // A window: one operation over several entries, those needed now before those that may wait. Here an entry is two
    // words, a value and an index, and all entries of a class lie one behind the other.
    const std::uint32_t required[] = {1, word + 1, 2, word + 2}, lookahead[] = {3, word + 3};
    const Window wanted{
        .ticket = 7, .opcode = Op::store_u32, .required = Payloads(required, 2), .lookahead = Payloads(lookahead, 2)};
    const auto window = runtime->publish(wanted);
    if (!window) return failed(message(window.error()).data());

    // A part of a ticket is a ticket.
    const Ticket needed = window->required_part();
    if (!runtime->wait(needed)) return failed("the device did not answer");
    std::printf("window: %u of %u entries are needed now\n", needed.count, window->count);
    const Ticket second = window->slice(1, 1);
    const auto value = runtime->result(second);  // entry 0 of the slice
    std::printf("second entry: %lu\n", value ? value->value : 0);

    // The page is read, so what was to come is wanted no more. What the kernel has not come to is not run.
    if (!runtime->cancel(window->lookahead_part())) return failed("no such ticket");
    if (!runtime->wait(*window)) return failed("the device did not answer");
    const Progress end = runtime->progress(*window);
    std::printf("required: %u done; lookahead: %u done or cancelled\n", end.required.done,
                end.lookahead.done + end.lookahead.cancelled);

    // Quiet slots keep no result: over a bus that saves a write a slot. The ticket still says when all have finished.
    const Slot batch[] = {store_u32(1, word + 4), store_u32(2, word + 5)};
    const auto quiet = runtime->publish(batch, Quiet::yes);
    if (!quiet || !runtime->wait(*quiet)) return failed("the device did not answer");
    std::printf("quiet: %s\n", message(runtime->result(*quiet).error()).data());

    // In place, without a Slot in between: reserve, put, commit. What is not put becomes a NOP.
    {
        auto reservation = runtime->ring().reserve(2);
        if (!reservation) return failed(message(reservation.error()).data());
        reservation->put(atomic_add(10, word + 4));
        reservation->put(atomic_add(20, word + 5));
        reservation->commit();
        runtime->wake();  // publish does this by itself
        const Ticket ticket{reservation->first(), 2};
        if (!runtime->wait(ticket)) return failed("the device did not answer");
    }
    std::uint32_t words[2];
    if (!runtime->read_control(word + 4, words)) return 1;
    std::printf("control words: %u, %u\n", words[0], words[1]);
    return words[0] == 11 && words[1] == 22 ? 0 : 1;
}
