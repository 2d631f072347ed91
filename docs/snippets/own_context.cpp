// slipring in a context of the program's own: its kernel and slots work on one buffer in turns.
#define CL_TARGET_OPENCL_VERSION 300
#include <cstdio>
#include <slipring/opencl.hpp>
#include <slipring/runtime.hpp>

namespace {

using namespace slipring;

constexpr auto raise = custom_opcode<0x100>();

const CustomOp raising{.opcode = raise.value(),
                       .name = "raise",
                       .source = R"(
uint raise(sr_args a, const sr_buffers* b, ulong* result) {
    if (a.word[0] >= b->bytes[0] / 4) return SR_CODE_OUT_OF_RANGE;
    *result = ((__global uint*)b->at[0])[a.word[0]] += a.word[1];
    return SR_CODE_OK;
}
)",
                       .buffers = {"numbers"}};

int fail(const char* what) { return std::fprintf(stderr, "%s\n", what), 1; }

}  // namespace

int main() {
    // The program's own OpenCL: a context, a queue, a kernel, a buffer.
    cl_platform_id platform = nullptr;
    cl_device_id device = nullptr;
    if (clGetPlatformIDs(1, &platform, nullptr) != CL_SUCCESS ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr) != CL_SUCCESS)
        return fail("no OpenCL device");
    const cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, nullptr);
    const cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, nullptr, nullptr);
    const char* text = "__kernel void number(__global uint* n) { n[get_global_id(0)] = get_global_id(0); }";
    const cl_program program = clCreateProgramWithSource(context, 1, &text, nullptr, nullptr);
    clBuildProgram(program, 1, &device, "", nullptr, nullptr);
    const cl_kernel number = clCreateKernel(program, "number", nullptr);
    constexpr std::size_t words = 1024;
    const cl_mem numbers = clCreateBuffer(context, CL_MEM_READ_WRITE, 4 * words, nullptr, nullptr);

    // slipring beside it.
    const auto own = opencl_context(context, device);
    const auto memory = opencl_memory(numbers);
    if (!own || !memory) return fail("not the context's own");
    auto runtime =
        Runtime::open({.ops = {raising}, .buffers = {{.name = "numbers", .memory = *memory}}, .context = *own});
    if (!runtime) return fail(runtime.error().text().c_str());

    // The program's kernel writes. A read behind it says when it has finished.
    std::uint32_t seen[3] = {};
    clSetKernelArg(number, 0, sizeof numbers, &numbers);
    clEnqueueNDRangeKernel(queue, number, 1, nullptr, &words, nullptr, 0, nullptr, nullptr);
    clEnqueueReadBuffer(queue, numbers, CL_TRUE, 40, sizeof seen, seen, 0, nullptr, nullptr);

    // Slots go on from there.
    const auto ticket = runtime->publish(slot(raise, {11, 100}));
    if (!ticket || !runtime->wait(*ticket)) return fail("the device did not answer");

    // And the program again.
    clEnqueueReadBuffer(queue, numbers, CL_TRUE, 40, sizeof seen, seen, 0, nullptr, nullptr);
    std::printf("%u %u %u\n", seen[0], seen[1], seen[2]);
    clReleaseMemObject(numbers);
    clReleaseKernel(number);
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return 0;
}
