// How a runtime is opened: its device, its sizes, its time limits, and the custom operations that it runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <slipring/device.hpp>
#include <slipring/error.hpp>

namespace slipring {

// Memory that a custom operation's handler sees, and the host too, in place and without copies where the kernel is
// persistent. At any moment one side owns each byte: an `input` is written by the host alone (between the end of one
// slot that reads it and the publishing of the next), an `output` by the device alone.
struct BufferSpec {
    enum class Use { input, output };
    std::size_t bytes = 0;  // 1 .. 2^31
    Use use = Use::input;
};

// An operation of the user's own, in OpenCL C 1.2. `source` defines, besides whatever it needs, a function
//
//   uint NAME(sr_args a, const sr_buffers* b, uint* result)
//
// where a.word[0..11] are the slot's arguments (a window's without ticket and class), b->at[i] and b->bytes[i] are
// buffer i's address (__global uchar*) and size, and b->count is their number. Everything in `a` is as hostile as
// who may publish: check each index against b->bytes. It returns SR_CODE_OK, SR_CODE_BAD_ARGUMENT,
// SR_CODE_OUT_OF_RANGE or a code of its own from SR_CODE_FIRST_CUSTOM to 255; any but OK ends the slot in FAULT, and
// whatever else it returns counts as SR_CODE_BAD_ARGUMENT.
//
// A handler whose loop may take long asks sr_should_stop(b) now and then and returns when it is true: the runtime has
// given this kernel up (Options::hang_timeout), and may go on elsewhere. That costs a GPU one load over the bus,
// about 1.15 us. In per_launch mode it is always false: a launch has the ring as it was when it began.
//
// A handler is native code, and nothing confines it. One that reads or writes outside its buffers may take with it,
// on a CPU, the whole process, and on a GPU everything in the context: that a bad slot costs only itself holds for
// what a handler checks, and not for a handler that does not check.
//
// A source stands for itself: it closes what it opens, includes nothing, pastes no words (##), calls no printf, and
// has no pragmas but `unroll` and `OPENCL EXTENSION name : enable`. Its macros end with it. Its functions and types
// share one name space with all others' and with slipring's, which begin with sr_ and slipring_.
struct CustomOp {
    std::uint32_t opcode = 0;  // is_custom(opcode)
    std::string name{};        // a C identifier, no two the same; the function's name, and the file's in build logs
    std::string source{};
    std::vector<BufferSpec> buffers{};  // up to 8
};

struct Options {
    // auto; or a part of a device's or platform's name, whatever its case; or "#N", device N of devices(), from 0,
    // where two have the same name. auto prefers devices with a persistent kernel, then GPUs; so does a name that
    // several have.
    std::string device = "auto";
    // Forces the choice: persistent, or per_launch even where persistent would work; and the memory that is to be
    // shared. Where the device cannot do it, open fails with the probe's report.
    std::optional<ExecutionMode> mode{};
    std::optional<SharedMemory> memory{};
    // How much of the device to take; zeros are chosen from the device. Never more groups than run at once.
    LaunchShape shape{};
    std::uint32_t capacity = 1024;       // slots; a power of two, 2 .. 2^24
    std::uint32_t control_words = 4096;  // 160 .. 2^24; the user's begin at first_user_word
    std::uint32_t log_records = 256;     // of the debug log; a power of two, 1 .. 2^16
    std::vector<CustomOp> ops{};
    // Of these durations any that is longer than ten years means ten years: for ever is a fair wish.
    //
    // How long an idle kernel keeps polling before it leaves and gives its core back; the next publish relaunches it.
    // Unset: 1 ms on a CPU, 3 ms elsewhere; and where other programs want a CPU's core, not at all for a while.
    std::optional<std::chrono::microseconds> idle_timeout{};
    // How long a launch may go on while there is work; then it is relaunched at once.
    std::chrono::milliseconds max_launch_time{250};
    // A kernel that has work and shows no progress for so long is lost: every waiter gets device_lost, and so does a
    // producer that finds the ring full. An operation that takes longer than this must not be published. The time is
    // that of who waits: while the process is stopped, in a debugger or with its machine, at most 0.1 s of it passes.
    std::chrono::milliseconds hang_timeout{5000};
    // How long shutdown and the destructor wait for the kernel before they give it up.
    std::chrono::milliseconds shutdown_timeout{5000};
    // Told what went wrong where nobody can be returned an error: in the destructor and on OpenCL's own threads.
    // May be called from any thread; must not call the runtime.
    std::function<void(const Error&)> on_error{};
};

}  // namespace slipring
