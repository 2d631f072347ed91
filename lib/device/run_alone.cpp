// A slot by itself: a launch of its own, on a queue of its own.
#include <array>
#include <cstring>

#include "device_session.hpp"

namespace slipring {

std::expected<Result, Errc> DeviceSession::run_alone(const Slot& slot, const GoOn& go_on) noexcept {
    Device& d = *device_;
    if (d.abandoned) return std::unexpected(Errc::device_lost);  // something may still read the slot
    Status status;
    {
        const std::scoped_lock lock(d.tables_mutex);
        d.alone_table = d.table;  // until the next
        status << d.alone_table->bind(d.alone, alone_arg::table);
        status << d.alone.setArg(alone_arg::table_states, d.table_states);
    }
    status << d.alone.setArg(alone_arg::number, ++d.alone_number);
    std::memcpy(d.slot.host().data(), slot.words().data(), SR_SLOT_BYTES);
    status << d.slot.upload(d.alone_queue, 0, SR_SLOT_BYTES);
    status << bring_inputs();
    cl::Event launch;
    const cl::NDRange lanes(d.has_wide_teams() ? d.info().teams.lanes : 1);  // of which most slots need one
    if (status) status << d.alone_queue.enqueueNDRangeKernel(d.alone, cl::NullRange, lanes, lanes, nullptr, &launch);
    if (status) status << await_outcome(launch, go_on);
    else static_cast<void>(finish(d.alone_sentinel, d.alone_queue, go_on));  // what was enqueued has read the slot
    if (auto ok = outcome_of(status.value); !ok) return std::unexpected(ok.error());

    std::array<std::uint32_t, 4> words{};
    std::memcpy(words.data(), d.outcome.host().data(), sizeof words);
    const Code code{words[0]};
    const bool is_cancelled = code == Code::cancelled || code == Code::deadline;
    const State state = code == Code::ok ? State::done : is_cancelled ? State::cancelled : State::fault;
    return Result{state, code, words[1], std::uint64_t{words[3]} << 32 | words[2]};
}

}  // namespace slipring
