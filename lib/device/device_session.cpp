// The ring's kernel, as far as both sessions treat it alike.
#include "device_session.hpp"

#include <atomic>
#include <thread>

#include "../backoff.hpp"
#include "../left.hpp"

namespace slipring {
namespace {

// A compiler may run in it, on a busy machine.
constexpr std::chrono::seconds patience{60};

std::atomic_ref<std::uint32_t> ring_word(const Memory& ring, std::size_t offset) noexcept {
    return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(ring.host().data() + offset));
}

}  // namespace

std::expected<std::unique_ptr<Session>, Error> Session::open(const Options& options) {
    auto opened = Device::open(options);
    if (!opened) return std::unexpected(opened.error());
    Device& device = **opened;
    auto session = device.info().mode == ExecutionMode::persistent ? persistent_session(std::move(*opened), options)
                                                                   : per_launch_session(std::move(*opened), options);
    if (!session) return std::unexpected(session.error());
    Backoff backoff(patience);
    if (const cl_int ran = device.rehearse([&backoff] { return backoff.pause(); }); ran > CL_COMPLETE) {
        leave_to_kernel(std::move(*session));
        return std::unexpected(
            Error{Errc::no_device, "a first launch did not finish in time; something else holds the device"});
    } else if (ran != CL_SUCCESS) {
        return cl_error("a first launch", ran);
    }
    return std::move(*session);
}

RingParts DeviceSession::ring_memory(const RingPlace& place) const noexcept {
    const std::span<std::byte> window = device_->window.host();
    return {
        .shared =
            device_->ring.host().subspan(place.shared_at, *RingView::shared_bytes(place.capacity, place.completions)),
        .producers = device_->producers[RingNumbers::of_row(place.level, place.row)].bytes,
        .window = window.empty() ? window : window.subspan(place.window_at, RingView::window_bytes(place.capacity)),
        .over_bus = !info().is_cpu,
        .level = place.level};
}

DeviceSession::~DeviceSession() {
    while (!launches_.settled()) std::this_thread::yield();  // the last launch has finished, and is about to be told
}

cl_int DeviceSession::enqueue(std::uint32_t number, std::uint64_t first) noexcept {
    const cl_int status = device_->enqueue_run(number, first, &last_);
    if (status == CL_SUCCESS) launched_ = true;  // from here the memory is the launch's, whatever fails behind it
    number_ = number;
    return status;
}

std::expected<void, Session::Failure> DeviceSession::send(Status status) noexcept {
    if (status) status << launches_.add(last_);
    status << device_->run_queue.flush();
    if (!status) return std::unexpected(Failure{"launching the kernel", status.value});
    return {};
}

bool DeviceSession::finished() const noexcept {
    return !launched_ || last_.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>() <= CL_COMPLETE;
}

bool DeviceSession::failed() const noexcept {
    return launched_ && last_.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>() < CL_COMPLETE;
}

// A kernel that says that it has left has little left to do, and a read behind it delays no others.
bool DeviceSession::idle(const GoOn& go_on) noexcept {
    while (!finished() && !says_left())
        if (!go_on()) return false;
    return finished() || device_->run_sentinel.settle(device_->run_queue, go_on) <= CL_COMPLETE;
}

bool DeviceSession::end_copies(const GoOn& go_on) noexcept {
    for (Copied copied = transfers_.progress(); copied.finished != copied.begun; copied = transfers_.progress())
        if (!go_on()) return false;
    return true;
}

void DeviceSession::stop(std::uint32_t number) noexcept {
    ring_word(device_->ring, SR_RING_STOP).store(number, std::memory_order_release);
}

void DeviceSession::revoke() noexcept {
    ring_word(device_->ring, SR_RING_REVOKED).store(1, std::memory_order_seq_cst);
}

// Relaxed: a slot that carries a deadline is published behind it, and R hands it on.
void DeviceSession::tell_time(std::uint32_t ticks) noexcept {
    ring_word(device_->ring, SR_RING_NOW).store(ticks, std::memory_order_relaxed);
}

cl_int DeviceSession::finish(const Sentinel& sentinel, const cl::CommandQueue& queue, const GoOn& go_on) noexcept {
    const cl_int status = sentinel.settle(queue, go_on);
    if (status > CL_COMPLETE) device_->abandoned = true;
    return status;
}

std::expected<void, Errc> DeviceSession::outcome_of(cl_int status) const noexcept {
    if (status == CL_COMPLETE && !abandoned()) return {};
    return std::unexpected(abandoned() ? Errc::device_lost : Errc::opencl_failed);
}

}  // namespace slipring
