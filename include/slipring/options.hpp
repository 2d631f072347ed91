// How a runtime is opened: its device, its sizes, its time limits, and the custom operations that it runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <slipring/device.hpp>
#include <slipring/error.hpp>
#include <slipring/tenant.hpp>

namespace slipring {

class OpenClContext;  // opencl.hpp makes these
class OpenClMemory;

// A buffer: memory of the runtime's, on which custom operations work. Zeroed at open.
struct BufferSpec {
    // Where it lies.
    //   shared  Host and device see it in place: Runtime::buffer is the host's view. On a GPU the device reads it
    //           over the bus. In per_launch mode each side has a copy: see Use.
    //   device  The device's own memory: the host copies to and from it with upload, download and fill. On a CPU that
    //           is memory like any other.
    enum class Place { shared, device };
    // Which side writes a shared buffer: the host alone an `input`, between the end of one slot that reads it and the
    // publishing of the next; the device alone an `output`. In per_launch mode each launch brings whole inputs to the
    // device and whole outputs back: what the wrong side wrote is lost, and no thread writes to any part of an input
    // while a slot runs that reads another part.
    enum class Use { input, output };

    std::string name{};       // not empty, no two the same
    std::uint64_t bytes = 0;  // from 1 to what the device allocates
    Place place = Place::shared;
    Use use = Use::input;
    // Memory of the user's own in the context that Options::context names: see opencl.hpp. It is as it is, not
    // zeroed; `bytes`, `place` and `use` say nothing then: it has its own size, and is copied as device memory is.
    std::shared_ptr<const OpenClMemory> memory{};
};

// An operation of the user's own, in OpenCL C 1.2: see handler.h. `source` defines a function, and what that needs,
//
//   uint NAME(sr_args a, const sr_buffers* b, ulong* result)
//
// a.word[0..11] are the slot's arguments (in a window without ticket and class). b->count is the number of buffers;
// b->at[i] and b->bytes[i] are the address (__global uchar*, at a multiple of 128 bytes) and the size of the
// operation's i-th buffer. Arguments are as hostile as the code that publishes: check each index against b->bytes.
// The function returns SR_CODE_OK, SR_CODE_BAD_ARGUMENT, SR_CODE_OUT_OF_RANGE, or a code of its own from
// SR_CODE_FIRST_CUSTOM to 255; any other value counts as SR_CODE_BAD_ARGUMENT. All but SR_CODE_OK end the slot in
// FAULT.
//
// A handler whose loop may take long asks sr_should_stop(b) now and then, and returns when it is true: the runtime
// has given this kernel up (Options::hang_timeout), and may go on elsewhere. On a GPU the question costs one load
// over the bus, about 1.15 us. In per_launch mode it is always false: a launch has the ring as it was when the launch
// began.
//
// A handler is native code, and nothing confines it. If it reads or writes outside its buffers it may break the whole
// process on a CPU, and everything in the context on a GPU. That a bad slot costs only itself is true only of a
// handler that checks its arguments.
//
// A *team operation* (`team` is set) is run by all lanes of a work-group, the team, which share its local memory:
//
//   uint NAME(sr_args a, const sr_buffers* b, const sr_team* team, ulong* result)
//
// team->lane is this lane, from 0, and team->width their number; team->local_memory (__local uchar*, of
// team->local_bytes bytes) is theirs alone, and sr_team_barrier(team) makes them wait for each other. The slot's
// result is that of lane 0; its code that of the lowest lane whose code is not SR_CODE_OK. A team is one lane on a
// CPU, in the shape 1 x 1, and on a GPU whose lanes slipring does not know: a source that works for any width works
// everywhere. Every lane must reach the same barriers, in the same order; a lane that returns in front of one hangs a
// GPU, and the device is lost. In a packed slot a team operation ends with Code::no_team.
//
// A source stands alone: it closes what it opens, includes nothing, pastes no words (##), calls no printf, and has no
// pragmas but `unroll` and `OPENCL EXTENSION name : enable`. Its macros end with it. Its functions and types share
// one name space with those of all other sources and with slipring's, which begin with sr_ and slipring_.
struct CustomOp {
    std::uint32_t opcode = 0;  // is_custom(opcode)
    std::string name{};        // a C identifier, no two the same; the function's name, and the file's in build logs
    std::string source{};
    std::vector<std::string> buffers{};  // names of Options::buffers, up to 16; operations may share them
    struct Team {
        std::uint32_t local_bytes = 0;  // of the work-group's local memory, aligned to 128 bytes and not cleared
    };
    std::optional<Team> team{};
};

struct Options {
    // auto; or a part of a device's or platform's name, in upper or lower case; or "#N": device N of devices(),
    // counted from 0, for devices of the same name. Of several devices that fit, those with a persistent kernel come
    // first, then GPUs.
    std::string device = "auto";
    // Force the mode (persistent, or per_launch even where persistent works) and the kind of shared memory. If the
    // device cannot do it, open fails with the probe's report.
    std::optional<ExecutionMode> mode{};
    std::optional<SharedMemory> memory{};
    // How much of the device to take; zeros are chosen from the device, and fewer groups in a context of the user's,
    // where his kernels run beside. Never more groups than run at once.
    LaunchShape shape{};
    // With a team operation on a GPU, the groups beside those of `shape` that are teams, and their lanes; zeros are
    // chosen from the device. All groups of a launch have as many lanes: where both are given they must be equal.
    LaunchShape teams{};
    // Slots, 80 bytes each with a completion; a power of two, 2 .. 2^24. So many fit a core's own cache, and keep one
    // producer and a GPU busy; a larger ring is no faster.
    std::uint32_t capacity = 1u << 14;
    // How many results the runtime keeps: the last so many slots'. A power of two from capacity to 2^24; 0: capacity.
    std::uint32_t completions = 0;
    // Levels beside NORMAL, each with a ring of its own of so many slots, as `capacity` has them; 0: the level is not
    // open, and costs nothing. Each keeps as many results as it has slots. The kernel serves the highest level that
    // waits: it looks at all rings before each claim, which is one slot in the shape 1 x 1, and in others as many of
    // one level as there are sub-groups that wait for work. What runs is not interrupted. Slots are ordered within a
    // level alone.
    struct Levels {
        std::uint32_t critical = 0, high = 0, low = 0, idle = 0;

        constexpr bool any() const noexcept { return (critical | high | low | idle) != 0; }
    };
    Levels levels{};
    // A level that waits is served at least once in so many claims, however busy the higher ones are; 4 .. 2^16. In
    // per_launch mode: once in so many launches. 0: a level is served when no higher one waits, and may starve.
    std::uint32_t lower_every = 64;
    // Who shares the runtime beside the program itself: see tenant.hpp. With more than 6 open levels and tenants
    // together, NORMAL counted, the shape is 1 x 1.
    std::vector<Tenant> tenants{};
    std::uint32_t control_words = 4096;  // 160 .. 2^24; the user's begin at first_user_word
    std::uint32_t log_records = 256;     // of the debug log; a power of two, 1 .. 2^16
    std::vector<CustomOp> ops{};
    std::vector<BufferSpec> buffers{};  // up to 64
    // A context of the user's to open in, and its device: see opencl.hpp. `device` is then auto, or names that one.
    std::shared_ptr<const OpenClContext> context{};
    // A duration of more than ten years means ten years.
    //
    // How long an idle kernel keeps polling before it leaves and gives its core back; the next publish starts it
    // again. Unset: 1 ms on a CPU, 3 ms elsewhere. On a CPU whose core other programs want, an unset one is 0 for a
    // while.
    std::optional<std::chrono::microseconds> idle_timeout{};
    // How long a launch may go on while there is work; then the next one follows at once. Threads that publish or
    // wait queue it behind a launch that has had half of this time.
    std::chrono::milliseconds max_launch_time{250};
    // A kernel that has work and shows no progress for so long is lost: every waiter gets device_lost, and so does a
    // producer that finds the ring full. Do not publish an operation that takes longer than this. The waiting threads
    // count the time: while the process is stopped, in a debugger or with its machine, at most 0.1 s of it passes.
    std::chrono::milliseconds hang_timeout{5000};
    // How long shutdown and the destructor wait for the kernel before they give it up.
    std::chrono::milliseconds shutdown_timeout{5000};
    // Gets the errors that no call can return: those in the destructor and on OpenCL's own threads. Any thread may
    // call it; it must not call the runtime.
    std::function<void(const Error&)> on_error{};
};

}  // namespace slipring
