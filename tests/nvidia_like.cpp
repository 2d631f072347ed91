// PoCL as an NVIDIA driver behaves, for tests where there is no GPU: LD_PRELOAD over the ICD loader. Read off an
// H100, driver 580:
//  - no fine-grained SVM; memory that host and kernel share comes from cl_nv_create_buffer, and no address of it can
//    be touched any more once the buffer is gone (here: PROT_NONE for ever, so that nobody else gets it);
//  - the event of a kernel or of a marker is told only when no other kernel of its context runs, whatever its queue.
//    That of a read or a write is told when that has finished;
//  - copies of a context run in the order in which they were enqueued, whatever their queues: one behind a kernel
//    that does not end holds up all that come later;
//  - to release the last reference to a buffer or a context waits until no kernel of the process runs, in
//    any context.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

#include "preload.hpp"

namespace {

struct Command {
    cl_context context;
    cl_event event;
};
std::mutex mutex;
std::vector<Command> kernels;  // that have not ended, each event retained
std::vector<Command> markers;  // all there were, each event retained: no other has its address

std::vector<Command> copies;  // of each context the last, retained

cl_context context_of(cl_command_queue queue) {
    cl_context context = nullptr;
    clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, static_cast<void*>(&context), nullptr);
    return context;
}

cl_int status_of(cl_event event) {
    static const auto call = real<decltype(&clGetEventInfo)>("clGetEventInfo");
    cl_int status = CL_COMPLETE;
    call(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
    return status;
}

// With `mutex` held.
void forget_ended_kernels() {
    std::erase_if(kernels, [](const Command& kernel) {
        if (status_of(kernel.event) > CL_COMPLETE) return false;
        clReleaseEvent(kernel.event);
        return true;
    });
}

void wait_for_kernels() {
    for (;; usleep(200)) {
        const std::scoped_lock lock(mutex);
        forget_ended_kernels();
        if (kernels.empty()) return;
    }
}

// Before one of its references goes: waits if it is the last.
template <class Info, class Object>
void wait_if_last(Info info, Object object, cl_uint what) {
    cl_uint references = 0;
    info(object, what, sizeof references, &references, nullptr);
    if (references == 1) wait_for_kernels();
}

// With `mutex` held: another kernel of its context runs.
bool is_held(cl_event event) {
    const auto has = [event](const std::vector<Command>& commands) {
        return std::ranges::find(commands, event, &Command::event);
    };
    auto found = has(kernels);
    if (found == kernels.end() && (found = has(markers)) == markers.end()) return false;
    const cl_context context = found->context;
    return std::ranges::any_of(kernels, [&](const Command& kernel) {
        return kernel.context == context && kernel.event != event && status_of(kernel.event) > CL_COMPLETE;
    });
}

// Enqueues a copy by call(count, wait list, event), behind the last one of its context.
template <class Call>
cl_int copy(cl_command_queue queue, cl_uint count, const cl_event* wait, cl_event* event, Call call) {
    const cl_context context = context_of(queue);
    std::vector<cl_event> behind(wait, wait + count);
    const std::scoped_lock lock(mutex);
    auto last = std::ranges::find(copies, context, &Command::context);
    if (last == copies.end()) last = copies.insert(last, {context, nullptr});
    if (last->event != nullptr) behind.push_back(last->event);
    cl_event own = nullptr;
    const cl_int status = call(static_cast<cl_uint>(behind.size()), behind.empty() ? nullptr : behind.data(), &own);
    if (status != CL_SUCCESS) return status;
    if (last->event != nullptr) clReleaseEvent(last->event);
    last->event = own;
    if (event != nullptr) {
        clRetainEvent(own);
        *event = own;
    }
    return status;
}

struct Pages {
    void* at;
    std::size_t bytes;
};

void CL_CALLBACK gone(cl_mem, void* pages) {
    const auto* const those = static_cast<Pages*>(pages);
    mprotect(those->at, those->bytes, PROT_NONE);
    delete those;
}

cl_mem CL_API_CALL create_nv(cl_context context, cl_mem_flags, cl_bitfield, std::size_t bytes, void*,
                             cl_int* status) {
    bytes = (bytes + 4095) / 4096 * 4096;
    void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const cl_mem buffer = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, at, status);
    if (buffer != nullptr) clSetMemObjectDestructorCallback(buffer, gone, new Pages{at, bytes});
    return buffer;
}

}  // namespace

extern "C" {

cl_int CL_API_CALL clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void* to, size_t* needed) {
    REAL(clGetDeviceInfo);
    if (what == CL_DEVICE_SVM_CAPABILITIES) {
        const cl_device_svm_capabilities coarse = CL_DEVICE_SVM_COARSE_GRAIN_BUFFER;
        return answer(&coarse, sizeof coarse, room, to, needed);
    }
    if (what == CL_DEVICE_EXTENSIONS) return answer_extensions(call, device, "cl_nv_create_buffer", room, to, needed);
    return call(device, what, room, to, needed);
}

void* CL_API_CALL clGetExtensionFunctionAddressForPlatform(cl_platform_id platform, const char* name) {
    REAL(clGetExtensionFunctionAddressForPlatform);
    if (std::strcmp(name, "clCreateBufferNV") == 0) return reinterpret_cast<void*>(&create_nv);
    return call(platform, name);
}

cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                          const size_t* offset, const size_t* global, const size_t* local,
                                          cl_uint count, const cl_event* wait, cl_event* event) {
    REAL(clEnqueueNDRangeKernel);
    cl_event own = nullptr;
    const cl_int status = call(queue, kernel, dimensions, offset, global, local, count, wait, &own);
    if (status != CL_SUCCESS) return status;
    const std::scoped_lock lock(mutex);
    forget_ended_kernels();
    if (event != nullptr) {
        clRetainEvent(own);
        *event = own;
    }
    kernels.push_back({context_of(queue), own});
    return status;
}

cl_int CL_API_CALL clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint count, const cl_event* wait,
                                               cl_event* event) {
    REAL(clEnqueueMarkerWithWaitList);
    const cl_int status = call(queue, count, wait, event);
    if (status == CL_SUCCESS && event != nullptr) {
        const std::scoped_lock lock(mutex);
        clRetainEvent(*event);
        markers.push_back({context_of(queue), *event});
    }
    return status;
}

// A blocking one is enqueued and then waited for, so that nobody holds the lock meanwhile.
cl_int CL_API_CALL clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocks, size_t offset,
                                       size_t bytes, void* to, cl_uint count, const cl_event* wait, cl_event* event) {
    REAL(clEnqueueReadBuffer);
    const cl_int status = copy(queue, count, wait, event, [&](cl_uint n, const cl_event* list, cl_event* own) {
        return call(queue, buffer, CL_FALSE, offset, bytes, to, n, list, own);
    });
    return status == CL_SUCCESS && blocks ? clFinish(queue) : status;
}

cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocks, size_t offset,
                                        size_t bytes, const void* from, cl_uint count, const cl_event* wait,
                                        cl_event* event) {
    REAL(clEnqueueWriteBuffer);
    const cl_int status = copy(queue, count, wait, event, [&](cl_uint n, const cl_event* list, cl_event* own) {
        return call(queue, buffer, CL_FALSE, offset, bytes, from, n, list, own);
    });
    return status == CL_SUCCESS && blocks ? clFinish(queue) : status;
}

cl_int CL_API_CALL clReleaseMemObject(cl_mem buffer) {
    REAL(clReleaseMemObject);
    wait_if_last(clGetMemObjectInfo, buffer, CL_MEM_REFERENCE_COUNT);
    return call(buffer);
}

cl_int CL_API_CALL clReleaseContext(cl_context context) {
    REAL(clReleaseContext);
    wait_if_last(clGetContextInfo, context, CL_CONTEXT_REFERENCE_COUNT);
    return call(context);
}

cl_int CL_API_CALL clGetEventInfo(cl_event event, cl_event_info what, size_t room, void* to, size_t* needed) {
    REAL(clGetEventInfo);
    if (what == CL_EVENT_COMMAND_EXECUTION_STATUS) {
        const std::scoped_lock lock(mutex);
        const cl_int waits = CL_SUBMITTED;
        if (is_held(event)) return answer(&waits, sizeof waits, room, to, needed);
    }
    return call(event, what, room, to, needed);
}

}  // extern "C"
