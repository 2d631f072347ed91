// Spreads batches over every device, waits for them, and adds up what the devices counted.
#include <cstdio>
#include <vector>

#include <slipring/fleet.hpp>

int main() {
    using namespace slipring;
    auto fleet = Fleet::open_all();  // every GPU; without one, every device that serves
    if (!fleet) return std::fprintf(stderr, "%s\n", fleet.error().text().c_str()), 1;

    const std::vector<Slot> batch(32, atomic_add(1, first_user_word));
    std::vector<FleetTicket> tickets;
    while (tickets.size() < 64) {
        const auto ticket = fleet->publish(batch);
        if (ticket) tickets.push_back(*ticket);
        else if (ticket.error() != Errc::ring_full || !fleet->wait(tickets.back()))  // every ring: make room
            return std::fprintf(stderr, "%s\n", message(ticket.error()).data()), 1;
    }
    for (const FleetTicket& ticket : tickets)
        if (!fleet->wait(ticket)) return std::fputs("a device did not answer\n", stderr), 1;

    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < fleet->size(); ++i) {  // control words are each device's own
        std::uint32_t word = 0;
        if (!fleet->runtime(i).read_control(first_user_word, std::span(&word, 1))) return 1;
        std::printf("%s: %u slots\n", fleet->runtime(i).device().name.c_str(), word);
        sum += word;
    }
    std::printf("together: %u slots\n", sum);
    return sum == 64 * 32 ? 0 : 1;
}
