// Who is stuck, as far as memory says that host and device share.
#include <slipring/diagnosis.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <new>

#include "impl.hpp"

namespace slipring {
namespace {

std::string operation_of(std::uint32_t opcode, const std::vector<CustomOp>& ops) {
    constexpr std::array<const char*, SR_OP_LAST_BUILTIN + 1> builtin{
        "nop", "store_u32", "atomic_add", "load_u32", "compare_swap", "memcpy_words", "dfa_step", "batch_fence"};
    if (opcode < builtin.size()) return builtin[opcode];
    if (opcode == SR_OP_PRINTF) return "print";
    if (opcode == SR_OP_SHUTDOWN) return "shutdown";
    if (opcode == SR_OP_PACKED_SLOT) return "packed";
    const auto op = std::ranges::find(ops, opcode, &CustomOp::opcode);
    return op != ops.end() ? op->name : "no operation";
}

std::string seconds(std::chrono::nanoseconds time) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f s", std::chrono::duration<double>(time).count());
    return text.data();
}

std::string hexadecimal(std::uint32_t value) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%x", value);
    return text.data();
}

}  // namespace

// Each position is read before the one that may not be behind it. A slot that finishes meanwhile, and may be written
// anew, is found finished behind the look at its words.
Diagnosis::Level Runtime::Impl::diagnose(std::size_t number, const Ring& of_number) const {
    const RingInside ring = inside(of_number);
    Diagnosis::Level out;
    out.level = rings.numbers().level_of(number);
    out.tenant = rings.numbers().tenant_of(number);
    if (out.tenant != 0) out.label = tenants.label_of(out.tenant);
    out.completed = ring.completed();
    const std::uint64_t begun = session->begun(number, ring, out.completed, ring.reserved());
    const std::uint64_t tail = ring.tail();
    out.reserved = ring.reserved();
    // The device writes its positions, and a handler may have written any.
    const auto at_least = [&out](std::uint64_t position, std::uint64_t least) {
        return position - least <= out.reserved - least ? position : least;
    };
    out.begun = at_least(begun, out.completed);
    out.published = at_least(tail, out.begun);
    const DeviceInfo& device = session->info();
    const bool in_order = device.mode == ExecutionMode::persistent && device.shape == LaunchShape{1, 1};
    for (std::uint64_t position = in_order && out.begun != out.completed ? out.begun - 1 : out.completed;
         position != out.begun && out.running.size() < Diagnosis::max_running; ++position) {
        const std::uint32_t opcode = ring.peek(position, SR_WORD_OPCODE);
        const bool quiet = (ring.peek(position, SR_WORD_PRIORITY) & SR_FLAG_QUIET) != 0;
        const bool finished = quiet ? ring.is_complete(position + 1) : ring.is_finished(position);
        if (finished) continue;
        out.running.push_back({position, opcode, operation_of(opcode, options.ops), quiet});
    }
    if (const auto held = ring.held()) {
        out.is_held = true;
        out.held_for = held->since;
        out.is_fence = is_fence(number, held->position);
    }
    return out;
}

Diagnosis Runtime::Impl::diagnose() const {
    Diagnosis out;
    out.launches = launches.load(std::memory_order_relaxed);
    out.runs = !inside(rings.lead()).has_left(launch.load(std::memory_order_seq_cst));
    if (out.launches != 0) out.launched = Watch::Clock::now() - launched_at.load(std::memory_order_relaxed);
    out.silence = silence.load(std::memory_order_relaxed);
    rings.each([&](std::size_t number, const Ring& ring) { out.levels.push_back(diagnose(number, ring)); });
    return out;
}

std::expected<Diagnosis, Errc> Runtime::diagnose() const noexcept try {
    return std::as_const(*impl_).diagnose();
} catch (const std::bad_alloc&) {
    return std::unexpected(Errc::out_of_memory);
}

std::string Diagnosis::text() const {
    std::string out = "no launch yet";
    if (launches != 0)
        out = "launch " + std::to_string(launches) + (runs ? " runs" : " has left") + ", queued " +
              seconds(launched) + " ago";
    if (silence.count() != 0) out += ", nothing finished for " + seconds(silence);
    for (const Level& of : levels) {
        out += "; " + std::string(name(of.level));
        if (of.tenant != 0) out += ", tenant " + std::to_string(of.tenant);
        if (!of.label.empty()) out += " (" + of.label + ")";
        out += ": " + std::to_string(of.completed) + " finished, " + std::to_string(of.begun) + " begun, " +
               std::to_string(of.published) + " published, " + std::to_string(of.reserved) + " reserved";
        for (const Running& slot : of.running)
            out += "; position " + std::to_string(slot.position) + (slot.quiet ? " may run " : " runs ") +
                   slot.operation + " (" + hexadecimal(slot.opcode) + ")";
        if (of.is_held && of.is_fence)
            out += "; position " + std::to_string(of.published) + " is a fence over all levels, seen " +
                   seconds(of.held_for) + " ago";
        else if (of.is_held)
            out += "; position " + std::to_string(of.published) + " was reserved " + seconds(of.held_for) +
                   " ago and is not published";
    }
    return out;
}

}  // namespace slipring
