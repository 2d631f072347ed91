#include <slipring/error.hpp>

namespace slipring {
namespace {

struct Entry {
    std::string_view message;
    std::string_view hint;
};

// A switch, so that the compiler names a code that is missing here.
constexpr Entry entry(Errc code) noexcept {
    switch (code) {
        case Errc::too_many_arguments:
            return {"more than 12 argument words for one slot",
                    "split the work over several slots, or pass an index into a buffer"};
        case Errc::payload_too_long:
            return {"more than 10 payload words for one window entry",
                    "ticket and class take 2 of the 12 words; pass the rest through a buffer"};
        case Errc::payload_not_whole:
            return {"a window's words are no multiple of their stride", "pass whole entries, and a stride above 0"};
        case Errc::reserved_opcode:
            return {"a custom opcode in a reserved range",
                    "choose a value from 8 to 0xFFEF or from 0x10000 to 0x7FFFFFFF"};
        case Errc::inner_opcode_too_large:
            return {"an inner opcode above 255", "give operations that are to be packed an opcode from 8 to 255"};
        case Errc::too_many_inner_ops:
            return {"more than 11 operations in one packed slot", "use a second packed slot"};
        case Errc::packed_too_long:
            return {"the packed operations and their arguments exceed 12 words",
                    "count (2 + 2 per operation) bytes, rounded up to words, plus all arguments; split the slot"};
        case Errc::image_not_whole_slots:
            return {"the image is not a whole number of slots", "give a size that is a multiple of 64 bytes"};
        case Errc::index_overflow: return {"start plus count exceeds 32 bits", "encode fewer slots, or start lower"};
        case Errc::out_of_image: return {"slots beyond the end of the image", "enlarge the image, or start lower"};
        case Errc::slot_in_use:
            return {"a slot that is neither EMPTY nor DONE", "wait for the slot to finish, or clear it"};
        case Errc::not_published:
            return {"the slot is not PUBLISHED with generation 0", "decode images that encode() wrote"};
        case Errc::unknown_opcode:
            return {"a reserved opcode without a meaning", "the image is damaged or from a newer version"};
        case Errc::bad_flags:
            return {"reserved flags or an unknown priority",
                    "there are five levels; the image may be damaged, or from a newer version"};
        case Errc::malformed_packed:
            return {"the packed slot's table is damaged", "build packed slots with packed()"};
        case Errc::malformed_window:
            return {"these slots are not one window", "check start and count; build windows with encode()"};
        case Errc::not_packed: return {"the slot is not a packed slot", "ask Slot::is_packed() first"};
        case Errc::out_of_memory:
            return {"there is no memory left", "free some; the codec, the ring and publish need none"};
        case Errc::ring_full: return {"no room in the ring now", "wait for an earlier ticket, then publish again"};
        case Errc::larger_than_ring:
            return {"more slots than the ring has", "split the batch, or open with a larger ring"};
        case Errc::bad_capacity:
            return {"the capacity is no power of two between 2 and 2^24", "choose 16384 or another power of two"};
        case Errc::not_a_ring:
            return {"the memory holds what no ring leaves there", "attach only memory in which create() made a ring"};
        case Errc::bad_memory:
            return {"memory too small for the ring, or not aligned to 128 bytes",
                    "ask Ring::bytes(capacity) and align to Ring::alignment"};
        case Errc::no_platform:
            return {"no OpenCL platform was found", "install one: on Debian or Ubuntu, apt install pocl-opencl-icd"};
        case Errc::no_device:
            return {"no OpenCL device serves", "install PoCL (apt install pocl-opencl-icd); see `slipring devices`"};
        case Errc::device_not_found:
            return {"no OpenCL device of that name",
                    "use a part of a name that `slipring devices` lists, #N for its Nth from 0, or auto"};
        case Errc::opencl_failed: return {"an OpenCL call failed", "see the detail; check the driver with clinfo"};
        case Errc::build_failed:
            return {"device code did not compile", "mend the handler at the line that the build log names"};
        case Errc::duplicate_opcode: return {"two handlers for one opcode", "give each custom opcode one handler"};
        case Errc::bad_options:
            return {"an option is out of its bounds", "see the detail and the comments in runtime.hpp"};
        case Errc::shut_down: return {"the runtime was shut down", "open another one"};
        case Errc::device_lost:
            return {"the kernel does not answer",
                    "look for an endless loop in a handler; recover() goes on, on this device or another"};
        case Errc::timed_out: return {"not finished when the time was up", "wait again; nothing was lost"};
        case Errc::not_finished: return {"the slot has not finished", "wait for its ticket first"};
        case Errc::result_expired:
            return {"the result has expired: a later one took its place",
                    "read results before publishing so many slots more, or open with more Options::completions"};
        case Errc::no_result: return {"a quiet slot keeps no result", "publish it without Quiet::yes"};
        case Errc::bad_ticket: return {"the ticket has no such entry", "pass an index below Ticket::count"};
        case Errc::out_of_range:
            return {"control words or bytes of a buffer that do not exist", "open with more, or use a smaller index"};
        case Errc::system_word:
            return {"control words 0 to 159 belong to the system", "the user's words begin at SR_OBSERVABLE_BASE"};
        case Errc::bad_table:
            return {"the DFA table is no whole number of states or names a state that it lacks",
                    "give 256 words a state, each below the number of states"};
        case Errc::unknown_buffer:
            return {"no buffer of that name", "use a name of Options::buffers, in upper and lower case as there"};
        case Errc::duplicate_buffer: return {"two buffers of one name", "give each buffer of a runtime its own name"};
        case Errc::too_many_buffers:
            return {"more than 16 buffers for one operation, or 64 for a runtime",
                    "put what belongs together into one buffer, at offsets"};
        case Errc::buffer_too_large:
            return {"a buffer is larger than the device allocates",
                    "see the detail for the device's limits; split the buffer, or choose another device"};
        case Errc::team_too_wide:
            return {"a team is wider than the device's work-groups",
                    "see the detail for the limit; leave Options::teams.lanes 0 to have it chosen"};
        case Errc::no_local_memory:
            return {"a team operation asks for more local memory than a work-group has",
                    "see the detail for the limit; keep a smaller piece at a time in local memory"};
        case Errc::bad_context:
            return {"no OpenCL context with that device", "pass a context that lives, and one of its own devices"};
        case Errc::bad_memory_object:
            return {"no OpenCL buffer that slipring can use",
                    "pass a buffer that lives, made with CL_MEM_READ_WRITE and without limits for the host"};
        case Errc::foreign_buffer:
            return {"a buffer of another OpenCL context",
                    "open the runtime in the buffer's context: Options::context"};
        case Errc::no_window:
            return {"the host has no window into the device's memory",
                    "see the detail; slipring needs none, and uses other memory"};
        case Errc::level_not_open:
            return {"the level is not open", "give it slots in Options::levels, or publish at another level"};
        case Errc::deadline_too_far:
            return {"the deadline lies too far ahead", "16.383 s is the most; cancel() the slot when it is time"};
        case Errc::unknown_tenant:
            return {"no such tenant", "declare it in Options::tenants, or name one that is declared"};
        case Errc::denied:
            return {"the tenant may not do this", "see its declaration: opcodes, buffers, reads and writes"};
        case Errc::mixed_tenants:
            return {"a batch with slots of several tenants", "publish those of each tenant by themselves"};
        case Errc::quota_full:
            return {"the tenant has as many slots in flight as it may",
                    "wait for some of them, or declare a larger quota"};
        case Errc::tenant_closed:
            return {"the tenant was told to quiesce", "declare it again, or publish for another one"};
        case Errc::tenant_in_use:
            return {"the tenant has not come to rest", "quiesce() it before it is declared again"};
        case Errc::bad_tenant: return {"a declaration of a tenant that cannot be", "see the detail for the reason"};
        case Errc::ticket_in_flight:
            return {"a window with that ticket number is in flight",
                    "wait until it has finished, or give this one another number; 0 is no number"};
    }
    return {"unknown error", "this code is not slipring's"};
}

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "slipring"; }
    std::string message(int code) const override { return std::string(entry(static_cast<Errc>(code)).message); }
};

}  // namespace

std::string_view message(Errc code) noexcept { return entry(code).message; }

std::string_view hint(Errc code) noexcept { return entry(code).hint; }

const std::error_category& category() noexcept {
    static const Category instance;
    return instance;
}

std::string Error::text() const {
    std::string text(message(code));
    if (!detail.empty()) text.append(": ").append(detail);
    return text.append(" (").append(hint(code)).append(")");
}

}  // namespace slipring
