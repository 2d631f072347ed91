// Brings pages into the cache by windows: what is required now, and what will probably follow.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include <slipring/runtime.hpp>

#include "prefetch_cache.hpp"
#include "prefetch_ops.hpp"

namespace prefetch {

// Publishes, and waits for room where the ring is full.
template <class Work>
std::expected<slipring::Ticket, slipring::Errc> publish(slipring::Runtime& runtime, const Work& work,
                                                        std::uint32_t slots) {
    for (;;) {
        const auto ticket = runtime.publish(work);
        if (ticket || ticket.error() != slipring::Errc::ring_full) return ticket;
        if (const auto room = runtime.wait_for_room(slots); !room) return std::unexpected(room.error());
    }
}

class Windows {
public:
    Windows(slipring::Runtime& runtime, std::uint32_t frames) : runtime_(runtime), copies_(frames) {}

    // Publishes what the step lacks as one window, and waits for the required page alone.
    std::expected<void, slipring::Errc> bring(const Step& step) {
        required_.clear();
        lookahead_.clear();
        if (!step.is_hit)
            if (auto added = add(required_, step.required); !added) return added;
        for (const Copy& copy : step.lookahead)
            if (auto added = add(lookahead_, copy); !added) return added;
        if (!required_.empty() || !lookahead_.empty())
            if (auto published = publish_window(step); !published) return published;
        return runtime_.wait(copies_[step.required.frame]);  // of this window, or of an earlier one's lookahead
    }

    // What the device makes of the page that is in the frame.
    std::expected<slipring::Result, slipring::Errc> use(std::uint32_t frame) {
        const auto ticket = publish(runtime_, slipring::slot(use_page, {frame}), 1);
        if (!ticket) return std::unexpected(ticket.error());
        if (const auto finished = runtime_.wait(*ticket); !finished) return std::unexpected(finished.error());
        return runtime_.result(*ticket);
    }

private:
    // The last copy into the frame has to finish before the next begins. It has as a rule: the frame that gets a page
    // is the one that has waited longest for it.
    std::expected<void, slipring::Errc> add(std::vector<std::uint32_t>& to, const Copy& copy) {
        to.insert(to.end(), {copy.page, copy.frame});
        return runtime_.wait(copies_[copy.frame]);
    }

    std::expected<void, slipring::Errc> publish_window(const Step& step) {
        const slipring::Window window{.opcode = fetch_page,
                                      .required = slipring::Payloads(required_, 2),
                                      .lookahead = slipring::Payloads(lookahead_, 2)};
        const auto ticket = publish(runtime_, window, static_cast<std::uint32_t>(window.size()));
        if (!ticket) return std::unexpected(ticket.error());

        // Each page is waited for by itself, when it is required.
        if (!step.is_hit) copies_[step.required.frame] = ticket->required_part();
        std::uint32_t entry = step.is_hit ? 0 : 1;
        for (const Copy& copy : step.lookahead) copies_[copy.frame] = ticket->slice(entry++, 1);
        return {};
    }

    slipring::Runtime& runtime_;
    std::vector<slipring::Ticket> copies_;             // the last one into each frame
    std::vector<std::uint32_t> required_, lookahead_;  // a window's entries: page and frame of each
};

}  // namespace prefetch
