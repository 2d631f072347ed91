// What can go wrong, as values. Nothing in slipring throws or prints.
//
// The codec and the ring return `std::expected<T, Errc>`: an error costs one integer.
// Opening a runtime returns `std::expected<T, Error>`: the same code and what was found.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include <slipring/api.hpp>

namespace slipring {

enum class Errc {
    // descriptors and codec
    too_many_arguments = 1,  // more than 12 argument words for one slot
    payload_too_long,        // more than 10 payload words for a window entry
    reserved_opcode,         // a custom opcode in a range that the system keeps
    inner_opcode_too_large,  // an inner opcode above 255
    too_many_inner_ops,      // more than 11 ops in a packed slot
    packed_too_long,         // the ops' table and arguments exceed 12 words
    image_not_whole_slots,   // an image whose size is no multiple of 64 bytes
    index_overflow,          // start + count exceeds u32
    out_of_image,            // slots beyond the end of the image
    slot_in_use,             // a slot that is neither EMPTY nor DONE
    not_published,           // decoding a slot that is not PUBLISHED
    unknown_opcode,          // decoding a reserved opcode that means nothing
    bad_flags,               // reserved flags or an unknown priority
    malformed_packed,        // packed metadata that no encoder wrote
    malformed_window,        // consecutive slots that are no window
    not_packed,              // unpacking a slot that is not packed
    out_of_memory,           // a call needed memory, or another thing of the system's, and there was none
    // ring
    ring_full,         // no room now; nothing was written
    larger_than_ring,  // a batch or window that no wait will make fit
    bad_capacity,      // a capacity that is no power of two, or out of bounds
    bad_memory,        // memory too small for the ring, or misaligned
    not_a_ring,        // memory that holds what no ring leaves there
    // runtime
    no_platform,        // no OpenCL platform at all
    no_device,          // platforms, but no device that serves
    device_not_found,   // no device of that name
    opencl_failed,      // an OpenCL call failed
    build_failed,       // device code did not compile
    duplicate_opcode,   // two handlers for one opcode
    bad_options,        // an option out of its bounds
    shut_down,          // the runtime was shut down
    device_lost,        // the kernel stopped answering
    timed_out,          // not finished when the time was up
    not_finished,       // a result was asked for before the slot ended
    result_expired,     // a later slot's completion took the place of this one's
    no_result,          // a QUIET slot keeps no result
    bad_ticket,         // an entry that the ticket does not have
    out_of_range,       // control words, or bytes of a buffer, that do not exist
    system_word,        // control words 0..159 belong to the system
    bad_table,          // a DFA table of a wrong size or with a state it does not have
    payload_not_whole,  // flat words of a window that are no multiple of their stride
    // buffers
    unknown_buffer,    // a name that no buffer has
    duplicate_buffer,  // two buffers of one name
    too_many_buffers,  // more than 16 for one operation, or 64 for a runtime
    buffer_too_large,  // more than the device allocates
    // teams
    team_too_wide,    // more lanes than the device's work-groups have
    no_local_memory,  // a team operation asks for more than a work-group has
    // OpenCL objects of the user's
    bad_context,        // no context, or a device that is none of its
    bad_memory_object,  // no buffer, or one that not both sides read and write
    foreign_buffer,     // a buffer of another context than the runtime's
    // the bus window
    no_window,  // device memory that the host cannot write through the bus
    // levels
    level_not_open,  // a level that Options::levels does not have
    // deadlines
    deadline_too_far,  // further ahead than Deadline::furthest
    // tenants
    unknown_tenant,  // a tenant that was not declared
    denied,          // what the tenant may not do
    mixed_tenants,   // a batch of several tenants' slots
    quota_full,      // as many slots of the tenant's are in flight as may be
    tenant_closed,   // a tenant that was told to quiesce
    tenant_in_use,   // a tenant that was not, or has slots in flight
    bad_tenant,      // a declaration that cannot be
    // windows
    ticket_in_flight,  // a window with the number of one that has not finished
};

// One sentence: what happened. Static storage; never empty.
SLIPRING_API std::string_view message(Errc code) noexcept;

// One sentence: what to do about it. Static storage; never empty.
SLIPRING_API std::string_view hint(Errc code) noexcept;

SLIPRING_API const std::error_category& category() noexcept;

inline std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), category()}; }

// An error with what was found when it happened (a build log, the devices seen); `detail` may be empty.
struct Error {
    Errc code{};
    std::string detail{};

    // message, detail and hint in one text for a person.
    SLIPRING_API std::string text() const;
};

}  // namespace slipring

template <>
struct std::is_error_code_enum<slipring::Errc> : std::true_type {};
