// A reader that wants some pages now and may want others soon: windows whose lookahead runs when nothing else waits,
// is promoted when its time has come, and cancelled when it is not wanted any more.
#include <cstdio>
#include <vector>
#include <slipring/runtime.hpp>

using namespace slipring;

int main() {
    auto runtime = Runtime::open({.levels = {.idle = 1024}, .lower_every = 0});
    if (!runtime) return std::fprintf(stderr, "%s\n", runtime.error().text().c_str()), 1;

    // "Page" p is a control word that counts how often it was fetched.
    std::vector<std::uint32_t> entries;
    for (std::uint32_t page = 0; page < 64; ++page) entries.insert(entries.end(), {1, first_user_word + page});
    const auto pages = [&](std::uint32_t first, std::uint32_t count) {
        return Payloads(std::span(entries).subspan(2 * first, 2 * count), 2);
    };

    std::vector<WindowTicket> tickets;
    for (std::uint32_t i = 0; i < 3; ++i) {
        const Window window{.ticket = i + 1,
                            .opcode = Op::atomic_add,
                            .required = pages(4 * i, 4),
                            .lookahead = pages(16 * (i + 1), 16)};
        const auto ticket = runtime->publish_apart(window);
        if (!ticket) return std::fprintf(stderr, "%s\n", message(ticket.error()).data()), 1;
        tickets.push_back(*ticket);
    }

    // The reader goes on as soon as it has what it needs, wherever the lookahead is.
    std::uint32_t required = 0;
    for (const WindowTicket& ticket : tickets) {
        if (!runtime->wait(ticket.required, std::chrono::seconds(60))) return 1;
        required += runtime->progress(ticket.required).required.done;
    }
    std::printf("required: %u of 12\n", required);

    // It turns to the third window's pages, and away from the second's.
    if (!runtime->promote(tickets[2]) || !runtime->cancel(tickets[1].lookahead)) return 1;
    std::uint32_t cancelled = 0;
    for (const WindowTicket& ticket : tickets) {
        if (!runtime->wait(ticket.lookahead, std::chrono::seconds(60))) return 1;
        const Progress::Part part = runtime->progress(ticket.lookahead).lookahead;
        cancelled += part.cancelled;
        std::printf("lookahead: %u have ended\n", part.done + part.cancelled);
    }

    if (!runtime->shutdown()) return std::fputs("the rings were not drained\n", stderr), 1;
    std::vector<std::uint32_t> fetched(64);
    if (!runtime->read_control(first_user_word, fetched)) return 1;
    std::uint32_t sum = 0;
    for (const std::uint32_t times : fetched) sum += times;
    std::printf("each page once, or cancelled: %s\n", sum + cancelled == 60 ? "yes" : "no");
    return 0;
}
